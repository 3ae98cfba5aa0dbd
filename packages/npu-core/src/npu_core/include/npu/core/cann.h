// SPDX-License-Identifier: BSD-3-Clause
// The loaded CANN: one function pointer a symbol, named as the symbol.
//
// Nothing is loaded before the first call of cann(), cann_usable() or cann_reason(). Loading starts no device
// and no thread and does not poison fork. After shutdown began cann() raises: no call may reach CANN then,
// because its own exit handlers may have run.
#pragma once

#include <npu/cann/nnopbase.h>

#include <optional>
#include <string>

#include "npu/core/cann_symbols.h"
#include "npu/core/macros.h"

namespace npu {

struct Cann {
#define NPU_X(library, name)        \
  decltype(&::name) name = nullptr; \
  bool has_##name = false;
  NPU_CANN_REQUIRED(NPU_X)
  NPU_CANN_OPTIONAL(NPU_X)
#undef NPU_X
};

// Where the runtime's libraries are: a folder, "" for the dynamic loader's own search path, or none and
// `reason` with the remedy. Throws after CANN was loaded.
NPU_API void set_runtime(std::optional<std::string> library_dir, std::string reason);
// What is called, without any lock, if the runtime is needed before set_runtime(); it should call that.
// Several threads may call it at once.
NPU_API void set_runtime_selector(void (*selector)()) noexcept;

// Raises RuntimeError with cann_reason() if there is no usable runtime, and after shutdown.
NPU_API const Cann& cann();
// Loads CANN if needed. False without a usable runtime and after shutdown. For queries, frees and
// destructors.
NPU_API bool cann_usable() noexcept;
// Why the runtime is unusable, with the remedy; nothing if it is usable.
NPU_API std::optional<std::string> cann_reason();
// CANN's version as it reports it, "" if it does not say or is not usable.
NPU_API std::string cann_version();

// A symbol of one CANN library ("libhccl.so", looked up where the runtime was found), or null.
NPU_API void* cann_symbol(const char* library, const char* name) noexcept;
// An operator's symbol, by the op-api search order: custom operators first. Null if no library has it.
NPU_API void* operator_symbol(const char* name) noexcept;

namespace detail {
// The one switch that shutdown() throws.
NPU_API void close_cann() noexcept;
NPU_API bool cann_closed() noexcept;
}  // namespace detail

}  // namespace npu
