// SPDX-License-Identifier: BSD-3-Clause
// The random generator of a device: a seed and an offset into its Philox sequence, kept on the host.
//
// An operator that draws n numbers takes, under the generator's mutex, the offset and advances it by n
// rounded up to a multiple of 4, and hands seed and offset to the kernel. So the same seed gives the same
// numbers whatever the timing.
#pragma once

#include <ATen/core/Generator.h>

#include <memory>
#include <mutex>
#include <utility>

#include "npu/core/NPUFunctions.h"

namespace npu {

// Where a sequence of random numbers is. Several generators may share one (graphsafe_get_state), each with a
// mutex of its own, so it has its own too: nothing else is locked under it.
struct PhiloxState {
  std::mutex mutex;
  uint64_t seed = 0;
  uint64_t offset = 0;

  std::pair<uint64_t, uint64_t> read() {
    std::lock_guard lock(mutex);
    return {seed, offset};
  }
};

class NPU_API NPUGeneratorImpl final : public c10::GeneratorImpl {
 public:
  explicit NPUGeneratorImpl(DeviceIndex device, uint64_t seed = c10::default_rng_seed_val);

  // The offset starts again at 0. While a graph is captured only the same seed, which changes nothing.
  void set_current_seed(uint64_t seed) override;
  uint64_t current_seed() const override { return state_->read().first; }
  // Takes a new seed from the system and answers it.
  uint64_t seed() override;
  // ValueError unless a multiple of 4. On a stream that is captured both are of the graph's numbers: they go
  // on from where the generator was when the graph first drew from it.
  void set_offset(uint64_t offset) override;
  uint64_t get_offset() const override;

  // A byte tensor of 16 on the CPU: seed, then offset, in the machine's order; as torch.cuda's.
  void set_state(const c10::TensorImpl& state) override;
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override;

  // A generator that draws from the same sequence as this one; and this one from that of another. So a
  // program changes sequences without asking for a seed, which a graph cannot.
  c10::intrusive_ptr<c10::GeneratorImpl> graphsafe_get_state() const override;
  void graphsafe_set_state(const c10::intrusive_ptr<c10::GeneratorImpl>& other) override;
  // Call it under `mutex_`.
  const std::shared_ptr<PhiloxState>& sequence() const { return state_; }

  // (seed, offset) for `count` numbers, which are then used up. Call it under `mutex_`.
  std::pair<uint64_t, uint64_t> draw(uint64_t count);
  // How far `count` numbers move the offset.
  static constexpr uint64_t rounded(uint64_t count) { return (count + 3) / 4 * 4; }

  static c10::DeviceType device_type() { return c10::DeviceType::PrivateUse1; }

 private:
  NPUGeneratorImpl* clone_impl() const override;

  std::shared_ptr<PhiloxState> state_ = std::make_shared<PhiloxState>();
};

// The device's default generator, which lives as long as the process. -1 is the current device. Initialises
// nothing.
NPU_API const at::Generator& getDefaultNPUGenerator(DeviceIndex device = -1);
NPU_API at::Generator createNPUGenerator(DeviceIndex device = -1);

}  // namespace npu
