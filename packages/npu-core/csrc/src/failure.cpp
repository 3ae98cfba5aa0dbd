// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/failure.h"

#include <c10/util/Exception.h>

#include <new>

namespace npu {

Failure current_failure() noexcept {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& e) {
    return {NPU_OUT_OF_MEMORY, 0, e.what_without_backtrace()};
  } catch (const c10::AcceleratorError& e) {
    return {NPU_DEVICE_ERROR, e.get_error_code(), e.what_without_backtrace()};
  } catch (const c10::NotImplementedError& e) {
    return {NPU_NOT_IMPLEMENTED, 0, e.what_without_backtrace()};
  } catch (const c10::ValueError& e) {
    return {NPU_VALUE_ERROR, 0, e.what_without_backtrace()};
  } catch (const c10::IndexError& e) {
    return {NPU_INDEX_ERROR, 0, e.what_without_backtrace()};
  } catch (const c10::TypeError& e) {
    return {NPU_TYPE_ERROR, 0, e.what_without_backtrace()};
  } catch (const c10::Error& e) {
    return {NPU_ERROR, 0, e.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {NPU_ERROR, 0, "out of host memory"};
  } catch (const std::exception& e) {
    return {NPU_ERROR, 0, e.what()};
  } catch (...) {
    return {NPU_ERROR, 0, "an exception that is no std::exception"};
  }
}

void raise_failure(const Failure& f) {
  const c10::SourceLocation at{__func__, __FILE__, static_cast<uint32_t>(__LINE__)};
  switch (f.status) {
    case NPU_OUT_OF_MEMORY:
      throw c10::OutOfMemoryError(at, f.message);
    case NPU_DEVICE_ERROR:
      throw c10::AcceleratorError(at, f.code, f.message);
    case NPU_NOT_IMPLEMENTED:
      throw c10::NotImplementedError(at, f.message);
    case NPU_VALUE_ERROR:
      throw c10::ValueError(at, f.message);
    case NPU_INDEX_ERROR:
      throw c10::IndexError(at, f.message);
    case NPU_TYPE_ERROR:
      throw c10::TypeError(at, f.message);
    default:
      throw c10::Error(at, f.message);
  }
}

}  // namespace npu
