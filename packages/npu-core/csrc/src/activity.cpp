// SPDX-License-Identifier: BSD-3-Clause
#include "activity.h"

#include <c10/util/Exception.h>

namespace npu {
namespace detail {
std::atomic<const npu_activity_hooks*> g_activity_hooks{nullptr};
}

void set_activity_hooks(const npu_activity_hooks* hooks) {
  TORCH_CHECK_VALUE(!hooks || hooks->struct_size >= sizeof(npu_activity_hooks), "activity hooks of ",
                    hooks->struct_size, " bytes, npu-core needs ", sizeof(npu_activity_hooks));
  detail::g_activity_hooks.store(hooks, std::memory_order_release);
}

}  // namespace npu
