// SPDX-License-Identifier: BSD-3-Clause
// The inference paths of torch.nn's transformer layers, which PyTorch calls as one operator on any device
// that has a backend of its own. Rows of projections, products and normalisations; nothing is fused.
#include <ATen/SDPBackend.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_masked_softmax.h>
#include <ATen/ops/_native_multi_head_attention.h>
#include <ATen/ops/_nested_tensor_from_mask.h>
#include <ATen/ops/_transform_bias_rescale_qkv.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

#include "autocast.h"
#include "kernel.h"

namespace npu::ops {
namespace {

using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

// What a mask stands for: one for all rows of queries and keys, one of the keys of each sample, or one of
// everything.
enum MaskType : int64_t { kQueriesAndKeys, kKeys, kWhole };

// `mask` as it broadcasts to scores [batch, heads, queries, keys].
at::Tensor spread(const at::Tensor& mask, const at::Tensor& scores, std::optional<int64_t> type) {
  if (mask.dim() != 2 || scores.dim() != 4) return mask;
  TORCH_CHECK(type, "_masked_softmax: mask_type must be given for a mask of two dimensions");
  if (*type == kKeys) return mask.view({mask.size(0), 1, 1, mask.size(1)});
  return mask;
}

// A row that is masked as a whole becomes zeros, as on the CPU.
at::Tensor masked_softmax(const at::Tensor& self, const at::Tensor& mask, std::optional<int64_t> dim,
                          std::optional<int64_t> type) {
  TORCH_CHECK(mask.scalar_type() == at::kBool, "Mask should be a boolean tensor");
  if (type) {
    TORCH_CHECK(*type >= kQueriesAndKeys && *type <= kWhole, "Mask Type should be 0 (src_mask), 1 ",
                "(src_key_padding_mask), or 2 (default_mask), found ", *type);
  }
  const at::Tensor where = spread(mask, self, type);
  const at::Tensor scores = self.masked_fill(where, -std::numeric_limits<double>::infinity());
  return scores.softmax(dim.value_or(self.dim() - 1)).masked_fill(where, 0);
}

at::Tensor masked_softmax_backward(const at::Tensor& grad, const at::Tensor& output, const at::Tensor& mask,
                                   std::optional<int64_t> dim) {
  TORCH_CHECK(mask.sizes() == grad.sizes(), "_masked_softmax_backward: expected a mask of ", grad.sizes(),
              ", found ", mask.sizes());
  const at::Tensor weighted = grad.mul(output).masked_fill_(mask, 0);
  return weighted.sub(output.mul(weighted.sum(dim.value_or(output.dim() - 1), /*keepdim=*/true)))
      .masked_fill_(mask, 0);
}

// [batch, length, 3 * width] -> three of [batch, heads, length, width / heads]; the queries are scaled.
Three transform_bias_rescale_qkv(const at::Tensor& qkv, const at::Tensor& bias, int64_t heads) {
  TORCH_CHECK(qkv.dim() == 3 && qkv.size(2) % (3 * heads) == 0,
              "_transform_bias_rescale_qkv expects [batch, ", "length, 3 * width] with a width that ", heads,
              " heads divide, found ", qkv.sizes());
  const int64_t of_head = qkv.size(2) / 3 / heads;
  const at::Tensor all =
      qkv.add(bias).view({qkv.size(0), qkv.size(1), 3, heads, of_head}).permute({2, 0, 3, 1, 4});
  return {all[0].mul(1 / std::sqrt(static_cast<double>(of_head))), all[1], all[2]};
}

// The three projections side by side, without bias.
at::Tensor projected(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, int64_t width,
                     const at::Tensor& weight) {
  if (query.is_same(key) && key.is_same(value)) return at::linear(query, weight);
  const auto parts = weight.split(width, 0);
  return at::cat({at::linear(query, parts[0]), at::linear(key, parts[1]), at::linear(value, parts[2])}, 2);
}

std::tuple<at::Tensor, at::Tensor> native_multi_head_attention(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, int64_t width, int64_t heads,
    const at::Tensor& qkv_weight, const at::Tensor& qkv_bias, const at::Tensor& proj_weight,
    const at::Tensor& proj_bias, const std::optional<at::Tensor>& mask, bool need_weights, bool average,
    std::optional<int64_t> mask_type) {
  TORCH_CHECK(query.dim() == 3, "expected 3-D `query`, got ", query.dim(), "-D tensor");
  TORCH_CHECK(query.size(2) == width, "passed-in embed_dim ", width, " didn't match last dim of query ",
              query.size(2));
  TORCH_CHECK(key.dim() == 3, "expected 3-D `key`, got ", key.dim(), "-D tensor");
  TORCH_CHECK(value.dim() == 3, "expected 3-D `value`, got ", value.dim(), "-D tensor");
  TORCH_CHECK(query.sizes() == key.sizes() && key.sizes() == value.sizes(),
              "expected `query`/`key`/`value` shapes to match, found ", query.sizes(), ", ", key.sizes(),
              " and ", value.sizes());
  TORCH_CHECK(qkv_weight.dim() == 2 && qkv_weight.size(0) == 3 * width, "expected `qkv_weight` to be ",
              3 * width, " x ", width, ", found ", qkv_weight.sizes());
  TORCH_CHECK(width % heads == 0, "`embed_dim` must divide evenly by `num_heads`");
  const NoAutocast exact;
  auto [q, k, v] =
      at::_transform_bias_rescale_qkv(projected(query, key, value, width, qkv_weight), qkv_bias, heads);
  at::Tensor scores = q.matmul(k.transpose(-2, -1));
  scores = mask && mask->defined()
               ? at::_masked_softmax(scores, mask->scalar_type() == at::kBool ? *mask : mask->to(at::kBool),
                                     scores.dim() - 1, mask_type)
               : scores.softmax(-1);
  const at::Tensor context = scores.matmul(v).transpose(1, 2).reshape(query.sizes());
  const at::Tensor result = at::linear(context, proj_weight, proj_bias);
  if (!need_weights) return {result, at::Tensor()};
  return {result, average ? scores.mean(1) : scores};
}

at::Tensor transformer_encoder_layer(
    const at::Tensor& src, int64_t width, int64_t heads, const at::Tensor& qkv_weight,
    const at::Tensor& qkv_bias, const at::Tensor& proj_weight, const at::Tensor& proj_bias, bool use_gelu,
    bool norm_first, double eps, const at::Tensor& norm_weight_1, const at::Tensor& norm_bias_1,
    const at::Tensor& norm_weight_2, const at::Tensor& norm_bias_2, const at::Tensor& ffn_weight_1,
    const at::Tensor& ffn_bias_1, const at::Tensor& ffn_weight_2, const at::Tensor& ffn_bias_2,
    const std::optional<at::Tensor>& mask, std::optional<int64_t> mask_type) {
  const NoAutocast exact;
  const auto norm = [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return at::layer_norm(x, {width}, weight, bias, eps);
  };
  const at::Tensor in = norm_first ? norm(src, norm_weight_1, norm_bias_1) : src;
  at::Tensor x = std::get<0>(at::_native_multi_head_attention(in, in, in, width, heads, qkv_weight, qkv_bias,
                                                              proj_weight, proj_bias, mask,
                                                              /*need_weights=*/false, true, mask_type))
                     .add_(src);
  if (!norm_first) x = norm(x, norm_weight_1, norm_bias_1);
  at::Tensor hidden =
      at::linear(norm_first ? norm(x, norm_weight_2, norm_bias_2) : x, ffn_weight_1, ffn_bias_1);
  hidden = use_gelu ? at::gelu(hidden) : hidden.relu_();
  x = at::linear(hidden, ffn_weight_2, ffn_bias_2).add_(x);
  return norm_first ? x : norm(x, norm_weight_2, norm_bias_2);
}

// A batch of sequences of different lengths, which TransformerEncoder makes of one with a padding mask.
at::Tensor nested_encoder_layer(const at::Tensor& src, int64_t width, int64_t heads,
                                const at::Tensor& qkv_weight, const at::Tensor& qkv_bias,
                                const at::Tensor& proj_weight, const at::Tensor& proj_bias, bool use_gelu,
                                bool norm_first, double eps, const at::Tensor& norm_weight_1,
                                const at::Tensor& norm_bias_1, const at::Tensor& norm_weight_2,
                                const at::Tensor& norm_bias_2, const at::Tensor& ffn_weight_1,
                                const at::Tensor& ffn_bias_1, const at::Tensor& ffn_weight_2,
                                const at::Tensor& ffn_bias_2, const std::optional<at::Tensor>& mask,
                                std::optional<int64_t>) {
  TORCH_CHECK(!mask || !mask->defined(), "a nested batch takes no mask: its lengths are the mask");
  const at::Tensor padded = src.to_padded_tensor(0.0), lengths = src._nested_tensor_size().select(1, 0);
  const at::Tensor valid =
      at::arange(padded.size(1), lengths.options()).unsqueeze(0).lt(lengths.unsqueeze(1)).to(padded.device());
  return at::_nested_tensor_from_mask(
      transformer_encoder_layer(padded, width, heads, qkv_weight, qkv_bias, proj_weight, proj_bias, use_gelu,
                                norm_first, eps, norm_weight_1, norm_bias_1, norm_weight_2, norm_bias_2,
                                ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2, valid.logical_not(),
                                kKeys),
      valid, /*mask_check=*/false);
}

// Without it PyTorch asks, catches an exception and composes, for every call.
int64_t attention_backend(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                          const std::optional<at::Tensor>&, double, bool, std::optional<double>, bool) {
  return static_cast<int64_t>(at::SDPBackend::math);
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"_fused_sdp_choice", attention_backend>(m);
  impl<"_masked_softmax", masked_softmax>(m);
  impl<"_masked_softmax_backward", masked_softmax_backward>(m);
  impl<"_transform_bias_rescale_qkv", transform_bias_rescale_qkv>(m);
  impl<"_native_multi_head_attention", native_multi_head_attention>(m);
  impl<"_transformer_encoder_layer_fwd", transformer_encoder_layer>(m);
}

TORCH_LIBRARY_IMPL(aten, NestedTensorPrivateUse1, m) {
  impl<"_transformer_encoder_layer_fwd", nested_encoder_layer>(m);
}

}  // namespace npu::ops
