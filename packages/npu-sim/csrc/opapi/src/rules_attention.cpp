// SPDX-License-Identifier: BSD-3-Clause
// What CANN refuses of attention. By its documentation, wrong dtypes are ACLNN_ERR_PARAM_INVALID, and shapes
// and attributes that do not fit are found inside: ACLNN_ERR_INNER_NULLPTR.
#include "rules_attention.h"

#include "attention.h"
#include "rule_tools.h"

namespace npu_sim::ops {

using rules::number;
using rules::refuse;

namespace attention {

namespace {

constexpr int64_t kMostHeads = 256, kMostDim = 768, kCompressed = 2048, kPrefixRows = 3072;

const nnop::FlatTensor& needed(const Call& c, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto* t = rules::optional(c, name)) return *t;
  throw nnop::Refusal{ACLNN_ERR_PARAM_NULLPTR,
                      std::string(c.op().name) + ": parameter '" + *names.begin() + "' is null"};
}

std::string_view layout_of(const Call& c) {
  const int i = rules::find(c, "inputLayout");
  if (!c.has(static_cast<uint32_t>(i)))
    throw nnop::Refusal{ACLNN_ERR_PARAM_NULLPTR,
                        std::string(c.op().name) + ": parameter 'inputLayout' is null"};
  return c.string(static_cast<uint32_t>(i));
}

}  // namespace

bool is_tnd(const Call& c) { return rules::find(c, "actualSeqQLenOptional") >= 0; }

Sizes sizes(const Call& c) {
  const auto &q = needed(c, {"query"}), &k = needed(c, {"key", "keyIn"}), &v = needed(c, {"value"});
  const std::string_view layout = layout_of(c);
  const bool tnd = is_tnd(c), flat = layout == "BSH" || layout == "SBH";
  if (tnd ? layout != "TND" : !flat && layout != "BNSD" && layout != "BSND")
    refuse(c, "inputLayout", std::string(layout), tnd ? "TND" : "BSH, SBH, BNSD or BSND");
  const uint32_t rank = tnd || flat ? 3 : 4;
  for (const auto* t : {&q, &k, &v})
    if (t->ndim != rank)
      refuse(c,
             t == &q   ? "query"
             : t == &k ? "key"
                       : "value",
             nnop::describe(*t), std::to_string(rank) + " dims for layout " + std::string(layout));
  const int64_t heads = number(c, "headNum");
  if (heads < 1 || heads > kMostHeads) refuse(c, "headNum", std::to_string(heads), "1 to 256");
  const auto at = [](const nnop::FlatTensor& t, int i) { return t.sizes()[static_cast<size_t>(i)]; };
  if (flat) {
    const int b = layout == "BSH" ? 0 : 1, s = 1 - b;
    if (at(q, 2) % heads) refuse(c, "query", nnop::describe(q), "a multiple of 'headNum' in the last dim");
    const int64_t dim = at(q, 2) / heads;
    if (dim == 0 || at(k, 2) % dim) refuse(c, "key", nnop::describe(k), "heads of " + std::to_string(dim));
    const int64_t kv_heads = at(k, 2) / dim;
    if (kv_heads == 0 || at(v, 2) % kv_heads)
      refuse(c, "value", nnop::describe(v), "as many heads as 'key', " + std::to_string(kv_heads));
    if (at(k, b) != at(q, b) || at(v, b) != at(q, b) || at(v, s) != at(k, s))
      refuse(c, "key", nnop::describe(k), "the batch of 'query' and the length of 'value'");
    return {at(q, b), heads, kv_heads, at(q, s), at(k, s), dim, at(v, 2) / kv_heads};
  }
  const int n = layout == "BSND" ? 2 : 1, s = tnd ? 0 : layout == "BSND" ? 1 : 2, d = tnd ? 2 : 3;
  if (at(q, n) != heads) refuse(c, "headNum", std::to_string(heads), "that of query " + nnop::describe(q));
  if (at(k, n) != at(v, n) || at(k, s) != at(v, s) ||
      (!tnd && (at(k, 0) != at(q, 0) || at(v, 0) != at(q, 0))))
    refuse(c, "key", nnop::describe(k), "the batch of 'query', heads and length of 'value'");
  if (at(k, d) != at(q, d)) refuse(c, "key", nnop::describe(k), "as many numbers a head as 'query'");
  return {tnd ? 1 : at(q, 0), heads, at(k, n), at(q, s), at(k, s), at(q, d), at(v, d)};
}

std::vector<Sequence> sequences(const Call& c, const Sizes& s) {
  if (!is_tnd(c)) return {{0, s.q, 0, s.kv}};
  const rules::Sizes q = rules::numbers(c, "actualSeqQLenOptional"),
                     kv = rules::numbers(c, "actualSeqKvLenOptional");
  if (q.empty() || q.size() != kv.size())
    refuse(c, "actualSeqQLenOptional", rules::text(q), "as many lengths as " + rules::text(kv));
  std::vector<Sequence> all;
  int64_t q0 = 0, kv0 = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    if (q[i] < q0 || q[i] > s.q)
      refuse(c, "actualSeqQLenOptional", rules::text(q), "growing ends of sequences");
    if (kv[i] < kv0 || kv[i] > s.kv)
      refuse(c, "actualSeqKvLenOptional", rules::text(kv), "growing ends of sequences");
    all.push_back({q0, q[i] - q0, kv0, kv[i] - kv0});
    q0 = q[i], kv0 = kv[i];
  }
  return all;
}

