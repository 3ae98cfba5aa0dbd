// SPDX-License-Identifier: BSD-3-Clause
#include "launch_history.h"

#include <gtest/gtest.h>

#include <cstring>

#include "streams.h"

namespace {

using namespace npu;

std::string text_of(const void* payload) { return static_cast<const char*>(payload); }

struct History : testing::Test {
  LaunchHistory history;
  detail::StreamState stream;

  void launch(const char* name, const std::string& call) {
    history.note(TaskKind{name, nullptr, &text_of}, stream, {}, call.c_str(), call.size() + 1);
  }
  std::string first(std::string_view message) {
    auto found = history.suspects(message);
    return found.empty() ? "" : found[0].operation;
  }
};

TEST_F(History, TheOperatorThatTheMessageNamesIsTheSuspect) {
  launch("aclnnEmbedding", "aclnnEmbedding(a)");
  launch("aclnnAdd", "aclnnAdd(b)");
  launch("aclnnAddmm", "aclnnAddmm(c)");
  EXPECT_EQ(history.suspects("aclnnEmbedding failed").size(), 1u);
  EXPECT_EQ(first("kernel aclnnEmbedding failed"), "aclnnEmbedding(a) on npu:0, stream 0");
  EXPECT_EQ(first("aclnnAdd: out of range"), "aclnnAdd(b) on npu:0, stream 0");
  EXPECT_EQ(first("aclnnAddmm"), "aclnnAddmm(c) on npu:0, stream 0");
}

TEST_F(History, OfSeveralCallsTheNewestIsNamed) {
  launch("aclnnAdd", "aclnnAdd(old)");
  launch("aclnnAdd", "aclnnAdd(new)");
  EXPECT_EQ(first("aclnnAdd failed"), "aclnnAdd(new) on npu:0, stream 0");
}

TEST_F(History, WithoutANameTheLastLaunchesAreListedNewestFirst) {
  for (int i = 0; i < 9; ++i) launch("aclnnMul", "aclnnMul(" + std::to_string(i) + ")");
  const auto found = history.suspects("the device hung");
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[0].operation, "aclnnMul(8) on npu:0, stream 0");
  EXPECT_EQ(found[4].operation, "aclnnMul(4) on npu:0, stream 0");
  EXPECT_NE(explain_suspects(found).find("newest first"), std::string::npos);
}

TEST_F(History, OldLaunchesAreForgottenAndHugeOnesKeepTheirName) {
  launch("aclnnOld", "aclnnOld(a)");
  for (int i = 0; i < 64; ++i) launch("aclnnMul", "aclnnMul()");
  EXPECT_EQ(first("aclnnOld failed"), "aclnnMul() on npu:0, stream 0");
  launch("aclnnCat", std::string(4000, 'x'));
  EXPECT_EQ(first("aclnnCat failed"), "aclnnCat on npu:0, stream 0");
}

TEST_F(History, WhatComputesNothingIsNoSuspect) {
  history.note(TaskKind{"event record", nullptr}, stream, {}, "", 1);
  EXPECT_TRUE(history.suspects("failed").empty());
  EXPECT_EQ(explain_suspects({}), "");
}

}  // namespace
