// SPDX-License-Identifier: BSD-3-Clause
// Autocast acts on the operators that a user calls, not on those that a kernel is composed of.
#pragma once

#include <c10/core/impl/LocalDispatchKeySet.h>

namespace npu::ops {

// While it lives, operators keep the dtypes of their operands.
struct NoAutocast {
  c10::impl::ExcludeDispatchKeyGuard guard{c10::DispatchKey::AutocastPrivateUse1};
};

}  // namespace npu::ops
