// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/NPUStream.h"

#include <c10/util/Exception.h>

#include <array>
#include <map>
#include <mutex>

#include "npu/core/error.h"
#include "npu/core/launch_queue.h"
#include "streams.h"
#include "sync_debug.h"

namespace npu {

using detail::StreamState;

namespace {

// Ids: 0 the default stream, 1..32 the pool of normal priority, 33..64 that of high priority; above, the
// address of a foreign aclrtStream.
constexpr c10::StreamId kFirstForeign = 4096;

struct DeviceStreams {
  std::mutex mutex;  // creation of native streams, and `foreign`
  std::array<StreamState, 1 + 2 * kStreamsPerPool> own;
  std::array<std::atomic<uint32_t>, 2> next{};
  std::map<c10::StreamId, StreamState*> foreign;
};

DeviceStreams& streams_of(DeviceIndex device) {
  // Leaked, and one by one: most processes use one device.
  static std::array<std::atomic<DeviceStreams*>, kMaxDevices> all{};
  auto& slot = all.at(static_cast<size_t>(device));
  if (DeviceStreams* s = slot.load(std::memory_order_acquire)) return *s;
  auto* fresh = new DeviceStreams;
  for (size_t i = 0; i < fresh->own.size(); ++i) {
    fresh->own[i].device = device;
    fresh->own[i].id = static_cast<c10::StreamId>(i);
    fresh->own[i].priority = i > kStreamsPerPool ? -1 : 0;
  }
  DeviceStreams* expected = nullptr;
  if (!slot.compare_exchange_strong(expected, fresh)) delete fresh;
  return *slot.load(std::memory_order_acquire);
}

thread_local std::array<c10::StreamId, kMaxDevices> t_current{};

NPUStream make(DeviceIndex device, c10::StreamId id) {
  return NPUStream(c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::kPrivateUse1, device), id));
}

DeviceIndex device_or_current(DeviceIndex device) {
  if (device < 0) return current_device();
  check_device(device);
  return device;
}

// CANN's priorities fall from 0; ours are torch's 0 (normal) and -1 (high).
uint32_t native_priority(int priority) {
  int32_t least = 7, greatest = 0;
  if (cann().has_aclrtDeviceGetStreamPriorityRange)
    NPU_CHECK(cann().aclrtDeviceGetStreamPriorityRange(&least, &greatest));
  if (priority < 0) return static_cast<uint32_t>(greatest);
  return static_cast<uint32_t>(least > greatest ? greatest + 1 : greatest);
}

}  // namespace

namespace detail {

aclrtStream StreamState::handle() {
  if (aclrtStream s = native.load(std::memory_order_acquire); C10_LIKELY(s != nullptr)) return s;
  bind_device(device);
  std::lock_guard lock(streams_of(device).mutex);
  if (aclrtStream s = native.load(std::memory_order_acquire)) return s;
  aclrtStream s = nullptr;
  NPU_CHECK(cann().aclrtCreateStreamWithConfig(&s, native_priority(priority),
                                               ACL_STREAM_FAST_LAUNCH | ACL_STREAM_FAST_SYNC));
  native.store(s, std::memory_order_release);
  return s;
}

StreamState& stream_state(const c10::Stream& stream) {
  DeviceStreams& streams = streams_of(stream.device_index());
  const c10::StreamId id = stream.id();
  if (C10_LIKELY(id >= 0 && id < static_cast<c10::StreamId>(streams.own.size()))) return streams.own[id];
  std::lock_guard lock(streams.mutex);
  auto it = streams.foreign.find(id);
  TORCH_CHECK_VALUE(it != streams.foreign.end(), "npu:", static_cast<int>(stream.device_index()),
                    " has no stream with id ", id,
                    ": take streams from torch.npu.Stream() or torch.npu.ExternalStream()");
  return *it->second;
}

StreamState& current_stream_state(DeviceIndex device) {
  const c10::StreamId id = t_current[static_cast<uint8_t>(device)];
  if (C10_LIKELY(id < kFirstForeign)) return streams_of(device).own[id];
  return stream_state(c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::kPrivateUse1, device), id));
}

