// SPDX-License-Identifier: BSD-3-Clause
#include "storage_format.h"

#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include <map>
#include <memory>
#include <numeric>

#include "NPUGraph.h"
#include "arg_formats.h"
#include "capture.h"
#include "launch_slots.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUStream.h"
#include "npu/core/error.h"
#include "npu/core/host_memory.h"
#include "npu/core/launch.h"
#include "npu/core/launch_queue.h"
#include "operator.h"
#include "process.h"

namespace npu {

namespace detail {
std::atomic<bool> g_formats_used{false};
}

namespace {

struct aclnnNpuFormatCast : op<aclnnNpuFormatCast, const aclTensor*, aclTensor*> {
  static constexpr const char* name = "aclnnNpuFormatCast";
  static constexpr const char* directions = "io";
};

// The memory of every storage in a private format, by its address. Its mutex is the last to be taken.
struct Registry {
  std::mutex mutex;
  std::map<const char*, const StorageFormat*> formats;
};
Registry& registry() {
  static auto* all = new Registry;
  return *all;
}

void free_formatted(void* context) {
  std::unique_ptr<StorageFormat> format(static_cast<StorageFormat*>(context));
  std::lock_guard lock(registry().mutex);
  registry().formats.erase(static_cast<const char*>(format->memory.get()));
}

int64_t product(const std::vector<int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

// Of the blocks of an image or its weights its own dims; a matrix may have any.
aclFormat base_of(aclFormat format) {
  switch (format) {
    case ACL_FORMAT_NC1HWC0:
    case ACL_FORMAT_FRACTAL_Z:
    case ACL_FORMAT_NC1HWC0_C04:
      return ACL_FORMAT_NCHW;
    case ACL_FORMAT_NDC1HWC0:
    case ACL_FRACTAL_Z_3D:
      return ACL_FORMAT_NCDHW;
    default:
      return ACL_FORMAT_ND;
  }
}

// A contiguous tensor over somebody else's memory.
at::Tensor over(const c10::DataPtr& memory, size_t nbytes, at::IntArrayRef sizes, c10::ScalarType dtype) {
  c10::Storage storage(c10::Storage::use_byte_size_t{}, nbytes, c10::DataPtr(memory.get(), memory.device()),
                       nullptr, false);
  auto impl = c10::make_intrusive<c10::TensorImpl>(std::move(storage),
                                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                                   c10::scalarTypeToTypeMeta(dtype));
  impl->set_sizes_contiguous(sizes);
  return at::Tensor(std::move(impl));
}

// Enqueues the cast; `blocked` says which of the two tensors is in the private format.
void cast(const at::Tensor& src, const at::Tensor& dst, uint32_t blocked, const StorageFormat& format) {
  const auto args = aclnnNpuFormatCast::pack(src, dst);
  const ArgFormat formats[] = {{blocked, format.format, format.dims},
                               {1 - blocked, base_of(format.format), {}}};
  launch_operator_as(aclnnNpuFormatCast::descriptor(), args.data(), 2, formats);
}

// What CANN makes of a tensor in `format`: its dims.
std::vector<int64_t> blocked_dims(const at::Tensor& base, aclFormat format) {
  using Calculate = aclnnStatus (*)(const aclTensor*, int, int, int64_t**, uint64_t*, int*);
  static constexpr const char* name = "aclnnNpuFormatCastCalculateSizeAndFormat";
  const Cann& c = cann();
  const auto calculate = reinterpret_cast<Calculate>(operator_symbol(name));
  TORCH_CHECK_NOT_IMPLEMENTED(calculate && has_operator(aclnnNpuFormatCast::name),
                              "private storage formats need ", name, ", which this CANN (version ",
                              cann_version(), ") lacks: leave the tensor in its base format");
  bind_device(base.device().index());
  const aclDataType dtype = acl_dtype(base.scalar_type());
  const auto sizes = base.sizes();
  const int64_t storage = base.numel();
  const std::unique_ptr<aclTensor, aclnnStatus (*)(const aclTensor*)> tensor(
      c.aclCreateTensor(sizes.data(), sizes.size(), dtype, base.strides().data(), 0, base_of(format),
                        &storage, 1, nullptr),
      c.aclDestroyTensor);
  int64_t* dims = nullptr;
  uint64_t n = 0;
  int actual = 0;
  const int code = calculate(tensor.get(), format, dtype, &dims, &n, &actual);
  const std::unique_ptr<int64_t[]> owned(dims);  // CANN allocates it with new[]
  TORCH_CHECK(code == 0, error_message(name, code));
  TORCH_CHECK(actual == format, "CANN lays ", base.scalar_type(), " out in format ", actual, " instead of ",
              format);
  return {dims, dims + n};
}

// Of torch, before the memory is given to someone who may write to it, or keep its address.
void restore(c10::StorageImpl* storage) {
  const WithoutGil unlocked;  // who holds the mutex may want it, to say where an operator was launched
  const std::lock_guard lock(formats_mutex());
  const StorageFormat* format = format_of_storage(*storage);
  if (!format) return;
  TORCH_CHECK(!format->captured,
              "a captured graph reads this tensor in its private format in each replay, and what takes its "
              "address or writes to it needs the base format. Take a copy: torch_npu.npu_format_cast(x, 2)");
  const c10::DeviceGuard guard(storage->device());
  const DeviceIndex device = storage->device().index();
  refuse_in_capture("taking or writing the memory of a tensor in a private format", device);
  // Work of any stream may read the blocks, and what follows there the rows: who asks for an address orders
  // nothing.
  synchronize(device);
  const c10::Storage base = base_copy(*format);
  c10::DataPtr& data = storage->_mutable_data_ptr_no_checks();
  copy_bytes(const_cast<void*>(format->memory.get()), device, base.data(), device, base.nbytes(), true);
  synchronize_stream(getCurrentNPUStream(device));
  auto* kept = static_cast<StorageFormat*>(data.get_context());
  void* const address = kept->memory.get();
  c10::DataPtr memory = std::move(kept->memory);
  kept->memory = c10::DataPtr(address, memory.device());  // what the registry knows it by
  data = std::move(memory);
}

}  // namespace

// Taken before the locks of pools and queues, and before the registry's; never on the launch thread, nor by
// what frees memory. Recursive: a cast is a launch too.
std::recursive_mutex& formats_mutex() {
  static auto* mutex = new std::recursive_mutex;
  return *mutex;
}

const StorageFormat* format_of_storage(const c10::StorageImpl& storage) noexcept {
  const auto& data = const_cast<c10::StorageImpl&>(storage)._mutable_data_ptr_no_checks();
  return data.get_deleter() == &free_formatted ? static_cast<const StorageFormat*>(data.get_context())
                                               : nullptr;
}

const c10::DataPtr& format_original(const c10::DataPtr& ptr) noexcept {
  return ptr.get_deleter() == &free_formatted ? static_cast<StorageFormat*>(ptr.get_context())->memory : ptr;
}

c10::DataPtr lay_out(const at::Tensor& base, aclFormat format) {
  const c10::DeviceGuard guard(base.device());
  auto kept = std::make_unique<StorageFormat>();
  kept->format = format;
  kept->dtype = base.scalar_type();
  kept->sizes = base.sizes().vec();
  kept->dims = blocked_dims(base, format);
  kept->captured = false;
  kept->nbytes = static_cast<size_t>(std::max(product(kept->dims), base.numel())) * base.itemsize();
  kept->memory = NPUCachingAllocator::get()->allocate(kept->nbytes);
  cast(base, over(kept->memory, kept->nbytes, kept->sizes, kept->dtype), 1, *kept);
  {
    std::lock_guard lock(registry().mutex);
    registry().formats[static_cast<const char*>(kept->memory.get())] = kept.get();
  }
  detail::g_formats_used.store(true, std::memory_order_relaxed);
  void* const address = kept->memory.get();
  return {address, kept.release(), &free_formatted, base.device()};
}

void note_reader(const StorageFormat& format) {
  if (C10_UNLIKELY(capturing()) && current_stream_is_capturing(format.memory.device().index()))
    format.captured = true;
}

c10::Storage base_copy(const StorageFormat& format) {
  note_reader(format);
  const c10::DeviceGuard guard(format.memory.device());
  auto* allocator = NPUCachingAllocator::get();
  const size_t nbytes = static_cast<size_t>(product(format.sizes)) * c10::elementSize(format.dtype);
  c10::Storage storage(c10::Storage::use_byte_size_t{}, nbytes, allocator->allocate(nbytes), allocator, true);
  cast(over(format.memory, format.nbytes, format.sizes, format.dtype),
       over(storage.data_ptr(), nbytes, format.sizes, format.dtype), 0, format);
  return storage;
}

void adopt(c10::StorageImpl& storage, c10::DataPtr laid_out) {
  const std::lock_guard lock(formats_mutex());
  if (storage.has_materializer()) storage.clear_materializer();
  storage.set_data_ptr_noswap(std::move(laid_out));
  storage.set_materializer(&restore);
}

c10::Storage base_copy_at(const void*& src, DeviceIndex device) {
  const std::lock_guard lock(formats_mutex());
  const StorageFormat* format = nullptr;
  size_t offset = 0;
  {
    // Whose memory it is, is asked under the registry's lock: a neighbour may be freed meanwhile.
    std::lock_guard registry_lock(registry().mutex);
    auto it = registry().formats.upper_bound(static_cast<const char*>(src));
    if (it == registry().formats.begin()) return {};
    format = (--it)->second;
    offset = static_cast<size_t>(static_cast<const char*>(src) - it->first);
    if (format->memory.device().index() != device || offset >= format->nbytes) return {};
  }
  c10::Storage copy = base_copy(*format);
  src = static_cast<const char*>(copy.data()) + offset;
  return copy;
}

}  // namespace npu
