// SPDX-License-Identifier: BSD-3-Clause
// Advanced indexing, and the operators whose result's shape depends on data.
#include <ATen/ExpandUtils.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/native/IndexingUtils.h>
#include <ATen/native/TensorAdvancedIndexingUtils.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/cat_meta.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include "aclnn_ops.h"
#include "kernel.h"
#include "shapes.h"
#include "structured.h"

namespace npu::ops {
namespace {

using Indices = c10::List<std::optional<at::Tensor>>;

// The first rows of a buffer that was made for the longest result. A small part
// of a large buffer is copied.
at::Tensor shrink(const at::Tensor& buffer, at::IntArrayRef sizes) {
  at::Tensor part = buffer.narrow(0, 0, sizes.at(0));
  if (part.numel() * 2 <= buffer.numel()) return part.clone();
  // To PyTorch the storage ends where the rows do: nested tensors take all of one.
  part.storage().set_nbytes(part.nbytes());
  return part;
}

at::Tensor nonzero_npu(const at::Tensor& self) {
  c10::DeviceGuard guard(self.device());
  if (self.is_complex()) return nonzero_npu(self.ne(0));
  check_dtype("nonzero", self, dtypes("fhdilscu?b"));
  at::Tensor buffer = empty({self.numel(), self.dim()}, at::kLong);
  if (self.numel() == 0) return buffer;
  return shrink(buffer, launch_shaped<aclnnNonzero>(1, self, buffer));
}

at::Tensor masked_select_npu(const at::Tensor& self, const at::Tensor& mask) {
  c10::DeviceGuard guard(common_device("masked_select", false, self, mask));
  TORCH_CHECK(mask.scalar_type() == at::kBool, "masked_select: expected BoolTensor for mask, got ",
              mask.scalar_type());
  auto [m, t] = at::expand_outplace(mask, self);
  if (self.is_complex()) {  // as pairs of real numbers
    at::Tensor pairs = at::view_as_real(*t);
    return at::view_as_complex(masked_select_npu(pairs, m->unsqueeze(-1).expand_as(pairs)).view({-1, 2}));
  }
  check_dtype("masked_select", self, dtypes("bhfdcsilu?"));
  at::Tensor buffer = empty({t->numel()}, self.scalar_type());
  if (t->numel() == 0) return buffer;
  return shrink(buffer, launch_shaped<aclnnMaskedSelect>(2, *t, *m, buffer));
}

at::Tensor& nonzero_out(const at::Tensor& self, at::Tensor& out) { return give(out, nonzero_npu(self)); }
at::Tensor& masked_select_out(const at::Tensor& self, const at::Tensor& mask, at::Tensor& out) {
  at::assert_no_internal_overlap(out);
  at::assert_no_overlap(out, self);
  at::assert_no_overlap(out, mask);
  return give(out, masked_select_npu(self, mask));
}

// Indices on the CPU are moved, as torch does it for its other devices; nothing
// else is.
void check_devices(const char* op, const at::Tensor& self, const Indices& indices) {
  for (std::optional<at::Tensor> i : indices)
    TORCH_CHECK(!i || !i->defined() || i->device() == self.device() ||
                    (i->is_cpu() && self.device().is_privateuseone()),
                "indices should be either on cpu or on the same device as the "
                "indexed tensor (",
                self.device(), "), but one is on ", i->device(), " (when checking the arguments of operator ",
                op, ")");
}

// Indices as aclnn takes them: masks turned into positions, one tensor a
// dimension, an empty one where a whole dimension is taken.
struct Positions {
  std::vector<at::Tensor> tensors;
  Dims result;      // sizes of self[indices]
  Dims kept_steps;  // strides of what is indexed there; 0 along the indices
  int64_t at = 0;   // where the indices' dimensions begin in `result`
  at::IntArrayRef shape;

