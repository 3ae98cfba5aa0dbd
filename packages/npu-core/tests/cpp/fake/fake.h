// SPDX-License-Identifier: BSD-3-Clause
// A CANN for unit tests: it runs nothing, notes every call and fails on command. Not a simulator: its streams
// are numbers, its device memory is host memory, and its operators only remember what they were given.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
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
  std::atomic<bool> quiet{false};             // notes nothing and never fails
  std::atomic<int> tensors{0}, executors{0};  // alive

  // The code to answer, after noting the call.
  int note(const std::string& symbol, const std::string& details = "");
  std::vector<std::string> seen(const std::string& prefix);
  int count(const std::string& prefix) { return static_cast<int>(seen(prefix).size()); }
  void clear();
};

extern "C" Fake* fake_cann();
