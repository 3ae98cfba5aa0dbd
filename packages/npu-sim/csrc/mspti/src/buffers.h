// SPDX-License-Identifier: BSD-3-Clause
// The client's buffers: asked for when a record has no room, given back when full, at a flush, or
// periodically.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

#include "npu/cann/mspti.h"

namespace npu_sim::mspti {

class Buffers {
 public:
  // Starts the thread that gives full buffers back: a stream's worker must not run the client's code for
  // long.
  void open(msptiBuffersCallbackRequestFunc request, msptiBuffersCallbackCompleteFunc complete);
  // Ends the thread, after what is full was given back.
  void close();

  // Copies a record of `size` bytes, a multiple of eight. Dropped without callbacks or without a buffer.
  void append(const void* record, size_t size);
  // Gives everything back, on the calling thread.
  void flush();
  // Milliseconds between flushes; 0: none.
  void flush_every(uint32_t milliseconds);

  static Buffers& instance();

 private:
  struct Buffer {
    uint8_t* data = nullptr;
    size_t size = 0, used = 0, records = 0, most_records = 0;
  };

  void loop();
  // Takes the oldest full buffer; with `current`, the one being filled too.
  bool take(bool current, Buffer* out);

  std::mutex mutex_;  // guards everything but the client's calls
  std::condition_variable changed_;
  msptiBuffersCallbackRequestFunc request_ = nullptr;
  msptiBuffersCallbackCompleteFunc complete_ = nullptr;
  Buffer current_;
  std::deque<Buffer> full_;
  uint32_t period_ms_ = 0;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace npu_sim::mspti