  Positions(const at::Tensor& self, const Indices& indices) {
    at::native::checkIndexTensorTypes(indices, /*allow_int=*/true);
    tensors = at::native::expandTensors(self, indices, /*ensure_same_device=*/true);
    TORCH_CHECK_INDEX(tensors.size() <= static_cast<size_t>(self.dim()),
                      "too many indices for tensor of dimension ", self.dim(), " (got ", tensors.size(), ")");
    try {
      tensors = at::expand_outplace(tensors);
    } catch (const c10::Error&) {
      std::string shapes;
      for (const at::Tensor& t : tensors)
        if (t.defined()) shapes += (shapes.empty() ? "" : ", ") + c10::str(t.sizes());
      TORCH_CHECK_INDEX(
          false, "shape mismatch: indexing tensors could not be broadcast together with shapes ", shapes);
    }
    at::Tensor whole = empty({0}, at::kLong);
    size_t first = tensors.size(), last = 0;
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (!tensors[i].defined()) continue;
      if (tensors[i].device() != self.device()) tensors[i] = tensors[i].to(self.device());
      shape = tensors[i].sizes();
      TORCH_CHECK_INDEX(self.size(static_cast<int64_t>(i)) > 0 || tensors[i].numel() == 0,
                        "index is out of bounds for dimension with size 0");
      first = std::min(first, i);
      last = i;
    }
    bool adjacent = true;
    for (size_t i = first; i < last; ++i) adjacent &= tensors[i].defined();
    // Indexed dimensions that are not side by side give a result that begins
    // with the indices' shape.
    at = adjacent ? static_cast<int64_t>(first) : 0;
    for (size_t d = 0; d < static_cast<size_t>(self.dim()); ++d) {
      if (result.size() == static_cast<size_t>(at) && !placed_) place_shape();
      if (d < tensors.size() && tensors[d].defined()) continue;
      result.push_back(self.size(static_cast<int64_t>(d)));
      kept_steps.push_back(self.stride(static_cast<int64_t>(d)));
    }
    if (!placed_) place_shape();
    for (auto& t : tensors)
      if (!t.defined()) t = whole;
  }

