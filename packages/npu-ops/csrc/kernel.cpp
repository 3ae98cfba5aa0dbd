// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include <ATen/core/Formatting.h>

#include <ostream>

namespace npu::ops::detail {

void describe(std::ostream& out, const at::Tensor& t) {
  if (t.defined())
    out << c10::toString(t.scalar_type()) << t.sizes();
  else
    out << "None";
}

void describe(std::ostream& out, const c10::Scalar& s) { out << s; }

void rethrow_out_of_memory(const c10::OutOfMemoryError& error, const std::string& operation) {
  std::string message = error.what_without_backtrace();
  // A kernel that ran inside another one wrote its name already; the user called the outer one.
  static constexpr std::string_view mark = "\n  operation: ";
  if (const size_t from = message.find(mark); from != message.npos) {
    const size_t to = message.find('\n', from + mark.size());
    message.erase(from, to == message.npos ? to : to - from);
  }
  throw c10::OutOfMemoryError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, message + operation);
}

}  // namespace npu::ops::detail
