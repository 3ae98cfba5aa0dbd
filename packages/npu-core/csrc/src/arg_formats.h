// SPDX-License-Identifier: BSD-3-Clause
// Calls whose arguments lie in private storage formats.
#pragma once

#include <c10/core/TensorImpl.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "npu/core/abi.h"

namespace npu {

// The format of one tensor argument, where it is not what its rank says.
struct ArgFormat {
  uint32_t argument;
  aclFormat format;
  std::vector<int64_t> dims;  // of the memory; empty: a base format
};

// A call as CANN can run it: with the operator that takes the formats of its arguments, or with copies in
// base format, which live as long as this. Outputs are in base format from then on.
class FormattedCall {
 public:
  FormattedCall(npu_operator& descriptor, const npu_arg* args, uint32_t count);
  FormattedCall(const FormattedCall&) = delete;  // its arguments point into it
  ~FormattedCall();

  npu_operator& descriptor() const { return *descriptor_; }
  const npu_arg* args() const { return args_; }
  std::span<const ArgFormat> formats() const { return formats_; }

 private:
  struct Held;
  const c10::TensorImpl* plain(const c10::TensorImpl* tensor, char direction);
  void replace(uint32_t index, char direction);

  npu_operator* descriptor_;
  const npu_arg* args_;
  std::vector<ArgFormat> formats_;
  // Until the call is enqueued: what puts storages into base format comes after it then.
  std::unique_lock<std::recursive_mutex> lock_;
  std::unique_ptr<Held> held_;  // null: nothing of the call has a format
};

}  // namespace npu
