// SPDX-License-Identifier: BSD-3-Clause
// addr: a matrix and the outer product of two vectors. CANN adds them in one launch; what it does not take is
// PyTorch's own row of operators.
#include <ATen/ExpandUtils.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/addr_native.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "structured.h"

namespace npu::ops {
namespace {

struct OuterSum : at::TensorIteratorBase {
  void meta(const at::Tensor& self, const at::Tensor& a, const at::Tensor& b, const c10::Scalar& beta,
            const c10::Scalar& alpha) {
    TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "addr: Expected 1-D argument vec1 and vec2, but got ", a.dim(),
                "-D and ", b.dim(), "-D");
    const auto whole = at::expand_size(self, {a.size(0), b.size(0)}, "addr");
    build(at::TensorIteratorConfig()
              .set_check_mem_overlap(true)
              .add_output(maybe_get_output())
              .add_owned_const_input(*whole)
              .add_owned_const_input(a.unsqueeze(1))
              .add_owned_const_input(b)
              .allow_cpu_scalars(true)
              .promote_inputs_to_common_dtype(true)
              .cast_common_dtype_to_outputs(true)
              .enforce_safe_casting_to_output(true));
    check("beta", beta);
    check("alpha", alpha);
  }

 private:
  void check(const char* name, const c10::Scalar& factor) {
    const auto dtype = common_dtype();
    TORCH_CHECK(!factor.isBoolean() || dtype == at::kBool, "Boolean ", name,
                " only supported for Boolean results.");
    TORCH_CHECK(at::isFloatingType(dtype) || at::isComplexType(dtype) || factor.isIntegral(true),
                "For integral input tensors, argument ", name, " must not be a floating point number.");
  }
};

struct addr_op {
  using Meta = OuterSum;
  static constexpr const char* name = "addr";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, const at::Tensor& a, const at::Tensor& b,
                    const c10::Scalar& beta, const c10::Scalar& alpha) {
    m.meta(self, a, b, beta, alpha);
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& a, const at::Tensor& b,
                  const c10::Scalar& beta, const c10::Scalar& alpha) {
    constexpr DtypeSet accepted = dtypes("fhdcsilu?b");
    if (k.takes(self, accepted) && soc_has_bfloat16())
      return launch<aclnnAddr>(k.in(self, accepted), k.in(a, accepted), k.in(b, accepted), beta, alpha,
                               k.out(0, accepted));
    device_copy(k.out(0, 0), at::native::math_addr(k.in(self, 0), k.in(a, 0), k.in(b, 0), beta, alpha));
  }
};

using In = const at::Tensor&;
using Number = const c10::Scalar&;

at::Tensor addr(In self, In a, In b, Number beta, Number alpha) {
  return run_functional<addr_op>(self, a, b, beta, alpha);
}
at::Tensor& addr_(at::Tensor& self, In a, In b, Number beta, Number alpha) {
  return run_inplace<addr_op>(self, a, b, beta, alpha);
}
at::Tensor& addr_out(In self, In a, In b, Number beta, Number alpha, at::Tensor& out) {
  return std::get<0>(run_out<addr_op>(std::tie(out), self, a, b, beta, alpha));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"addr", addr>(m);
  impl<"addr_", addr_>(m);
  impl<"addr.out", addr_out>(m);
}

}  // namespace npu::ops
