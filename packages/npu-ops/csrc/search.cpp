// SPDX-License-Identifier: BSD-3-Clause
// Places among sorted numbers, equal elements, counts.
#include <ATen/native/BucketizationUtils.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isin_meta.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

using Text = std::optional<std::string_view>;

at::Tensor& searchsorted_out(const at::Tensor& sequence, const at::Tensor& self, bool int32, bool right,
                             Text side, const std::optional<at::Tensor>& sorter, at::Tensor& out) {
  c10::DeviceGuard guard(common_device("searchsorted", true, sequence, self, sorter, out));
  const at::Tensor order = sorter.value_or(at::Tensor());
  // PyTorch's check would read the sorter's values, which the device does by itself.
  at::native::searchsorted_pre_check(sequence, self, out, int32, right, side, at::Tensor());
  if (order.defined()) {
    TORCH_CHECK(order.sizes() == sequence.sizes(),
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor ",
                sequence.sizes(), "and got sorter tensor ", order.sizes());
    TORCH_CHECK(order.scalar_type() == at::kLong,
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ",
                order.scalar_type());
  }
  resize_out(out, self.sizes(), {}, out.options());
  if (self.numel() == 0) return out;
  if (sequence.numel() == 0) return out.zero_();
  auto state = at::native::update_result_type_state(sequence, {});
  auto common = at::native::result_type(at::native::update_result_type_state(self, state));
  // CANN compares no bfloat16 and no bools here.
  if (common == at::kBFloat16) common = at::kFloat;
  if (common == at::kBool) common = at::kByte;
  at::Tensor numbers = cast(sequence, common), values = cast(self, common);
  check_dtype("searchsorted", numbers, dtypes("dfhucsil"));
  launch<aclnnSearchSorted>(numbers, values, int32, right || side == "right", order, out);
  return out;
}

at::Tensor search_npu(const at::Tensor& sequence, const at::Tensor& self, bool int32, bool right, Text side,
                      const std::optional<at::Tensor>& sorter) {
  c10::DeviceGuard guard(sequence.device());
  at::Tensor out = empty({0}, int32 ? at::kInt : at::kLong);
  return searchsorted_out(sequence, self, int32, right, side, sorter, out);
}

// A number as a tensor of the device, which does not decide the dtype.
at::Tensor wrapped(const c10::Scalar& s, const at::Tensor& like) {
  return at::native::searchsorted_scalar_tensor(s, like.device());
}

at::Tensor searchsorted_scalar(const at::Tensor& sequence, const c10::Scalar& self, bool int32, bool right,
                               Text side, const std::optional<at::Tensor>& sorter) {
  return search_npu(sequence, wrapped(self, sequence), int32, right, side, sorter);
}
at::Tensor& searchsorted_scalar_out(const at::Tensor& sequence, const c10::Scalar& self, bool int32,
                                    bool right, Text side, const std::optional<at::Tensor>& sorter,
                                    at::Tensor& out) {
  return searchsorted_out(sequence, wrapped(self, sequence), int32, right, side, sorter, out);
}

at::Tensor& bucketize_out(const at::Tensor& self, const at::Tensor& boundaries, bool int32, bool right,
                          at::Tensor& out) {
  TORCH_CHECK(boundaries.dim() == 1, "boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(),
              ")");
  return searchsorted_out(boundaries, self, int32, right, std::nullopt, std::nullopt, out);
}
at::Tensor bucketize_npu(const at::Tensor& self, const at::Tensor& boundaries, bool int32, bool right) {
  c10::DeviceGuard guard(boundaries.device());
  at::Tensor out = empty({0}, int32 ? at::kInt : at::kLong);
  return bucketize_out(self, boundaries, int32, right, out);
}
at::Tensor bucketize_scalar(const c10::Scalar& self, const at::Tensor& boundaries, bool int32, bool right) {
  return bucketize_npu(wrapped(self, boundaries), boundaries, int32, right);
}

