// SPDX-License-Identifier: BSD-3-Clause
// What the first phase of an operator checks beyond null, dtype and rank, and how much workspace it asks for.
//
// Rules read the parameters by kind, in CANN's order: "the inputs" are the tensors that are not outputs. Each
// throws nnop::Refusal. A rule refuses only what CANN refuses; what it does not see is left to the kernel,
// whose failure is then one of the device.
#pragma once

#include <cstdint>

#include "npu_sim/nnop/call.h"

namespace npu_sim::ops::rules {

using nnop::Call;
using Rule = void(const Call&);
using Workspace = uint64_t(const Call&);

// Both, in order.
template <Rule*... kRules>
void all(const Call& c) {
  (kRules(c), ...);
}

// Nothing more to check: the operator has one tensor, of any shape, and no attribute that CANN refuses.
inline void none(const Call&) {}

// Pointwise. Outputs have the broadcast shape of the inputs; the dtype that tensors and scalars promote to
// can be cast to the outputs' (no float into int, no complex into float).
Rule broadcast;
// The same without the dtype: comparisons and predicates, whose result casts to anything.
Rule predicate;
// Pointwise with a floating point (or complex) result, whatever the inputs are.
Rule floating;
// Outputs have exactly the first input's shape, and a dtype that it casts to.
Rule same;
// Outputs have exactly the first input's shape; any dtype.
Rule first_shape;
// In place: the written tensor has the broadcast shape of all tensors; its dtype takes the result's.
Rule in_place;
Rule in_place_result;

// Every tensor has the first input's dtype.
Rule one_dtype;
// The first output has the first input's dtype.
Rule keeps_dtype;
// The parameter 'dtype' is the first output's.
Rule dtype_given;
// The input's dtype casts to the parameter 'dtype', and that to the output's.
Rule dtype_between;
// The input's shape and dtype, real if that is complex.
Rule absolute;
// 'mode' of a division is 0 to 2, and complex numbers only take 0.
Rule division_mode;
// 'approximate' is none or tanh; the output has the dtype that the inputs promote to.
Rule gelu_backward;
// Not every input is bool.
Rule no_two_bools;

// Reductions over the dims of the first int array or of `dim`: outputs have the reduced shape, `keepdim` as
// given.
Rule reduce;
// Reductions of everything: outputs have one element.
Rule reduce_all;
// One dim, named `dim`, is in range; outputs have the first input's shape.
Rule along_dim;
// `dim` is in range; nothing else.
Rule dim_in_range;

// Matrix products by the ranks of their names; cubeMathType is 0 to 4, and lets SoCs without float32 products
// round.
Rule mm;
Rule mm_nz;  // 'mat2' in FRACTAL_NZ
Rule addmm_nz;
Rule bmm_nz;
Rule bmm;
Rule matmul;
Rule addmm;
Rule addmv;
Rule baddbmm;
Rule dot;

// One dim of indices into 'self', each within it; 'src' and outputs have the dtype of 'self'.
Rule gather;
Rule scatter;
Rule index_select;
Rule index_add;
Rule index_fill;
Rule embedding;
Rule cat;
Rule stack;
Rule flip;
Rule roll;
Rule topk;
Rule like_self;  // outputs have the shape of 'self'

// Lists of one length; those of outputs have the first list's shapes, or for norms one element each.
Rule lists;
Rule list_norms;
Rule unscale;

// The mask broadcasts to the written tensor.
Rule masked_fill;
Rule masked_scatter;
// Room for every element.
Rule masked_select;
Rule nonzero;
// 'value' has one element in at most one dim.
Rule fill_value;

// Indexing by tensors; an integer result is checked, one by masks depends on data. Values have the dtype of
// 'self'.
Rule index;
Rule index_put;
Rule embedding_backward;

// Creation: as many elements as the numbers say.
Rule arange;
Rule range;
Rule counted;  // 'n' or 'steps' elements
Rule eye;
Rule repeat;

// 'prob' is in [0, 1].
Rule probability;
// A bit for each of 'shape', 128 at a time.
Rule dropout_mask;
Rule dropout;
// 'std' is not negative.
Rule normal;
// Seed and offset in device memory are one number each.
Rule seeds;
// 'from' is at most 'to'; for integers less.
Rule uniform;
Rule random_integers;

// Losses: `reduction` is 0 to 2, the output has one element or each row's.
Rule loss;
Rule loss_backward;
Rule smooth_loss;  // 'beta' is not negative
Rule smooth_loss_backward;
Rule nll_loss;
Rule nll_loss_backward;
Rule nll_loss2d;
Rule nll_loss2d_backward;
Rule softmax_backward;

// The same sizes and dtype, contiguous, in two formats that the SoC converts.
Rule format_cast;

Rule convolution;
Rule pool2d;
Rule pool3d;
Rule pool2d_values;  // the first output only: the second is a mask
// 'outputSize' instead of the last sizes; backward from them to 'inputSize'.
Rule resized1d;
Rule resized2d;
Rule resized3d;
Rule resized1d_backward;
Rule resized2d_backward;
Rule resized3d_backward;

// Statistics and affine parameters have an element a channel, group or row; so have wanted gradients.
Rule layer_norm;
Rule layer_norm_backward;
Rule group_norm;
Rule group_norm_backward;
Rule batch_norm;
Rule batch_norm_backward;
Rule convolution_backward;

// Bytes for partial results: enough that a caller which ignores workspace is found out.
Workspace input_bytes;
Workspace output_bytes;

}  // namespace npu_sim::ops::rules
