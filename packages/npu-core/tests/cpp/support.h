// SPDX-License-Identifier: BSD-3-Clause
// What the tests of libnpu_core share. Every test runs in a process of its own (tests/test_cpp.py): the
// runtime is one a process, and so is its environment.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>
#include <c10/core/TensorImpl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "fake/fake.h"
#include "npu/core/NPUFunctions.h"
#include "npu/core/cann.h"

namespace npu::test {

inline std::string folder(const std::string& fake = "fake") {
  return std::string(NPU_TEST_FOLDER) + "/" + fake;
}

// Chooses the fake CANN and loads it; the control block of it.
inline Fake& start(const std::string& fake = "fake") {
  set_runtime(folder(fake), "");
  auto get = reinterpret_cast<Fake* (*)()>(cann_symbol("libascendcl.so", "fake_cann"));
  if (!get) {
    ADD_FAILURE() << cann_reason().value_or("no fake_cann");
    std::abort();
  }
  return *get();
}

// A float32 tensor over made-up memory at `address`; contiguous, or with the given strides.
inline at::Tensor tensor(std::vector<int64_t> sizes, uintptr_t address = 0x1000, DeviceIndex device = 0,
                         c10::ScalarType dtype = c10::kFloat, c10::DeviceType type = c10::kPrivateUse1) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  const c10::Device where(type, type == c10::kCPU ? -1 : device);
  c10::Storage storage(c10::Storage::use_byte_size_t(), static_cast<size_t>(n) * c10::elementSize(dtype),
                       c10::DataPtr(reinterpret_cast<void*>(address), where), nullptr, false);
  auto key = type == c10::kCPU ? c10::DispatchKey::CPU : c10::DispatchKey::PrivateUse1;
  auto impl = c10::make_intrusive<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key),
                                                   c10::scalarTypeToTypeMeta(dtype));
  impl->set_sizes_contiguous(sizes);
  return at::Tensor(std::move(impl));
}

// What an expression throws, as text; "" if nothing.
template <class E, class F>
std::string thrown(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "";
}

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

}  // namespace npu::test
