// SPDX-License-Identifier: BSD-3-Clause
#include "allocator_settings.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace npu {
namespace {

void expect_refused(const std::string& text, std::initializer_list<const char*> parts) {
  try {
    parse_allocator_settings(text);
    FAIL() << text << " was accepted";
  } catch (const c10::ValueError& e) {
    std::string message = e.what_without_backtrace();
    for (const char* part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

TEST(AllocatorSettings, GiveTorchWhatIsTorchs) {
  auto s = parse_allocator_settings(" max_split_size_mb : 64, garbage_collection_threshold:0.8,");
  EXPECT_EQ(s.torch, "max_split_size_mb:64,garbage_collection_threshold:0.8");
  EXPECT_FALSE(s.memory_fraction.has_value());
}

TEST(AllocatorSettings, KeepListsWhole) {
  EXPECT_EQ(parse_allocator_settings("roundup_power2_divisions:[256:1,512:2,>:8],max_split_size_mb:64").torch,
            "roundup_power2_divisions:[256:1,512:2,>:8],max_split_size_mb:64");
}

TEST(AllocatorSettings, KeepTheFractionForTheDevice) {
  auto s = parse_allocator_settings("per_process_memory_fraction:0.25");
  EXPECT_EQ(s.torch, "");
  EXPECT_EQ(s.memory_fraction, 0.25);
}

TEST(AllocatorSettings, RefuseAnUnknownKeyAndNameTheKnownOnes) {
  expect_refused("max_split_size_mb:64,split_max:3", {"unknown key 'split_max'", "max_split_size_mb"});
}

TEST(AllocatorSettings, RefuseAValueThatIsNoNumber) {
  expect_refused("max_split_size_mb:64MB", {"max_split_size_mb must be a whole number", "'64MB'"});
  expect_refused("max_split_size_mb:", {"max_split_size_mb", "found ''"});
  expect_refused("max_split_size_mb", {"max_split_size_mb", "found ''"});
  expect_refused("max_split_size_mb:-1", {"max_split_size_mb"});
}

TEST(AllocatorSettings, RefuseAFractionOutsideItsRange) {
  expect_refused("per_process_memory_fraction:1.5", {"a number above 0, up to 1", "'1.5'"});
  expect_refused("garbage_collection_threshold:0", {"garbage_collection_threshold"});
  expect_refused("garbage_collection_threshold:1.0", {"a number between 0 and 1", "'1.0'"});
}

TEST(AllocatorSettings, RefuseAListThatIsNone) {
  for (const char* list : {"[256:1", "[]", "[256]", "[256:1,]", "[:1]", "[256:x]"})
    expect_refused(std::string("roundup_power2_divisions:") + list, {"[size:number,...]"});
}

TEST(AllocatorSettings, NameTheVariableThatTheyStandIn) {
  try {
    parse_allocator_settings("split_max:3", "PYTORCH_ALLOC_CONF");
    FAIL() << "accepted";
  } catch (const c10::ValueError& e) {
    EXPECT_EQ(std::string(e.what_without_backtrace()).find("PYTORCH_ALLOC_CONF: "), 0);
  }
}

TEST(AllocatorSettings, RefuseAFlagThatIsNeitherTrueNorFalse) {
  expect_refused("pinned_use_background_threads:yes", {"True or False", "'yes'"});
}

TEST(AllocatorSettings, TakeTheKeysOfTorchNpuThatAskForNothingElse) {
  EXPECT_EQ(parse_allocator_settings("base_addr_aligned_kb:16,multi_stream_lazy_reclaim:True,"
                                     "release_lock_on_npumalloc:True,pinned_mem_register:False,"
                                     "pin_memory_expandable_segments:False,throw_on_npumalloc_oom:False,"
                                     "pinned_reserve_segment_size_mb:0")
                .torch,
            "");
  EXPECT_EQ(parse_allocator_settings("segment_size_mb:64").torch, "large_segment_size_mb:64");
}

TEST(AllocatorSettings, RefuseWhatIsNotPossibleWithTheReason) {
  expect_refused("page_size:1g", {"page_size:1g is not possible", "2 MiB", "Leave page_size out"});
  expect_refused("pinned_mem_register:True", {"aclrtMallocHost"});
  expect_refused("throw_on_npumalloc_oom:True", {"given back before a request fails"});
}

TEST(AllocatorSettings, NothingIsNothing) {
  EXPECT_EQ(parse_allocator_settings("").torch, "");
  EXPECT_EQ(parse_allocator_settings(" , ").torch, "");
}

}  // namespace
}  // namespace npu
