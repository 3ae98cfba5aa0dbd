// SPDX-License-Identifier: BSD-3-Clause
#include "ipc.h"

#include <c10/util/Exception.h>

#include <chrono>
#include <future>

#include "npu/core/NPUCachingAllocator.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

c10::Storage storage() {
  auto* allocator = NPUCachingAllocator::get();
  return {c10::Storage::use_byte_size_t{}, 512, allocator->allocate(512), allocator, true};
}

TEST(Ipc, MemoryThatIsSharedAgainWhileItsExportEndsStaysExported) {
  Fake& fake = start();
  c10::Storage first = storage(), second = storage();
  std::future<SharedStorage> again;
  fake.before = [&](const std::string& call) {
    if (call != "aclrtIpcMemClose" || again.valid()) return;
    again = std::async(std::launch::async, [&] { return share_storage(second); });
    again.wait_for(std::chrono::milliseconds(200));  // its chance to go between
  };
  const SharedStorage shared = share_storage(first);
  open_storage(shared);  // as a receiver that lets go at once
  first = c10::Storage();
  ASSERT_TRUE(again.valid()) << "the export did not end";
  const std::string key = again.get().key;
  fake.before = nullptr;
  EXPECT_EQ(key, shared.key);
  EXPECT_TRUE(fake.keys.count(key)) << "the new export was closed with the old one's key";
}

TEST(Ipc, AnImportThatFailsGivesTheSenderItsMemoryBack) {
  Fake& fake = start();
  c10::Storage sent = storage();
  SharedStorage shared = share_storage(sent);
  shared.key = "4096";
  EXPECT_CONTAINS(thrown<c10::Error>([&] { open_storage(shared); }), "read once");
  sent = c10::Storage();
  EXPECT_EQ(fake.count("aclrtIpcMemClose"), 1) << "the memory waits for a receiver that there is not";
}

}  // namespace
