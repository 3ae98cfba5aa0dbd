// libacl_tdt_channel: tensors that operators of a graph send to the host. No operator of the simulator sends
// any: a channel stays empty, and who receives waits for as long as it said.
#pragma GCC visibility push(default)
#include <npu/cann/tdt.h>
#pragma GCC visibility pop

#include <condition_variable>
#include <mutex>
#include <vector>

#include "abi.h"

using namespace npu_sim;

namespace {

struct Channel {
  std::mutex mutex;
  std::condition_variable changed;
  bool closed = false;

  void close() {
    std::lock_guard lock(mutex);
    closed = true;
    changed.notify_all();
  }
};

// Filled by a receive; its items live as long as it does.
struct Dataset {};

HandleTable<Channel>& channels() {
  static auto* table = new HandleTable<Channel>(19);
  return *table;
}

HandleTable<Dataset>& datasets() {
  static auto* table = new HandleTable<Dataset>(20);
  return *table;
}

int dead(const char* kind) {
  return fail(ACL_ERROR_INVALID_PARAM,
              std::string("the handle names no live ") + kind + ": it was destroyed or never created");
}

}  // namespace

acltdtChannelHandle* acltdtCreateChannelWithCapacity(uint32_t deviceId, const char* name, size_t capacity) {
  Device* device = nullptr;
  if (require_pointer(name, "name") || device_at(static_cast<int>(deviceId), &device)) return nullptr;
  if (capacity < 2) {
    fail(ACL_ERROR_INVALID_PARAM, "capacity must be at least 2, found " + std::to_string(capacity));
    return nullptr;
  }
  return static_cast<acltdtChannelHandle*>(channels().insert(std::make_shared<Channel>()));
}

aclError acltdtDestroyChannel(acltdtChannelHandle* handle) {
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  auto channel = channels().remove(handle);
  if (!channel) return dead("channel");
  channel->close();
  return ACL_SUCCESS;
}

acltdtDataset* acltdtCreateDataset() {
  return static_cast<acltdtDataset*>(datasets().insert(std::make_shared<Dataset>()));
}

aclError acltdtDestroyDataset(acltdtDataset* dataset) {
  NPU_SIM_TRY(require_pointer(dataset, "dataset"));
  return datasets().remove(dataset) ? ACL_SUCCESS : dead("dataset");
}

size_t acltdtGetDatasetSize(const acltdtDataset* dataset) {
  if (!datasets().find(dataset)) dead("dataset");
  return 0;
}

acltdtDataItem* acltdtGetDataItem(const acltdtDataset* dataset, size_t index) {
  if (datasets().find(dataset)) {
    fail(ACL_ERROR_INVALID_PARAM, "the dataset holds no item " + std::to_string(index));
  } else {
    dead("dataset");
  }
  return nullptr;
}

// No dataset holds an item, so every item is foreign.
void* acltdtGetDataAddrFromItem(const acltdtDataItem* /*dataItem*/) {
  dead("item");
  return nullptr;
}

size_t acltdtGetDataSizeFromItem(const acltdtDataItem* /*dataItem*/) {
  dead("item");
  return 0;
}

aclDataType acltdtGetDataTypeFromItem(const acltdtDataItem* /*dataItem*/) {
  dead("item");
  return ACL_DT_UNDEFINED;
}

size_t acltdtGetDimNumFromItem(const acltdtDataItem* /*dataItem*/) {
  dead("item");
  return 0;
}

aclError acltdtGetDimsFromItem(const acltdtDataItem* /*dataItem*/, int64_t* /*dims*/, size_t /*dimNum*/) {
  return dead("item");
}

// `timeout` in milliseconds; -1 waits until the channel is destroyed, 0 does not wait.
aclError acltdtReceiveTensor(const acltdtChannelHandle* handle, acltdtDataset* dataset, int32_t timeout) {
  NPU_SIM_TRY(require_pointer(handle, "handle"));
  NPU_SIM_TRY(require_pointer(dataset, "dataset"));
  auto channel = channels().find(handle);
  if (!channel) return dead("channel");
  if (!datasets().find(dataset)) return dead("dataset");
  if (timeout < -1) return fail(ACL_ERROR_INVALID_PARAM, "timeout must be milliseconds, or -1 for ever");
  std::unique_lock lock(channel->mutex);
  auto closed = [&] { return channel->closed; };
  if (timeout < 0) {
    channel->changed.wait(lock, closed);
  } else {
    channel->changed.wait_for(lock, std::chrono::milliseconds(timeout), closed);
  }
  if (channel->closed) return dead("channel");
  return fail(ACL_ERROR_RT_QUEUE_EMPTY, "the channel holds no tensor: no operator of npu-sim sends one");
}
