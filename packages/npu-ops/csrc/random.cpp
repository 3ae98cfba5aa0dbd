// SPDX-License-Identifier: BSD-3-Clause
// Random numbers. The device draws them by Philox from a seed and an offset;
// the generator of the device holds both.
#include <ATen/TensorIterator.h>
#include <ATen/core/Generator.h>
#include <ATen/native/DistributionTemplates.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <ATen/detail/PrivateUse1HooksInterface.h>

#include <limits>
#include <map>
#include <mutex>
#include <numbers>

#include "aclnn_ops.h"
#include "call.h"
#include "devices.h"
#include "kernel.h"
#include "random.h"

namespace npu::ops {

namespace {

at::Tensor borrowed(const void* impl) {
  auto* mine = const_cast<c10::TensorImpl*>(static_cast<const c10::TensorImpl*>(impl));
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(mine));
}

}  // namespace

Philox draw(std::optional<at::Generator> given, c10::Device device, int64_t n) {
  at::Generator g = given && given->defined()
                        ? *std::move(given)
                        : at::detail::getPrivateUse1Hooks().getDefaultGenerator(device.index());
  TORCH_CHECK(g.device().type() == kNpu, "Expected a 'npu' device type for generator but found '",
              g.device().type(), "'");
  TORCH_CHECK(g.device().index() == device.index(), "Expected a generator of ", device,
              ", as the tensor is there, but found one of ", g.device());
  npu_philox drawn{};
  NPU_CALL(core().draw(g.unsafeGetGeneratorImpl(), static_cast<uint64_t>(n), &drawn));
  Philox philox{static_cast<int64_t>(drawn.seed), static_cast<int64_t>(drawn.offset), {}, {}};
  if (C10_UNLIKELY(drawn.seed_tensor != nullptr)) {
    philox.seed_tensor = borrowed(drawn.seed_tensor);
    philox.offset_tensor = borrowed(drawn.offset_tensor);
  }
  return philox;
}