// Each element is looked up among the sorted others: the one in its place is it, or it is not among them.
struct isin_op {
  using Meta = at::meta::structured_isin_Tensor_Tensor;
  static constexpr const char* name = "isin";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& elements, const at::Tensor& among, bool unique,
                    bool invert) {
    m.meta(elements, among, unique, invert);
  }
  static void run(Call& k, const at::Tensor& elements, const at::Tensor& among, bool, bool invert) {
    at::Tensor out = k.out(0, 0, at::kBool);
    if (among.numel() == 0) return fill_value(out, invert);
    auto state = at::native::update_result_type_state(elements, {});
    auto common = at::native::result_type(at::native::update_result_type_state(among, state));
    if (common == at::kBool) common = at::kByte;
    at::Tensor wanted = k.as(elements, common, 0);
    at::Tensor sorted = std::get<0>(at::sort(k.as(among, common, 0).reshape(-1)));
    at::Tensor places = search_npu(sorted, wanted, false, false, std::nullopt, std::nullopt);
    at::Tensor found = sorted.take(places.clamp_max_(sorted.numel() - 1));
    invert ? at::ne_out(out, found, wanted) : at::eq_out(out, found, wanted);
  }
};

at::Tensor& isin_out(const at::Tensor& elements, const at::Tensor& among, bool unique, bool invert,
                     at::Tensor& out) {
  return std::get<0>(run_out<isin_op>(std::tie(out), elements, among, unique, invert));
}

// PyTorch's meta makes this result empty and leaves its shape, one answer, to the kernel.
at::Tensor isin_number(const c10::Scalar& element, const at::Tensor& among, bool unique, bool invert) {
  c10::DeviceGuard guard(among.device());
  check_dtype("isin", among, dtypes("fhdbcsilut?FD"));
  at::Tensor out = empty({}, at::kBool);
  if (among.numel() == 0) return out.fill_(invert);
  launch<aclnnIsInScalarTensor>(element, among, unique, invert, out);
  return out;
}
at::Tensor& isin_number_out(const c10::Scalar& element, const at::Tensor& among, bool unique, bool invert,
                            at::Tensor& out) {
  resize_out(out, {}, {}, out.options());
  return out.copy_(isin_number(element, among, unique, invert));
}

at::Tensor bincount_npu(const at::Tensor& self, const std::optional<at::Tensor>& weights, int64_t minlength) {
  c10::DeviceGuard guard(common_device("bincount", false, self, weights));
  TORCH_CHECK(minlength >= 0, "minlength should be >= 0");
  TORCH_CHECK(self.dim() == 1 && c10::isIntegralType(self.scalar_type(), false),
              "bincount only supports 1-d non-negative integral inputs.");
  const bool weighted = weights && weights->defined();
  TORCH_CHECK(!weighted || (weights->dim() == 1 && weights->numel() == self.numel()),
              "weights should be 1-d and have the same length as input");
  const auto dtype = !weighted ? at::kLong : weights->scalar_type() == at::kFloat ? at::kFloat : at::kDouble;
  if (self.numel() == 0) return at::zeros({minlength}, self.options().dtype(dtype));
  auto [least, most] = self.aminmax();
  TORCH_CHECK(least.item<int64_t>() >= 0, "bincount only supports 1-d non-negative integral inputs.");
  at::Tensor out = empty({std::max(minlength, most.item<int64_t>() + 1)}, dtype);
  launch<aclnnBincount>(self, weights, minlength, out);
  return out;
}

// Where the rows of a sparse matrix begin among its entries, which are in the order of their rows.
at::Tensor rows_begin(const at::Tensor& rows, int64_t size, bool int32) {
  c10::DeviceGuard guard(rows.device());
  return search_npu(rows, at::arange(size + 1, rows.options()), int32, /*right=*/false, {}, {});
}
at::Tensor& rows_begin_out(const at::Tensor& rows, int64_t size, bool int32, at::Tensor& out) {
  return give(out, rows_begin(rows, size, int32));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"searchsorted.Tensor", search_npu>(m);
  impl<"searchsorted.Tensor_out", searchsorted_out>(m);
  impl<"searchsorted.Scalar", searchsorted_scalar>(m);
  impl<"searchsorted.Scalar_out", searchsorted_scalar_out>(m);
  impl<"bucketize.Tensor", bucketize_npu>(m);
  impl<"bucketize.Tensor_out", bucketize_out>(m);
  impl<"bucketize.Scalar", bucketize_scalar>(m);
  impl<"isin.Tensor_Tensor_out", isin_out>(m);
  impl<"isin.Scalar_Tensor", isin_number>(m);
  impl<"isin.Scalar_Tensor_out", isin_number_out>(m);
  impl<"bincount", bincount_npu>(m);
  impl<"_convert_indices_from_coo_to_csr", rows_begin>(m);
  impl<"_convert_indices_from_coo_to_csr.out", rows_begin_out>(m);
}

}  // namespace npu::ops
