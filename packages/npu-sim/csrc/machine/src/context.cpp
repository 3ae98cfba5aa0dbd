#include "npu_sim/context.h"

#include <algorithm>

#include "npu_sim/device.h"
#include "npu_sim/error.h"
#include "npu_sim/queue.h"

namespace npu_sim {
namespace {
thread_local std::weak_ptr<Context> t_current;
}

HandleTable<Context>& contexts() {
  static auto* table = new HandleTable<Context>(2);
  return *table;
}

std::shared_ptr<Context> Context::create(Device& device) {
  auto context = std::make_shared<Context>(device);
  context->handle = contexts().insert(context);
  return context;
}

std::shared_ptr<Stream> Context::default_stream() {
  std::lock_guard lock(mutex_);
  if (!default_stream_) {
    default_stream_ = std::make_shared<Stream>(*this, 0, 0);
    default_stream_->handle = streams().insert(default_stream_);
    device.add_stream(default_stream_);
    streams_.push_back(default_stream_);
  }
  return default_stream_;
}

std::shared_ptr<Stream> Context::create_stream(uint32_t priority, uint32_t flags, aclrtStream* out) {
  auto stream = std::make_shared<Stream>(*this, priority, flags);
  stream->handle = streams().insert(stream);
  device.add_stream(stream);
  std::lock_guard lock(mutex_);
  std::erase_if(streams_, [](const auto& s) { return s.expired(); });
  streams_.push_back(stream);
  if (out) *out = stream->handle;
  return stream;
}

void Context::destroy() {
  if (destroyed_.exchange(true)) return;
  contexts().remove(handle);
  std::vector<std::weak_ptr<Stream>> mine;
  {
    std::lock_guard lock(mutex_);
    mine.swap(streams_);
  }
  for (const auto& weak : mine)  // all at once: one may wait for another that hangs
    if (auto stream = weak.lock()) stream->let_go();
  for (const auto& weak : mine)
    if (auto stream = weak.lock()) {
      if (!stream->on_worker()) stream->wait(stream->submitted(), Clock::time_point::max());
      streams().remove(stream->handle);
      stream->close();
    }
}

std::shared_ptr<Context> current_context() {
  auto context = t_current.lock();
  return context && !context->destroyed() ? context : nullptr;
}

void set_current_context(const std::shared_ptr<Context>& context) { t_current = context; }

int require_context(std::shared_ptr<Context>* context) {
  *context = current_context();
  if (*context) return 0;
  return fail(ACL_ERROR_RT_CONTEXT_NULL,
              "this thread has no current context: call aclrtSetDevice or aclrtSetCurrentContext first");
}

}  // namespace npu_sim
