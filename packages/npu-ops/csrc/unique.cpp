// SPDX-License-Identifier: BSD-3-Clause
// Distinct elements. Their number depends on data: results are made as long as the operand and cut.
#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

// CANN's sign that no dimension is meant.
constexpr int64_t kFlat = 1000;

at::Tensor none() { return empty({0}, at::kLong); }

Three unique2(const at::Tensor& self, bool sorted, bool inverse, bool counts) {
  c10::DeviceGuard guard(self.device());
  check_dtype("_unique2", self, dtypes("?fhductsijmlb"));
  const int64_t n = self.numel();
  at::Tensor values = empty({n}, self.scalar_type()), number = empty({n}, at::kLong);
  at::Tensor places = empty(self.sizes(), at::kLong);
  if (n == 0) return {values, inverse ? places : none(), none()};
  const int64_t found =
      launch_shaped<aclnnUnique2>(4, self, sorted, inverse, counts, values, places, number).at(0);
  return {values.narrow(0, 0, found), inverse ? places : none(),
          counts ? number.narrow(0, 0, found) : none()};
}

std::tuple<at::Tensor, at::Tensor> unique(const at::Tensor& self, bool sorted, bool inverse) {
  auto [values, places, number] = unique2(self, sorted, inverse, false);
  return {values, places};
}

void check_slices(const at::Tensor& self, int64_t dim) {
  for (int64_t d = 0; d < self.dim(); ++d)
    TORCH_CHECK(d == dim || self.size(d) || !self.size(dim),
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
}

Three unique_dim(const at::Tensor& self, int64_t dim, bool sorted, bool inverse, bool counts) {
  c10::DeviceGuard guard(self.device());
  check_dtype("unique_dim", self, dtypes("fhuctsjimld?b"));
  const int64_t d = wrap_dim(dim, self), n = self.dim() ? self.size(d) : 1;
  check_slices(self, d);
  at::Tensor values = empty(self.sizes(), self.scalar_type());
  at::Tensor places = empty({n}, at::kLong), number = empty({n}, at::kLong);
  if (self.numel() == 0) return {values, places, number};
  const auto shape = launch_shaped<aclnnUniqueDim>(4, self, sorted, inverse, d, values, places, number);
  // The result lies in the buffer's first elements.
  const int64_t found = shape.empty() ? 1 : shape.at(static_cast<size_t>(d));
  at::Tensor cut = values.reshape(-1).narrow(0, 0, c10::multiply_integers(shape)).view(shape);
  return {cut, inverse ? places : none(), counts ? number.narrow(0, 0, found) : none()};
}

Three unique_consecutive(const at::Tensor& self, bool inverse, bool counts, std::optional<int64_t> dim) {
  c10::DeviceGuard guard(self.device());
  check_dtype("unique_consecutive", self, dtypes("fhdcsilutjmFD?b"));
  const bool flat = !dim || self.dim() == 0;
  const int64_t d = flat ? 0 : wrap_dim(*dim, self), n = flat ? self.numel() : self.size(d);
  if (!flat) check_slices(self, d);
  at::Tensor values = flat ? empty({n}, self.scalar_type()) : empty(self.sizes(), self.scalar_type());
  at::Tensor places = flat ? empty(self.sizes(), at::kLong) : empty({n}, at::kLong),
             number = empty({n}, at::kLong);
  if (self.numel() == 0) return {values, inverse ? places : none(), counts ? number : none()};
  const auto shape = launch_shaped<aclnnUniqueConsecutive>(4, self, inverse, counts, flat ? kFlat : d, values,
                                                           places, number);
  const int64_t found = shape.at(static_cast<size_t>(d));
  at::Tensor cut = values.reshape(-1).narrow(0, 0, c10::multiply_integers(shape)).view(shape);
  return {cut, inverse ? places : none(), counts ? number.narrow(0, 0, found) : none()};
}

Three unique_dim_consecutive(const at::Tensor& self, int64_t dim, bool inverse, bool counts) {
  return unique_consecutive(self, inverse, counts, dim);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_unique2", unique2>(m);
  impl<"_unique", unique>(m);
  impl<"unique_dim", unique_dim>(m);
  impl<"unique_consecutive", unique_consecutive>(m);
  impl<"unique_dim_consecutive", unique_dim_consecutive>(m);
}

}  // namespace npu::ops
