// SPDX-License-Identifier: BSD-3-Clause
// Writing along an index, and indices that follow from shapes.
#include <ATen/MemoryOverlap.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_copy_meta.h>
#include <ATen/ops/index_reduce_meta.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scatter_add_meta.h>
#include <ATen/ops/scatter_reduce.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

// CANN has the in-place form only.
struct index_copy_op {
  using Meta = at::meta::structured_index_copy;
  static constexpr const char* name = "index_copy";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, int64_t dim, const at::Tensor& index,
                    const at::Tensor& source) {
    m.meta(self, dim, index, source);
  }
  static void run(Call& k, const at::Tensor& self, int64_t dim, const at::Tensor& index,
                  const at::Tensor& source) {
    const at::Tensor& out = k.out(0, dtypes("fbhijlmscud?DF"));
    if (!out.is_same(self)) device_copy(out, self);
    if (index.numel() == 0) return;
    if (out.dim()) return launch<aclnnInplaceIndexCopy>(out, wrap_dim(dim, self), index, source);
    device_copy(out, source.reshape({}));  // of one element
  }
};

at::Tensor& index_copy_out(const at::Tensor& self, int64_t dim, const at::Tensor& index,
                           const at::Tensor& source, at::Tensor& out) {
  return std::get<0>(run_out<index_copy_op>(std::tie(out), self, dim, index, source));
}

// The scatter of a source whose slices all go where the index says.
struct index_reduce_op {
  using Meta = at::meta::structured_index_reduce;
  static constexpr const char* name = "index_reduce";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, int64_t dim, const at::Tensor& index,
                    const at::Tensor& source, std::string_view reduce, bool include_self) {
    m.meta(self, dim, index, source, reduce, include_self);
  }
  static void run(Call& k, const at::Tensor& self, int64_t dim, const at::Tensor& index,
                  const at::Tensor& source, std::string_view reduce, bool include_self) {
    TORCH_CHECK(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin",
                "reduce argument must be either prod, mean, amax or amin, got ", reduce, ".");
    at::Tensor out = k.out(0, 0);
    if (self.dim() == 0)
      return static_cast<void>(
          at::scatter_reduce_out(out, self, 0, index.reshape({}), source.reshape({}), reduce, include_self));
    const int64_t d = wrap_dim(dim, self);
    Dims ones(static_cast<size_t>(self.dim()), 1);
    ones[static_cast<size_t>(d)] = index.numel();
    at::scatter_reduce_out(out, self, d, index.to(at::kLong).view(ones).expand(source.sizes()), source,
                           reduce, include_self);
  }
};

at::Tensor& index_reduce_out(const at::Tensor& self, int64_t dim, const at::Tensor& index,
                             const at::Tensor& source, std::string_view reduce, bool include_self,
                             at::Tensor& out) {
  return std::get<0>(run_out<index_reduce_op>(std::tie(out), self, dim, index, source, reduce, include_self));
}

// PyTorch lets an index of nothing have any shape; CANN does not.
struct scatter_add_op {
  using Meta = at::meta::structured_scatter_add;
  static constexpr const char* name = "scatter_add";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, int64_t dim, const at::Tensor& index,
                    const at::Tensor& source) {
    m.meta(self, dim, index, source);
  }
  static void run(Call& k, const at::Tensor& self, int64_t dim, const at::Tensor& index,
                  const at::Tensor& source) {
    constexpr DtypeSet kAdded = dtypes("bhfdliscu?FD");
    if (index.numel() == 0) return device_copy(k.out(0, kAdded), self);
    launch<aclnnScatterAdd>(k.in(self, kAdded), wrap_dim(dim, self), k.places(index), k.in(source, kAdded),
                            k.out(0, kAdded));
  }
};

at::Tensor scatter_add_npu(const at::Tensor& self, int64_t dim, const at::Tensor& index,
                           const at::Tensor& source) {
  return run_functional<scatter_add_op>(self, dim, index, source);
}
at::Tensor& scatter_add_(at::Tensor& self, int64_t dim, const at::Tensor& index, const at::Tensor& source) {
  return run_inplace<scatter_add_op>(self, dim, index, source);
}
at::Tensor& scatter_add_out(const at::Tensor& self, int64_t dim, const at::Tensor& index,
                            const at::Tensor& source, at::Tensor& out) {
  return std::get<0>(run_out<scatter_add_op>(std::tie(out), self, dim, index, source));
}

