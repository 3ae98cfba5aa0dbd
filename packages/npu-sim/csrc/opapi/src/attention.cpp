// SPDX-License-Identifier: BSD-3-Clause
// Computed in float32 whatever the inputs are, a whole matrix of scores at a time.
#include "attention.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>

#include "by_name.h"

namespace npu_sim::ops::attention {

namespace {

using at::Tensor;
using rules::number;

constexpr double kNothing = -std::numeric_limits<double>::infinity();

// [batch, heads, rows, numbers], a view. Of TND the whole is one batch.
Tensor by_head(const Call& c, const Tensor& t, int64_t heads) {
  const std::string_view layout = c.string(static_cast<uint32_t>(rules::find(c, "inputLayout")));
  if (layout == "BNSD") return t;
  if (layout == "BSND") return t.permute({0, 2, 1, 3});
  if (layout == "TND") return t.unsqueeze(0).permute({0, 2, 1, 3});
  const Tensor split = t.unflatten(2, {heads, -1});
  return layout == "BSH" ? split.permute({0, 2, 1, 3}) : split.permute({1, 2, 0, 3});
}

Tensor rows(const Tensor& t, int64_t start, int64_t n) { return t.narrow(2, start, n); }
Tensor rows_q(const Tensor& t, const Sequence& one) { return rows(t, one.q, one.q_len); }
Tensor rows_kv(const Tensor& t, const Sequence& one) { return rows(t, one.kv, one.kv_len); }

// Heads in groups that share keys and values: [batch, heads_kv, heads / heads_kv, rows, numbers].
Tensor grouped(const Tensor& t, const Sizes& s) { return t.unflatten(1, {s.heads_kv, s.heads / s.heads_kv}); }

// The eight equal numbers a row, as [batch, heads, rows, 8] over the contiguous `t`. CANN keeps those of TND
// as [heads, rows] of each sequence unless told to keep them as the input is.
Tensor statistics(const Call& c, const Tensor& t, const Sizes& s, const Sequence& one) {
  if (!is_tnd(c)) return t;
  for (const char* name : {"softmaxOutLayout", "softmaxInLayout"})
    if (const int i = rules::find(c, name); i >= 0 && c.string(static_cast<uint32_t>(i)) == "same_as_input")
      return rows_q(t.unsqueeze(0).transpose(1, 2), one);
  return t.view({-1})
      .narrow(0, 8 * s.heads * one.q, 8 * s.heads * one.q_len)
      .view({1, s.heads, one.q_len, 8});
}

// One sequence, or all of a batch of equal ones: what hides, shifts and drops its scores.
class Scores {
 public:
  Scores(const Call& c, const Sizes& s, const Sequence& one, int64_t index, int64_t first)
      : c_(c), s_(s), one_(one), index_(index), first_(first), scale_(rules::real(c, "scaleValue")) {
    const int type = rules::find(c, "pseType");
    type_ = type < 0 ? 1 : number(c, "pseType");
    pse_ = shift();
  }

  Tensor compute(const Tensor& q, const Tensor& k) const {
    Tensor x = grouped(q, s_).matmul(k.unsqueeze(2).transpose(-1, -2)).flatten(1, 2);
    if (type_ == 1) {
      if (pse_.defined()) x = x.add(pse_);
      x = x.mul(scale_);
    } else {
      x = x.mul(scale_);
      if (pse_.defined()) x = x.add(pse_);
    }
    const Tensor hide = hidden();
    return hide.defined() ? x.masked_fill(hide, kNothing) : x;
  }

  // Scores that dropout keeps, divided by their share; undefined without dropout.
  Tensor kept() const {
    const double share = rules::real(c_, "keepProb");
    if (share == 1) return {};
    const Tensor bytes = given(c_, {"dropMaskOptional"}).reshape({-1, 1});
    const Tensor bits = bytes.bitwise_right_shift(at::arange(8, bytes.options())).bitwise_and(1).view({-1});
    return bits.narrow(0, first_, count())
        .view({s_.batch, s_.heads, one_.q_len, one_.kv_len})
        .to(at::kFloat)
        .div(share);
  }

  // Adds the gradient of the scores before the mask to that of the shift.
  void shift_gradient(const Tensor& grad, const Tensor& dx) const {
    Tensor g = type_ == 1 ? dx.mul(scale_) : dx;
    const Tensor into = part(grad);
    into.copy_(g.sum_to_size(into.sizes()));
  }

  int64_t count() const { return s_.batch * s_.heads * one_.q_len * one_.kv_len; }
  bool shifted() const { return pse_.defined(); }
  double scale() const { return scale_; }

 private:
  // This sequence's of the shift or its gradient.
  Tensor part(const Tensor& t) const {
    if (is_tnd(c_) && t.dim() == 1)
      return t.narrow(0, first_, count()).view({1, s_.heads, one_.q_len, one_.kv_len});
    return t;
  }

