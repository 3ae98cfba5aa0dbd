// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/failure.h"

#include <c10/util/Exception.h>

#include <new>

#include "npu/core/status.h"

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
  throw_status(f.status, f.code, f.message, {__func__, __FILE__, static_cast<uint32_t>(__LINE__)});
}

}  // namespace npu
