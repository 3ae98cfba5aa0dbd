// SPDX-License-Identifier: BSD-3-Clause
// The bridge between a call and torch's CPU tensors.
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <ATen/record_function.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/TensorImpl.h>
#include <dlfcn.h>

#include <complex>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "kernel.h"
#include "npu_sim/memory.h"
#include "npu_sim/nnop/format.h"
#include "npu_sim/settings.h"

namespace npu_sim::ops {

at::ScalarType scalar_type(aclDataType t) {
  switch (t) {
    case ACL_FLOAT:
      return at::kFloat;
    case ACL_FLOAT16:
      return at::kHalf;
    case ACL_BF16:
      return at::kBFloat16;
    case ACL_DOUBLE:
      return at::kDouble;
    case ACL_INT64:
      return at::kLong;
    case ACL_INT32:
      return at::kInt;
    case ACL_INT16:
      return at::kShort;
    case ACL_INT8:
      return at::kChar;
    case ACL_UINT8:
      return at::kByte;
    case ACL_UINT16:
      return at::kUInt16;
    case ACL_UINT32:
      return at::kUInt32;
    case ACL_UINT64:
      return at::kUInt64;
    case ACL_BOOL:
      return at::kBool;
    case ACL_COMPLEX32:
      return at::kComplexHalf;
    case ACL_COMPLEX64:
      return at::kComplexFloat;
    case ACL_COMPLEX128:
      return at::kComplexDouble;
    case ACL_FLOAT8_E5M2:
      return at::kFloat8_e5m2;
    case ACL_FLOAT8_E4M3FN:
      return at::kFloat8_e4m3fn;
    default:
      throw nnop::NotSimulated(std::string("there is no CPU kernel for ") + nnop::dtype_name(t));
  }
}

namespace {

// Where the simulator reads the view of `t`. Throws for memory that is not a live allocation of a device.
char* memory_of(const nnop::FlatTensor& t, int64_t extent) {
  char* first = static_cast<char*>(t.data) + t.first_byte();
  if (extent == 0) return first;
  if (!is_device_address(first) || !owns(first, static_cast<size_t>(extent), nullptr)) {
    std::ostringstream s;
    s << "the address range " << static_cast<void*>(first) << " to " << static_cast<void*>(first + extent)
      << " of " << nnop::describe(t) << " is not allocated device memory: MTE out of range";
    throw std::runtime_error(s.str());
  }
  return shadow(first);
}

at::Tensor over(char* memory, size_t nbytes, at::ScalarType dtype, at::IntArrayRef sizes,
                at::IntArrayRef strides) {
  c10::Storage storage(c10::Storage::use_byte_size_t(), nbytes, c10::DataPtr(memory, c10::Device(c10::kCPU)),
                       nullptr,
                       /*resizable=*/false);
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), c10::scalarTypeToTypeMeta(dtype));
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return tensor;
}

template <class T>
T read(const nnop::FlatScalar& s) {
  T v;
  std::memcpy(static_cast<void*>(&v), s.value, sizeof v);
  return v;
}

// OpenMP's thread count is a setting of each thread. torch's own setter would change the user's threads too,
// so the runtime that torch loaded is asked directly.
void set_threads(int n) {
  static auto set = reinterpret_cast<void (*)(int)>([] {
    void* torch = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
    return torch ? dlsym(torch, "omp_set_num_threads") : nullptr;
  }());
  at::init_num_threads();
  if (set) set(n);
}

// torch's state of a worker thread, which runs nothing but kernels. Set once: switching profiler callbacks
// off and on around each kernel would cost more than a small kernel does. Leaked, since a thread's end has no
// order with torch's.
struct WorkerState {
  WorkerState() { set_threads(settings().threads); }
  at::AutoDispatchBelowADInplaceOrView below_autograd;
  at::NoGradGuard no_grad;
  at::DisableRecordFunctionGuard no_callbacks;
};

}  // namespace

