// SPDX-License-Identifier: BSD-3-Clause
// Views: PyTorch's own functions, which only compute sizes and strides, registered for npu tensors. And what
// may be put into a tensor by `x.data = y`.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/is_set_to_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_as_complex_native.h>
#include <ATen/ops/view_as_real_native.h>
#include <ATen/ops/view_native.h>
#include <torch/library.h>

namespace npu::ops {
namespace {

// A tensor of the CPU may become one of the npu and back, as between the CPU and any other device of PyTorch.
// Module.to() then changes parameters where they are; otherwise it would make new ones, and untie tied
// weights.
bool may_become(const at::Tensor& self, const at::Tensor& from) {
  auto dense = [](const at::Tensor& t) {
    return t.layout() == at::kStrided && (t.is_cpu() || t.is_privateuseone()) && !t._is_zerotensor();
  };
  return self.unsafeGetTensorImpl()->has_compatible_shallow_copy_type(from.key_set()) ||
         (dense(self) && dense(from));
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  m.impl("view", TORCH_FN(at::native::view));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("is_set_to", TORCH_FN(at::native::is_set_to));
  m.impl("unfold", TORCH_FN(at::native::unfold));
  m.impl("view_as_real", TORCH_FN(at::native::view_as_real));
  m.impl("_has_compatible_shallow_copy_type", TORCH_FN(may_become));
  m.impl("view_as_complex", TORCH_FN(at::native::view_as_complex));
}

}  // namespace npu::ops