namespace {

// `Plain` takes seed and offset as numbers after its other inputs, `Captured`
// as tensors and a number.
template <class Plain, class Captured, class... A>
void launch_random(const Philox& p, const at::Tensor& self, A... inputs) {
  if (C10_LIKELY(!p.captured()))
    launch<Plain>(self, inputs..., p.seed, p.offset);
  else
    launch<Captured>(self, inputs..., p.seed_tensor, p.offset_tensor, p.offset);
}

at::Tensor& uniform_(at::Tensor& self, double from, double to, std::optional<at::Generator> generator) {
  TORCH_CHECK(from <= to, "uniform_ expects to return a [from, to) range, but found from=", from,
              " > to=", to);
  if (self.is_complex()) {  // both parts
    at::view_as_real(self).uniform_(from, to, std::move(generator));
    return self;
  }
  TORCH_CHECK(self.is_floating_point(), "\"uniform_\" not implemented for '", self.scalar_type(), "'");
  c10::DeviceGuard guard(self.device());
  check_dtype("uniform_", self, dtypes("filbhscud"));
  if (self.numel() == 0) return self;
  launch_random<aclnnInplaceUniform, aclnnInplaceUniformTensor>(
      draw(std::move(generator), self.device(), self.numel()), self, from, to);
  return self;
}

at::Tensor& normal_(at::Tensor& self, double mean, double std, std::optional<at::Generator> generator) {
  TORCH_CHECK(std >= 0.0, "normal expects std >= 0.0, but found std ", std);
  if (self.is_complex()) {  // each part has half of the variance
    at::view_as_real(self).normal_(0, std / std::numbers::sqrt2, std::move(generator));
    return mean == 0 ? self : self.add_(mean);
  }
  TORCH_CHECK(self.is_floating_point(), "\"normal_\" not implemented for '", self.scalar_type(), "'");
  c10::DeviceGuard guard(self.device());
  check_dtype("normal_", self, dtypes("filbhscu?d"));
  if (self.numel() == 0) return self;
  launch_random<aclnnInplaceNormal, aclnnInplaceNormalTensor>(
      draw(std::move(generator), self.device(), self.numel()), self, mean, std);
  return self;
}

at::Tensor& random_between(at::Tensor& self, int64_t from, int64_t to,
                           std::optional<at::Generator> generator) {
  c10::DeviceGuard guard(self.device());
  check_dtype("random_", self, dtypes("bhfdilscu?FD"));
  if (self.numel() == 0) return self;
  launch_random<aclnnInplaceRandom, aclnnInplaceRandomTensor>(
      draw(std::move(generator), self.device(), self.numel()), self, from, to);
  return self;
}

// The first integer above those that the dtype holds exactly.
int64_t past_end(c10::ScalarType t) {
  switch (t) {
    case at::kBool:
      return 2;
    case at::kByte:
      return 256;
    case at::kChar:
      return 128;
    case at::kShort:
      return 32768;
    case at::kInt:
      return int64_t{1} << 31;
    case at::kHalf:
      return (1 << 11) + 1;
    case at::kBFloat16:
      return (1 << 8) + 1;
    case at::kFloat:
      return (1 << 24) + 1;
    case at::kDouble:
      return (int64_t{1} << 53) + 1;
    default:
      return std::numeric_limits<int64_t>::max();
  }
}

at::Tensor& random_(at::Tensor& self, std::optional<at::Generator> generator) {
  return random_between(self, 0, past_end(self.scalar_type()), std::move(generator));
}

// What PyTorch's template runs once it has checked the bounds. The iterator
// holds `self` alone.
template <class>
struct between {
  void operator()(at::TensorIteratorBase& iter, uint64_t range, int64_t from,
                  const std::optional<at::Generator>& generator) {
    at::Tensor self = iter.tensor(0);
    random_between(self, from, static_cast<int64_t>(static_cast<uint64_t>(from) + range), generator);
  }
  // Every int64 there is; CANN's upper bound is exclusive, so the largest one
  // is left out.
  void operator()(at::TensorIteratorBase& iter, const std::optional<at::Generator>& generator) {
    at::Tensor self = iter.tensor(0);
    constexpr std::numeric_limits<int64_t> all;
    random_between(self, all.lowest(), all.max(), generator);
  }
};

at::Tensor& random_from(at::Tensor& self, int64_t from, std::optional<int64_t> to,
                        std::optional<at::Generator> generator) {
  return at::native::templates::random_from_to_impl<between, void>(self, from, to, std::move(generator));
}

at::Tensor& random_to(at::Tensor& self, int64_t to, std::optional<at::Generator> generator) {
  return random_from(self, 0, to, std::move(generator));
}

// CANN's Bernoulli operators have no captured form: true where a uniform number
// of `dtype` is small enough.
template <class Compare>
void keep_below(const at::Tensor& self, const Philox& drawn, c10::ScalarType dtype, Compare less) {
  const at::Tensor u = empty(self.sizes(), dtype);
  launch<aclnnInplaceUniformTensor>(u, 0.0, 1.0, drawn.seed_tensor, drawn.offset_tensor, drawn.offset);
  at::Tensor kept = empty(self.sizes(), at::kBool);
  less(u, kept);
  self.copy_(kept);
}

at::Tensor& bernoulli_float(at::Tensor& self, double p, std::optional<at::Generator> generator) {
  TORCH_CHECK(0 <= p && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  c10::DeviceGuard guard(self.device());
  check_dtype("bernoulli_", self, dtypes("hfducsil?b"));
  if (self.numel() == 0) return self;
  const Philox drawn = draw(std::move(generator), self.device(), self.numel());
  if (C10_UNLIKELY(drawn.captured()))
    keep_below(self, drawn, at::kFloat, [p](const at::Tensor& u, at::Tensor& out) { at::lt_out(out, u, p); });
  else
    launch<aclnnInplaceBernoulli>(self, c10::Scalar(p), drawn.seed, drawn.offset);
  return self;
}

at::Tensor& bernoulli_tensor(at::Tensor& self, const at::Tensor& p, std::optional<at::Generator> generator) {
  c10::DeviceGuard guard(common_device("bernoulli_", true, self, p));
  if (is_host_scalar(p)) return bernoulli_float(self, host_scalar(p).toDouble(), std::move(generator));
  if (self.scalar_type() == at::kBFloat16 || p.scalar_type() == at::kBFloat16) {  // CANN takes none here
    at::Tensor drawn = empty(self.sizes(), at::kBool);
    return self.copy_(bernoulli_tensor(drawn, cast(p, at::kFloat), std::move(generator)));
  }
  check_dtype("bernoulli_", self, dtypes("hfducsil?"));
  check_dtype("bernoulli_", p, dtypes("hfd"));
  if (self.numel() == 0) return self;
  const Philox drawn = draw(std::move(generator), self.device(), self.numel());
  if (C10_UNLIKELY(drawn.captured())) {
    keep_below(self, drawn, at::kDouble,
               [&](const at::Tensor& u, at::Tensor& out) { at::lt_out(out, u, p); });
  } else {
    // A probability outside of [0, 1] is not looked for: that would wait for the device in each call, and
    // CANN does not tell.
    launch<aclnnInplaceBernoulliTensor>(self, p, drawn.seed, drawn.offset);
  }
  return self;
}

at::Tensor& bernoulli_out(const at::Tensor& self, std::optional<at::Generator> generator, at::Tensor& out) {
  at::native::resize_output(out, self.sizes());
  return bernoulli_tensor(out, self, std::move(generator));
}

at::Tensor& randperm_out(int64_t n, std::optional<at::Generator> generator, at::Tensor& out) {
  TORCH_CHECK(n >= 0, "n must be non-negative, got", n);
  c10::DeviceGuard guard(out.device());
  check_dtype("randperm", out, dtypes("lisucfhdb"));
  TORCH_CHECK(n <= past_end(out.scalar_type()), "n is too large for result tensor type: '", out.scalar_type(),
              "'");
  at::native::resize_output(out, {n});
  if (n == 0) return out;
  const Philox drawn = draw(std::move(generator), out.device(), n);
  if (C10_LIKELY(!drawn.captured())) {
    launch<aclnnRandperm>(n, drawn.seed, drawn.offset, out);
    return out;
  }
  // CANN has no captured form: the order of as many random keys.
  const at::Tensor keys = empty({n}, at::kLong);
  launch<aclnnInplaceRandomTensor>(keys, int64_t{0}, std::numeric_limits<int64_t>::max(), drawn.seed_tensor,
                                   drawn.offset_tensor, drawn.offset);
  out.copy_(std::get<1>(at::sort(keys, /*stable=*/true, /*dim=*/0, /*descending=*/false)));
  return out;
}

// A zero of that dtype on that device, kept; undefined where a graph that is captured would have to make it.
at::Tensor kept_zero(c10::ScalarType dtype, c10::Device device) {
  static auto* mutex = new std::mutex;
  static auto* kept = new std::map<std::pair<c10::ScalarType, c10::DeviceIndex>, at::Tensor>;  // leaked
  std::lock_guard lock(*mutex);
  at::Tensor& zero = (*kept)[{dtype, device.index()}];
  const auto* impl = c10::impl::getDeviceGuardImpl(device.type());
  if (!zero.defined() && !impl->isStreamCapturing(impl->getStream(device)))
    zero = at::zeros({}, dtype).to(device);
  return zero;
}

// `t` where `mask`, scaled; else 0. CANN multiplies by the truth values as they
// are.
at::Tensor masked_scale(const at::Tensor& t, const at::Tensor& mask, double scale) {
  check_dtype("dropout", t, dtypes("fhbd"));
  at::Tensor out = at::empty_like(t);
  if (t.numel() == 0) return out;
  if (scale != 1 && soc_has_bfloat16())  // not on Ascend 310
    if (const at::Tensor zero = kept_zero(t.scalar_type(), t.device()); zero.defined())
      return launch<aclnnAddcmul>(zero, t, mask.view(at::kByte), c10::Scalar(scale), out), out;
  launch<aclnnMul>(t, mask, out);
  if (scale != 1) launch<aclnnMuls>(out, c10::Scalar(scale), out);
  return out;
}

// CANN's dropout keeps its mask as bits in blocks of 128. ATen's contract is a
// truth value an element, which users and functorch read, so the mask is drawn
// as such.
std::tuple<at::Tensor, at::Tensor> native_dropout(const at::Tensor& input, double p,
                                                  std::optional<bool> train) {
  TORCH_CHECK(0 <= p && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
  c10::DeviceGuard guard(input.device());
  at::Tensor mask = at::empty_like(input, input.options().dtype(at::kBool));
  if (!train.value_or(true)) return {input.clone(), mask.fill_(true)};
  bernoulli_float(mask, 1.0 - p, std::nullopt);
  return {masked_scale(input, mask, p == 1 ? 0.0 : 1.0 / (1.0 - p)), mask};
}

at::Tensor native_dropout_backward(const at::Tensor& grad, const at::Tensor& mask, double scale) {
  c10::DeviceGuard guard(common_device("native_dropout_backward", false, grad, mask));
  TORCH_CHECK(mask.scalar_type() == at::kBool,
              "native_dropout_backward: mask should be Bool scalar type, got ", mask.scalar_type());
  if (!grad.is_floating_point() || mask.sizes() != grad.sizes())
    return at::mul(at::mul(grad, mask), c10::Scalar(scale));
  return masked_scale(grad, mask, scale);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"uniform_", uniform_>(m);
  impl<"normal_", normal_>(m);
  impl<"random_", random_>(m);
  impl<"random_.from", random_from>(m);
  impl<"random_.to", random_to>(m);
  impl<"bernoulli_.float", bernoulli_float>(m);
  impl<"bernoulli_.Tensor", bernoulli_tensor>(m);
  impl<"bernoulli.out", bernoulli_out>(m);
  impl<"randperm.generator_out", randperm_out>(m);
  impl<"native_dropout", native_dropout>(m);
  impl<"native_dropout_backward", native_dropout_backward>(m);
}

}  // namespace npu::ops