 private:
  void place_shape() {
    result.append(shape.begin(), shape.end());
    kept_steps.append(shape.size(), 0);
    placed_ = true;
  }
  bool placed_ = false;
};

// Elementwise over what is indexed and its indices: the order of dimensions in memory that torch finds.
struct gathered : at::TensorIteratorBase {
  void meta(const at::Tensor& self, const Positions& p) {
    const auto seen = at::native::as_strided_tensorimpl(self, p.result, p.kept_steps, std::nullopt);
    at::TensorIteratorConfig config;
    config.set_check_mem_overlap(false)
        .check_all_same_dtype(false)
        .declare_static_dtype(self.scalar_type())
        .add_owned_output(at::Tensor())
        .add_owned_const_input(seen);
    Dims sizes(p.shape.begin(), p.shape.end());
    sizes.append(p.result.size() - static_cast<size_t>(p.at) - p.shape.size(), 1);
    for (const at::Tensor& t : p.tensors)
      if (t.sizes() == p.shape) config.add_owned_const_input(t.reshape(sizes));
    build(config);
  }
};

at::Tensor index_result(const at::Tensor& self, const Positions& p) {
  if (self.is_contiguous()) return empty(p.result, self.scalar_type());
  Outputs<gathered, 1> m(Mode::functional);
  m.meta(self, p);
  return m.tensors[0];
}

at::Tensor index_npu(const at::Tensor& self, const Indices& indices) {
  check_devices("index", self, indices);
  c10::DeviceGuard guard(self.device());
  check_dtype("index", self, dtypes("fhbdilscu?FD"));
  Positions p(self, indices);
  at::Tensor out = index_result(self, p);
  if (out.numel() == 0) return out;
  if (self.scalar_type() == at::kComplexDouble)  // pairs of numbers, a dimension more that is taken whole
    launch<aclnnIndex>(at::view_as_real(self.resolve_conj()), p.tensors, at::view_as_real(out));
  else
    launch<aclnnIndex>(self, p.tensors, out);
  return out;
}

at::Tensor& index_out(const at::Tensor& self, const Indices& indices, at::Tensor& out) {
  return give(out, index_npu(self, indices));
}

at::Tensor& index_put_impl(at::Tensor& self, const Indices& indices, const at::Tensor& values,
                           bool accumulate, bool unsafe) {
  check_devices("index_put_", self, indices);
  c10::DeviceGuard guard(self.device());
  TORCH_CHECK_INDEX(indices.size() <= static_cast<size_t>(self.dim()),
                    "too many indices for tensor of dimension ", self.dim(), " (got ", indices.size(), ")");
  TORCH_CHECK(self.scalar_type() == values.scalar_type(),
              "Index put requires the source and destination dtypes match, ", "got ", self.scalar_type(),
              " for the destination and ", values.scalar_type(), " for the source.");
  at::assert_no_internal_overlap(self);
  at::assert_no_overlap(self, values);
  for (const std::optional<at::Tensor> index : indices)  // a list hands out copies
    if (index && index->defined() && index->device() == self.device()) at::assert_no_overlap(self, *index);
  if (!self.is_complex()) check_dtype("index_put_", self, dtypes("fhdilscu?b"));
  at::Tensor v = values;
  if (values.device() != self.device()) {
    if (!is_host_scalar(values)) common_device("index_put_", false, self, values);
    if (!accumulate && (bit(self.scalar_type()) & dtypes("?cilfhb"))) {
      auto [is_mask, mask] = at::native::canDispatchToMaskedFill(self, indices, values);
      if (is_mask) return self.masked_fill_(mask, host_scalar(values));
    }
    v = empty({}, self.scalar_type());
    fill_value(v, host_scalar(values));
  }
  Positions p(self, indices);
  TORCH_CHECK(at::is_expandable_to(v.sizes(), p.result), "shape mismatch: value tensor of shape ", v.sizes(),
              " cannot be broadcast to indexing result of shape ", p.result);
  if (at::IntArrayRef(p.result).empty() || c10::multiply_integers(p.result)) {
    // Complex numbers go as pairs of real ones, the last dimension of which no
    // index names.
    const bool pairs = self.is_complex();
    launch<aclnnIndexPutImpl>(pairs ? at::view_as_real(self) : self, p.tensors,
                              pairs ? at::view_as_real(v) : v, accumulate, unsafe);
  }
  return self;
}

struct cat_op {
  using Meta = at::meta::structured_cat;
  static constexpr const char* name = "cat";
  static constexpr size_t outputs = 1;
  static constexpr bool host_scalars = false;
  static void shape(OutputsOf<cat_op>& m, const at::ITensorListRef& tensors, int64_t dim) {
    m.meta(tensors, dim);
  }
  static void run(Call& k, const at::ITensorListRef& tensors, int64_t dim) {
    at::assert_no_internal_overlap(k.out(0, 0));
    std::vector<at::Tensor> parts;
    auto materialized = tensors.materialize();
    int64_t d = at::legacy_cat_wrap_dim(dim, materialized);
    for (const at::Tensor& t : materialized) at::assert_no_overlap(k.out(0, 0), t);
    for (const at::Tensor& t : materialized)
      if (t.numel()) parts.push_back(k.as(t, k.dtype(0), dtypes("fhilscu?dFDb")));
    if (k.dtype(0) != at::kComplexDouble) return launch<aclnnCat>(parts, d, k.out(0, 0));
    for (at::Tensor& part : parts) part = at::view_as_real(part);
    launch<aclnnCat>(parts, d, at::view_as_real(k.out(0, 0)));
  }
};

at::Tensor cat_npu(const at::ITensorListRef& tensors, int64_t dim) {
  return run_functional<cat_op>(tensors, dim);
}
at::Tensor& cat_out(const at::ITensorListRef& tensors, int64_t dim, at::Tensor& out) {
  return std::get<0>(run_out<cat_op>(std::tie(out), tensors, dim));
}

bool equal_npu(const at::Tensor& self, const at::Tensor& other) {
  c10::DeviceGuard guard(common_device("equal", false, self, other));
  TORCH_CHECK(self.scalar_type() == other.scalar_type(),
              "Expected all tensors to have the same dtype, but got ", self.scalar_type(), " and ",
              other.scalar_type(), " (operator equal)");
  if (self.sizes() != other.sizes()) return false;
  if (self.numel() == 0) return true;
  if (self.is_complex()) return equal_npu(at::view_as_real(self), at::view_as_real(other));
  check_dtype("equal", self, dtypes("hficu?dlsb"));
  at::Tensor out = empty({1}, at::kBool);
  launch<aclnnEqual>(self, other, out);
  return out.item<bool>();
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  impl<"nonzero", nonzero_npu>(m);
  impl<"nonzero.out", nonzero_out>(m);
  impl<"masked_select", masked_select_npu>(m);
  impl<"masked_select.out", masked_select_out>(m);
  impl<"index.Tensor", index_npu>(m);
  impl<"index.Tensor_out", index_out>(m);
  impl<"_index_put_impl_", index_put_impl, Overlap::unchecked>(m);
  impl<"cat", cat_npu>(m);
  impl<"cat.out", cat_out>(m);
  impl<"equal", equal_npu>(m);
}

}  // namespace npu::ops