at::Tensor repeat_interleave(const at::Tensor& repeats, std::optional<int64_t> output_size) {
  TORCH_CHECK(repeats.dim() == 1, "repeat_interleave only accept 1D vector as repeat");
  TORCH_CHECK(repeats.scalar_type() == at::kLong || repeats.scalar_type() == at::kInt,
              "repeats has to be Long or Int tensor");
  c10::DeviceGuard guard(repeats.device());
  if (repeats.numel() == 0) return empty({0}, repeats.scalar_type());
  const int64_t n = output_size ? *output_size : repeats.sum().item<int64_t>();
  TORCH_CHECK(n >= 0, "repeats can not be negative");
  at::Tensor out = empty({n}, repeats.scalar_type());
  if (n) launch<aclnnRepeatInterleaveTensor>(repeats, n, out);
  return out;
}

at::Tensor& nonzero_static_out(const at::Tensor& self, int64_t size, int64_t fill, at::Tensor& out) {
  TORCH_CHECK(size >= 0, "nonzero_static: 'size' must be an non-negative integer");
  TORCH_CHECK(out.scalar_type() == at::kLong, "nonzero_static: Expected out tensor to have scalar type ",
              at::ScalarType::Long, " but got ", out.scalar_type());
  resize_out(out, {size, self.dim()}, {}, out.options());
  at::Tensor found = at::nonzero(self);
  const int64_t n = std::min(size, found.size(0));
  if (n < size) out.fill_(fill);
  if (n) out.narrow(0, 0, n).copy_(found.narrow(0, 0, n));
  return out;
}
at::Tensor nonzero_static(const at::Tensor& self, int64_t size, int64_t fill) {
  c10::DeviceGuard guard(self.device());
  at::Tensor out = empty({0}, at::kLong);
  return nonzero_static_out(self, size, fill, out);
}

at::Tensor& narrow_copy_out(const at::Tensor& self, int64_t dim, int64_t start, int64_t length,
                            at::Tensor& out) {
  TORCH_CHECK(dim < self.dim(), "narrow_copy(): dimension ", dim, " of a tensor of ", self.dim());
  at::Tensor part = self.narrow(dim, start, length);
  resize_out(out, part.sizes(), {}, self.options());
  return out.copy_(part);
}

// The places of one half of a matrix, row by row.
template <bool lower>
at::Tensor half_indices(int64_t rows, int64_t columns, int64_t offset, std::optional<c10::ScalarType> dtype,
                        std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                        std::optional<bool>) {
  TORCH_CHECK(rows >= 0, "row must be non-negative, got", rows);
  TORCH_CHECK(columns >= 0, "col must be non-negative, got", columns);
  TORCH_CHECK(c10::layout_or_default(layout) == c10::kStrided, "only support layout=torch.strided, got",
              *layout);
  at::Tensor all = at::ones({rows, columns}, at::TensorOptions().dtype(at::kBool).device(device));
  at::Tensor places = at::nonzero(lower ? all.tril_(offset) : all.triu_(offset));
  return places.t().contiguous().to(dtype.value_or(at::kLong));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"index_copy.out", index_copy_out>(m);
  impl<"index_reduce.out", index_reduce_out>(m);
  impl<"scatter_add", scatter_add_npu>(m);
  impl<"scatter_add_", scatter_add_>(m);
  impl<"scatter_add.out", scatter_add_out>(m);
  impl<"repeat_interleave.Tensor", repeat_interleave>(m);
  impl<"nonzero_static", nonzero_static>(m);
  impl<"nonzero_static.out", nonzero_static_out>(m);
  impl<"narrow_copy.out", narrow_copy_out, Overlap::part>(m);
  impl<"tril_indices", half_indices<true>>(m);
  impl<"triu_indices", half_indices<false>>(m);
}

}  // namespace npu::ops
