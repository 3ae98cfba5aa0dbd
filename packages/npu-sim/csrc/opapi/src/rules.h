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

// Pointwise. Outputs have the broadcast shape of the inputs; the dtype that the inputs promote to can be cast
// to the outputs' (no float into int, no complex into float).
Rule broadcast;
// The same without the dtype: comparisons and predicates, whose result casts to anything.
Rule predicate;
// Pointwise with a floating point (or complex) result, whatever the inputs are.
Rule floating;
// Outputs have exactly the first input's shape, and a dtype that it casts to.
Rule same;
// Outputs have exactly the first input's shape; any dtype.
Rule first_shape;
// In place: the written tensor has the broadcast shape of all tensors.
Rule in_place;

// Reductions over the dims of the first int array or of `dim`: outputs have the reduced shape, `keepdim` as
// given.
Rule reduce;
// Reductions of everything: outputs have one element.
Rule reduce_all;
// One dim, named `dim`, is in range; outputs have the first input's shape.
Rule along_dim;
// `dim` is in range; nothing else.
Rule dim_in_range;

// Matrix products by the ranks of their names; cubeMathType is 0 to 4.
Rule mm;
Rule bmm;
Rule matmul;
Rule addmm;
Rule addmv;
Rule baddbmm;
Rule dot;

Rule gather;
Rule index_select;
Rule scatter;
Rule embedding;
Rule cat;
Rule stack;
// Lists of one length; those of outputs have the first list's shapes.
Rule lists;
// 'normalizedShape' is the end of the input's shape; the first output has the input's.
Rule norm;
Rule topk;
Rule permuted;   // outputs have as many elements as the first input
Rule like_self;  // outputs have the shape of 'self'

// Indexing by tensors; an integer result is checked, one by masks depends on data.
Rule index;
Rule index_put;
Rule embedding_backward;

// Creation: as many elements as the numbers say.
Rule arange;
Rule range;
Rule counted;  // 'n' or 'steps' elements
Rule eye;
Rule repeat;
Rule dropout_mask;

// Losses: `reduction` is 0 to 2, the output has one element or each row's.
Rule loss;
Rule nll_loss;
Rule nll_loss_backward;

Rule convolution;
Rule pool2d;
Rule pool2d_values;  // the first output only: the second is a mask

// Bytes for partial results: enough that a caller which ignores workspace is found out.
Workspace input_bytes;
Workspace output_bytes;

}  // namespace npu_sim::ops::rules
