// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/core/Formatting.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/clone.h>
#include <ATen/ops/copy.h>

#include <algorithm>
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

namespace {

// Operators that may write one place several times, since they write the same there, or that look themselves.
constexpr std::string_view kAny[] = {"_index_put_impl_", "conj_physical_", "copy_", "fill_", "index_fill_",
                                     "masked_fill_",     "put_",           "set_",  "zero_"};
// Operators of which the CPU reads all before it writes, or should: their partly shared memory is no error.
constexpr std::string_view kReadFirst[] = {"_cholesky_solve_helper",
                                           "_fft_c2c",
                                           "_fft_c2r",
                                           "_fft_r2c",
                                           "_log_softmax",
                                           "_softmax",
                                           "addbmm",
                                           "addbmm_",
                                           "addmm",
                                           "addmm_",
                                           "addmv",
                                           "addmv_",
                                           "amax",
                                           "amin",
                                           "avg_pool2d",
                                           "baddbmm",
                                           "baddbmm_",
                                           "bmm",
                                           "cholesky",
                                           "mean",
                                           "mm",
                                           "mv",
                                           "mvlgamma",
                                           "narrow_copy",
                                           "norm",
                                           "std",
                                           "tril",
                                           "tril_",
                                           "triu",
                                           "triu_",
                                           "var",
                                           "cholesky_inverse"};
// Those among them that would even read what they wrote over an operand that is the result.
constexpr std::string_view kProducts[] = {"bmm", "mm", "mv"};

bool among(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool reads_first(std::string_view base) {
  return among(kReadFirst, base) || base.starts_with("linalg_") || base.starts_with("_linalg_");
}

// What clashes, rarely.
[[gnu::noinline]] bool resolve(std::string_view name, const at::Tensor& out, const at::Tensor* read,
                               at::MemOverlapStatus status) {
  const std::string_view base = name.substr(0, name.find('.'));
  if (among(kAny, base)) return false;
  if (read == nullptr) {
    at::assert_no_internal_overlap(out);
    return false;
  }
  if (status == at::MemOverlapStatus::Full) return among(kProducts, base);
  if (!reads_first(base)) at::assert_no_partial_overlap(out, *read);
  return true;
}

}  // namespace

bool overlaps(const char* name, std::span<const at::Tensor* const> operands, uint64_t written) {
  bool separate = false;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!(written >> i & 1) || !operands[i]->defined() || !operands[i]->has_storage()) continue;
    const at::Tensor& out = *operands[i];
    if (!out.is_non_overlapping_and_dense()) resolve(name, out, nullptr, at::MemOverlapStatus::No);
    for (size_t j = 0; j < operands.size(); ++j) {
      const at::Tensor* read = operands[j];
      if ((written >> j & 1) || read == nullptr || !read->defined() || !read->has_storage()) continue;
      if (!read->storage().is_alias_of(out.storage())) continue;
      const at::MemOverlapStatus status = at::get_overlap_status(out, *read);
      if (status == at::MemOverlapStatus::Full || status == at::MemOverlapStatus::Partial)
        separate |= resolve(name, out, read, status);
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
