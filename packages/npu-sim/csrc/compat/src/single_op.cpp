// SPDX-License-Identifier: BSD-3-Clause
#include "single_op.h"

#include <dlfcn.h>
#include <npu/cann/nnopbase.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>

#include "npu_sim/error.h"
#include "npu_sim/stream.h"

namespace npu_sim {

namespace {

// libopapi, which needs torch: opened when the first operator runs, as clients of aclnn* do.
void* symbol(const char* name) {
  static void* library = dlopen("libopapi.so", RTLD_LAZY);
  return library ? dlsym(library, name) : nullptr;
}

// An object of libnnopbase for the length of a call.
template <class T>
using Held = std::unique_ptr<T, std::function<void(T*)>>;

template <class T, class Create, class... A>
Held<T> make(const char* kind, Create*, A... arguments) {
  auto create = reinterpret_cast<Create*>(symbol(("aclCreate" + std::string(kind)).c_str()));
  auto destroy =
      reinterpret_cast<aclnnStatus (*)(const T*)>(symbol(("aclDestroy" + std::string(kind)).c_str()));
  if (!create || !destroy) return {nullptr, [](T*) {}};
  return {create(arguments...), [destroy](T* made) { destroy(made); }};
}

// The view of `t` without the dim `without`, at its first element; all of it if that is negative.
Held<aclTensor> tensor(const Operand& t, int without = -1) {
  std::vector<int64_t> sizes = t.shape, strides(t.shape.size());
  int64_t n = 1;
  for (size_t i = t.shape.size(); i-- > 0; n *= t.shape[i]) strides[i] = n;
  if (without >= 0) {
    sizes.erase(sizes.begin() + without);
    strides.erase(strides.begin() + without);
  }
  return make<aclTensor>("Tensor", &aclCreateTensor, sizes.data(), uint64_t{sizes.size()}, t.dtype,
                         strides.data(), int64_t{0}, ACL_FORMAT_ND, t.shape.data(), uint64_t{t.shape.size()},
                         t.data);
}

Held<aclScalar> scalar(float value) { return make<aclScalar>("Scalar", &aclCreateScalar, &value, ACL_FLOAT); }

// Memory for the partial results of one call, which has finished when it is freed. No memory is kept: a
// reset, or the end of a stream, would free it behind our back, and a capture would go on using it.
int workspace(const char* name, aclrtStream stream, uint64_t size, void** memory) {
  std::shared_ptr<Stream> s;
  NPU_SIM_TRY(stream_of(stream, &s));
  if (deferring(*s))
    return fail(ACL_ERROR_RT_STREAM_CAPTURED,
                std::string(name) +
                    " needs memory for its partial results until it has run, and its stream is " +
                    "being captured: run this operator outside of the capture");
  return aclrtMalloc(memory, size, ACL_MEM_MALLOC_HUGE_FIRST);
}

// Both phases of an aclnn operator.
template <class... A>
int launch(const char* name, aclrtStream stream, A... arguments) {
  const std::string first = std::string(name) + "GetWorkspaceSize";
  auto prepare = reinterpret_cast<aclnnStatus (*)(A..., uint64_t*, aclOpExecutor**)>(symbol(first.c_str()));
  auto run = reinterpret_cast<aclnnStatus (*)(void*, uint64_t, aclOpExecutor*, aclrtStream)>(symbol(name));
  if (!prepare || !run) return fail(ACL_ERROR_OP_NOT_FOUND, std::string(name) + " is not in libopapi.so");
  uint64_t size = 0;
  aclOpExecutor* executor = nullptr;
  void* memory = nullptr;
  NPU_SIM_TRY(prepare(arguments..., &size, &executor));
  if (!size) return run(nullptr, 0, executor, stream);
  if (const int code = workspace(name, stream, size, &memory)) {
    auto destroy = reinterpret_cast<aclnnStatus (*)(aclOpExecutor*)>(symbol("aclDestroyAclOpExecutor"));
    if (destroy) destroy(executor);
    return code;
  }
  int code = run(memory, size, executor, stream);
  if (!code) code = aclrtSynchronizeStream(stream);
  const int freed = aclrtFree(memory);
  return code ? code : freed;
}

template <class T>
T attribute(const SingleOp& op, const char* name, T otherwise) {
  if (!op.attributes) return otherwise;
  const auto found = op.attributes->values.find(name);
  if (found == op.attributes->values.end()) return otherwise;
  const T* value = std::get_if<T>(&found->second);
  return value ? *value : otherwise;
}

std::string text(const std::vector<int64_t>& shape) {
  std::string all = "[";
  for (size_t i = 0; i < shape.size(); ++i) all += (i ? ", " : "") + std::to_string(shape[i]);
  return all + "]";
}

// The gradient of one of two lists of points, which all come repeated to [.., P, R, M].
int cdist_grad(const SingleOp& op) {
  const std::vector<int64_t>& whole = op.inputs[0].shape;
  const int rank = static_cast<int>(whole.size());
  if (rank < 3)
    return fail(ACL_ERROR_INVALID_PARAM,
                "CdistGrad takes inputs of at least 3 dims, found " + std::to_string(rank));
  if (std::any_of(whole.begin(), whole.end(), [](int64_t n) { return n < 1; }))
    return fail(ACL_ERROR_INVALID_PARAM, "CdistGrad takes inputs with elements, found " + text(whole));
  for (size_t i = 1; i < op.inputs.size(); ++i)
    if (op.inputs[i].shape != whole)
      return fail(ACL_ERROR_INVALID_PARAM, "CdistGrad takes four inputs of one shape: input " +
                                               std::to_string(i) + " is " + text(op.inputs[i].shape) +
                                               ", input 0 " + text(whole));
  std::vector<int64_t> points = whole;
  points.erase(points.end() - 2);
  if (op.outputs[0].shape != points)
    return fail(ACL_ERROR_INVALID_PARAM,
                "CdistGrad gives an output of " + text(points) + ", found " + text(op.outputs[0].shape));
  const auto grad = tensor(op.inputs[0], rank - 1), x1 = tensor(op.inputs[1], rank - 2),
             x2 = tensor(op.inputs[2], rank - 3), distances = tensor(op.inputs[3], rank - 1),
             out = tensor(op.outputs[0]);
  return launch<const aclTensor*, const aclTensor*, const aclTensor*, const aclTensor*, float, aclTensor*>(
      "aclnnCdistBackward", op.stream, grad.get(), x1.get(), x2.get(), distances.get(),
      attribute(op, "p", 2.0F), out.get());
}

// Infinity is written as the largest int32.
float order_of(const SingleOp& op) {
  const float p = attribute(op, "p", 2.0F);
  return std::fabs(p) >= 2147483647.0F ? std::copysign(INFINITY, p) : p;
}

bool has_root(float p) { return p != 0 && std::isfinite(p); }

// The sum of the powers, whose root LpNormUpdateV2 takes; where there is none, the norm.
int lp_norm_reduce(const SingleOp& op) {
  const float p = order_of(op);
  const auto axes = attribute(op, "axes", std::vector<int64_t>{});
  const auto self = tensor(op.inputs[0]), out = tensor(op.outputs[0]);
  const auto order = scalar(p);
  const auto dims = make<aclIntArray>("IntArray", &aclCreateIntArray, axes.data(), uint64_t{axes.size()});
  NPU_SIM_TRY((launch<const aclTensor*, const aclScalar*, const aclIntArray*, bool, aclTensor*>(
      "aclnnNorm", op.stream, self.get(), order.get(), dims.get(), attribute(op, "keepdim", false),
      out.get())));
  if (!has_root(p)) return 0;
  return launch<aclTensor*, const aclScalar*>("aclnnInplacePowTensorScalar", op.stream, out.get(),
                                              order.get());
}

int lp_norm_update(const SingleOp& op) {
  const float p = order_of(op);
  const auto self = tensor(op.inputs[0]), out = tensor(op.outputs[0]);
  if (!has_root(p))
    return launch<aclTensor*, const aclTensor*>("aclnnInplaceCopy", op.stream, out.get(), self.get());
  const auto root = scalar(1 / p);
  return launch<const aclTensor*, const aclScalar*, aclTensor*>("aclnnPowTensorScalar", op.stream, self.get(),
                                                                root.get(), out.get());
}

struct Known {
  size_t inputs, outputs;
  int (*run)(const SingleOp&);
};

const std::map<std::string, Known>& known() {
  static const auto* all = new std::map<std::string, Known>{
      {"CdistGrad", {4, 1, cdist_grad}},
      {"LpNormReduceV2", {1, 1, lp_norm_reduce}},
      {"LpNormUpdateV2", {1, 1, lp_norm_update}},
  };
  return *all;
}

}  // namespace

bool has_single_op(const std::string& type) { return known().contains(type); }

int run_single_op(const std::string& type, const SingleOp& op) {
  const Known& one = known().at(type);
  if (op.inputs.size() != one.inputs || op.outputs.size() != one.outputs)
    return fail(ACL_ERROR_INVALID_PARAM, "operator " + type + " takes " + std::to_string(one.inputs) +
                                             " inputs and " + std::to_string(one.outputs) +
                                             " outputs, found " + std::to_string(op.inputs.size()) + " and " +
                                             std::to_string(op.outputs.size()));
  return one.run(op);
}

}  // namespace npu_sim
