#include "accesses.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "npu_sim/watch.h"

namespace npu_sim::nnop {
namespace {

int64_t element_bytes(const FlatTensor& t) { return static_cast<int64_t>(dtype_bits(t.dtype)) / 8; }

// The bytes of a view: its dense innermost part as a row, the rest as steps.
Rows rows_of(const FlatTensor& t) {
  if (t.storage_ndim)
    return {static_cast<const char*>(t.data), static_cast<uint64_t>(t.extent_bytes()), {}, {}};
  struct Dim {
    int64_t size, step;
  };
  std::vector<Dim> dims;
  for (uint32_t d = 0; d < t.ndim; ++d)
    if (t.sizes()[d] > 1 && t.strides()[d] != 0)
      dims.push_back({t.sizes()[d], t.strides()[d] * element_bytes(t)});
  std::sort(dims.begin(), dims.end(), [](const Dim& a, const Dim& b) { return a.step < b.step; });
  Rows rows{
      static_cast<const char*>(t.data) + t.first_byte(), static_cast<uint64_t>(element_bytes(t)), {}, {}};
  size_t d = 0;
  for (; d < dims.size() && dims[d].step == static_cast<int64_t>(rows.row_bytes); ++d)
    rows.row_bytes *= static_cast<uint64_t>(dims[d].size);
  for (; d < dims.size(); ++d) {
    rows.counts.push_back(dims[d].size);
    rows.steps.push_back(dims[d].step);
  }
  return rows;
}

template <class Visit>
void each_tensor(const Call& call, Visit visit) {
  for (uint32_t i = 0; i < call.op().count; ++i) {
    const Param& p = call.op().params[i];
    if (!call.has(i)) continue;
    if (p.kind == Kind::tensor) visit(p, *call.tensor(i));
    if (p.kind != Kind::tensors) continue;
    for (uint32_t j = 0; j < call.list_size(i); ++j)
      if (const FlatTensor* t = call.list_tensor(i, j)) visit(p, *t);
  }
}

bool contains(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](auto part) { return name.find(part) != name.npos; });
}

// Multiplications and additions of a matrix product or a convolution; 0 for other operators. From the sizes
// alone: a product of x[.., m, k] costs 2 k for each element that it gives.
double matrix_flops(const Call& call) {
  const std::string_view name = call.op().name;
  const bool convolution = contains(name, {"Convolution"});
  if (!convolution && !contains(name, {"Matmul", "MatMul", "Mm", "Addmv", "Baddbmm", "Addbmm", "Mv", "Dot"}))
    return 0;
  const FlatTensor *input = nullptr, *weight = nullptr, *given = nullptr;
  double largest = 0;
  each_tensor(call, [&](const Param& p, const FlatTensor& t) {
    if (!p.is_input()) {
      if (!given) given = &t;
      return;
    }
    if (!input)
      input = &t;
    else if (!weight)
      weight = &t;
    largest = std::max(largest, static_cast<double>(t.numel()));
  });
  if (!input || !weight || !given) return 0;
  if (convolution) {
    // Backward: gradOutput, input, weight; each of its two products costs what the forward one does.
    const bool backward = contains(name, {"Backward"});
    const FlatTensor& out = backward ? *input : *given;
    const FlatTensor* kernel = weight;
    if (backward && call.op().count > 2 && call.op().params[2].kind == Kind::tensor) kernel = call.tensor(2);
    const double per_channel = kernel->ndim
                                   ? static_cast<double>(kernel->numel()) /
                                         static_cast<double>(std::max<int64_t>(1, kernel->sizes()[0]))
                                   : 0;
    return 2.0 * static_cast<double>(out.numel()) * per_channel * (backward ? 2 : 1);
  }
  // Of the factors the one before the last input has k as its last dimension; `self` of an addmm comes first.
  const bool adds = contains(name, {"Addmm", "Baddbmm", "Addbmm", "Addmv"});
  const FlatTensor& factor = adds ? *weight : *input;
  const double k = factor.ndim ? static_cast<double>(factor.sizes()[factor.ndim - 1]) : 1;
  return 2.0 * k * static_cast<double>(given->numel());
}

// CANN calls what an operator works on in place an input too. These do not look at it: they write all of it,
// or leave the rest as it is.
bool only_writes(const Operator& op) {
  return contains(op.name, {"InplaceNormal", "InplaceUniform", "InplaceRandom", "InplaceBernoulli",
                            "InplaceFill", "InplaceZero", "InplaceOne", "InplaceCopy", "InplaceScatterUpdate",
                            "InplaceIndexCopy", "InplaceIndexFill", "InplaceMasked", "IndexPut"});
}

Access access_of(const Operator& op, const Param& p) {
  if (!p.is_output()) return Access::read;
  return p.is_input() && !only_writes(op) ? Access::both : Access::write;
}

}  // namespace

void note_call(const Call& call, const void* workspace) {
  const uint32_t on = watching();
  const char* op = call.op().name;
  if (on & kWatchCheck) {
    if (workspace) note_access(op, "workspace", workspace, call.workspace_bytes(), Access::write);
    // Reads first: an operator may write where it reads.
    for (bool writes : {false, true})
      each_tensor(call, [&](const Param& p, const FlatTensor& t) {
        if (p.is_output() == writes && element_bytes(t) && t.numel())
          note_rows(op, p.name, rows_of(t), access_of(call.op(), p));
      });
  }
  if (!(on & kWatchTiming)) return;
  KernelCost cost{matrix_flops(call), 0, 0};
  each_tensor(call, [&](const Param&, const FlatTensor& t) {
    const auto n = static_cast<double>(t.numel());
    cost.bytes += n * static_cast<double>(element_bytes(t));
    cost.vector_flops = std::max(cost.vector_flops, n);
  });
  if (cost.matrix_flops > 0) cost.vector_flops = 0;
  note_cost(cost);
}

}  // namespace npu_sim::nnop
