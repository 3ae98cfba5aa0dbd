#include <cstdint>
#include <numeric>

#include "ranks.h"

namespace npu_sim::hccl {
namespace {

// More than two rounds of 1 MiB, and no whole number of them.
constexpr size_t kMany = (size_t{5} << 19) / sizeof(float) + 3;

std::vector<float> values_of(uint32_t rank, size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = 0.1f * static_cast<float>(i % 1000) + static_cast<float>(rank) / 3;
  return v;
}

TEST(AllReduce, SumsInRankOrderOverManyRounds) {
  with_ranks(3, [](Rank& r) {
    auto* p = r.put(values_of(r.id, kMany));
    ASSERT_EQ(HcclAllReduce(p, p, kMany, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, r.comm, r.handle),
              HCCL_SUCCESS);
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    auto a = values_of(0, kMany), b = values_of(1, kMany), c = values_of(2, kMany);
    auto got = r.get(p, kMany);
    for (size_t i = 0; i < kMany; ++i) ASSERT_EQ(got[i], a[i] + b[i] + c[i]) << i;
  });
}

TEST(AllReduce, ManyInARowOnTwoStreamsKeepTheirOrder) {
  with_ranks(2, [](Rank& r) {
    aclrtStream other = nullptr;
    auto second = r.context->create_stream(0, 0, &other);
    constexpr int kCalls = 200;
    std::vector<int64_t*> buffers;
    for (int i = 0; i < kCalls; ++i) {
      buffers.push_back(r.put(std::vector<int64_t>(17, r.id + i)));
      ASSERT_EQ(HcclAllReduce(buffers.back(), buffers.back(), 17, HCCL_DATA_TYPE_INT64, HCCL_REDUCE_SUM,
                              r.comm, i % 3 ? r.handle : other),
                HCCL_SUCCESS);
    }
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    ASSERT_EQ(second->synchronize(-1), 0) << take_error_message();
    for (int i = 0; i < kCalls; ++i)
      ASSERT_EQ(r.get(buffers[static_cast<size_t>(i)], 17), std::vector<int64_t>(17, 2 * i + 1));
  });
}

TEST(Gathering, AllGatherReduceScatterScatterAndBroadcastMoveEveryPart) {
  with_ranks(4, [](Rank& r) {
    constexpr size_t n = (size_t{1} << 18) + 7;  // floats: more than one round for each part
    const auto own = values_of(r.id, n);
    auto* in = r.put(own);
    auto* all = r.put(std::vector<float>(n * r.size));
    auto* part = r.put(std::vector<float>(n));
    auto* mine = r.put(std::vector<float>(n));
    ASSERT_EQ(HcclAllGather(in, all, n, HCCL_DATA_TYPE_FP32, r.comm, r.handle), HCCL_SUCCESS);
    ASSERT_EQ(HcclReduceScatter(all, part, n, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_MAX, r.comm, r.handle),
              HCCL_SUCCESS);
    ASSERT_EQ(HcclScatter(all, mine, n, HCCL_DATA_TYPE_FP32, 2, r.comm, r.handle), HCCL_SUCCESS);
    ASSERT_EQ(HcclBroadcast(in, n, HCCL_DATA_TYPE_FP32, 3, r.comm, r.handle), HCCL_SUCCESS);
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    for (uint32_t k = 0; k < r.size; ++k) ASSERT_EQ(r.get(all + k * n, n), values_of(k, n)) << k;
    ASSERT_EQ(r.get(part, n), own);
    ASSERT_EQ(r.get(mine, n), own);
    ASSERT_EQ(r.get(in, n), values_of(3, n));
  });
}

TEST(Messages, ARingAndAllToAllArrive) {
  with_ranks(3, [](Rank& r) {
    constexpr size_t n = (size_t{3} << 17) + 5;
    auto* out = r.put(values_of(r.id, n));
    auto* in = r.put(std::vector<float>(n));
    const uint32_t next = (r.id + 1) % r.size, before = (r.id + r.size - 1) % r.size;
    HcclSendRecvItem items[] = {{HCCL_SEND, out, n, HCCL_DATA_TYPE_FP32, next},
                                {HCCL_RECV, in, n, HCCL_DATA_TYPE_FP32, before}};
    ASSERT_EQ(HcclBatchSendRecv(items, 2, r.comm, r.handle), HCCL_SUCCESS);
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    EXPECT_EQ(r.get(in, n), values_of(before, n));

    std::vector<int32_t> table(6);
    for (int k = 0; k < 6; ++k) table[static_cast<size_t>(k)] = static_cast<int>(r.id) * 10 + k;
    auto* from = r.put(table);
    auto* to = r.put(std::vector<int32_t>(6));
    ASSERT_EQ(HcclAlltoAll(from, 2, HCCL_DATA_TYPE_INT32, to, 2, HCCL_DATA_TYPE_INT32, r.comm, r.handle),
              HCCL_SUCCESS);
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    const int at = static_cast<int>(2 * r.id);
    EXPECT_EQ(r.get(to, 6), (std::vector<int32_t>{at, at + 1, 10 + at, 11 + at, 20 + at, 21 + at}));
  });
}

TEST(Errors, RanksThatDisagreeAllLearnIt) {
  with_ranks(2, [](Rank& r) {
    auto* p = r.put(std::vector<float>(8));
    ASSERT_EQ(HcclAllReduce(p, p, 4 + 2 * r.id, HCCL_DATA_TYPE_FP32, HCCL_REDUCE_SUM, r.comm, r.handle),
              HCCL_SUCCESS);
    EXPECT_EQ(r.finish(), ACL_ERROR_RT_FFTS_PLUS_EXCEPTION);
    const std::string message = take_error_message();
    EXPECT_NE(message.find("count=4"), std::string::npos) << message;
    EXPECT_NE(message.find("count=6"), std::string::npos) << message;
    HcclResult error = HCCL_SUCCESS;
    ASSERT_EQ(HcclGetCommAsyncError(r.comm, &error), HCCL_SUCCESS);
    EXPECT_EQ(error, HCCL_E_PARA);
    EXPECT_EQ(HcclBarrier(r.comm, r.handle), HCCL_E_PARA);
  });
}

TEST(Errors, ARankThatDoesNotComeIsATimeoutForTheOthers) {
  with_ranks(2, [](Rank& r) {
    if (r.id == 0) {
      ASSERT_EQ(HcclBarrier(r.comm, r.handle), HCCL_SUCCESS);
      EXPECT_EQ(r.finish(), ACL_ERROR_RT_FFTS_PLUS_TIMEOUT);
      EXPECT_NE(take_error_message().find("waited 2 s for rank 1"), std::string::npos);
    } else {
      HcclResult error = HCCL_SUCCESS;
      for (int i = 0; i < 1000 && error == HCCL_SUCCESS; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        ASSERT_EQ(HcclGetCommAsyncError(r.comm, &error), HCCL_SUCCESS);
      }
      EXPECT_EQ(error, HCCL_E_REMOTE);
    }
  });
}

TEST(Errors, ARankThatLeavesIsAnErrorForTheOthers) {
  with_ranks(2, [](Rank& r) {
    if (r.id == 1) return;
    ASSERT_EQ(HcclBarrier(r.comm, r.handle), HCCL_SUCCESS);
    EXPECT_EQ(r.finish(), ACL_ERROR_RT_SUSPECT_REMOTE_ERROR);
    EXPECT_NE(take_error_message().find("rank 1"), std::string::npos);
  });
}

TEST(Errors, SuspendingEndsAWait) {
  with_ranks(2, [](Rank& r) {
    if (r.id == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      return;
    }
    ASSERT_EQ(HcclBarrier(r.comm, r.handle), HCCL_SUCCESS);
    ASSERT_EQ(HcclCommSuspend(r.comm), HCCL_SUCCESS);
    EXPECT_EQ(r.finish(), ACL_ERROR_RT_PARAM_INVALID);
    EXPECT_NE(take_error_message().find("suspended"), std::string::npos);
  });
}

}  // namespace
}  // namespace npu_sim::hccl
