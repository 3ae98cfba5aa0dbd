// SPDX-License-Identifier: BSD-3-Clause
// Indexing, gathering and scattering.
#include <ATen/core/List.h>
#include <ATen/ops/_index_put_impl.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/index.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_fill.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/masked_select.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/scatter.h>
#include <ATen/ops/scatter_add.h>
#include <ATen/ops/tensor.h>

#include "../kernel.h"

namespace npu_sim::ops {

namespace {

at::Tensor positions(In index) { return index.to(at::kLong); }

// A dim that is not indexed is null or a tensor of shape [0].
c10::List<std::optional<at::Tensor>> indices_of(at::TensorList indices) {
  c10::List<std::optional<at::Tensor>> list;
  for (const at::Tensor& t : indices) {
    const bool absent = !t.defined() || (t.dim() == 1 && t.size(0) == 0);
    list.push_back(absent ? std::optional<at::Tensor>() : std::optional(t));
  }
  return list;
}

// How a scatter combines: 1 adds, 2 multiplies, 3 and 4 take the larger or smaller; whatever else replaces,
// as in CANN, which refuses no number.
void scatter_into(Out out, In self, int64_t dim, In index, In source, int64_t reduce) {
  static constexpr const char* kHow[] = {"sum", "prod", "amax", "amin"};
  if (!out.is_same(self) && out.data_ptr() != self.data_ptr()) out.copy_(self);
  if (reduce >= 1 && reduce <= 4)
    out.scatter_reduce_(dim, positions(index), source, kHow[reduce - 1]);
  else
    out.scatter_(dim, positions(index), source);
}

at::Tensor repeated(Num value, In index, In like) {
  return at::full({}, value, like.options()).expand(index.sizes());
}

}  // namespace

NPU_SIM_KERNEL(aclnnIndex, rules::index, rules::output_bytes) = [](In self, at::TensorList indices, Out out) {
  if (out.numel() != 0) at::index_out(out, self, indices_of(indices));
};
NPU_SIM_KERNEL(aclnnIndexPutImpl, rules::index_put, rules::output_bytes) =
    [](Out self, at::TensorList indices, In values, bool accumulate, bool unsafe) {
      if (values.numel() != 0) at::_index_put_impl_(self, indices_of(indices), values, accumulate, unsafe);
    };
NPU_SIM_KERNEL(aclnnIndexSelect, rules::index_select) = [](In self, int64_t dim, In index, Out out) {
  at::index_select_out(out, self, dim, index);
};
NPU_SIM_KERNEL(aclnnIndexAdd, rules::index_add) = [](In self, int64_t dim, In index, In source, Num alpha,
                                                     Out out) {
  out.copy_(at::index_add(self, dim, index, source, alpha));
};
NPU_SIM_KERNEL(aclnnInplaceIndexFill, rules::index_fill) = [](Out self, int64_t dim, In index, Num value) {
  self.index_fill_(dim, positions(index), value);
};
NPU_SIM_KERNEL(aclnnIndexFill, rules::all<rules::index_fill, rules::like_self>) =
    [](In self, int64_t dim, In index, Num value, Out out) {
      out.copy_(at::index_fill(self, dim, positions(index), value));
    };
NPU_SIM_KERNEL(aclnnIndexFillTensor, rules::all<rules::dim_in_range, rules::like_self>) =
    [](In self, int64_t dim, at::IntArrayRef index, Num value, Out out) {
      out.copy_(at::index_fill(self, dim, at::tensor(index), value));
    };
NPU_SIM_KERNEL(aclnnGather, rules::gather) = [](In self, int64_t dim, In index, Out out) {
  at::gather_out(out, self, dim, positions(index));
};
NPU_SIM_KERNEL(aclnnScatter, rules::scatter) = [](In self, int64_t dim, In index, In src, int64_t reduce,
                                                  Out out) {
  scatter_into(out, self, dim, index, src, reduce);
};
NPU_SIM_KERNEL(aclnnScatterValue, rules::scatter) = [](In self, int64_t dim, In index, Num value,
                                                       int64_t reduce, Out out) {
  scatter_into(out, self, dim, index, repeated(value, index, self), reduce);
};
NPU_SIM_KERNEL(aclnnInplaceScatter, rules::scatter) = [](Out self, int64_t dim, In index, In src,
                                                         int64_t reduce) {
  scatter_into(self, self, dim, index, src, reduce);
};
NPU_SIM_KERNEL(aclnnInplaceScatterValue, rules::scatter) = [](Out self, int64_t dim, In index, Num value,
                                                              int64_t reduce) {
  scatter_into(self, self, dim, index, repeated(value, index, self), reduce);
};
NPU_SIM_KERNEL(aclnnScatterAdd, rules::scatter) = [](In self, int64_t dim, In index, In src, Out out) {
  out.copy_(at::scatter_add(self, dim, positions(index), src));
};

NPU_SIM_KERNEL(aclnnInplaceMaskedFillScalar, rules::masked_fill) = [](Out self, In mask, Num value) {
  self.masked_fill_(mask.to(at::kBool), value);
};
NPU_SIM_KERNEL(aclnnInplaceMaskedFillTensor, rules::masked_fill) = [](Out self, In mask, In value) {
  self.masked_fill_(mask.to(at::kBool), value.reshape({}));
};

NPU_SIM_KERNEL(aclnnInplaceMaskedScatter, rules::masked_scatter) = [](Out self, In mask, In source) {
  self.masked_scatter_(mask.to(at::kBool), source);
};

NPU_SIM_KERNEL(aclnnMaskedSelect, rules::masked_select, rules::output_bytes) = [](In self, In mask,
                                                                                  Shaped out) {
  const at::Tensor found = at::masked_select(self, mask.to(at::kBool));
  out.resize(found.sizes()).copy_(found);
};
NPU_SIM_KERNEL(aclnnNonzero, rules::nonzero, rules::output_bytes) = [](In self, Shaped out) {
  const at::Tensor found = at::nonzero(self);
  out.resize(found.sizes()).copy_(found);
};
// The transpose of the first version: one row a dim.
NPU_SIM_KERNEL(aclnnNonzeroV2, rules::nonzero, rules::output_bytes) = [](In self, Shaped out) {
  const at::Tensor found = at::nonzero(self).t();
  out.resize(found.sizes()).copy_(found);
};

NPU_SIM_KERNEL(aclnnEmbedding, rules::embedding) = [](In weight, In indices, Out out) {
  out.copy_(at::embedding(weight, indices));
};
NPU_SIM_KERNEL(aclnnEmbeddingDenseBackward, rules::embedding_backward, rules::output_bytes) =
    [](In grad, In indices, int64_t rows, int64_t padding, bool scale, Out out) {
      out.copy_(at::embedding_dense_backward(grad, positions(indices), rows, padding, scale));
    };

}  // namespace npu_sim::ops
