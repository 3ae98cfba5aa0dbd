// SPDX-License-Identifier: BSD-3-Clause
#include "losses.h"

#include <ATen/ExpandUtils.h>

namespace npu::ops::shape {

void gradient::meta(const at::Tensor& self, const at::Tensor& target, const at::Tensor& grad) {
  const auto sizes =
      at::infer_size_dimvector(at::infer_size_dimvector(self.sizes(), target.sizes()), grad.sizes());
  if (self.sizes() == at::IntArrayRef(sizes)) return like::meta(self);
  set_output_raw_strided(0, sizes, {}, self.options());
}

}  // namespace npu::ops::shape
