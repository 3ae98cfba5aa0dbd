#include "npu_sim/device.h"

#include <algorithm>

#include "npu_sim/capture.h"
#include "npu_sim/context.h"
#include "npu_sim/queue.h"
#include "npu_sim/soc.h"
#include "watch.h"

namespace npu_sim {

Device::Device(int id, int physical_id, char* base, uint64_t bytes, int slots)
    : id(id),
      physical_id(physical_id),
      memory(base, bytes),
      slots(slots),
      overflow_mode(soc().inf_nan() ? ACL_RT_OVERFLOW_MODE_INFNAN : ACL_RT_OVERFLOW_MODE_SATURATION) {}

void Device::add_memory_error(MemoryError error) {
  std::lock_guard lock(mutex_);
  memory_errors_.push_back(error);
}

std::vector<Device::MemoryError> Device::memory_errors() const {
  std::lock_guard lock(mutex_);
  return memory_errors_;
}

bool Device::repair_memory_error(const void* address) {
  std::lock_guard lock(mutex_);
  return std::erase_if(memory_errors_, [&](const MemoryError& e) { return e.address == address; }) > 0;
}

void Device::set_fault(int code, std::string message) {
  std::lock_guard lock(mutex_);
  if (fault_.load(std::memory_order_relaxed)) return;
  fault_message_ = std::move(message);
  fault_.store(code, std::memory_order_release);
}

std::string Device::fault_message() const {
  std::lock_guard lock(mutex_);
  return fault_message_;
}

void Device::clear_fault() {
  std::lock_guard lock(mutex_);
  fault_.store(0, std::memory_order_release);
  fault_message_.clear();
}

void Device::add_stream(const std::shared_ptr<Stream>& stream) {
  std::lock_guard lock(mutex_);
  std::erase_if(streams_, [](const auto& s) { return s.expired(); });
  streams_.push_back(stream);
}

std::vector<std::shared_ptr<Stream>> Device::streams() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Stream>> alive;
  for (const auto& s : streams_)
    if (auto stream = s.lock()) alive.push_back(std::move(stream));
  return alive;
}

int Device::synchronize(int timeout_ms) {
  if (int code = refuse_captured(*this, "a synchronisation of the device")) return code;
  auto deadline = deadline_after(timeout_ms);
  int first = 0;
  std::string message;
  for (const auto& stream : streams()) {
    if (stream->on_worker()) return stream->synchronize(timeout_ms);  // refuses
    if (!stream->wait(stream->submitted(), deadline))
      return fail(ACL_ERROR_RT_STREAM_SYNC_TIMEOUT, "npu:" + std::to_string(id) + " did not finish within " +
                                                        std::to_string(timeout_ms) + " ms");
    if (stream->closed()) continue;  // its errors went with it
    if (int code = stream->report(); code && !first) {
      first = code;
      message = take_error_message();
    }
  }
  if (!first && fault()) return fail(fault(), fault_message());
  return first ? fail(first, std::move(message)) : 0;
}

std::shared_ptr<Context> Device::retain_primary() {
  std::lock_guard lock(mutex_);
  ++users_;
  if (!primary_) primary_ = Context::create(*this);
  return primary_;
}

bool Device::release_primary(bool force) {
  std::shared_ptr<Context> ended;
  {
    std::lock_guard lock(mutex_);
    if (users_ == 0) return false;
    users_ = force ? 0 : users_ - 1;
    if (users_ > 0) return true;
    ended = std::move(primary_);
  }
  ended->destroy();
  memory.clear();
  if (watching() & kWatchCheck) check_reset_device(memory.base(), memory.total());
  clear_fault();
  return true;
}

std::shared_ptr<Context> Device::primary() const {
  std::lock_guard lock(mutex_);
  return primary_;
}

}  // namespace npu_sim
