// SPDX-License-Identifier: BSD-3-Clause
// The C table through which the other wheels use npu-core.
//
// Policy. A plugin library neither links libnpu_core nor has an undefined symbol from it: it exports
// `npu_plugin_init`, npu-core calls that once with this table, and every later call goes through a slot.
//   1. `major` changes when a slot is removed or changes meaning; a plugin built for another major is
//   refused.
//   2. New slots are appended and raise `minor`; a plugin refuses a table with a smaller minor than it needs.
//   3. The plugin checks `struct_size` and `slot_count`: it refuses a table smaller than its own header's.
// The plugin's needs are also in its wheel's metadata, so that a mismatch is refused before anything is
// loaded; the handshake is the second lock. Tensors cross as c10::TensorImpl, which is safe because a plugin
// is bound to one minor release of torch. Nothing is thrown across a slot: a slot returns a status, and the
// message is read with `last_error` on the same thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "npu/cann/nnopbase.h"

#define NPU_CORE_ABI_MAJOR 1
#define NPU_CORE_ABI_MINOR 4

#if defined(__cplusplus)
extern "C" {
#endif

// What a slot answers. The C++ sugar turns each into the torch exception named beside it.
typedef enum npu_status {
  NPU_OK = 0,
  NPU_ERROR = 1,            // RuntimeError
  NPU_OUT_OF_MEMORY = 2,    // torch.OutOfMemoryError
  NPU_DEVICE_ERROR = 3,     // torch.AcceleratorError, with CANN's code
  NPU_NOT_IMPLEMENTED = 4,  // NotImplementedError
  NPU_VALUE_ERROR = 5,      // ValueError
  NPU_INDEX_ERROR = 6,      // IndexError
  NPU_TYPE_ERROR = 7,       // TypeError
} npu_status;

// One aclnn operator as its caller declares it: static storage, one an operator. `handle` belongs to
// npu-core, which keeps there what it resolved and cached.
typedef struct npu_operator {
  const char* name;  // as CANN exports it, "aclnnAdd"
  // Calls the first phase `entry` with each word of `args` cast to its parameter's type.
  aclnnStatus (*prepare)(void* entry, const uint64_t* args, uint64_t* workspace_size,
                         aclOpExecutor** executor);
  const char*
      directions;  // one letter a parameter: 'i' in, 'o' out, 'b' both; its length is the parameter count
  void* handle;
} npu_operator;

typedef enum npu_arg_kind {
  NPU_ARG_NONE = 0,     // a null object: an optional tensor, array or scalar that is absent
  NPU_ARG_TENSOR = 1,   // `object`: const c10::TensorImpl*
  NPU_ARG_TENSORS = 2,  // `object`: const c10::TensorImpl* const*, `count` of them
  NPU_ARG_SCALAR = 3,   // `object`: pointer to the value, of `dtype`
  NPU_ARG_SCALARS = 4,  // `object`: const npu_arg*, `count` of them, each an NPU_ARG_SCALAR
  NPU_ARG_INTS = 5,     // `object`: const int64_t*, `count` of them
  NPU_ARG_BOOLS = 6,    // `object`: const bool*, `count` of them
  NPU_ARG_FLOATS = 7,   // `object`: const float*, `count` of them
  NPU_ARG_STRING = 8,   // `object`: const char*, zero-terminated, `count` bytes without the zero
  NPU_ARG_WORD = 9,     // `word`: an integer, bool or dtype as int64_t, a float or double by its bits
} npu_arg_kind;

// One argument of a launch. Everything it points to is copied before the launch returns; a tensor's memory
// must stay allocated on the stream's order, which the caching allocator grants to every torch tensor.
typedef struct npu_arg {
  uint32_t kind;  // npu_arg_kind
  int32_t
      dtype;  // aclDataType of a scalar; of an NPU_ARG_NONE, the npu_arg_kind that is absent (0: not known)
  uint64_t count;  // elements of a list, bytes of a string
  union {
    const void* object;
    uint64_t word;
  };
} npu_arg;

// A callback that runs on the launch thread with the stream's native handle, in the order of the stream's
// launches. A status other than NPU_OK is raised at the next synchronising call, with `message` if it set
// one.
typedef npu_status (*npu_task)(void* payload, aclrtStream stream, const char** message);

typedef enum npu_activity_kind {
  NPU_ACTIVITY_OPERATOR = 1,
  NPU_ACTIVITY_COPY = 2,
  NPU_ACTIVITY_FILL = 3,
  NPU_ACTIVITY_TASK = 4,  // of `enqueue`: collectives
} npu_activity_kind;

// A piece of work as a profiler sees it when it is enqueued.
typedef struct npu_activity {
  uint32_t kind;
  int32_t copy_kind;  // aclrtMemcpyKind of a copy
  uint64_t nbytes;    // of a copy or fill
  const char* name;   // static storage: "aclnnAdd"
  int32_t device;
  uint32_t reserved;
} npu_activity;

// What a profiler wants to be told. `enqueue_begin` and `enqueue_end` are called around the enqueue, on the
// thread of the operator; `launch_begin` and `launch_end` around the one call that hands the work to CANN, on
// the launch thread, with the stream's native handle. A null stream there: a copy that blocks its caller and
// is done at `launch_end`. Work for which `enqueue_begin` answers 0 is not followed. None may throw, enqueue
// or wait for Python.
typedef struct npu_activity_hooks {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t (*enqueue_begin)(const npu_activity* activity);
  void (*enqueue_end)(uint64_t id);
  void (*launch_begin)(uint64_t id, aclrtStream stream);
  void (*launch_end)(uint64_t id, aclrtStream stream);
} npu_activity_hooks;

typedef enum npu_cube {
  NPU_CUBE_MATMUL = 0,
  NPU_CUBE_CONV = 1,
  NPU_CUBE_KINDS = 2,
} npu_cube;

// Where the random numbers of one operator begin.
typedef struct npu_philox {
  uint64_t seed;
  uint64_t offset;  // if captured, within what the graph draws
  // While the current stream is captured: const c10::TensorImpl* of one int64 on the device, which each
  // replay fills, kept by the graph. Else null.
  const void* seed_tensor;
  const void* offset_tensor;
} npu_philox;

typedef struct npu_core_table {
  uint32_t struct_size;  // sizeof(npu_core_table) of the core
  uint16_t major;
  uint16_t minor;
  uint32_t slot_count;  // number of function pointers below
  uint32_t reserved;

  // The message of the last slot of this thread that did not answer NPU_OK; `code` gets CANN's code or 0.
  const char* (*last_error)(int32_t* code);

  // Whether this CANN exports the operator (both phases) for this SoC. No error if not.
  bool (*has_operator)(const char* name);
  // A symbol of any loaded CANN library, or null: for ABIs that npu-core does not wrap, such as HCCL.
  void* (*cann_symbol)(const char* library, const char* name);

  // Enqueues `op` on the current stream of the current device. Copies its arguments and returns; CANN's own
  // checks run later, on the launch thread.
  npu_status (*launch)(npu_operator* op, const npu_arg* args, uint32_t count);
  // Runs `op` and waits. Writes the shape that argument `shaped` got: `dims` holds 25 entries.
  npu_status (*launch_shaped)(npu_operator* op, const npu_arg* args, uint32_t count, uint32_t shaped,
                              int64_t* dims, uint64_t* ndim);
  // Enqueues `task` on the current stream; `size` bytes of `payload` are copied. `name` is for messages.
  npu_status (*enqueue)(const char* name, npu_task task, const void* payload, size_t size);

  // Copies bytes between devices and host on the current stream; a device of -1 is the host. Between a device
  // and the host, a copy that is not `non_blocking`, or touches pageable host memory, has happened when this
  // returns. Between devices it is in the order of both devices' current streams.
  npu_status (*copy)(void* dst, int8_t dst_device, const void* src, int8_t src_device, size_t nbytes,
                     bool non_blocking);
  // Sets bytes on the current stream.
  npu_status (*fill)(void* dst, int32_t value, size_t nbytes);

  // Waits for everything enqueued on the current device and raises what went wrong there.
  npu_status (*synchronize)(void);

  // CANN's name of the SoC, "Ascend910B2".
  const char* (*soc_name)(void);
  // Whether the current SoC computes in this aclDataType.
  bool (*supports_dtype)(int32_t dtype);

  // Counts one CPU fallback for `torch.npu.fallback_report()`; NPU_NOT_IMPLEMENTED under NPU_FALLBACK=error.
  npu_status (*note_fallback)(const char* op, const char* reason, uint64_t nbytes, uint64_t nanoseconds);

  // Since 1.1.
  // Has the profiler told of all work from now on, or of none if null. `hooks` and what it points to live for
  // the rest of the process: work that is queued may still call them after they were replaced.
  // NPU_VALUE_ERROR: `struct_size` is smaller than this core's.
  npu_status (*set_activity_hooks)(const npu_activity_hooks* hooks);

  // Since 1.2.
  // aclnn's cubeMathType that the user allows for products of this kind (npu_cube).
  int32_t (*cube_math)(int32_t kind);

  // Since 1.3.
  // Takes `count` numbers from a generator of a device (c10::GeneratorImpl*, locked by this call), or, while
  // the current stream is captured, from what the graph draws from it.
  npu_status (*draw)(void* generator, uint64_t count, npu_philox* drawn);

  // Since 1.4.
  // Says that the plugin's own use of CANN took `nbytes` more bytes of a device (or gave them back, if
  // negative) outside of the allocator, for the message of an out-of-memory error. `what` has static storage.
  void (*note_memory)(const char* what, int8_t device, int64_t nbytes);
} npu_core_table;

#define NPU_CORE_SLOT_COUNT \
  ((sizeof(npu_core_table) - offsetof(npu_core_table, last_error)) / sizeof(void (*)(void)))

// What a plugin library exports as `npu_plugin_init`. Answers null, or why it refuses the table.
typedef const char* (*npu_plugin_init_t)(const npu_core_table* table);

#if defined(__cplusplus)
}  // extern "C"
#endif