namespace {

void check_mask(const Call& c, const Sizes& s) {
  const int64_t mode = number(c, "sparseMode");
  const bool tnd = is_tnd(c);
  if (mode < 0 || mode > (tnd ? 8 : 6) || (tnd && mode == kPrefix))
    refuse(c, "sparseMode", std::to_string(mode), tnd ? "0 to 8 without 5" : "0 to 6");
  const auto* mask = rules::optional(c, "attenMaskOptional");
  if (!mask || mask->numel() == 0) return;  // everything is computed, whatever the mode
  const bool whole = mode == kDefault || mode == kAll || mode == kPrefix;
  int64_t rows = mode == kPrefixCompressed ? kPrefixRows : kCompressed, columns = kCompressed;
  if (whole) {
    rows = columns = 0;
    for (const Sequence& one : sequences(c, s)) {
      rows = std::max(rows, one.q_len);
      columns = std::max(columns, one.kv_len);
    }
  }
  const rules::Sizes m = mask->sizes();
  const size_t n = m.size();
  const bool sized = (n == 2 || n == 4) && m[n - 2] == rows && m[n - 1] == columns;
  const bool heads = sized && (n == 2 || m[1] == 1 || (whole && m[1] == s.heads));
  const int64_t batch = tnd ? static_cast<int64_t>(sequences(c, s).size()) : s.batch;
  if (!heads || (n == 4 && m[0] != 1 && !(whole && m[0] == batch)))
    refuse(c, "attenMaskOptional", nnop::describe(*mask),
           "[B, N, S, T], [B, 1, S, T], [1, 1, S, T] or [S, T] with S " + std::to_string(rows) + " and T " +
               std::to_string(columns) + " for 'sparseMode' " + std::to_string(mode));
  if (mode == kPrefix || mode == kPrefixCompressed) {
    const rules::Sizes prefix = rules::numbers(c, "prefixOptional");
    if (static_cast<int64_t>(prefix.size()) != batch)
      refuse(c, "prefixOptional", rules::text(prefix), std::to_string(batch) + " numbers, one a sequence");
    const std::vector<Sequence> all = sequences(c, s);
    for (size_t i = 0; i < prefix.size(); ++i) {
      const Sequence& one = all[tnd ? i : 0];
      const int64_t least = std::max<int64_t>(one.kv_len - one.q_len, 0);
      if (prefix[i] < least || prefix[i] > one.kv_len)
        refuse(c, "prefixOptional", rules::text(prefix),
               std::to_string(least) + " to " + std::to_string(one.kv_len) + " for sequence " +
                   std::to_string(i));
    }
  }
}

void check_dropout(const Call& c, const Sizes& s) {
  const double keep = rules::real(c, "keepProb");
  if (!(keep > 0 && keep <= 1)) refuse(c, "keepProb", std::to_string(keep), "above 0 and at most 1");
  if (keep == 1) return;
  int64_t bits = 0;
  for (const Sequence& one : sequences(c, s)) bits += s.batch * s.heads * one.q_len * one.kv_len;
  const auto& mask = needed(c, {"dropMaskOptional"});
  if (mask.numel() * 8 < bits)
    refuse(c, "dropMaskOptional", nnop::describe(mask), "a bit a score, " + std::to_string(bits));
}

void check_shift(const Call& c, const Sizes& s) {
  const int type = rules::find(c, "pseType");
  if (type >= 0 && (number(c, "pseType") < 0 || number(c, "pseType") > 3))
    refuse(c, "pseType", std::to_string(number(c, "pseType")), "0 to 3");
  const char* name = rules::find(c, "realShiftOptional") >= 0 ? "realShiftOptional" : "pseShiftOptional";
  const auto* pse = rules::optional(c, name);
  if (!pse || pse->numel() == 0) return;
  const rules::Sizes p = pse->sizes();
  const bool slopes = type >= 0 && number(c, "pseType") > 1;
  if (!slopes) rules::expect_dtype(c, name, *pse, needed(c, {"query"}).dtype, "that of 'query'");
  const auto is = [&](int64_t size, std::initializer_list<int64_t> any) {
    return std::find(any.begin(), any.end(), size) != any.end();
  };
  bool fits = false;
  if (slopes)
    fits = (p.size() == 1 && p[0] == s.heads) || (p.size() == 2 && p[1] == s.heads);
  else if (p.size() == 4)
    fits = p[1] == s.heads &&
           (is_tnd(c) || (is(p[0], {1, s.batch}) && is(p[2], {1, s.q, 1024}) && p[3] == s.kv));
  else
    fits = is_tnd(c) && p.size() == 1;
  if (!fits) refuse(c, name, nnop::describe(*pse), "a shift a score, as the layout has it");
  if (is_tnd(c) && p.size() == 1 && !slopes) {
    int64_t n = 0;
    for (const Sequence& one : sequences(c, s)) n += s.heads * one.q_len * one.kv_len;
    rules::expect_numel(c, name, *pse, n);
  }
}

void check_statistics(const Call& c, const Sizes& s, const char* name, const nnop::FlatTensor* t) {
  if (!t)
    throw nnop::Refusal{ACLNN_ERR_PARAM_NULLPTR,
                        std::string(c.op().name) + ": parameter '" + name + "' is null"};
  const int64_t batched[] = {s.batch, s.heads, s.q, 8}, total[] = {s.q, s.heads, 8};
  rules::expect_shape(c, name, *t, is_tnd(c) ? rules::Sizes(total) : rules::Sizes(batched),
                      "eight times the number of each row of scores");
}

// What both directions check.
Sizes check_inputs(const Call& c) {
  const Sizes s = sizes(c);
  if (s.heads_kv < 1 || s.heads % s.heads_kv)
    refuse(c, "headNum", std::to_string(s.heads),
           "a multiple of the heads of 'key', " + std::to_string(s.heads_kv));
  if (s.dim < 1 || s.dim > kMostDim)
    refuse(c, "query", std::to_string(s.dim) + " numbers a head", "1 to 768");
  if (s.dim_v > s.dim)
    refuse(c, "value", std::to_string(s.dim_v) + " numbers a head", "at most those of 'key'");
  const aclDataType dtype = needed(c, {"query"}).dtype;
  for (const auto* t : {&needed(c, {"key", "keyIn"}), &needed(c, {"value"})})
    rules::expect_dtype(c, "key", *t, dtype, "that of 'query'");
  check_mask(c, s);
  check_dropout(c, s);
  check_shift(c, s);
  for (const char* name : {"sinkOptional", "sinkInOptional"})
    if (const auto* sink = rules::optional(c, name)) {
      rules::expect_numel(c, name, *sink, s.heads);
      if (dtype == ACL_FLOAT)
        refuse(c, "query", nnop::dtype_name(dtype), "float16 or bfloat16 beside a sink");
    }
  return s;
}

template <class F>
void inside(F&& check) {
  try {
    check();
  } catch (nnop::Refusal& r) {
    if (r.status == ACLNN_ERR_PARAM_INVALID) r.status = ACLNN_ERR_INNER_NULLPTR;
    throw;
  }
}

}  // namespace
}  // namespace attention

