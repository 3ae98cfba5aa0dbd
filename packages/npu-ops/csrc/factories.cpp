// SPDX-License-Identifier: BSD-3-Clause
// Making tensors, and resizing them.
#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/Resize.h>
#include <ATen/native/ResizeCommon.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/arange.h>
#include <c10/core/DeviceGuard.h>

#include <cmath>

#include "devices.h"
#include "kernel.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// The device of a factory's arguments. RuntimeError for options that an npu tensor cannot have.
c10::Device device_of(std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                      std::optional<bool> pin_memory) {
  TORCH_CHECK(c10::layout_or_default(layout) == c10::kStrided, "npu tensors are strided; got layout ",
              *layout);
  TORCH_CHECK(!c10::pinned_memory_or_default(pin_memory), "Only dense CPU tensors can be pinned");
  c10::Device d = c10::device_or_default(device);
  return d.has_index() ? d : c10::Device(kNpu, c10::impl::VirtualGuardImpl(kNpu).getDevice().index());
}

at::Tensor filled(at::Tensor t) {
  // torch.use_deterministic_algorithms: no uninitialised memory is seen.
  if (C10_UNLIKELY(at::globalContext().deterministicAlgorithms() &&
                   at::globalContext().deterministicFillUninitializedMemory()))
    at::native::fill_empty_deterministic_(t);
  return t;
}

at::Tensor empty_memory_format(at::IntArrayRef size, std::optional<c10::ScalarType> dtype,
                               std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                               std::optional<bool> pin_memory, std::optional<c10::MemoryFormat> format) {
  c10::DeviceGuard guard(device_of(layout, device, pin_memory));
  return filled(empty(size, c10::dtype_or_default(dtype), {}, format));
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<c10::ScalarType> dtype,
                         std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                         std::optional<bool> pin_memory) {
  c10::DeviceGuard guard(device_of(layout, device, pin_memory));
  TORCH_CHECK(size.size() == stride.size(), "dimensionality of sizes (", size.size(),
              ") must match dimensionality of strides (", stride.size(), ")");
  return filled(empty(size, c10::dtype_or_default(dtype), stride));
}

// A tensor of zeros without memory, which autograd uses for gradients that are nothing.
at::Tensor efficient_zero(at::IntArrayRef size, std::optional<c10::ScalarType> dtype,
                          std::optional<c10::Layout> layout, std::optional<c10::Device> device,
                          std::optional<bool> pin_memory) {
  at::native::ZeroTensorAllocator allocator(device_of(layout, device, pin_memory));
  constexpr auto keys =
      c10::DispatchKeySet(c10::DispatchKey::PrivateUse1) | c10::DispatchKeySet(c10::DispatchKey::ZeroTensor);
  return at::detail::empty_generic(size, &allocator, keys, c10::dtype_or_default(dtype), std::nullopt);
}

// Gives the storage room for `bytes`, keeping what it holds.
void grow(c10::TensorImpl* t, size_t bytes) {
  const c10::Storage& storage = t->unsafe_storage();
  if (bytes > storage.nbytes()) at::detail::getPrivateUse1Hooks().resizePrivateUse1Bytes(storage, bytes);
}

const at::Tensor& resize_(const at::Tensor& self, at::IntArrayRef size,
                          std::optional<c10::MemoryFormat> format) {
  c10::DeviceGuard guard(self.device());
  c10::TensorImpl* t = self.unsafeGetTensorImpl();
  if (self.sizes() != size) {
    at::detail::check_size_nonnegative(size);
    const size_t before = t->unsafe_storage().nbytes();
    t->set_sizes_contiguous(size);
    grow(t, at::detail::computeStorageNbytesContiguous(size, self.itemsize(), self.storage_offset()));
    if (C10_UNLIKELY(at::globalContext().deterministicAlgorithms() &&
                     at::globalContext().deterministicFillUninitializedMemory()))
      at::native::fill_resize_deterministic_(self, static_cast<int64_t>(before));
  }
  if (format) {
    TORCH_CHECK(*format != c10::MemoryFormat::Preserve, "Unsupported memory format ", *format);
    t->empty_tensor_restride(*format);
  }
  return self;
}

at::Tensor& set_storage(at::Tensor& self, c10::Storage source, int64_t offset, at::IntArrayRef size,
                        at::IntArrayRef stride) {
  at::native::checkSetStorage(self, std::move(source), offset, size, stride);
  c10::TensorImpl* t = self.unsafeGetTensorImpl();
  t->set_storage_offset(offset);
  if (stride.data())
    t->set_sizes_and_strides(size, stride);
  else
    t->set_sizes_contiguous(size);
  c10::DeviceGuard guard(self.device());
  if (self.numel()) grow(t, at::detail::computeStorageNbytes(size, self.strides(), self.itemsize(), offset));
  return self;
}

at::Tensor& set_whole_storage(at::Tensor& self, c10::Storage source) {
  int64_t n = static_cast<int64_t>(source.nbytes() / self.itemsize());
  return set_storage(self, std::move(source), 0, {n}, {});
}

at::Tensor& set_tensor(at::Tensor& self, const at::Tensor& source) {
  if (self.unsafeGetTensorImpl() == source.unsafeGetTensorImpl()) return self;
  return set_storage(self, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

at::Tensor& set_nothing(at::Tensor& self) {
  auto allocator = c10::GetAllocator(kNpu);
  c10::Storage storage(c10::Storage::use_byte_size_t(), 0, allocator, true);
  c10::DeviceGuard guard(self.device());
  return set_storage(self, std::move(storage), 0, {0}, {});
}

// Unlike arange, with its end.
at::Tensor& range_out(const c10::Scalar& start, const c10::Scalar& end, const c10::Scalar& step,
                      at::Tensor& out) {
  const double first = start.toDouble(), last = end.toDouble(), by = step.toDouble();
  TORCH_CHECK(by > 0 || by < 0, "step must be nonzero");
  TORCH_CHECK(std::isfinite(first) && std::isfinite(last), "unsupported range: ", first, " -> ", last);
  TORCH_CHECK(by > 0 ? last >= first : last <= first,
              "upper bound and lower bound inconsistent with step sign");
  const int64_t count = static_cast<int64_t>((last - first) / by) + 1;
  if (out.numel() != count) out.resize_({count});
  // Half a step beyond the last element: rounding neither adds one nor takes one away.
  const c10::Scalar beyond = at::isIntegralType(out.scalar_type(), true)
                                 ? c10::Scalar(end.toLong() + (by > 0 ? 1 : -1))
                                 : c10::Scalar(first + (static_cast<double>(count) - 0.5) * by);
  return at::arange_out(out, start, beyond, step);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"empty.memory_format", empty_memory_format>(m);
  impl<"empty_strided", empty_strided>(m);
  impl<"_efficientzerotensor", efficient_zero>(m);
  impl<"range.out", range_out>(m);
  impl<"resize_", resize_>(m);
  impl<"set_.source_Storage_storage_offset", set_storage, Overlap::unchecked>(m);
  impl<"set_.source_Storage", set_whole_storage, Overlap::unchecked>(m);
  impl<"set_.source_Tensor", set_tensor, Overlap::unchecked>(m);
  impl<"set_", set_nothing, Overlap::unchecked>(m);
}

}  // namespace npu::ops