void for_each_stream(DeviceIndex device, void (*visit)(StreamState&, void*), void* argument) {
  DeviceStreams& streams = streams_of(device);
  for (StreamState& state : streams.own)
    if (state.native.load(std::memory_order_acquire)) visit(state, argument);
  std::lock_guard lock(streams.mutex);
  for (auto& [id, state] : streams.foreign) visit(*state, argument);
}

}  // namespace detail

NPUStream::NPUStream(c10::Stream stream) : stream_(stream) {
  TORCH_CHECK(stream_.device_type() == c10::kPrivateUse1,
              "an NPU stream was expected, but this one belongs to ", stream_.device());
}

int NPUStream::priority() const { return detail::stream_state(stream_).priority; }

bool NPUStream::query() const {
  LaunchQueue* queue = LaunchQueue::started(device_index());
  StreamState& state = detail::stream_state(stream_);
  if (queue && !queue->launched(state.last_ticket.load(std::memory_order_acquire))) return false;
  aclrtStream native = state.native.load(std::memory_order_acquire);
  if (!native) return true;  // never used
  bind_device(device_index());
  aclrtStreamStatus status = ACL_STREAM_STATUS_NOT_READY;
  NPU_CHECK(cann().aclrtStreamQuery(native, &status));
  return status == ACL_STREAM_STATUS_COMPLETE;
}

void NPUStream::synchronize() const {
  note_sync("Stream.synchronize()");
  synchronize_stream(*this);
}

aclrtStream NPUStream::stream() const {
  aclrtStream native = handle();
  if (LaunchQueue* queue = LaunchQueue::started(device_index()))
    queue->flush(detail::stream_state(stream_).last_ticket.load(std::memory_order_acquire));
  return native;
}

aclrtStream NPUStream::handle() const { return detail::stream_state(stream_).handle(); }

NPUStream getStreamFromPool(bool high_priority, DeviceIndex device) {
  device = device_or_current(device);
  const uint32_t n =
      streams_of(device).next[high_priority].fetch_add(1, std::memory_order_relaxed) % kStreamsPerPool;
  return make(device, 1 + (high_priority ? kStreamsPerPool : 0) + n);
}

NPUStream getStreamFromPool(int priority, DeviceIndex device) {
  return getStreamFromPool(priority < 0, device);
}

NPUStream getStreamFromExternal(aclrtStream stream, DeviceIndex device) {
  device = device_or_current(device);
  const auto id = static_cast<c10::StreamId>(reinterpret_cast<intptr_t>(stream));
  TORCH_CHECK_VALUE(id >= kFirstForeign, "an aclrtStream was expected, got ", id);
  DeviceStreams& streams = streams_of(device);
  std::lock_guard lock(streams.mutex);
  // One of ours, handed to another library and back: two states of one stream would not wait for each other.
  for (const StreamState& own : streams.own)
    if (own.native.load(std::memory_order_acquire) == stream) return make(device, own.id);
  auto [it, fresh] = streams.foreign.try_emplace(id, nullptr);
  if (fresh) {
    it->second = new StreamState;
    it->second->device = device;
    it->second->id = id;
    it->second->native.store(stream);
  }
  return make(device, id);
}

NPUStream getDefaultNPUStream(DeviceIndex device) { return make(device_or_current(device), 0); }

NPUStream getCurrentNPUStream(DeviceIndex device) {
  if (device < 0) device = current_device();
  TORCH_CHECK_INDEX(device < kMaxDevices, "npu:", static_cast<int>(device), " is beyond the ",
                    static_cast<int>(kMaxDevices), " devices that npu-core knows");
  return make(device, t_current[static_cast<uint8_t>(device)]);
}

void setCurrentNPUStream(NPUStream stream) {
  detail::stream_state(stream);  // raises for an unknown id
  t_current[static_cast<uint8_t>(stream.device_index())] = stream.id();
}

}  // namespace npu
