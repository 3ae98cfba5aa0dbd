// SPDX-License-Identifier: BSD-3-Clause
#include "cube_math.h"

#include <ATen/Context.h>
#include <c10/util/Exception.h>

#include <atomic>

namespace npu {

namespace {

constexpr int32_t kHf32 = 3;  // aclnn's USE_HF32

std::atomic<int32_t> g_types[NPU_CUBE_KINDS];

}  // namespace

int32_t cube_math(npu_cube kind) noexcept {
  const int32_t type = g_types[kind].load(std::memory_order_relaxed);
  if (type != 0 || kind != NPU_CUBE_MATMUL) return type;
  try {
    // torch.set_float32_matmul_precision("high" or "medium") is kept as TF32 for CUDA's products; hf32 is
    // what this device has for it. The general question is asked of three backends and takes longer than an
    // enqueue may.
    const auto precision =
        at::globalContext().float32Precision(at::Float32Backend::CUDA, at::Float32Op::MATMUL);
    return precision == at::Float32Precision::TF32 ? kHf32 : 0;
  } catch (const std::exception&) {
    return 0;  // torch refuses a mixture of its settings; asking torch for it says so
  }
}

void set_cube_math(npu_cube kind, int32_t type) {
  TORCH_CHECK_VALUE(kind >= 0 && kind < NPU_CUBE_KINDS, "there is no kind ", static_cast<int>(kind),
                    " of products");
  g_types[kind].store(type, std::memory_order_relaxed);
}

}  // namespace npu
