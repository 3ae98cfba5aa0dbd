// SPDX-License-Identifier: BSD-3-Clause
// Fourier transforms of windows that slide over a signal.
#include <ATen/ops/stft.h>
#include <ATen/ops/view_as_real.h>

#include "../kernel.h"
#include "../rule_tools.h"

namespace npu_sim::ops {

namespace {

using rules::at;
using rules::number;

void windows(const Call& c) {
  const auto& self = at(c, "self");
  if (self.ndim != 1 && self.ndim != 2) rules::refuse(c, "self", nnop::describe(self), "1 or 2 dims");
  const int64_t n = number(c, "nFft"), hop = number(c, "hopLength"), width = number(c, "winLength");
  const int64_t length = self.sizes()[self.ndim - 1];
  if (n < 1 || n > length) rules::refuse(c, "nFft", std::to_string(n), "1 to " + std::to_string(length));
  if (hop < 1) rules::refuse(c, "hopLength", std::to_string(hop), "at least 1");
  if (width < 1 || width > n) rules::refuse(c, "winLength", std::to_string(width), "1 to 'nFft'");
  if (const auto* window = rules::optional(c, "windowOptional")) {
    const int64_t s[] = {width};
    rules::expect_shape(c, "windowOptional", *window, s, "'winLength'");
    rules::expect_dtype(c, "windowOptional", *window, self.dtype, "that of 'self'");
  }
  const bool half = number(c, "onesided") != 0, pairs = number(c, "returnComplex") == 0;
  rules::Shape s(self.sizes().begin(), self.sizes().end() - 1);
  s.append({half ? n / 2 + 1 : n, (length - n) / hop + 1});
  if (pairs) s.push_back(2);
  rules::expect_outputs(c, s, "frequencies by windows");
}

}  // namespace

NPU_SIM_KERNEL(aclStft, windows, rules::output_bytes) = [](In self, OptIn window, Out out, int64_t n,
                                                           int64_t hop, int64_t width, bool normalized,
                                                           bool half, bool complex) {
  const at::Tensor found = at::stft(self, n, hop, width, window, normalized, half, /*return_complex=*/true);
  out.copy_(complex ? found : at::view_as_real(found));
};

}  // namespace npu_sim::ops
