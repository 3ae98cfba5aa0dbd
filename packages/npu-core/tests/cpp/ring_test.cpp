// SPDX-License-Identifier: BSD-3-Clause
#include "ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>

namespace {

using npu::Record;
using npu::Ring;

bool put(Ring& ring, const std::string& text) {
  Record* r = ring.reserve(text.size());
  if (!r) return false;
  std::memcpy(r->payload(), text.data(), text.size());
  ring.publish();
  return true;
}

std::string take(Ring& ring) {
  Record* r = ring.front();
  if (!r) return "(empty)";
  std::string text(static_cast<const char*>(r->payload()), r->payload_bytes);
  ring.pop();
  return text;
}

TEST(Ring, HandsOutInOrder) {
  Ring ring(4096);
  EXPECT_TRUE(put(ring, "a"));
  EXPECT_TRUE(put(ring, "bc"));
  EXPECT_EQ(take(ring), "a");
  EXPECT_EQ(take(ring), "bc");
  EXPECT_EQ(take(ring), "(empty)");
}

TEST(Ring, RefusesWhenFullAndTakesAgainAfterAPop) {
  Ring ring(1024);
  int held = 0;
  while (put(ring, std::string(100, 'x'))) ++held;
  EXPECT_EQ(held, 5);  // 64 bytes of record and 112 of payload each
  take(ring);
  take(ring);
  EXPECT_TRUE(put(ring, std::string(100, 'y')));
}

TEST(Ring, WrapsAroundManyTimesWithEverySize) {
  Ring ring(1024);
  for (size_t i = 0; i < 5000; ++i) {
    const std::string text(i * 7 % 129, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(put(ring, text));
    ASSERT_EQ(take(ring), text);
  }
}

TEST(Ring, KeepsAPayloadLargerThanItself) {
  Ring ring(1024);
  const std::string text(100000, 'z');
  ASSERT_TRUE(put(ring, text));
  EXPECT_EQ(take(ring), text);
}

TEST(Ring, PayloadsAreAlignedTo16) {
  Ring ring(1024);
  for (size_t n : {1, 3, 8, 17}) {
    Record* r = ring.reserve(n);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(r->payload()) % 16, 0u);
    ring.publish();
  }
}

TEST(Ring, OneProducerAndOneConsumerSeeTheSameSequence) {
  Ring ring(2048);
  constexpr int kCount = 100000;
  std::thread producer([&] {
    for (int i = 0; i < kCount; ++i)
      while (!put(ring, std::to_string(i))) std::this_thread::yield();
  });
  for (int i = 0; i < kCount; ++i) {
    while (!ring.front()) std::this_thread::yield();
    ASSERT_EQ(take(ring), std::to_string(i));
  }
  producer.join();
}

}  // namespace
