// SPDX-License-Identifier: BSD-3-Clause
// Reductions over segments of a dimension. CANN has none; it reduces by place, so each slice gets the number
// of its segment. What lies before the first segment and behind the last has two more, which nobody reads.
// PyTorch checks the arguments; these are what it calls for a device.
#include <ATen/native/ReductionType.h>
#include <ATen/native/SegmentReduce.h>
#include <ATen/ops/_segment_reduce_backward_native.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/scatter_reduce.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/segment_reduce_native.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <limits>

#include "autocast.h"
#include "dtypes.h"
#include "tensors.h"

namespace npu::ops {
namespace {

using at::native::ReductionType;
using Initial = std::optional<c10::Scalar>;

struct Segments {
  at::Tensor data, places, lengths;  // places: of the shape of `data`; lengths: as the result broadcasts them
  int64_t axis, count;

  // Halves are reduced in float32.
  Segments(const at::Tensor& given, const at::Tensor& offsets, int64_t dim)
      : data(at::isReducedFloatingType(given.scalar_type()) ? cast(given, at::kFloat) : given),
        axis(dim),
        count(offsets.size(-1) - 1) {
    at::DimVector sizes(offsets.sizes().slice(0, static_cast<size_t>(axis)));
    sizes.push_back(data.size(axis));
    const at::Tensor slices = at::arange(data.size(axis), offsets.options()).expand(sizes).contiguous();
    places = at::searchsorted(offsets, slices, /*out_int32=*/false, /*right=*/true);
    lengths = offsets.narrow(-1, 1, count).sub(offsets.narrow(-1, 0, count));
    for (int64_t d = axis + 1; d < data.dim(); ++d) {
      places = places.unsqueeze(-1);
      lengths = lengths.unsqueeze(-1);
    }
    places = places.expand(data.sizes());
  }

  at::Tensor all(const c10::Scalar& value) const {
    at::DimVector sizes(data.sizes());
    sizes[static_cast<size_t>(axis)] = count + 2;
    return at::full(sizes, value, data.options());
  }
  at::Tensor reduced(const at::Tensor& t, const char* how, const c10::Scalar& initial) const {
    return at::scatter_reduce(all(initial), axis, places, t, how, /*include_self=*/true);
  }
  at::Tensor inside(const at::Tensor& t) const { return t.narrow(axis, 1, count); }
  // What each slice's segment has, of all of them or of those that count.
  at::Tensor each(const at::Tensor& t) const { return at::gather(t, axis, places); }
  at::Tensor each_inside(const at::Tensor& t) const {
    const at::Tensor r = all(0);
    inside(r).copy_(t);
    return each(r);
  }
};

at::Tensor by_offsets(ReductionType reduction, const at::Tensor& data, const at::Tensor& offsets,
                      int64_t axis, const Initial& initial) {
  const c10::DeviceGuard guard(data.device());
  check_dtype("segment_reduce", data, dtypes("bhfd"));
  const NoAutocast exact;
  const Segments s(data, offsets, axis);
  const double infinity = std::numeric_limits<double>::infinity();
  auto reduced = [&](const char* how, double none) {
    return s.inside(s.reduced(s.data, how, initial.value_or(none)));
  };
  auto result = [&] {
    switch (reduction) {
      case ReductionType::MAX:
        return reduced("amax", -infinity);
      case ReductionType::MIN:
        return reduced("amin", infinity);
      case ReductionType::PROD:
        return reduced("prod", 1);
      case ReductionType::SUM:
        return reduced("sum", 0);
      default:  // MEAN: of nothing, the initial number, or NaN
        return reduced("sum", 0).div(initial ? s.lengths.clamp_min(1) : s.lengths);
    }
  };
  return cast(result(), data.scalar_type()).contiguous();
}

// The gradient of the largest or least number goes to all that are as large, in equal parts; that of a
// product is the product of the others.
at::Tensor by_offsets_backward(const at::Tensor& grad, const at::Tensor& output, const at::Tensor& data,
                               ReductionType reduction, const at::Tensor& offsets, int64_t axis,
                               const Initial& initial) {
  const c10::DeviceGuard guard(data.device());
  const NoAutocast exact;
  const Segments s(data, offsets, axis);
  auto result = [&]() -> at::Tensor {
    if (reduction == ReductionType::SUM) return s.each_inside(grad);
    if (reduction == ReductionType::MEAN)
      return s.each_inside(cast(grad, s.data.scalar_type()).div(s.lengths.clamp_min(1)));
    const at::Tensor g = s.each_inside(grad), out = s.each_inside(output);
    const bool product = reduction == ReductionType::PROD;
    const at::Tensor picked = at::where(s.data.ne(s.data), true, product ? s.data.eq(0) : s.data.eq(out));
    const at::Tensor many = s.each(s.reduced(picked.to(s.data.scalar_type()), "sum", 0));
    if (!product) return g.div(many).masked_fill(picked.logical_not(), 0);
    const at::Tensor others = s.each(s.reduced(s.data.masked_fill(picked, 1), "prod", initial.value_or(1)));
    return g.mul(at::where(picked, at::where(many.eq(1), others, out), out.div(s.data)));
  };
  return cast(result(), data.scalar_type()).contiguous();
}

at::Tensor ends_of(const at::Tensor& lengths) {
  at::DimVector sizes(lengths.sizes());
  sizes.back() = 1;
  return at::cat({at::zeros(sizes, lengths.options()), at::cumsum(lengths, -1, lengths.scalar_type())}, -1);
}

at::Tensor by_lengths(ReductionType reduction, const at::Tensor& data, const at::Tensor& lengths,
                      int64_t axis, const Initial& initial) {
  return by_offsets(reduction, data, ends_of(lengths), axis, initial);
}

at::Tensor by_lengths_backward(const at::Tensor& grad, const at::Tensor& output, const at::Tensor& data,
                               ReductionType reduction, const at::Tensor& lengths, int64_t axis,
                               const Initial& initial) {
  return by_offsets_backward(grad, output, data, reduction, ends_of(lengths), axis, initial);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("segment_reduce", TORCH_FN(at::native::segment_reduce_kernel));
  m.impl("_segment_reduce_backward", TORCH_FN(at::native::_segment_reduce_backward_kernel));
}

}  // namespace npu::ops

namespace at::native {

REGISTER_PRIVATEUSE1_DISPATCH(_segment_reduce_offsets_stub, &npu::ops::by_offsets)
REGISTER_PRIVATEUSE1_DISPATCH(_segment_reduce_offsets_backward_stub, &npu::ops::by_offsets_backward)
REGISTER_PRIVATEUSE1_DISPATCH(_segment_reduce_lengths_stub, &npu::ops::by_lengths)
REGISTER_PRIVATEUSE1_DISPATCH(_segment_reduce_lengths_backward_stub, &npu::ops::by_lengths_backward)

}  // namespace at::native
