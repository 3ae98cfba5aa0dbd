// SPDX-License-Identifier: BSD-3-Clause
// Repeatable executors: what an operator's first phase worked out, kept for calls that differ only in
// addresses.
//
// Key: the operator, the words of the call (dtypes, shapes, strides, offsets, scalars, options: everything
// but addresses), which tensors share an address, and the generation of CANN's options. One cache a device,
// used by its launch thread alone: executors are changed in place. A call is cached when it comes the second
// time, so that calls which never repeat (random numbers with their offset, step counts) do not push out
// those that do.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "descriptors.h"

namespace npu {

struct CachedExecutor {
  CachedExecutor(CallArguments&& args, const CallView& call, aclOpExecutor* executor, uint64_t workspace);
  ~CachedExecutor();
  CachedExecutor(const CachedExecutor&) = delete;  // it owns CANN's executor
  CachedExecutor& operator=(const CachedExecutor&) = delete;

  // Gives the executor the call's addresses. False if CANN refuses one.
  bool readdress(void* const* addresses);

  CallArguments args;
  std::vector<void*> addresses;
  aclOpExecutor* executor;
  uint64_t workspace;
};

class ExecutorCache {
 public:
  // `capacity` 0 turns the cache off.
  explicit ExecutorCache(size_t capacity) : capacity_(capacity) {}

  // The hash of a call, or 0 if it is not to be cached.
  uint64_t hash(const CallView& call) const;
  // The executor of an equal call, now the most recently used; or null.
  CachedExecutor* find(uint64_t hash, const CallView& call);
  // Whether a call of this hash was seen before, and remembers that it was.
  bool seen(uint64_t hash);
  void insert(uint64_t hash, const CallView& call, std::unique_ptr<CachedExecutor> executor);
  void erase(uint64_t hash);

 private:
  struct Entry {
    uint64_t hash;
    const Operator* op;
    std::vector<uint64_t> key;
    uint64_t sharing;
    uint64_t generation;
    std::unique_ptr<CachedExecutor> executor;
  };
  void evict();

  size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> index_;
  std::vector<uint64_t> seen_ = std::vector<uint64_t>(4096);
};

}  // namespace npu
