// SPDX-License-Identifier: BSD-3-Clause
// The random generator of a device: a seed and an offset into its Philox sequence, kept on the host.
//
// An operator that draws n numbers takes, under the generator's mutex, the offset and advances it by n
// rounded up to a multiple of 4, and hands seed and offset to the kernel. So the same seed gives the same
// numbers whatever the timing.
#pragma once

#include <ATen/core/Generator.h>

#include <utility>

#include "npu/core/NPUFunctions.h"

namespace npu {

class NPU_API NPUGeneratorImpl final : public c10::GeneratorImpl {
 public:
  explicit NPUGeneratorImpl(DeviceIndex device, uint64_t seed = c10::default_rng_seed_val);

  void set_current_seed(uint64_t seed) override;  // the offset starts again at 0
  uint64_t current_seed() const override { return seed_; }
  // Takes a new seed from the system and answers it.
  uint64_t seed() override;
  // ValueError unless a multiple of 4.
  void set_offset(uint64_t offset) override;
  uint64_t get_offset() const override { return offset_; }

  // A byte tensor of 16 on the CPU: seed, then offset, in the machine's order; as torch.cuda's.
  void set_state(const c10::TensorImpl& state) override;
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override;

  // (seed, offset) for `count` numbers, which are then used up. Call it under `mutex_`.
  std::pair<uint64_t, uint64_t> draw(uint64_t count);
  // How far `count` numbers move the offset.
  static constexpr uint64_t rounded(uint64_t count) { return (count + 3) / 4 * 4; }

  static c10::DeviceType device_type() { return c10::DeviceType::PrivateUse1; }

 private:
  NPUGeneratorImpl* clone_impl() const override;

  uint64_t seed_;
  uint64_t offset_ = 0;
};

// The device's default generator, which lives as long as the process. -1 is the current device. Initialises
// nothing.
NPU_API const at::Generator& getDefaultNPUGenerator(DeviceIndex device = -1);
NPU_API at::Generator createNPUGenerator(DeviceIndex device = -1);

}  // namespace npu
