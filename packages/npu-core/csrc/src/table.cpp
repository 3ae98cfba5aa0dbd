// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/table.h"

#include <new>

#include "activity.h"
#include "cube_math.h"
#include "foreign_memory.h"
#include "graph_random.h"
#include "launch_slots.h"
#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"
#include "npu/core/failure.h"
#include "npu/core/fallback.h"
#include "npu/core/host_memory.h"
#include "operator.h"

namespace npu {
namespace {

thread_local Failure t_failure;

// Runs a slot's work; an exception becomes a status, its message waits for last_error.
template <class F>
npu_status guarded(F work) noexcept {
  try {
    work();
    return NPU_OK;
  } catch (...) {
    t_failure = current_failure();
    return t_failure.status;
  }
}

const char* last_error(int32_t* code) {
  if (code) *code = t_failure.code;
  return t_failure.message.c_str();
}

bool slot_has_operator(const char* name) { return has_operator(name); }

void* slot_cann_symbol(const char* library, const char* name) { return cann_symbol(library, name); }

npu_status slot_launch(npu_operator* op, const npu_arg* args, uint32_t count) {
  return guarded([&] { launch_operator(*op, args, count); });
}

npu_status slot_launch_shaped(npu_operator* op, const npu_arg* args, uint32_t count, uint32_t shaped,
                              int64_t* dims, uint64_t* ndim) {
  return guarded([&] { *ndim = launch_operator_shaped(*op, args, count, shaped, dims); });
}

npu_status slot_enqueue(const char* name, npu_task task, const void* payload, size_t size) {
  return guarded([&] { launch_task(name, task, payload, size); });
}

npu_status slot_copy(void* dst, int8_t dst_device, const void* src, int8_t src_device, size_t nbytes,
                     bool non_blocking) {
  return guarded([&] { copy_bytes(dst, dst_device, src, src_device, nbytes, non_blocking); });
}

npu_status slot_fill(void* dst, int32_t value, size_t nbytes) {
  return guarded([&] { fill_bytes(dst, value, nbytes); });
}

npu_status slot_synchronize() {
  return guarded([] { synchronize(); });
}

const char* slot_soc_name() { return soc_name(); }

bool slot_supports_dtype(int32_t dtype) { return supports_dtype(dtype); }

npu_status slot_note_fallback(const char* op, const char* reason, uint64_t nbytes, uint64_t nanoseconds) {
  return guarded([&] { note_fallback(op, reason, nbytes, nanoseconds); });
}

npu_status slot_set_activity_hooks(const npu_activity_hooks* hooks) {
  return guarded([&] { set_activity_hooks(hooks); });
}

int32_t slot_cube_math(int32_t kind) {
  return kind >= 0 && kind < NPU_CUBE_KINDS ? cube_math(static_cast<npu_cube>(kind)) : 0;
}

npu_status slot_draw(void* generator, uint64_t count, npu_philox* drawn) {
  return guarded([&] {
    auto* from = static_cast<c10::GeneratorImpl*>(generator);
    TORCH_CHECK_VALUE(from->device().is_privateuseone(),
                      "numbers of npu are drawn from its own generators, not of ", from->device());
    *drawn = draw_random(static_cast<NPUGeneratorImpl&>(*from), count);
  });
}

void slot_note_memory(const char* what, int8_t device, int64_t nbytes) {
  try {
    note_foreign_memory(what, device, nbytes);
  } catch (const std::bad_alloc&) {  // one line of a message less
  }
}

}  // namespace

const npu_core_table* core_table() noexcept {
  static constexpr npu_core_table table{
      .struct_size = sizeof(npu_core_table),
      .major = NPU_CORE_ABI_MAJOR,
      .minor = NPU_CORE_ABI_MINOR,
      .slot_count = NPU_CORE_SLOT_COUNT,
      .reserved = 0,
      .last_error = &last_error,
      .has_operator = &slot_has_operator,
      .cann_symbol = &slot_cann_symbol,
      .launch = &slot_launch,
      .launch_shaped = &slot_launch_shaped,
      .enqueue = &slot_enqueue,
      .copy = &slot_copy,
      .fill = &slot_fill,
      .synchronize = &slot_synchronize,
      .soc_name = &slot_soc_name,
      .supports_dtype = &slot_supports_dtype,
      .note_fallback = &slot_note_fallback,
      .set_activity_hooks = &slot_set_activity_hooks,
      .cube_math = &slot_cube_math,
      .draw = &slot_draw,
      .note_memory = &slot_note_memory,
  };
  return &table;
}

}  // namespace npu
