// SPDX-License-Identifier: BSD-3-Clause
// The interface with default visibility: included first by the files that define its functions.
#pragma once

#pragma GCC visibility push(default)
#include "npu/cann/mstx.h"
#pragma GCC visibility pop
