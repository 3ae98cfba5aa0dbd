// SPDX-License-Identifier: BSD-3-Clause
#include "graph_random.h"

#include <ATen/EmptyTensor.h>

#include <cstring>
#include <memory>

#include "NPUGraph.h"
#include "capture.h"
#include "npu/core/NPUCachingHostAllocator.h"
#include "npu/core/host_memory.h"

namespace npu {

namespace {

constexpr size_t kBytes = 2 * sizeof(uint64_t);

std::mutex g_mutex;  // of g_captured. Nothing else is locked under it.
std::shared_ptr<GraphRandom> g_captured;

// Made without operators: npu-core has none, and during a capture they would be captured.
at::Tensor number_at(const c10::Storage& words, int64_t place) {
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(words),
                                                         c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                                         caffe2::TypeMeta::Make<int64_t>());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(at::IntArrayRef({1}), at::IntArrayRef({1}), place);
  return tensor;
}

}  // namespace

GraphRandom::Source* GraphRandom::find(const PhiloxState* sequence) {
  for (Source& source : sources_) {
    if (source.sequence.get() == sequence) return &source;
  }
  return nullptr;
}

GraphRandom::Source& GraphRandom::source_of(const std::shared_ptr<PhiloxState>& sequence,
                                            c10::Device device) {
  if (Source* source = find(sequence.get())) return *source;
  // Not of the graph's pool: what an operator captured before has left free there, it writes in each replay.
  const c10::Storage words(c10::Storage::use_byte_size_t{}, kBytes, memory_outside_pools(kBytes, device),
                           nullptr, false);
  sources_.push_back({sequence, sequence->read().second, number_at(words, 0), number_at(words, 1)});
  return sources_.back();
}

npu_philox GraphRandom::draw(const std::shared_ptr<PhiloxState>& sequence, c10::Device device,
                             uint64_t count) {
  std::lock_guard lock(mutex_);
  Source& source = source_of(sequence, device);
  const uint64_t offset = source.drawn;
  source.drawn += NPUGeneratorImpl::rounded(count);
  return {0, offset, source.seed.unsafeGetTensorImpl(), source.offset.unsafeGetTensorImpl()};
}

uint64_t GraphRandom::offset(const NPUGeneratorImpl& generator) {
  std::lock_guard lock(mutex_);
  const Source* source = find(generator.sequence().get());
  return source ? source->start + source->drawn : generator.sequence()->read().second;
}

void GraphRandom::set_offset(const NPUGeneratorImpl& generator, uint64_t offset) {
  std::lock_guard lock(mutex_);
  Source& source = source_of(generator.sequence(), generator.device());
  TORCH_CHECK_VALUE(offset >= source.start, "a graph that is captured draws from offset ", source.start,
                    " of its generator on, and cannot go back to offset ", offset,
                    ": set the state before the capture.");
  source.drawn = offset - source.start;
}

void GraphRandom::refill() {
  std::lock_guard lock(mutex_);
  for (Source& source : sources_) {
    uint64_t words[2];
    {
      std::lock_guard sequence_lock(source.sequence->mutex);
      words[0] = source.sequence->seed;
      words[1] = source.sequence->offset;
      source.sequence->offset += source.drawn;
    }
    // Pinned, so that the copy is in the order of the stream; the allocator keeps it until the copy is done.
    const c10::DataPtr host = getNPUCachingHostAllocator()->allocate(kBytes);
    std::memcpy(host.get(), words, kBytes);
    copy_bytes(source.seed.storage().mutable_data(), source.seed.device().index(), host.get(), -1, kBytes,
               /*non_blocking=*/true);
  }
}

std::shared_ptr<GraphRandom> captured_random() {
  std::lock_guard lock(g_mutex);
  return g_captured;
}

void set_captured_random(std::shared_ptr<GraphRandom> random) {
  std::lock_guard lock(g_mutex);
  g_captured.swap(random);
}

npu_philox draw_random(NPUGeneratorImpl& generator, uint64_t count) {
  if (C10_UNLIKELY(capturing()) && current_stream_is_capturing(generator.device().index())) {
    if (auto random = captured_random()) {
      // The operator reads what it is given when it is launched, whatever becomes of the graph meanwhile.
      thread_local std::shared_ptr<GraphRandom> kept;
      const RelaxedCapture relaxed;  // of what was kept last the memory may go now
      kept = std::move(random);
      const auto sequence = [&] {
        std::lock_guard lock(generator.mutex_);
        return generator.sequence();
      }();
      return kept->draw(sequence, generator.device(), count);
    }
  }
  std::lock_guard lock(generator.mutex_);
  auto [seed, offset] = generator.draw(count);
  return {seed, offset, nullptr, nullptr};
}

}  // namespace npu
