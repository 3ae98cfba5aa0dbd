// SPDX-License-Identifier: BSD-3-Clause
// copy_ in every direction. What crosses the bus is a dense run of bytes in the source's dtype when going up,
// in the destination's when coming down; converting and reordering happen on the device.
#include <ATen/EmptyTensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/ops/_conj_native.h>
#include <ATen/ops/_local_scalar_dense_native.h>
#include <ATen/ops/_neg_view_native.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/select.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/DeviceGuard.h>

#include "conjugate.h"
#include "devices.h"
#include "kernel.h"
#include "npu/core/launch.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// Copies the bytes of two tensors that hold their elements in the same dense order. npu-core keeps pinned
// memory from reuse and orders the streams of two devices.
void copy_bytes(const at::Tensor& dst, const at::Tensor& src, bool non_blocking) {
  auto side = [](const at::Tensor& t) { return t.device().is_cpu() ? int8_t{-1} : t.device().index(); };
  NPU_CALL(core().copy(dst.mutable_data_ptr(), side(dst), src.const_data_ptr(), side(src), src.nbytes(),
                       non_blocking));
}

// Whether the bytes of `a` and `b` are the same elements in the same order.
bool same_layout(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.strides() == b.strides() && a.is_non_overlapping_and_dense();
}

at::Tensor dense_on_host(const at::Tensor& t) {
  at::Tensor r = at::detail::empty_cpu(t.sizes(), t.scalar_type(), false, c10::MemoryFormat::Contiguous);
  return r.copy_(t);
}

void up(const at::Tensor& dst, const at::Tensor& src, bool non_blocking) {
  c10::DeviceGuard guard(dst.device());
  if (same_layout(dst, src)) return copy_bytes(dst, src, non_blocking);
  at::Tensor host = src.is_contiguous() ? src : dense_on_host(src);
  if (dst.is_contiguous() && dst.scalar_type() == host.scalar_type())
    return copy_bytes(dst, host, non_blocking);
  at::Tensor staged = empty(host.sizes(), host.scalar_type());
  copy_bytes(staged, host, non_blocking);
  device_copy(dst, staged);
}

void down(const at::Tensor& dst, const at::Tensor& src, bool non_blocking) {
  c10::DeviceGuard guard(src.device());
  if (same_layout(dst, src)) return copy_bytes(dst, src, non_blocking);
  at::Tensor staged = dense(cast(src, dst.scalar_type()));
  if (dst.is_contiguous()) return copy_bytes(dst, staged, non_blocking);
  at::Tensor host =
      at::detail::empty_cpu(src.sizes(), dst.scalar_type(), false, c10::MemoryFormat::Contiguous);
  copy_bytes(host, staged, false);
  dst.copy_(host);
}

void across(const at::Tensor& dst, const at::Tensor& src, bool non_blocking) {
  at::Tensor staged, landing = dst;
  {
    c10::DeviceGuard here(src.device());
    staged = dense(cast(src, dst.scalar_type()));
  }
  c10::DeviceGuard there(dst.device());
  if (!dst.is_contiguous()) landing = empty(dst.sizes(), dst.scalar_type());
  copy_bytes(landing, staged, non_blocking);
  if (!landing.is_same(dst)) device_copy(dst, landing);
}

// The elements as they lie in memory: without the bits that say that they are to be read conjugated or
// negated. A copy that left the bits would ask for a copy of what they mean, and never end.
at::Tensor raw(const at::Tensor& t) {
  at::Tensor r = t.is_conj() ? at::native::_conj(t) : t;
  return r.is_neg() ? at::native::_neg_view(r) : r;
}

void move(const at::Tensor& dst, const at::Tensor& src, bool non_blocking) {
  if (dst.device().is_cpu()) {
    down(dst, src, non_blocking);
  } else if (src.device().is_cpu()) {
    up(dst, src, non_blocking);
  } else if (dst.device() == src.device()) {
    c10::DeviceGuard guard(dst.device());
    if (dst.const_data_ptr() == src.const_data_ptr() && same_layout(dst, src)) return;
    device_copy(dst, src);
  } else {
    TORCH_CHECK(src.device().is_privateuseone() && dst.device().is_privateuseone(), "cannot copy from ",
                src.device(), " to ", dst.device(), ": go through the CPU");
    across(dst, src, non_blocking);
  }
}

at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  if (self.is_same(source)) return self;
  at::Tensor src = source;
  if (src.sizes() != self.sizes()) src = *at::expand_size(src, self.sizes(), "copy_");
  at::assert_no_internal_overlap(self);
  at::assert_no_partial_overlap(self, src);
  if (self.numel() == 0) return self;
  if (src._is_zerotensor()) return self.zero_();  // zeros without memory, as autograd makes them
  at::Tensor dst = raw(self);
  bool conj = self.is_complex() && self.is_conj() != src.is_conj();
  bool neg = self.scalar_type() != at::kBool && self.is_neg() != src.is_neg();
  const bool here = self.device().is_privateuseone() && self.device() == src.device();
  if (conj && !neg && here && self.scalar_type() == src.scalar_type()) {
    conjugate(dst, raw(src));
    return self;
  }
  // What follows on the host reads what has come down.
  move(dst, raw(src), non_blocking && !(self.device().is_cpu() && (conj || neg)));
  if (conj) at::view_as_real(dst).select(-1, 1).neg_();
  if (neg) dst.neg_();
  return self;
}

at::Tensor copy_from(const at::Tensor& self, const at::Tensor& dst, bool non_blocking) {
  at::Tensor t = dst;
  return copy_(t, self, non_blocking);
}

at::Tensor copy_from_and_resize(const at::Tensor& self, const at::Tensor& dst) {
  at::Tensor t = dst;
  t.resize_(self.sizes());
  return copy_(t, self, false);
}

c10::Scalar local_scalar_dense(const at::Tensor& self) {
  at::Tensor host = at::detail::empty_cpu({}, self.scalar_type(), false, std::nullopt);
  c10::DeviceGuard guard(self.device());
  copy_bytes(host, self, false);
  return host_scalar(host);
}

void record_stream(at::Tensor& self, c10::Stream stream) {
  c10::getDeviceAllocator(kNpu)->recordStream(self.storage().data_ptr(), stream);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"copy_", copy_, Overlap::unchecked>(m);
  impl<"_copy_from", copy_from>(m);
  impl<"_copy_from_and_resize", copy_from_and_resize>(m);
  impl<"_local_scalar_dense", local_scalar_dense>(m);
  impl<"record_stream", record_stream>(m);
}

}  // namespace npu::ops
