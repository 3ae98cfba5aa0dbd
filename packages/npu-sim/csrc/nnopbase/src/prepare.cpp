// SPDX-License-Identifier: BSD-3-Clause
// The first phase: what CANN refuses before anything reaches the device.
#include <exception>

#include "call_builder.h"
#include "executor_cache.h"
#include "living.h"
#include "npu_sim/error.h"
#include "npu_sim/nnop/format.h"
#include "npu_sim/nnop/operator.h"
#include "npu_sim/settings.h"
#include "npu_sim/soc.h"
#include "npu_sim/trace.h"
#include "spend.h"
#include "trace_call.h"

namespace npu_sim::nnop {

namespace {

constexpr uint32_t kMaxOperatorDims = 8;

std::string dtype_list(uint64_t mask) {
  std::string s;
  for (int t = 0; t < 64; ++t)
    if (mask >> t & 1) s += (s.empty() ? "" : ", ") + std::string(dtype_name(static_cast<aclDataType>(t)));
  return s;
}

[[noreturn]] void refuse(const Operator& op, const Param& p, const std::string& what,
                         aclnnStatus status = ACLNN_ERR_PARAM_INVALID) {
  throw Refusal{status, std::string(op.name) + ": parameter '" + p.name + "' " + what};
}

void check_format(const Operator& op, uint32_t i, const aclTensor* t) {
  if (!is_private(t->format)) return;
  const std::string name = "the private format " + format_name(t->format);
  if (!(op.kernel->private_formats >> i & 1))
    refuse(op, op.params[i], "has " + name + "; expected a base format, ND or one of its names for images");
  const Dims &s = t->sizes, &d = t->strides, &m = t->storage;
  if (!private_view(t->format, {s.v, s.n}, {d.v, d.n}, t->offset, {m.v, m.n}))
    refuse(op, op.params[i],
           "has " + name + " and no such storage: " + describe({s.v, s.n}) + " in " + describe({m.v, m.n}) +
               "; expected a whole contiguous tensor, or one with its last two dims exchanged");
}

void check_tensor(const Operator& op, uint32_t i, const aclTensor* t, const SocProfile& soc) {
  const Param& p = op.params[i];
  if (!living(t)) refuse(op, p, "is not a living aclTensor");
  const uint64_t bit = t->dtype >= 0 && t->dtype < 64 ? uint64_t{1} << t->dtype : 0;
  if (dtype_bits(t->dtype) == 0 || (p.dtypes && !(p.dtypes & bit)))
    refuse(op, p,
           std::string("has dtype ") + dtype_name(t->dtype) + "; expected one of " + dtype_list(p.dtypes));
  if (t->dtype == ACL_BF16 && !soc.bf16)
    refuse(op, p, std::string("has dtype bfloat16, which ") + soc.name + " does not compute in");
  if (t->sizes.n > kMaxOperatorDims)
    refuse(op, p, "has " + std::to_string(t->sizes.n) + " dims; expected at most 8");
  check_format(op, i, t);
}

bool may_be_null(const Operator& op, uint32_t i) {
  if (op.kernel->nullable >> i & 1) return true;
  std::string_view name = op.params[i].name;
  return name.ends_with("Optional");
}

template <class T>
void check_handle(const Operator& op, const Param& p, uint64_t word, const char* type) {
  if (!living(reinterpret_cast<const T*>(word))) refuse(op, p, std::string("is not a living ") + type);
}

void check_param(const Operator& op, uint32_t i, uint64_t word, const SocProfile& soc) {
  const Param& p = op.params[i];
  if (p.kind >= Kind::dtype) return;
  if (!word) {
    if (may_be_null(op, i)) return;
    refuse(op, p, "is null", ACLNN_ERR_PARAM_NULLPTR);
  }
  switch (p.kind) {
    case Kind::tensor:
      check_tensor(op, i, reinterpret_cast<const aclTensor*>(word), soc);
      break;
    case Kind::tensors:
      check_handle<aclTensorList>(op, p, word, "aclTensorList");
      for (auto* t : reinterpret_cast<const aclTensorList*>(word)->v)
        if (t) check_tensor(op, i, t, soc);
      break;
    case Kind::scalar:
      check_handle<aclScalar>(op, p, word, "aclScalar");
      break;
    case Kind::scalars:
      check_handle<aclScalarList>(op, p, word, "aclScalarList");
      for (auto* s : reinterpret_cast<const aclScalarList*>(word)->v)
        if (!living(s)) refuse(op, p, "holds something that is not a living aclScalar");
      break;
    case Kind::ints:
      check_handle<aclIntArray>(op, p, word, "aclIntArray");
      break;
    case Kind::floats:
      check_handle<aclFloatArray>(op, p, word, "aclFloatArray");
      break;
    case Kind::bools:
      check_handle<aclBoolArray>(op, p, word, "aclBoolArray");
      break;
    default:
      break;
  }
}

// The product families that a SoC belongs to; none if its family is not known, so that it refuses every
// operator.
uint32_t products_of(const SocProfile& soc) {
  std::string_view family = soc.family;
  if (family == "Ascend910B") return kA2;
  if (family == "Ascend910_93") return kA3;
  if (family == "Ascend910") return k910;
  if (family == "Ascend310P") return k310P;
  if (family == "Ascend310B") return k310B;
  if (family.starts_with("Ascend950")) return kAscend950;
  return 0;
}

struct Destroy {
  void operator()(aclOpExecutor* e) const { aclOpExecutor::destroy(e); }
};

aclnnStatus prepare_call(const Operator& op, const uint64_t* words, uint64_t* workspace_size,
                         aclOpExecutor** executor) {
  try {
    if (!workspace_size || !executor)
      return fail(ACLNN_ERR_PARAM_NULLPTR, std::string(op.name) + ": workspaceSize or executor is null");
    static const SocProfile& soc = npu_sim::soc();
    static const uint32_t product = products_of(soc);
    if (!product)
      return fail(ACLNN_ERR_PARAM_INVALID,
                  std::string(op.name) + ": which operators " + soc.name +
                      " has is not known: set NPU_SIM_SOC to a SoC of a known family");
    if (op.products && !(op.products & product))
      return fail(ACLNN_ERR_PARAM_INVALID, std::string(op.name) + " does not exist on " + soc.name);
    for (uint32_t i = 0; i < op.count; ++i) check_param(op, i, words[i], soc);
    std::unique_ptr<aclOpExecutor, Destroy> e(CallBuilder(op, words).build());
    op.kernel->check(*e);
    CallBuilder::set_workspace(*e, op.kernel->workspace ? op.kernel->workspace(*e) : 0);
    remember(*e);
    *workspace_size = e->workspace_bytes();
    *executor = e.release();
    return ACLNN_SUCCESS;
  } catch (const Refusal& r) {
    return fail(r.status, r.message);
  } catch (const std::exception& x) {
    return fail(ACLNN_ERR_INNER, std::string(op.name) + ": " + x.what());
  }
}

}  // namespace

aclnnStatus prepare(const Operator& op, const uint64_t* words, uint64_t* workspace_size,
                    aclOpExecutor** executor) {
  const aclnnStatus answer = prepare_call(op, words, workspace_size, executor);
  if (const int64_t ns = settings().phase_ns[0]) spend(ns);
  if (tracing()) trace_prepare(op, words, answer == ACLNN_SUCCESS ? *workspace_size : 0, answer);
  return answer;
}

}  // namespace npu_sim::nnop
