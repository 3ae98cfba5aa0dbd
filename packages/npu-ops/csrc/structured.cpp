// SPDX-License-Identifier: BSD-3-Clause
#include "structured.h"

namespace npu::ops {

void place(at::Tensor& t, Mode mode, at::IntArrayRef sizes, at::IntArrayRef strides,
           const at::TensorOptions& options) {
  switch (mode) {
    case Mode::functional:
      t = empty(sizes, c10::typeMetaToScalarType(options.dtype()), strides, options.memory_format_opt());
      break;
    case Mode::inplace:
      TORCH_CHECK(options.dtype() == t.dtype(), "Bad in-place call: input tensor dtype ", t.dtype(),
                  " and output tensor dtype ", options.dtype(), " should match");
      TORCH_CHECK(sizes == t.sizes(), "Bad in-place call: input tensor size ", t.sizes(),
                  " and output tensor size ", sizes, " should match");
      break;
    case Mode::out:
      resize_out(t, sizes, strides, options);
      break;
  }
}

}  // namespace npu::ops
