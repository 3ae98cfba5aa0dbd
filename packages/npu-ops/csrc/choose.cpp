// SPDX-License-Identifier: BSD-3-Clause
// where and masked_fill_. CANN chooses among real numbers only, and fills by masks in fewer dtypes; complex
// ones go as pairs of real ones, and other fills as choices.
#include <ATen/ops/view_as_real.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "shapes.h"
#include "structured.h"

namespace npu::ops {
namespace {

constexpr DtypeSet kChosen = dtypes("fhdbcsilu?");

void choose(const at::Tensor& condition, const at::Tensor& self, const at::Tensor& other,
            const at::Tensor& out) {
  if (!out.is_complex()) {
    check_dtype("where", out, kChosen);
    return launch<aclnnSWhere>(condition, self, other, out);
  }
  launch<aclnnSWhere>(condition.unsqueeze(-1), at::view_as_real(self), at::view_as_real(other),
                      at::view_as_real(out));
}

struct where_op {
  using Meta = shape::where;
  static constexpr const char* name = "where";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = true;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& condition, const at::Tensor& self,
                    const at::Tensor& other) {
    m.meta(condition, self, other);
  }
  static void run(Call& k, const at::Tensor& condition, const at::Tensor& self, const at::Tensor& other) {
    const c10::ScalarType dtype = k.dtype(0);
    choose(k.in(condition, 0), k.as(self, dtype, 0), k.as(other, dtype, 0), k.out(0, 0, dtype));
  }
};

at::Tensor where_npu(const at::Tensor& condition, const at::Tensor& self, const at::Tensor& other) {
  return run_functional<where_op>(condition, self, other);
}
at::Tensor& where_out(const at::Tensor& condition, const at::Tensor& self, const at::Tensor& other,
                      at::Tensor& out) {
  return std::get<0>(run_out<where_op>(std::tie(out), condition, self, other));
}

constexpr DtypeSet kFilled = dtypes("?cilfhb");

struct masked_fill_number {
  using Meta = shape::spread;
  static constexpr const char* name = "masked_fill_";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, const at::Tensor& mask,
                    const c10::Scalar& value) {
    m.meta(mask, self, value);
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& mask, const c10::Scalar& value) {
    if (kFilled & bit(self.scalar_type()))
      return launch<aclnnInplaceMaskedFillScalar>(k.in(self, kFilled), mask, value);
    check_dtype(name, self, kChosen | dtypes("FD"));
    at::Tensor number = empty({}, self.scalar_type());
    fill_value(number, value);
    choose(mask, number, self, self);
  }
};

at::Tensor& masked_fill_scalar(at::Tensor& self, const at::Tensor& mask, const c10::Scalar& value) {
  return run_inplace<masked_fill_number>(self, mask, value);
}

struct masked_fill_element {
  using Meta = shape::spread;
  static constexpr const char* name = "masked_fill_";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(Outputs<Meta, 1>& m, const at::Tensor& self, const at::Tensor& mask, const at::Tensor&) {
    m.meta(mask, self);
  }
  static void run(Call& k, const at::Tensor& self, const at::Tensor& mask, const at::Tensor& value) {
    const at::Tensor element = k.as(value, self.scalar_type(), 0);
    if (kFilled & bit(self.scalar_type()))
      return launch<aclnnInplaceMaskedFillTensor>(k.in(self, kFilled), mask, element);
    choose(mask, element, self, self);
  }
};

at::Tensor& masked_fill_tensor(at::Tensor& self, const at::Tensor& mask, const at::Tensor& value) {
  TORCH_CHECK(value.dim() == 0,
              "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
              " dimension(s).");
  if (is_host_scalar(value)) return masked_fill_scalar(self, mask, host_scalar(value));
  return run_inplace<masked_fill_element>(self, mask, value);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"where.self", where_npu>(m);
  impl<"where.self_out", where_out>(m);
  impl<"masked_fill_.Scalar", masked_fill_scalar, Overlap::unchecked>(m);
  impl<"masked_fill_.Tensor", masked_fill_tensor, Overlap::unchecked>(m);
}

}  // namespace npu::ops
