// SPDX-License-Identifier: BSD-3-Clause
// The versions of attention's two operators, for sequences of one length and of many.
#include "../attention.h"
#include "../by_name.h"
#include "../rules_attention.h"

namespace npu_sim::ops {

using Forward = ByName<attention::forward>;
using Backward = ByName<attention::backward>;

NPU_SIM_KERNEL(aclnnFlashAttentionScore, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionScoreV2, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionScoreV3, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionVarLenScore, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionVarLenScoreV2, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionVarLenScoreV3, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionVarLenScoreV4, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionVarLenScoreV5, rules::attention, rules::output_bytes) = Forward{};
NPU_SIM_KERNEL(aclnnFlashAttentionScoreGrad, rules::attention_backward, rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionScoreGradV2, rules::attention_backward, rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionScoreGradV3, rules::attention_backward, rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionUnpaddingScoreGrad, rules::attention_backward,
               rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionUnpaddingScoreGradV2, rules::attention_backward,
               rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionUnpaddingScoreGradV3, rules::attention_backward,
               rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionUnpaddingScoreGradV4, rules::attention_backward,
               rules::output_bytes) = Backward{};
NPU_SIM_KERNEL(aclnnFlashAttentionUnpaddingScoreGradV5, rules::attention_backward,
               rules::output_bytes) = Backward{};

}  // namespace npu_sim::ops
