// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUGeneratorImpl.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/TensorImpl.h>

#include <array>
#include <cstring>
#include <mutex>

#include "capture.h"

namespace npu {

namespace {

constexpr size_t kStateBytes = 2 * sizeof(uint64_t);

DeviceIndex index_or_current(DeviceIndex device) {
  if (device < 0) device = current_device();
  check_device(device);
  return device;
}

}  // namespace

NPUGeneratorImpl::NPUGeneratorImpl(DeviceIndex device, uint64_t seed)
    : c10::GeneratorImpl(c10::Device(c10::DeviceType::PrivateUse1, device),
                         c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)),
      seed_(seed) {}

void NPUGeneratorImpl::set_current_seed(uint64_t seed) {
  if (C10_UNLIKELY(capturing()) && seed != seed_) refuse_in_capture("setting the seed of a generator");
  seed_ = seed;
  offset_ = 0;
}

uint64_t NPUGeneratorImpl::seed() {
  set_current_seed(c10::detail::getNonDeterministicRandom());
  return seed_;
}

void NPUGeneratorImpl::set_offset(uint64_t offset) {
  if (C10_UNLIKELY(capturing())) refuse_in_capture("setting the offset of a generator");
  TORCH_CHECK_VALUE(offset % 4 == 0, "the offset of an npu generator is a multiple of 4, found ", offset);
  offset_ = offset;
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
  set_offset(words[1]);
  seed_ = words[0];
}

c10::intrusive_ptr<c10::TensorImpl> NPUGeneratorImpl::get_state() const {
  auto state = at::detail::empty_cpu({static_cast<int64_t>(kStateBytes)}, c10::kByte);
  const uint64_t words[2] = {seed_, offset_};
  std::memcpy(state.mutable_data_ptr(), words, kStateBytes);
  return state.getIntrusivePtr();
}

std::pair<uint64_t, uint64_t> NPUGeneratorImpl::draw(uint64_t count) {
  uint64_t offset = offset_;
  offset_ += rounded(count);
  return {seed_, offset};
}

NPUGeneratorImpl* NPUGeneratorImpl::clone_impl() const {
  auto* copy = new NPUGeneratorImpl(device().index());
  copy->seed_ = seed_;
  copy->offset_ = offset_;
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
