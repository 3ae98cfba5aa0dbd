// SPDX-License-Identifier: BSD-3-Clause
// The frozen layout of the plugins' table. That this compiles is most of the test: an old plugin reads these
// offsets. A slot is never moved; a new one is appended here with the minor that brought it.
#include <gtest/gtest.h>

#include "npu/core/abi.h"
#include "npu/core/table.h"

namespace {

#define SLOT(name, index)                                           \
  static_assert(offsetof(npu_core_table, name) == 16 + 8 * (index), \
                "slot " #name " has moved: plugins would call another")

static_assert(offsetof(npu_core_table, struct_size) == 0);
static_assert(offsetof(npu_core_table, major) == 4);
static_assert(offsetof(npu_core_table, minor) == 6);
static_assert(offsetof(npu_core_table, slot_count) == 8);
// 1.0
SLOT(last_error, 0);
SLOT(has_operator, 1);
SLOT(cann_symbol, 2);
SLOT(launch, 3);
SLOT(launch_shaped, 4);
SLOT(enqueue, 5);
SLOT(copy, 6);
SLOT(fill, 7);
SLOT(synchronize, 8);
SLOT(soc_name, 9);
SLOT(supports_dtype, 10);
SLOT(note_fallback, 11);
// 1.1
SLOT(set_activity_hooks, 12);
// 1.2
SLOT(cube_math, 13);
// 1.3
SLOT(draw, 14);
// 1.4
SLOT(note_memory, 15);
static_assert(NPU_CORE_SLOT_COUNT == 16 && sizeof(npu_core_table) == 16 + 8 * 16);

static_assert(sizeof(npu_philox) == 32 && offsetof(npu_philox, offset) == 8 &&
              offsetof(npu_philox, seed_tensor) == 16 && offsetof(npu_philox, offset_tensor) == 24);

static_assert(sizeof(npu_activity) == 32 && offsetof(npu_activity, kind) == 0 &&
              offsetof(npu_activity, copy_kind) == 4 && offsetof(npu_activity, nbytes) == 8 &&
              offsetof(npu_activity, name) == 16 && offsetof(npu_activity, device) == 24);
static_assert(sizeof(npu_activity_hooks) == 40 && offsetof(npu_activity_hooks, enqueue_begin) == 8 &&
              offsetof(npu_activity_hooks, enqueue_end) == 16 &&
              offsetof(npu_activity_hooks, launch_begin) == 24 &&
              offsetof(npu_activity_hooks, launch_end) == 32);
static_assert(NPU_ACTIVITY_OPERATOR == 1 && NPU_ACTIVITY_COPY == 2 && NPU_ACTIVITY_FILL == 3 &&
              NPU_ACTIVITY_TASK == 4);

static_assert(sizeof(npu_arg) == 24 && offsetof(npu_arg, kind) == 0 && offsetof(npu_arg, dtype) == 4 &&
              offsetof(npu_arg, count) == 8 && offsetof(npu_arg, object) == 16);
static_assert(sizeof(npu_operator) == 32 && offsetof(npu_operator, name) == 0 &&
              offsetof(npu_operator, prepare) == 8 && offsetof(npu_operator, directions) == 16 &&
              offsetof(npu_operator, handle) == 24);
static_assert(NPU_OK == 0 && NPU_ERROR == 1 && NPU_OUT_OF_MEMORY == 2 && NPU_DEVICE_ERROR == 3 &&
              NPU_NOT_IMPLEMENTED == 4 && NPU_VALUE_ERROR == 5 && NPU_INDEX_ERROR == 6 &&
              NPU_TYPE_ERROR == 7);
static_assert(NPU_ARG_NONE == 0 && NPU_ARG_TENSOR == 1 && NPU_ARG_TENSORS == 2 && NPU_ARG_SCALAR == 3 &&
              NPU_ARG_SCALARS == 4 && NPU_ARG_INTS == 5 && NPU_ARG_BOOLS == 6 && NPU_ARG_FLOATS == 7 &&
              NPU_ARG_STRING == 8 && NPU_ARG_WORD == 9);

TEST(AbiLayout, TheTableSaysWhatItIs) {
  const npu_core_table* t = npu::core_table();
  EXPECT_EQ(t->struct_size, sizeof(npu_core_table));
  EXPECT_EQ(t->major, 1);
  EXPECT_EQ(t->minor, 4);
  EXPECT_EQ(t->slot_count, 16u);
}

TEST(AbiLayout, NoSlotIsNull) {
  auto* slots = reinterpret_cast<void* const*>(reinterpret_cast<const char*>(npu::core_table()) + 16);
  for (size_t i = 0; i < NPU_CORE_SLOT_COUNT; ++i) EXPECT_NE(slots[i], nullptr) << "slot " << i;
}

}  // namespace
