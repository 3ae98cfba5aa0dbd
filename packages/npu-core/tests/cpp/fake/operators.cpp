// SPDX-License-Identifier: BSD-3-Clause
// The fake CANN's operator base and a handful of operators.
#include <npu/cann/nnopbase.h>

#include <cstring>

#include "fake.h"

struct aclTensor {
  std::vector<int64_t> dims, strides;
  int64_t offset, storage;
  aclDataType dtype;
  aclFormat format;
  void* address;
};
struct aclScalar {
  double value;
};
struct aclIntArray {
  std::vector<int64_t> values;
};
struct aclFloatArray {
  std::vector<float> values;
};
struct aclBoolArray {
  std::vector<bool> values;
};
struct aclTensorList {
  std::vector<aclTensor*> tensors;
};
struct aclScalarList {
  std::vector<aclScalar*> scalars;
};
struct aclOpExecutor {
  std::string op;
  std::vector<aclTensor*> inputs, outputs;
  std::vector<aclTensorList*> input_lists;
  bool refuses = false, repeatable = false;
};

namespace {

Fake& fake() { return *fake_cann(); }

std::string hex(const void* p) { return std::to_string(reinterpret_cast<uintptr_t>(p)); }

std::string show(const aclTensor* t) {
  if (!t) return "null";
  std::string text = std::to_string(t->dtype) + "/" + std::to_string(t->format) + "[";
  for (int64_t d : t->dims) text += std::to_string(d) + ",";
  text += "](";
  for (int64_t s : t->strides) text += std::to_string(s) + ",";
  return text + ")+" + std::to_string(t->offset) + "/" + std::to_string(t->storage);
}

int begin(const char* op, const std::string& details, aclOpExecutor made, uint64_t* workspace,
          aclOpExecutor** executor) {
  const int code = fake().note(std::string(op) + "GetWorkspaceSize", details);
  if (code) return code;
  *workspace = fake().workspace;
  made.op = op;
  *executor = new aclOpExecutor(std::move(made));
  ++fake().executors;
  return 0;
}

int finish(aclOpExecutor* e, aclrtStream stream, uint64_t workspace) {
  std::string details;
  auto add = [&](const aclTensor* t) { details += (t ? hex(t->address) : "null") + " "; };
  for (const aclTensor* t : e->inputs) add(t);
  for (const aclTensorList* l : e->input_lists)
    for (const aclTensor* t : l->tensors) add(t);
  details += "-> ";
  for (const aclTensor* t : e->outputs) add(t);
  const int code =
      fake().note(e->op, details + "on " + hex(stream) + " workspace " + std::to_string(workspace));
  if (!e->repeatable) {
    delete e;
    --fake().executors;
  }
  return code;
}

}  // namespace

