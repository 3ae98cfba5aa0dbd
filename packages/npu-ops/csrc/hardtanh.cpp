// SPDX-License-Identifier: BSD-3-Clause
// hardtanh: for integers CANN wants integer limits, and torch has checks of its own.
#include "aclnn_ops.h"
#include "kernel.h"
#include "shapes.h"
#include "structured.h"

namespace npu::ops {
namespace {

struct hardtanh_op {
  using Meta = shape::unary;
  static constexpr const char* name = "hardtanh";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(OutputsOf<hardtanh_op>& m, const at::Tensor& self, const c10::Scalar& min,
                    const c10::Scalar& max) {
    TORCH_CHECK(self.scalar_type() != at::kBool, "Bool inputs not supported for hardtanh");
    TORCH_CHECK(self.scalar_type() != at::kByte || (min.toLong() >= 0 && max.toLong() >= 0),
                "cannot do hardtanh on an unsigned type with negative limits");
    m.meta(self);
  }
  static void run(Call& k, const at::Tensor& self, const c10::Scalar& min, const c10::Scalar& max) {
    constexpr DtypeSet accepted = dtypes("hfdcusilb");
    const bool whole = c10::isIntegralType(self.scalar_type(), /*includeBool=*/false);
    auto limit = [whole](const c10::Scalar& s) { return whole ? c10::Scalar(s.toLong()) : s; };
    launch<aclnnHardtanh>(k.in(self, accepted), limit(min), limit(max), k.out(0, accepted));
  }
};

at::Tensor hardtanh(const at::Tensor& self, const c10::Scalar& min, const c10::Scalar& max) {
  return run_functional<hardtanh_op>(self, min, max);
}

at::Tensor& hardtanh_(at::Tensor& self, const c10::Scalar& min, const c10::Scalar& max) {
  return run_inplace<hardtanh_op>(self, min, max);
}

at::Tensor& hardtanh_out(const at::Tensor& self, const c10::Scalar& min, const c10::Scalar& max,
                         at::Tensor& out) {
  return std::get<0>(run_out<hardtanh_op>(std::tie(out), self, min, max));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"hardtanh", hardtanh>(m);
  impl<"hardtanh_", hardtanh_>(m);
  impl<"hardtanh.out", hardtanh_out>(m);
}

}  // namespace npu::ops
