// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "npu/cann/mspti.h"

namespace npu_sim::mspti {

// Whether this library was preloaded, which CANN's wants for what it learns by interposing functions:
// callbacks, collectives of the old kind, and memory. Kernels, calls and markers come without.
bool preloaded();
bool needs_preload(msptiActivityKind kind);

}  // namespace npu_sim::mspti
