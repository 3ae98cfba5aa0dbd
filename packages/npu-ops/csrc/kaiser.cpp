// SPDX-License-Identifier: BSD-3-Clause
// Kaiser windows, for which PyTorch wants a kernel a device.
#include <ATen/native/Math.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/i0.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsub.h>

#include "kernel.h"

namespace npu::ops {
namespace {

using Dtype = std::optional<c10::ScalarType>;
using Layout = std::optional<c10::Layout>;
using Device = std::optional<c10::Device>;
using Pinned = std::optional<bool>;

// I0(beta sqrt(1 - t^2)) / I0(beta), for t from -1 to 1.
at::Tensor window_of(int64_t length, bool periodic, double beta, Dtype dtype, Layout layout, Device device,
                     Pinned pinned) {
  const auto options = at::TensorOptions()
                           .dtype(dtype.value_or(c10::get_default_dtype_as_scalartype()))
                           .layout(layout)
                           .device(device)
                           .pinned_memory(pinned);
  TORCH_CHECK(options.layout() != at::kSparse,
              "kaiser_window() is not implemented for sparse types, got: ", options);
  TORCH_CHECK(at::isFloatingType(c10::typeMetaToScalarType(options.dtype())),
              "kaiser_window() expects floating point dtypes, got: ", options);
  TORCH_CHECK(length >= 0, "kaiser_window() requires a non-negative window length, got: ", length);
  if (length == 0) return at::empty({0}, options);
  if (length == 1) return at::ones({1}, options);
  const auto whole = c10::typeMetaToScalarType(options.dtype());
  const auto wide = at::isReducedFloatingType(whole) ? at::kFloat : whole;
  const at::Tensor t = at::linspace(-1, 1, periodic ? length + 1 : length, options.dtype(wide));
  const at::Tensor under = at::rsub(t.narrow(0, 0, length).square(), 1).clamp_min_(0).sqrt_().mul_(beta);
  return at::i0(under).div_(calc_i0(beta)).to(whole);
}

at::Tensor of_length(int64_t length, Dtype dtype, Layout layout, Device device, Pinned pinned) {
  return window_of(length, true, 12, dtype, layout, device, pinned);
}
at::Tensor of_period(int64_t length, bool periodic, Dtype dtype, Layout layout, Device device,
                     Pinned pinned) {
  return window_of(length, periodic, 12, dtype, layout, device, pinned);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"kaiser_window", of_length>(m);
  impl<"kaiser_window.periodic", of_period>(m);
  impl<"kaiser_window.beta", window_of>(m);
}

}  // namespace npu::ops
