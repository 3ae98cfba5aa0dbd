// SPDX-License-Identifier: BSD-3-Clause
// Which storage formats a SoC converts into each other, and the sizes of the result.
#include <algorithm>

#include "npu_sim/error.h"
#include "npu_sim/nnop/export.h"
#include "npu_sim/nnop/format.h"
#include "npu_sim/nnop/objects.h"
#include "npu_sim/soc.h"
#include "rule_tools.h"
#include "rules.h"

namespace npu_sim::ops {
namespace {

// Atlas A2 and A3: base formats, and what each becomes.
struct Pair {
  aclFormat base, blocked;
};
constexpr Pair kPairs[] = {
    {ACL_FORMAT_ND, ACL_FORMAT_FRACTAL_NZ},   {ACL_FORMAT_NCL, ACL_FORMAT_FRACTAL_NZ},
    {ACL_FORMAT_NCHW, ACL_FORMAT_FRACTAL_NZ}, {ACL_FORMAT_NCDHW, ACL_FORMAT_FRACTAL_NZ},
    {ACL_FORMAT_NCDHW, ACL_FORMAT_NDC1HWC0},  {ACL_FORMAT_NCDHW, ACL_FRACTAL_Z_3D},
    {ACL_FORMAT_NCHW, ACL_FORMAT_NC1HWC0},    {ACL_FORMAT_NCHW, ACL_FORMAT_FRACTAL_Z},
};

constexpr aclDataType kDtypes[] = {ACL_INT8, ACL_UINT8, ACL_FLOAT, ACL_FLOAT16,
                                   ACL_BF16, ACL_INT32, ACL_UINT32};

template <class R, class T>
bool has(const R& range, T x) {
  return std::find(std::begin(range), std::end(range), x) != std::end(range);
}

bool converts(aclFormat from, aclFormat to) {
  return std::any_of(std::begin(kPairs), std::end(kPairs), [&](const Pair& p) {
    return (p.base == from && p.blocked == to) || (p.base == to && p.blocked == from);
  });
}

bool soc_converts() { return soc().arch == 2201; }

}  // namespace

namespace rules {

void format_cast(const Call& c) {
  const FlatTensor &src = at(c, "srcTensor"), &dst = at(c, "dstTensor");
  if (!soc_converts())
    throw nnop::Refusal{
        ACLNN_ERR_RUNTIME_ERROR,
        std::string("aclnnNpuFormatCast: npu-sim converts formats as Atlas A2 and A3 do, not as ") +
            soc().name};
  for (const auto& [name, t] : {std::pair{"srcTensor", &src}, {"dstTensor", &dst}}) {
    if (!has(kDtypes, t->dtype)) refuse(c, name, nnop::describe(*t), "a dtype that has blocks");
    int64_t step = 1;
    for (uint32_t d = t->ndim; d-- > 0; step *= t->sizes()[d])
      if (t->sizes()[d] != 1 && t->strides()[d] != step) refuse(c, name, "not contiguous", "contiguous");
  }
  if (!converts(src.format, dst.format))
    refuse(c, "dstTensor",
           "to be cast from " + nnop::format_name(src.format) + " to " + nnop::format_name(dst.format),
           "ND and FRACTAL_NZ, or formats of images and their blocks");
  if (src.dtype != dst.dtype || !equal(src.sizes(), dst.sizes()))
    refuse(c, "dstTensor", nnop::describe(dst), "sizes and dtype of the source, " + nnop::describe(src));
}

}  // namespace rules
}  // namespace npu_sim::ops

// No operator of two phases: it says what dstTensor of aclnnNpuFormatCast is to be. The caller frees
// `dstShape` with delete[].
NPU_SIM_ABI aclnnStatus aclnnNpuFormatCastCalculateSizeAndFormat(const aclTensor* srcTensor,
                                                                 const int dstFormat, int additionalDtype,
                                                                 int64_t** dstShape, uint64_t* dstShapeSize,
                                                                 int* actualFormat) {
  using namespace npu_sim;
  const std::string name = "aclnnNpuFormatCastCalculateSizeAndFormat: ";
  if (!srcTensor || !dstShape || !dstShapeSize || !actualFormat)
    return fail(ACLNN_ERR_PARAM_NULLPTR, name + "an argument is null");
  if (!nnop::is_tensor(srcTensor))
    return fail(ACLNN_ERR_PARAM_INVALID, name + "srcTensor is no living aclTensor");
  const auto& t = *srcTensor;
  const auto basis = additionalDtype == -1 ? t.dtype : static_cast<aclDataType>(additionalDtype);
  if (!ops::has(ops::kDtypes, t.dtype) || !ops::has(ops::kDtypes, basis))
    return fail(ACLNN_ERR_PARAM_INVALID, name + "no blocks are made of " + nnop::dtype_name(t.dtype) +
                                             " with those of " + nnop::dtype_name(basis));
  const std::span<const int64_t> sizes(t.sizes.v, t.sizes.n);
  if (sizes.size() < 2 || sizes.size() > 6)
    return fail(ACLNN_ERR_PARAM_INVALID,
                name + "srcTensor has " + std::to_string(sizes.size()) + " dims; expected 2 to 6");
  if (ops::has(sizes, 0)) return fail(ACLNN_ERR_PARAM_INVALID, name + "srcTensor is empty");
  const auto to = static_cast<aclFormat>(dstFormat);
  if (!ops::soc_converts() || !ops::converts(t.format, to))
    return fail(ACLNN_ERR_RUNTIME_ERROR, name + soc().name + " does not convert format " +
                                             nnop::format_name(t.format) + " to " + nnop::format_name(to) +
                                             " (npu-sim converts as Atlas A2 and A3 do)");
  std::vector<int64_t> shape(sizes.begin(), sizes.end());
  if (nnop::is_private(to)) {
    const auto layout = nnop::blocked(to, sizes, 256 / nnop::dtype_bits(basis));
    if (!layout)
      return fail(ACLNN_ERR_PARAM_INVALID,
                  name + nnop::format_name(to) + " has no blocks of " + nnop::describe(sizes));
    shape = layout->storage;
  }
  *dstShape = new int64_t[shape.size()];
  std::copy(shape.begin(), shape.end(), *dstShape);
  *dstShapeSize = shape.size();
  *actualFormat = dstFormat;
  return ACLNN_SUCCESS;
}
