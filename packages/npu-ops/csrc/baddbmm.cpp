// SPDX-License-Identifier: BSD-3-Clause
// baddbmm. PyTorch's shape rule for it copies what is added into the result, for kernels that add to it;
// CANN's operator reads it where it is. So the shapes are those of bmm, and the rest is checked here.
#include <ATen/ExpandUtils.h>
#include <ATen/ops/bmm_meta.h>

#include "aclnn_ops.h"
#include "checks.h"
#include "kernel.h"
#include "otherwise.h"
#include "structured.h"

namespace npu::ops {
namespace {

using Number = const c10::Scalar&;

struct baddbmm_op {
  using Meta = at::meta::structured_bmm;
  static constexpr const char* name = "baddbmm";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, const at::Tensor& a, const at::Tensor& b,
                    Number, Number) {
    m.meta(a, b);
    check::alike(name, a, b);
    const auto sizes = {a.size(0), a.size(1), b.size(2)};
    TORCH_CHECK(self.scalar_type() == a.scalar_type() && a.scalar_type() == b.scalar_type(),
                "Input dtypes must be the same, got: input ", self.scalar_type(),
                ", batch1: ", a.scalar_type(), ", batch2: ", b.scalar_type());
    static_cast<void>(at::expand_size(self, at::IntArrayRef(sizes), name));
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& a, const at::Tensor& b, Number beta,
                  Number alpha) {
    constexpr DtypeSet kTaken = dtypes("bhf");
    if (!k.takes(self, kTaken) && otherwise::baddbmm(k, self, a, b, beta, alpha)) return;
    launch<aclnnBaddbmm>(k.in(self, kTaken), k.in(a, kTaken), k.in(b, kTaken), beta, alpha, k.out(0, kTaken),
                         cube_math());
  }
};

at::Tensor baddbmm(const at::Tensor& self, const at::Tensor& a, const at::Tensor& b, Number beta,
                   Number alpha) {
  return run_functional<baddbmm_op>(self, a, b, beta, alpha);
}
at::Tensor& baddbmm_(at::Tensor& self, const at::Tensor& a, const at::Tensor& b, Number beta, Number alpha) {
  return run_inplace<baddbmm_op>(self, a, b, beta, alpha);
}
at::Tensor& baddbmm_out(const at::Tensor& self, const at::Tensor& a, const at::Tensor& b, Number beta,
                        Number alpha, at::Tensor& out) {
  return std::get<0>(run_out<baddbmm_op>(std::tie(out), self, a, b, beta, alpha));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"baddbmm", baddbmm>(m);
  impl<"baddbmm_", baddbmm_, Overlap::part>(m);
  impl<"baddbmm.out", baddbmm_out, Overlap::part>(m);
}

}  // namespace npu::ops
