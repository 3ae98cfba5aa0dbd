// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "npu_sim/nnop/call.h"

namespace npu_sim::nnop {

// Around one kernel, on the stream's worker: finds results beyond their type's range, which are infinite or
// no number although all operands are finite. In saturation mode they become the type's largest number, or 0;
// with the stream's overflow switch the device remembers that there was one. Otherwise it costs two loads.
class OverflowWatch {
 public:
  explicit OverflowWatch(const Call& call);
  OverflowWatch(const OverflowWatch&) = delete;  // stands for one run
  void finish();

 private:
  const Call& call_;
  bool saturates_ = false;
  bool remembers_ = false;
  bool looks_ = false;
};

}  // namespace npu_sim::nnop
