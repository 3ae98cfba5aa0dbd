// SPDX-License-Identifier: BSD-3-Clause
// The check that all tensor operands of an operator are on one npu.
#pragma once

#include <ATen/core/IListRef.h>
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>

#include <array>
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
    if (count_ < seen_.size()) seen_[count_++] = &t;
    c10::Device d = t.device();
    if (C10_LIKELY(found_ && *found_ == d)) return;
    if (d.is_privateuseone() && !found_) {
      found_ = d;
    } else if (!stray_ && !(d.is_cpu() && t.dim() == 0 && host_scalars_)) {
      stray_ = d;
    }
  }
  void see(const std::optional<at::Tensor>& t) {
    if (t) see(*t);
  }
  // Lists are not kept for the message: their elements may be temporaries.
  void see(at::TensorList ts) {
    for (const auto& t : ts) see_temporary(t);
  }
  void see(const at::ITensorListRef& ts) {
    for (const auto& t : ts) see_temporary(t);
  }
  void see(const c10::List<std::optional<at::Tensor>>& ts) {
    for (std::optional<at::Tensor> t : ts) see_temporary(t);
  }
  template <class T>
  void see(const T&) {}  // anything but a tensor

  // The one device. RuntimeError if there is none.
  c10::Device device() const {
    if (C10_UNLIKELY(stray_ || !found_)) refuse();
    return *found_;
  }

 private:
  void see_temporary(const std::optional<at::Tensor>& t) {
    const size_t before = count_;
    see(t);
    count_ = before;
  }
  [[noreturn]] void refuse() const;

  const char* op_;
  bool host_scalars_;
  std::optional<c10::Device> found_;
  std::optional<c10::Device> stray_;
  // The operands, for the message. More than these are not listed.
  std::array<const at::Tensor*, 6> seen_;
  size_t count_ = 0;
};

template <class... A>
c10::Device common_device(const char* op, bool host_scalars, const A&... a) {
  DeviceCheck check(op, host_scalars);
  (check.see(a), ...);
  return check.device();
}

}  // namespace npu::ops
