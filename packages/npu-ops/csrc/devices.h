// SPDX-License-Identifier: BSD-3-Clause
// The check that all tensor operands of an operator are on one npu.
#pragma once

#include <ATen/core/IListRef.h>
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>

#include <optional>

namespace npu::ops {

constexpr auto kNpu = c10::DeviceType::PrivateUse1;

// Collects the operands' device. RuntimeError naming the operator when two differ.
class DeviceCheck {
 public:
  // `host_scalars`: CPU tensors of no dimension may stand among the operands, as TensorIterator has it.
  DeviceCheck(const char* op, bool host_scalars) : op_(op), host_scalars_(host_scalars) {}

  void see(const at::Tensor& t) {
    if (!t.defined()) return;
    c10::Device d = t.device();
    if (C10_LIKELY(found_ && *found_ == d)) return;
    if (!d.is_privateuseone()) {
      if (d.is_cpu() && t.dim() == 0 && host_scalars_) return;
      stray_ = d;
    } else if (!found_) {
      found_ = d;
    } else {
      refuse(*found_, d);
    }
  }
  void see(const std::optional<at::Tensor>& t) {
    if (t) see(*t);
  }
  void see(at::TensorList ts) {
    for (const auto& t : ts) see(t);
  }
  void see(const at::ITensorListRef& ts) {
    for (const auto& t : ts) see(t);
  }
  void see(const c10::List<std::optional<at::Tensor>>& ts) {
    for (std::optional<at::Tensor> t : ts) see(t);
  }
  template <class T>
  void see(const T&) {}  // anything but a tensor

  // The one device. RuntimeError if there is none.
  c10::Device device() const {
    if (C10_UNLIKELY(stray_ || !found_))
      refuse(found_.value_or(c10::Device(kNpu, 0)), stray_.value_or(c10::kCPU));
    return *found_;
  }

 private:
  [[noreturn]] void refuse(c10::Device a, c10::Device b) const;

  const char* op_;
  bool host_scalars_;
  std::optional<c10::Device> found_;
  std::optional<c10::Device> stray_;
};

template <class... A>
c10::Device common_device(const char* op, bool host_scalars, const A&... a) {
  DeviceCheck check(op, host_scalars);
  (check.see(a), ...);
  return check.device();
}

}  // namespace npu::ops