extern "C" {

aclTensor* aclCreateTensor(const int64_t* dims, uint64_t n, aclDataType dtype, const int64_t* strides,
                           int64_t offset, aclFormat format, const int64_t* storage, uint64_t,
                           void* address) {
  if (fake().note("aclCreateTensor")) return nullptr;
  ++fake().tensors;
  return new aclTensor{{dims, dims + n}, {strides, strides + n}, offset, *storage, dtype, format, address};
}
aclnnStatus aclDestroyTensor(const aclTensor* t) {
  delete t;
  --fake().tensors;
  return 0;
}
#ifndef FAKE_WITHOUT_OPTIONAL
aclnnStatus aclInitTensor(aclTensor* t, const int64_t* dims, uint64_t n, aclDataType dtype,
                          const int64_t* strides, int64_t offset, aclFormat format, const int64_t* storage,
                          uint64_t, void* address) {
  fake().note("aclInitTensor");
  *t = {{dims, dims + n}, {strides, strides + n}, offset, *storage, dtype, format, address};
  return 0;
}
#endif
aclScalar* aclCreateScalar(void* value, aclDataType dtype) {
  double v = 0;
  if (dtype == ACL_DOUBLE) std::memcpy(&v, value, 8);
  if (dtype == ACL_INT64) v = static_cast<double>(*static_cast<int64_t*>(value));
  return new aclScalar{v};
}
aclnnStatus aclDestroyScalar(const aclScalar* s) {
  delete s;
  return 0;
}
aclIntArray* aclCreateIntArray(const int64_t* v, uint64_t n) { return new aclIntArray{{v, v + n}}; }
aclFloatArray* aclCreateFloatArray(const float* v, uint64_t n) { return new aclFloatArray{{v, v + n}}; }
aclBoolArray* aclCreateBoolArray(const bool* v, uint64_t n) {
  return new aclBoolArray{std::vector<bool>(v, v + n)};
}
aclTensorList* aclCreateTensorList(const aclTensor* const* v, uint64_t n) {
  if (fake().note("aclCreateTensorList")) return nullptr;
  auto* list = new aclTensorList;
  for (uint64_t i = 0; i < n; ++i) list->tensors.push_back(const_cast<aclTensor*>(v[i]));
  return list;
}
aclScalarList* aclCreateScalarList(const aclScalar* const* v, uint64_t n) {
  auto* list = new aclScalarList;
  for (uint64_t i = 0; i < n; ++i) list->scalars.push_back(const_cast<aclScalar*>(v[i]));
  return list;
}
aclnnStatus aclDestroyIntArray(const aclIntArray* a) {
  delete a;
  return 0;
}
aclnnStatus aclDestroyFloatArray(const aclFloatArray* a) {
  delete a;
  return 0;
}
aclnnStatus aclDestroyBoolArray(const aclBoolArray* a) {
  delete a;
  return 0;
}
aclnnStatus aclDestroyTensorList(const aclTensorList* l) {
  for (aclTensor* t : l->tensors) aclDestroyTensor(t);
  delete l;
  return 0;
}
aclnnStatus aclDestroyScalarList(const aclScalarList* l) {
  for (aclScalar* s : l->scalars) aclDestroyScalar(s);
  delete l;
  return 0;
}
aclnnStatus aclGetViewShape(const aclTensor* t, int64_t** dims, uint64_t* n) {
  *n = t->dims.size();
  *dims = new int64_t[t->dims.size()];
  std::memcpy(*dims, t->dims.data(), t->dims.size() * 8);
  return 0;
}

aclnnStatus aclSetAclOpExecutorRepeatable(aclOpExecutor* e) {
  fake().note("aclSetAclOpExecutorRepeatable", e->op);
  if (e->refuses) return 561103;
  e->repeatable = true;
  return 0;
}
aclnnStatus aclDestroyAclOpExecutor(aclOpExecutor* e) {
  delete e;
  --fake().executors;
  return fake().note("aclDestroyAclOpExecutor");
}
aclnnStatus aclSetInputTensorAddr(aclOpExecutor* e, const size_t index, aclTensor*, void* address) {
  if (const int code = fake().note("aclSetInputTensorAddr", std::to_string(index))) return code;
  if (index >= e->inputs.size()) return 161002;
  e->inputs[index]->address = address;
  return 0;
}
aclnnStatus aclSetOutputTensorAddr(aclOpExecutor* e, const size_t index, aclTensor*, void* address) {
  if (const int code = fake().note("aclSetOutputTensorAddr", std::to_string(index))) return code;
  if (index >= e->outputs.size()) return 161002;
  e->outputs[index]->address = address;
  return 0;
}
aclnnStatus aclSetDynamicInputTensorAddr(aclOpExecutor* e, size_t ir, const size_t relative, aclTensorList*,
                                         void* address) {
  if (const int code =
          fake().note("aclSetDynamicInputTensorAddr", std::to_string(ir) + "." + std::to_string(relative)))
    return code;
  e->input_lists.at(ir)->tensors.at(relative)->address = address;
  return 0;
}
aclnnStatus aclSetDynamicOutputTensorAddr(aclOpExecutor*, size_t, const size_t, aclTensorList*, void*) {
  return 161002;
}

// out = self + alpha * other
aclnnStatus aclnnAddGetWorkspaceSize(const aclTensor* self, const aclTensor* other, const aclScalar* alpha,
                                     aclTensor* out, uint64_t* workspace, aclOpExecutor** executor) {
  return begin(
      "aclnnAdd", show(self) + " " + show(other) + " " + std::to_string(alpha->value) + " " + show(out),
      {"", {const_cast<aclTensor*>(self), const_cast<aclTensor*>(other)}, {out}, {}}, workspace, executor);
}
aclnnStatus aclnnAdd(void*, uint64_t workspace, aclOpExecutor* e, aclrtStream s) {
  return finish(e, s, workspace);
}

// One parameter of every kind.
aclnnStatus aclnnManyGetWorkspaceSize(const aclTensorList* list, const aclTensor* optional,
                                      const aclIntArray* ints, const aclFloatArray* floats,
                                      const aclBoolArray* bools, double d, float f, bool b, const char* text,
                                      aclTensor* self, uint64_t* workspace, aclOpExecutor** executor) {
  std::string details = std::to_string(list->tensors.size()) + " " + show(optional) + " ";
  for (int64_t v : ints->values) details += std::to_string(v) + ",";
  for (float v : floats->values) details += std::to_string(v) + ",";
  for (bool v : bools->values) details += v ? "T," : "F,";
  details += " " + std::to_string(d) + " " + std::to_string(f) + " " + (b ? "true" : "false") + " " + text;
  return begin("aclnnMany", details, {"", {}, {self}, {const_cast<aclTensorList*>(list)}}, workspace,
               executor);
}
aclnnStatus aclnnMany(void*, uint64_t workspace, aclOpExecutor* e, aclrtStream s) {
  return finish(e, s, workspace);
}

// Never repeatable.
aclnnStatus aclnnRefusesGetWorkspaceSize(const aclTensor* self, aclTensor* out, uint64_t* w,
                                         aclOpExecutor** executor) {
  return begin("aclnnRefuses", "", {"", {const_cast<aclTensor*>(self)}, {out}, {}, true}, w, executor);
}
aclnnStatus aclnnRefuses(void*, uint64_t workspace, aclOpExecutor* e, aclrtStream s) {
  return finish(e, s, workspace);
}

// Writes to its only tensor.
aclnnStatus aclnnInplaceGetWorkspaceSize(aclTensor* self, uint64_t* w, aclOpExecutor** executor) {
  return begin("aclnnInplace", "", {"", {self}, {self}, {}}, w, executor);
}
aclnnStatus aclnnInplace(void*, uint64_t workspace, aclOpExecutor* e, aclrtStream s) {
  return finish(e, s, workspace);
}

// The shape of `out` depends on data: 3 rows were found.
aclnnStatus aclnnFindGetWorkspaceSize(const aclTensor* self, aclTensor* out, uint64_t* w,
                                      aclOpExecutor** executor) {
  out->dims = {3, static_cast<int64_t>(self->dims.size())};
  return begin("aclnnFind", "", {"", {const_cast<aclTensor*>(self)}, {out}, {}}, w, executor);
}
aclnnStatus aclnnFind(void*, uint64_t workspace, aclOpExecutor* e, aclrtStream s) {
  return finish(e, s, workspace);
}

// Exported with its second phase missing.
aclnnStatus aclnnHalfGetWorkspaceSize(uint64_t*, aclOpExecutor**) { return 0; }

}  // extern "C"