  Tensor shift() const {
    const Tensor pse = given(c_, {"realShiftOptional", "pseShiftOptional"});
    if (!pse.defined()) return {};
    if (type_ > 1) throw nnop::NotSimulated("shifts that attention makes of slopes, pseType 2 and 3");
    if (pse.dim() == 4 && (is_tnd(c_) || (pse.size(2) != 1 && pse.size(2) != one_.q_len)))
      throw nnop::NotSimulated("shifts of which only the last 1024 rows are given");
    return part(pse).to(at::kFloat);
  }

  // True where a score does not count; undefined if all do.
  Tensor hidden() const {
    Tensor mask = given(c_, {"attenMaskOptional"});
    if (!mask.defined()) return {};
    const int64_t mode = number(c_, "sparseMode"), down = one_.kv_len - one_.q_len;
    if (mode > kPrefixCompressed) throw nnop::NotSimulated("sequences that are cut, sparseMode 7 and 8");
    const Tensor i = at::arange(one_.q_len, at::TensorOptions(at::kLong)).unsqueeze(1),
                 j = at::arange(one_.kv_len, at::TensorOptions(at::kLong)).unsqueeze(0);
    const Tensor ahead = j.sub(i);  // how far a column is right of the diagonal from the upper left
    constexpr int64_t kFar = int64_t{1} << 40;  // beyond every sequence, and sums of it fit
    const int64_t before = std::clamp(number(c_, "preTokens"), -kFar, kFar),
                  after = std::clamp(number(c_, "nextTokens"), -kFar, kFar);
    switch (mode) {
      case kLeftUp:
        return ahead.gt(0);
      case kRightDown:
        return ahead.gt(down);
      case kBand:
        return ahead.gt(down + after).logical_or(ahead.lt(down - before));
      case kPrefixCompressed: {
        const rules::Sizes prefix = rules::numbers(c_, "prefixOptional");
        const int64_t n = is_tnd(c_) ? 1 : s_.batch;
        Tensor visible = at::empty({n, 1, 1, 1}, at::TensorOptions(at::kLong));
        for (int64_t b = 0; b < n; ++b)
          visible.data_ptr<int64_t>()[b] = prefix[static_cast<size_t>(is_tnd(c_) ? index_ : b)];
        return ahead.gt(down).logical_and(j.ge(visible));
      }
      default:
        break;
    }
    if (is_tnd(c_) && mask.dim() == 4 && mask.size(0) > 1) mask = mask.narrow(0, index_, 1);
    mask = mask.narrow(-2, 0, one_.q_len).narrow(-1, 0, one_.kv_len).to(at::kBool);
    if (mode != kDefault) return mask;
    return mask.logical_or(ahead.gt(after)).logical_or(ahead.lt(-before));
  }

