// SPDX-License-Identifier: BSD-3-Clause
// A CANN for unit tests: it runs nothing, notes every call and fails on command. Not a simulator: its streams
// are numbers, its device memory is host memory, and its operators only remember what they were given.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

struct Fake {
  std::mutex mutex;
  std::vector<std::string> calls;
  std::map<std::string, int> fail;  // symbol -> code that its next call answers
  std::string message;              // what aclGetRecentErrMsg answers, once
  uint32_t devices = 2;
  uint64_t workspace = 0;  // what every first phase asks for
  std::atomic<bool> events_complete{true};
  std::function<void(const std::string&)> before;  // runs ahead of every noted call; set once
  std::set<std::string> keys;                      // of exported memory
  void* captured = nullptr;                        // the stream whose work is recorded
  std::atomic<bool> quiet{false};                  // notes nothing and never fails
  std::atomic<int> tensors{0}, executors{0};       // alive

  // The code to answer, after noting the call. Inline, as all here: the tests do not link the fake, they load
  // it.
  int note(const std::string& symbol, const std::string& details = "") {
    if (quiet) return 0;
    if (before) before(symbol);
    std::lock_guard lock(mutex);
    calls.push_back(symbol + (details.empty() ? "" : " " + details));
    auto it = fail.find(symbol);
    if (it == fail.end()) return 0;
    const int code = it->second;
    fail.erase(it);
    return code;
  }
  std::vector<std::string> seen(const std::string& prefix) {
    std::lock_guard lock(mutex);
    std::vector<std::string> found;
    for (const std::string& call : calls)
      if (call.rfind(prefix, 0) == 0) found.push_back(call);
    return found;
  }
  int count(const std::string& prefix) { return static_cast<int>(seen(prefix).size()); }
  void clear() {
    std::lock_guard lock(mutex);
    calls.clear();
    fail.clear();
  }
};

extern "C" Fake* fake_cann();
