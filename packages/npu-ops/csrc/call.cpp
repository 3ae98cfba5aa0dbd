// SPDX-License-Identifier: BSD-3-Clause
#include "call.h"

namespace npu::ops {

at::Tensor Call::to_device(const at::Tensor& host, c10::ScalarType dtype) {
  at::Tensor r = ops::empty({}, dtype == c10::ScalarType::Undefined ? host.scalar_type() : dtype);
  // Whole numbers wrap in narrower integers, as torch's do; CANN refuses what does not fit.
  const bool wraps = c10::isIntegralType(r.scalar_type(), false) && r.scalar_type() != host.scalar_type();
  fill_value(r, host_scalar(wraps ? host.to(r.scalar_type()) : host));
  return r;
}

c10::ScalarType Call::widened(c10::ScalarType t, DtypeSet accepted) {
  if (accepted & bit(t)) return t;
  if (at::isReducedFloatingType(t))
    return accepted & bit(at::kFloat) && (t != at::kBFloat16 || soc_has_bfloat16()) ? at::kFloat : t;
  if (t == at::kByte || t == at::kChar || t == at::kShort || t == at::kInt)
    for (const auto wider : {at::kShort, at::kInt, at::kLong})
      if (accepted & bit(wider) && c10::elementSize(wider) > c10::elementSize(t)) return wider;
  return t;
}

const at::Tensor& Call::out(size_t i, DtypeSet accepted, c10::ScalarType dtype) {
  const at::Tensor& t = outputs_[i];
  if (C10_LIKELY(dtype == c10::ScalarType::Undefined || t.scalar_type() == dtype)) {
    check_dtype(op_, t, accepted);
    return t;
  }
  if (!written_[i].defined()) written_[i] = ops::empty(t.sizes(), dtype);
  check_dtype(op_, written_[i], accepted);
  return written_[i];
}

bool Call::empty() const {
  for (const auto& t : outputs_)
    if (t.numel()) return false;
  return true;
}

void Call::finish() {
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (C10_UNLIKELY(written_[i].defined())) device_copy(outputs_[i], written_[i]);
}

Dims all_dims(at::OptionalIntArrayRef dims, const at::Tensor& of) {
  Dims r;
  if (dims && !dims->empty()) {
    for (int64_t d : *dims) r.push_back(at::maybe_wrap_dim(d, of.dim()));
    // A tensor of no dimension accepts 0 and -1, and CANN then wants no dimension named.
    if (of.dim() == 0) r.clear();
  } else {
    for (int64_t d = 0; d < of.dim(); ++d) r.push_back(d);
  }
  return r;
}

Dims listed_dims(at::IntArrayRef dims, const at::Tensor& of) {
  Dims r;
  for (int64_t d : dims) r.push_back(at::maybe_wrap_dim(d, of.dim()));
  return r;
}

c10::Scalar range_end(const c10::Scalar& start, const c10::Scalar& end, const c10::Scalar& step,
                      c10::ScalarType dtype, int64_t count) {
  if (!c10::isIntegralType(dtype, /*includeBool=*/true)) return end;
  TORCH_CHECK_VALUE(step.toLong() != 0, "step must be nonzero");
  return start.toLong() + count * step.toLong();
}

at::Tensor class_weights(const std::optional<at::Tensor>& weight, const at::Tensor& self) {
  if (weight && weight->defined()) return *weight;
  at::Tensor ones = empty({self.size(self.dim() == 1 ? 0 : 1)}, self.scalar_type());
  fill_value(ones, 1);
  return ones;
}

int64_t choice(const char* op, std::optional<std::string_view> text,
               std::initializer_list<std::string_view> texts) {
  int64_t i = 0;
  for (auto t : texts) {
    if (t == text.value_or("")) return i;
    ++i;
  }
  std::string known;
  for (auto t : texts) known += (known.empty() ? "" : " or ") + std::string(t);
  TORCH_CHECK(false, op, ": expected ", known, ", got '", *text, "'");
}

}  // namespace npu::ops
