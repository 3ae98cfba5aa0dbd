// SPDX-License-Identifier: BSD-3-Clause
#include "conjugate.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <map>
#include <mutex>
#include <utility>

#include "aclnn_ops.h"
#include "tensors.h"

namespace npu::ops {
namespace {

// A 1 and a -1 on a device, kept from their first use on; nothing if that is inside a captured graph, which
// cannot wait for the host.
at::Tensor signs(c10::ScalarType dtype, c10::Device device) {
  static auto* mutex = new std::mutex;
  static auto* all = new std::map<std::pair<c10::ScalarType, c10::DeviceIndex>, at::Tensor>;  // leaked
  const std::pair here(dtype, device.index());
  {
    const std::lock_guard lock(*mutex);
    if (auto it = all->find(here); it != all->end()) return it->second;
  }
  const auto* impl = c10::impl::getDeviceGuardImpl(device.type());
  if (impl->isStreamCapturing(impl->getStream(device))) return {};
  at::Tensor made = at::tensor({1.0, -1.0}).to(dtype).to(device);  // none is made of Half on the host
  const std::lock_guard lock(*mutex);
  return all->try_emplace(here, std::move(made)).first->second;
}

}  // namespace

void conjugate(const at::Tensor& dst, const at::Tensor& src) {
  const c10::DeviceGuard guard(dst.device());
  const at::Tensor parts = at::view_as_real(src), result = at::view_as_real(dst);
  if (const at::Tensor by = signs(parts.scalar_type(), dst.device()); by.defined())
    return launch<aclnnMul>(parts, by, result);
  if (!dst.is_same(src)) device_copy(dst, src);
  result.select(-1, 1).neg_();
}

}  // namespace npu::ops
