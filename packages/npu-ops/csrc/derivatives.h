// SPDX-License-Identifier: BSD-3-Clause
// Kernels at the autograd key of this device, which stand before torch's own derivative formulas.
#pragma once

#include <c10/core/DispatchKeySet.h>

namespace npu::ops {

// The keys with which a call goes on to torch's own kernel for autograd, and from there to the device: torch
// has registered that one for all devices, so also for those that have no autograd key of their own. What
// comes before autograd is done; left in, it would begin anew while torch.compile traces.
inline c10::DispatchKeySet torchs_autograd(c10::DispatchKeySet keys) {
  return (keys & c10::after_autograd_keyset).add(c10::DispatchKey::AutogradOther);
}

}  // namespace npu::ops