namespace {

// The blocks of a private format: their memory, and how they make the base tensor.
struct Blocks {
  explicit Blocks(const nnop::FlatTensor& t)
      : view(*nnop::private_view(t.format, t.sizes(), t.strides(), t.offset, t.storage())),
        layout(*nnop::blocked(t.format, view.sizes, t.storage().back())) {
    const int64_t extent = t.extent_bytes();
    std::vector<int64_t> sizes, strides(layout.order.size());
    for (int64_t d : layout.order) sizes.push_back(layout.cut[static_cast<size_t>(d)]);
    int64_t step = 1;
    for (size_t d = sizes.size(); d-- > 0; step *= sizes[d]) strides[d] = step;
    at::Tensor memory =
        over(memory_of(t, extent), static_cast<size_t>(extent), scalar_type(t.dtype), sizes, strides);
    std::vector<int64_t> back(layout.order.size());
    for (size_t d = 0; d < back.size(); ++d)
      back[static_cast<size_t>(layout.order[d])] = static_cast<int64_t>(d);
    cut = memory.permute(back);
  }
  at::Tensor inner(at::Tensor padded) const {
    for (size_t d = 0; d < view.sizes.size(); ++d)
      padded = padded.narrow(static_cast<int64_t>(d), 0, view.sizes[d]);
    return padded;
  }

  nnop::PrivateView view;
  nnop::BlockedLayout layout;
  at::Tensor cut;
};

}  // namespace

void lay(const nnop::FlatTensor& t, const at::Tensor& values) {
  if (!t.storage_ndim) {
    tensor_over(t).copy_(values);
    return;
  }
  const Blocks blocks(t);
  at::Tensor padded = at::zeros(blocks.layout.padded, values.options());
  blocks.inner(padded).copy_(blocks.view.transposed ? values.transpose(-1, -2) : values);
  blocks.cut.copy_(padded.view(blocks.layout.cut));
}

at::Tensor tensor_over(const nnop::FlatTensor& t) {
  if (t.storage_ndim) {
    const Blocks blocks(t);
    const at::Tensor base = blocks.inner(blocks.cut.reshape(blocks.layout.padded));
    return blocks.view.transposed ? base.transpose(-1, -2) : base;
  }
  const int64_t extent = t.extent_bytes();
  auto sizes = t.sizes(), strides = t.strides();
  return over(memory_of(t, extent), static_cast<size_t>(extent), scalar_type(t.dtype),
              {sizes.data(), sizes.size()}, {strides.data(), strides.size()});
}

at::Scalar scalar_of(const nnop::FlatScalar& s) {
  switch (s.dtype) {
    case ACL_FLOAT:
      return read<float>(s);
    case ACL_DOUBLE:
      return read<double>(s);
    case ACL_FLOAT16:
      return static_cast<double>(read<at::Half>(s));
    case ACL_BF16:
      return static_cast<double>(read<at::BFloat16>(s));
    case ACL_INT64:
      return read<int64_t>(s);
    case ACL_INT32:
      return static_cast<int64_t>(read<int32_t>(s));
    case ACL_INT16:
      return static_cast<int64_t>(read<int16_t>(s));
    case ACL_INT8:
      return static_cast<int64_t>(read<int8_t>(s));
    case ACL_UINT8:
      return static_cast<int64_t>(read<uint8_t>(s));
    case ACL_UINT16:
      return static_cast<int64_t>(read<uint16_t>(s));
    case ACL_UINT32:
      return static_cast<int64_t>(read<uint32_t>(s));
    case ACL_UINT64:
      return read<uint64_t>(s);
    case ACL_BOOL:
      return read<unsigned char>(s) != 0;
    case ACL_COMPLEX64:
      return read<c10::complex<float>>(s);
    case ACL_COMPLEX128:
      return read<c10::complex<double>>(s);
    default:
      throw nnop::NotSimulated(std::string("there is no CPU scalar of ") + nnop::dtype_name(s.dtype));
  }
}

at::Tensor Shaped::resize(at::IntArrayRef sizes) {
  const nnop::FlatTensor& t = *call_.tensor(i_);
  const at::ScalarType type = scalar_type(t.dtype);
  int64_t n = 1;
  c10::SmallVector<int64_t, 8> strides(sizes.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = n;
    n *= sizes[i];
  }
  const auto nbytes = static_cast<int64_t>(static_cast<size_t>(n) * c10::elementSize(type));
  if (n > t.numel())
    throw std::runtime_error("an output of " + std::to_string(t.numel()) + " elements is too small for " +
                             std::to_string(n));
  if (nnop::ShapeBox* box = call_.found(i_)) {
    box->dims.assign(sizes.data(), sizes.size());
    box->known.store(true, std::memory_order_release);
  }
  return over(memory_of(t, nbytes), static_cast<size_t>(nbytes), type, sizes, strides);
}

void on_device(const Call& call, void (*body)(const Call&)) {
  static thread_local const WorkerState* state = new WorkerState;
  (void)state;
  try {
    body(call);
  } catch (const c10::Error& e) {
    throw std::runtime_error(e.what_without_backtrace());
  }
}

}  // namespace npu_sim::ops
