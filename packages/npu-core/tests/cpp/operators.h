// SPDX-License-Identifier: BSD-3-Clause
// The fake CANN's operators, declared as a plugin declares them.
#pragma once

#include "npu/core/launch.h"
#include "npu/core/table.h"

namespace npu::test {

struct aclnnAdd : op<aclnnAdd, const aclTensor*, const aclTensor*, const aclScalar*, aclTensor*> {
  static constexpr const char* name = "aclnnAdd";
  static constexpr const char* directions = "iiio";
};
struct aclnnMany
    : op<aclnnMany, const aclTensorList*, const aclTensor*, const aclIntArray*, const aclFloatArray*,
         const aclBoolArray*, double, float, bool, const char*, aclTensor*> {
  static constexpr const char* name = "aclnnMany";
  static constexpr const char* directions = "iiiiiiiiio";
};
struct aclnnRefuses : op<aclnnRefuses, const aclTensor*, aclTensor*> {
  static constexpr const char* name = "aclnnRefuses";
  static constexpr const char* directions = "io";
};
struct aclnnInplace : op<aclnnInplace, aclTensor*> {
  static constexpr const char* name = "aclnnInplace";
  static constexpr const char* directions = "b";
};
struct aclnnFind : op<aclnnFind, const aclTensor*, aclTensor*> {
  static constexpr const char* name = "aclnnFind";
  static constexpr const char* directions = "io";
};
struct aclnnHalf : op<aclnnHalf> {
  static constexpr const char* name = "aclnnHalf";
  static constexpr const char* directions = "";
};

// Takes the table as a plugin does.
inline void connect() { g_core = core_table(); }

}  // namespace npu::test