  const Call& c_;
  const Sizes& s_;
  const Sequence& one_;
  int64_t index_, first_;  // of the sequence; of its first score among all
  double scale_;
  int64_t type_;
  Tensor pse_;
};

// Calls f for every sequence with its scores.
template <class F>
void for_each_sequence(const Call& c, const Sizes& s, F f) {
  int64_t index = 0, first = 0;
  for (const Sequence& one : sequences(c, s)) {
    const Scores scores(c, s, one, index++, first);
    first += scores.count();
    if (one.q_len && one.kv_len) f(one, scores);
  }
}

Tensor wide_by_head(const Call& c, std::initializer_list<const char*> names, int64_t heads) {
  return by_head(c, given(c, names), heads).to(at::kFloat);
}

// One number a head, beside scores.
Tensor sink_of(const Call& c) {
  const Tensor sink = given(c, {"sinkOptional", "sinkInOptional"});
  return sink.defined() ? sink.to(at::kFloat).view({1, -1, 1, 1}) : sink;
}

void refuse_ropes(const Call& c) {
  if (given(c, {"queryRope", "queryRopeOptional", "keyRope", "keyInRope", "keyRopeOptional"}).defined())
    throw nnop::NotSimulated("attention with rotary parts of their own");
}

// A row without any score gives nothing: zeros.
Tensor shares(const Tensor& x, const Tensor& most, const Tensor& sum) {
  return x.sub(most).exp().div(sum).masked_fill(sum.eq(0), 0);
}

}  // namespace

void forward(const Call& c) {
  refuse_ropes(c);
  const Sizes s = sizes(c);
  if (!given(c, {"query"}).defined()) return;
  if (!given(c, {"key"}).defined() || !given(c, {"value"}).defined()) {  // nothing to attend to
    for (const char* out : {"attentionOutOut", "softmaxMaxOut", "softmaxSumOut"})
      if (const Tensor t = given(c, {out}); t.defined()) t.zero_();
    return;
  }
  const Tensor q = wide_by_head(c, {"query"}, s.heads), k = wide_by_head(c, {"key"}, s.heads_kv),
               v = wide_by_head(c, {"value"}, s.heads_kv), sink = sink_of(c);
  const Tensor target = given(c, {"attentionOutOut"}), max_out = given(c, {"softmaxMaxOut"}),
               sum_out = given(c, {"softmaxSumOut"});
  const Tensor out = by_head(c, target, s.heads).zero_();
  const Tensor maxima = max_out.contiguous().zero_(), sums = sum_out.contiguous().zero_();
  for_each_sequence(c, s, [&](const Sequence& one, const Scores& scores) {
    const Tensor x = scores.compute(rows_q(q, one), rows_kv(k, one));
    Tensor most = x.amax(-1, /*keepdim=*/true);
    if (sink.defined()) most = most.maximum(sink);
    most = most.clamp_min(std::numeric_limits<float>::lowest());
    Tensor sum = x.sub(most).exp().sum(-1, /*keepdim=*/true);
    if (sink.defined()) sum = sum.add(sink.sub(most).exp());
    Tensor p = shares(x, most, sum);
    if (const Tensor kept = scores.kept(); kept.defined()) p = p.mul(kept);
    rows_q(out, one).copy_(grouped(p, s).matmul(rows_kv(v, one).unsqueeze(2)).flatten(1, 2));
    statistics(c, maxima, s, one).copy_(most);
    statistics(c, sums, s, one).copy_(sum);
  });
  max_out.copy_(maxima);
  sum_out.copy_(sums);
}

void backward(const Call& c) {
  refuse_ropes(c);
  const Sizes s = sizes(c);
  const Tensor dq_out = given(c, {"dqOut"}), dk_out = given(c, {"dkOut"}), dv_out = given(c, {"dvOut"});
  if (!dq_out.defined() || !dk_out.defined() || !dv_out.defined()) {  // no score, so no gradient
    for (const Tensor& t : {dq_out, dk_out, dv_out, given(c, {"dpseOut"}), given(c, {"dsinkOut"})})
      if (t.defined()) t.zero_();
    return;
  }
  const Tensor q = wide_by_head(c, {"query"}, s.heads), k = wide_by_head(c, {"keyIn"}, s.heads_kv),
               v = wide_by_head(c, {"value"}, s.heads_kv), dy = wide_by_head(c, {"dy"}, s.heads),
               sink = sink_of(c);
  const Tensor maxima = given(c, {"softmaxMaxOptional"}).contiguous(),
               sums = given(c, {"softmaxSumOptional"}).contiguous();
  const Tensor dq = by_head(c, dq_out.zero_(), s.heads), dk = by_head(c, dk_out.zero_(), s.heads_kv),
               dv = by_head(c, dv_out.zero_(), s.heads_kv);
  Tensor dpse = given(c, {"dpseOut"}), dsink = given(c, {"dsinkOut"});
  if (dsink.defined()) dsink.zero_();
  const Tensor result = given(c, {"attentionInOptional"});
  for_each_sequence(c, s, [&](const Sequence& one, const Scores& scores) {
    const Tensor most = statistics(c, maxima, s, one).narrow(-1, 0, 1),
                 sum = statistics(c, sums, s, one).narrow(-1, 0, 1);
    const Tensor p = shares(scores.compute(rows_q(q, one), rows_kv(k, one)), most, sum);
    const Tensor grad = rows_q(dy, one), kept = scores.kept();
    Tensor dp = grouped(grad, s).matmul(rows_kv(v, one).unsqueeze(2).transpose(-1, -2)).flatten(1, 2);
    if (kept.defined()) dp = dp.mul(kept);
    const Tensor dropped = kept.defined() ? p.mul(kept) : p;
    rows_kv(dv, one).copy_(grouped(dropped, s).transpose(-1, -2).matmul(grouped(grad, s)).sum(2));
    const Tensor mean = result.defined()
                            ? rows_q(by_head(c, result, s.heads), one).to(at::kFloat).mul(grad).sum(-1, true)
                            : p.mul(dp).sum(-1, true);
    const Tensor dx = p.mul(dp.sub(mean));
    rows_q(dq, one).copy_(
        grouped(dx, s).matmul(rows_kv(k, one).unsqueeze(2)).flatten(1, 2).mul(scores.scale()));
    rows_kv(dk, one).copy_(
        grouped(dx, s).transpose(-1, -2).matmul(grouped(rows_q(q, one), s)).sum(2).mul(scores.scale()));
    if (dpse.defined() && scores.shifted()) scores.shift_gradient(dpse, dx);
    if (dsink.defined() && sink.defined())
      dsink.sub_(shares(sink, most, sum).mul(mean).sum(at::IntArrayRef{0, 2, 3}).view(dsink.sizes()));
  });
}

}  // namespace npu_sim::ops::attention
