// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/core/Formatting.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/clone.h>
#include <ATen/ops/copy.h>

#include <ostream>
#include <string_view>

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

uint64_t overlaps(Overlap rule, std::span<const at::Tensor* const> operands, uint64_t written) {
  const bool part = rule == Overlap::part || rule == Overlap::both;
  const bool whole = rule == Overlap::whole || rule == Overlap::both;
  uint64_t separate = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!(written >> i & 1) || !operands[i]->defined() || !operands[i]->has_storage()) continue;
    const at::Tensor& out = *operands[i];
    if (!out.is_non_overlapping_and_dense()) at::assert_no_internal_overlap(out);
    for (size_t j = 0; j < operands.size(); ++j) {
      const at::Tensor* read = operands[j];
      if ((written >> j & 1) || read == nullptr || !read->defined() || !read->has_storage()) continue;
      if (!read->storage().is_alias_of(out.storage())) continue;
      const at::MemOverlapStatus status = at::get_overlap_status(out, *read);
      if (status == at::MemOverlapStatus::Partial && !part) at::assert_no_partial_overlap(out, *read);
      if (status == at::MemOverlapStatus::Partial || (status == at::MemOverlapStatus::Full && whole))
        separate |= uint64_t{1} << i;
    }
  }
  return separate;
}

at::Tensor apart(const at::Tensor& out) { return out.clone(); }

void put_back(const at::Tensor& out, const at::Tensor& result) {
  at::native::resize_output(out, result.sizes());
  out.copy_(result);
}

}  // namespace npu::ops::detail
