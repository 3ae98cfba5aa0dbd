// SPDX-License-Identifier: BSD-3-Clause
#include "dtypes.h"

#include "npu/core/launch.h"

namespace npu::ops {

bool soc_has_bfloat16() {
  static const bool has = core().supports_dtype(ACL_BF16);
  return has;
}

void refuse_dtype(const char* op, const at::Tensor& t, DtypeSet accepted) {
  std::string names;
  for (int i = 0; i < static_cast<int>(c10::ScalarType::NumOptions); ++i)
    if (accepted & (uint64_t{1} << i)) {
      auto type = static_cast<c10::ScalarType>(i);
      if (type == c10::kBFloat16 && !soc_has_bfloat16()) continue;
      names += (names.empty() ? "" : ", ") + std::string(c10::toString(type));
    }
  const char* soc = core().soc_name();
  const std::string message = c10::str('"', op, "\" not implemented for '", c10::toString(t.scalar_type()),
                                       "' on ", soc ? soc : "npu", " (operand of shape ", t.sizes(),
                                       "). It accepts ", names.empty() ? "other dtypes" : names,
                                       ": convert with tensor.to(dtype), or run this operator on the CPU");
  const c10::SourceLocation here = {__func__, __FILE__, static_cast<uint32_t>(__LINE__)};
  // An accepted dtype is refused where the SoC lacks it, or where a complex operand would lose a part.
  const bool lacked = t.scalar_type() == c10::kBFloat16 && !soc_has_bfloat16();
  if (!accepted || (lacked && (accepted & bit(c10::kBFloat16))))
    throw c10::NotImplementedError(here, message);
  throw RefusedDtype(here, message);
}

}  // namespace npu::ops