namespace rules {

void attention(const Call& c) {
  attention::inside([&] {
    const attention::Sizes s = attention::check_inputs(c);
    for (const char* name : {"softmaxMaxOut", "softmaxSumOut"})
      attention::check_statistics(c, s, name, optional(c, name));
    const FlatTensor &out = attention::needed(c, {"attentionOutOut"}), &q = at(c, "query");
    Shape want = shape(q);
    want.back() = out.ndim == 3 && !attention::is_tnd(c) ? s.heads * s.dim_v : s.dim_v;
    expect_shape(c, "attentionOutOut", out, want, "that of 'query' with the numbers of 'value'");
    expect_dtype(c, "attentionOutOut", out, q.dtype, "that of 'query'");
  });
}

void attention_backward(const Call& c) {
  attention::inside([&] {
    const attention::Sizes s = attention::check_inputs(c);
    for (const char* name : {"softmaxMaxOptional", "softmaxSumOptional"})
      attention::check_statistics(c, s, name, optional(c, name));
    const auto& dy = attention::needed(c, {"dy"});
    Shape want = shape(at(c, "query"));
    want.back() = dy.ndim == 3 && !attention::is_tnd(c) ? s.heads * s.dim_v : s.dim_v;
    expect_shape(c, "dy", dy, want, "that of the result");
    const aclDataType dtype = at(c, "query").dtype;
    expect_dtype(c, "dy", dy, dtype, "that of 'query'");
    if (const auto* result = optional(c, "attentionInOptional"); result && result->numel())
      expect_shape(c, "attentionInOptional", *result, want, "that of 'dy'");
    for (auto [grad, of] :
         {std::pair("dqOut", "query"), std::pair("dkOut", "keyIn"), std::pair("dvOut", "value")}) {
      const FlatTensor& t = attention::needed(c, {grad});
      expect_shape(c, grad, t, at(c, of).sizes(), "that of what it is the gradient of");
      expect_dtype(c, grad, t, dtype, "that of 'query'");
    }
    const auto *pse = optional(c, "pseShiftOptional"), *dpse = optional(c, "dpseOut");
    if (pse && pse->numel() && dpse && dpse->numel())
      expect_shape(c, "dpseOut", *dpse, pse->sizes(), "that of 'pseShiftOptional'");
  });
}

}  // namespace rules
}  // namespace npu_sim::ops
