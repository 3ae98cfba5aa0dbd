// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUGeneratorImpl.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/TensorImpl.h>

#include <array>
#include <cstring>
#include <mutex>
#include <tuple>

#include "NPUGraph.h"
#include "capture.h"
#include "graph_random.h"

namespace npu {

namespace {

constexpr size_t kStateBytes = 2 * sizeof(uint64_t);

DeviceIndex index_or_current(DeviceIndex device) {
  if (device < 0) device = current_device();
  check_device(device);
  return device;
}

// The random numbers of the graph that the device's current stream is captured into; null if it is not.
std::shared_ptr<GraphRandom> of_the_graph(c10::Device device) {
  if (C10_LIKELY(!capturing()) || !current_stream_is_capturing(device.index())) return nullptr;
  return captured_random();
}

}  // namespace

NPUGeneratorImpl::NPUGeneratorImpl(DeviceIndex device, uint64_t seed)
    : c10::GeneratorImpl(c10::Device(c10::DeviceType::PrivateUse1, device),
                         c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)) {
  state_->seed = seed;
}

void NPUGeneratorImpl::set_current_seed(uint64_t seed) {
  if (of_the_graph(device())) {
    if (seed != current_seed()) refuse_in_capture("setting the seed of a generator", device().index());
    return;
  }
  std::lock_guard lock(state_->mutex);
  state_->seed = seed;
  state_->offset = 0;
}

uint64_t NPUGeneratorImpl::seed() {
  const uint64_t seed = c10::detail::getNonDeterministicRandom();
  set_current_seed(seed);
  return seed;
}

void NPUGeneratorImpl::set_offset(uint64_t offset) {
  TORCH_CHECK_VALUE(offset % 4 == 0, "the offset of an npu generator is a multiple of 4, found ", offset);
  if (auto random = of_the_graph(device())) return random->set_offset(*this, offset);
  std::lock_guard lock(state_->mutex);
  state_->offset = offset;
}

uint64_t NPUGeneratorImpl::get_offset() const {
  if (auto random = of_the_graph(device())) return random->offset(*this);
  return state_->read().second;
}

void NPUGeneratorImpl::set_state(const c10::TensorImpl& state) {
  TORCH_CHECK_TYPE(state.device().is_cpu() && state.dtype() == caffe2::TypeMeta::Make<uint8_t>(),
                   "the state of an npu generator is a ByteTensor on the cpu, found ", state.dtype().name(),
                   " on ", state.device());
  TORCH_CHECK_VALUE(state.numel() == kStateBytes && state.is_contiguous(),
                    "the state of an npu generator is ", kStateBytes, " contiguous bytes, found ",
                    state.numel(), "; was it saved from another kind of device?");
  uint64_t words[2];
  std::memcpy(words, state.data(), kStateBytes);
  TORCH_CHECK_VALUE(words[1] % 4 == 0, "the offset of an npu generator is a multiple of 4, found ", words[1]);
  set_current_seed(words[0]);
  set_offset(words[1]);
}

c10::intrusive_ptr<c10::TensorImpl> NPUGeneratorImpl::get_state() const {
  auto state = at::detail::empty_cpu({static_cast<int64_t>(kStateBytes)}, c10::kByte);
  const uint64_t words[2] = {current_seed(), get_offset()};
  std::memcpy(state.mutable_data_ptr(), words, kStateBytes);
  return state.getIntrusivePtr();
}

c10::intrusive_ptr<c10::GeneratorImpl> NPUGeneratorImpl::graphsafe_get_state() const {
  auto shared = c10::make_intrusive<NPUGeneratorImpl>(device().index());
  shared->state_ = state_;
  return shared;
}

void NPUGeneratorImpl::graphsafe_set_state(const c10::intrusive_ptr<c10::GeneratorImpl>& other) {
  auto* npu = dynamic_cast<NPUGeneratorImpl*>(other.get());
  TORCH_CHECK_TYPE(npu && npu->device() == device(), "graphsafe_set_state of a generator of ", device(),
                   " takes another one of ", device(), ", found one of ", other->device());
  state_ = npu->state_;
}

std::pair<uint64_t, uint64_t> NPUGeneratorImpl::draw(uint64_t count) {
  std::lock_guard lock(state_->mutex);
  const uint64_t offset = state_->offset;
  state_->offset += rounded(count);
  return {state_->seed, offset};
}

NPUGeneratorImpl* NPUGeneratorImpl::clone_impl() const {
  auto* copy = new NPUGeneratorImpl(device().index());
  std::tie(copy->state_->seed, copy->state_->offset) = state_->read();
  return copy;
}

const at::Generator& getDefaultNPUGenerator(DeviceIndex device) {
  static auto* generators = new std::array<at::Generator, kMaxDevices>;
  static auto* once = new std::array<std::once_flag, kMaxDevices>;
  device = index_or_current(device);
  std::call_once((*once)[device], [&] {
    // Seeded as it is made: the first who asks may be captured, and seed() is refused there.
    (*generators)[device] =
        at::make_generator<NPUGeneratorImpl>(device, c10::detail::getNonDeterministicRandom());
  });
  return (*generators)[device];
}

at::Generator createNPUGenerator(DeviceIndex device) {
  return at::make_generator<NPUGeneratorImpl>(index_or_current(device));
}

}  // namespace npu
