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

TEST(Gathering, PartsMayDifferInSize) {
  with_ranks(3, [](Rank& r) {
    const std::vector<uint64_t> counts{5, 0, (size_t{3} << 18) + 1}, at{0, 5, 7};  // a gap of two
    const uint64_t own = counts[r.id], all = at[2] + counts[2];
    auto* in = r.put(std::vector<float>(std::max<uint64_t>(own, 1), static_cast<float>(r.id + 1)));
    auto* out = r.put(std::vector<float>(all, -1.0f));
    auto* back = r.put(std::vector<float>(std::max<uint64_t>(own, 1)));
    ASSERT_EQ(HcclAllGatherV(in, own, out, counts.data(), at.data(), HCCL_DATA_TYPE_FP32, r.comm, r.handle),
              HCCL_SUCCESS)
        << take_error_message();
    ASSERT_EQ(HcclReduceScatterV(out, counts.data(), at.data(), back, own, HCCL_DATA_TYPE_FP32,
                                 HCCL_REDUCE_SUM, r.comm, r.handle),
              HCCL_SUCCESS)
        << take_error_message();
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    auto got = r.get(out, all);
    std::vector<float> expected(all, 3.0f);
    std::fill_n(expected.begin(), 5, 1.0f);
    std::fill_n(expected.begin() + 5, 2, -1.0f);
    EXPECT_EQ(got, expected);
    EXPECT_EQ(r.get(back, own), std::vector<float>(own, 3.0f * static_cast<float>(r.id + 1)));
  });
}

TEST(Messages, AMatrixOfCountsSaysWhoSendsWhat) {
  with_ranks(2, [](Rank& r) {
    const uint64_t matrix[] = {1, 2, 3, 0};  // 0 sends 1 to itself and 2 to 1; 1 sends 3 to 0
    auto* in = r.put(r.id == 0 ? std::vector<int32_t>{1, 2, 3} : std::vector<int32_t>{7, 8, 9});
    auto* out = r.put(std::vector<int32_t>(4));
    ASSERT_EQ(HcclAlltoAllVC(in, matrix, HCCL_DATA_TYPE_INT32, out, HCCL_DATA_TYPE_INT32, r.comm, r.handle),
              HCCL_SUCCESS);
    ASSERT_EQ(r.finish(), 0) << take_error_message();
    EXPECT_EQ(r.get(out, 4),
              (r.id == 0 ? std::vector<int32_t>{1, 7, 8, 9} : std::vector<int32_t>{2, 3, 0, 0}));
  });
}

TEST(SubCommunicators, SomeRanksHaveOneOfTheirOwn) {
  with_ranks(4, [](Rank& r) {
    std::vector<uint32_t> ids = r.id % 2 ? std::vector<uint32_t>{3, 1} : std::vector<uint32_t>{0, 2};
    const uint32_t mine = ids[0] == r.id ? 0 : 1;
    HcclCommConfig config;
    HcclCommConfigInit(&config);
    for (uint64_t id : {uint64_t{7}, uint64_t{7}, uint64_t{8}}) {
      HcclComm sub = nullptr;
      ASSERT_EQ(HcclCreateSubCommConfig(&r.comm, 2, ids.data(), id, mine, &config, &sub), HCCL_SUCCESS)
          << take_error_message();
      uint32_t rank = 9, size = 9;
      ASSERT_EQ(HcclGetRankId(sub, &rank), HCCL_SUCCESS);
      ASSERT_EQ(HcclGetRankSize(sub, &size), HCCL_SUCCESS);
      EXPECT_EQ(rank, mine);
      EXPECT_EQ(size, 2u);
      auto* p = r.put(std::vector<int64_t>{static_cast<int64_t>(r.id)});
      ASSERT_EQ(HcclAllReduce(p, p, 1, HCCL_DATA_TYPE_INT64, HCCL_REDUCE_SUM, sub, r.handle), HCCL_SUCCESS);
      ASSERT_EQ(r.finish(), 0) << take_error_message();
      EXPECT_EQ(r.get(p, 1)[0], r.id % 2 ? 4 : 2);
      ASSERT_EQ(HcclCommDestroy(sub), HCCL_SUCCESS);
    }
    HcclComm none = nullptr;
    ids = {0, 0};
    EXPECT_EQ(HcclCreateSubCommConfig(&r.comm, 2, ids.data(), 9, 0, &config, &none), HCCL_E_PARA);
  });
}

TEST(SubCommunicators, OneIdMayServeAgainAtOnce) {
  with_ranks(2, [](Rank& r) {
    std::vector<uint32_t> ids{0, 1};
    HcclCommConfig config;
    HcclCommConfigInit(&config);
    std::vector<HcclComm> made(40);
    for (HcclComm& sub : made)
      ASSERT_EQ(HcclCreateSubCommConfig(&r.comm, 2, ids.data(), 7, r.id, &config, &sub), HCCL_SUCCESS)
          << take_error_message();
    for (HcclComm sub : made) ASSERT_EQ(HcclBarrier(sub, r.handle), HCCL_SUCCESS);
    EXPECT_EQ(r.finish(), 0) << take_error_message();
    for (HcclComm sub : made) ASSERT_EQ(HcclCommDestroy(sub), HCCL_SUCCESS);
  });
}

TEST(Settings, BelongToOneCommunicator) {
  with_ranks(1, [](Rank& r) {
    HcclConfigValue value{1}, found{9};
    ASSERT_EQ(HcclSetCommConfig(r.comm, HCCL_DETERMINISTIC, value), HCCL_SUCCESS);
    ASSERT_EQ(HcclGetCommConfig(r.comm, HCCL_DETERMINISTIC, &found), HCCL_SUCCESS);
    EXPECT_EQ(found.value, 1);
    ASSERT_EQ(HcclGetConfig(HCCL_DETERMINISTIC, &found), HCCL_SUCCESS);
    EXPECT_EQ(found.value, 0);
    EXPECT_EQ(HcclGetCommConfig(r.comm, HCCL_CONFIG_RESERVED, &found), HCCL_E_PARA);
  });
}

constexpr uint64_t kBuffers = 2 * (2ULL << 20);  // HCCL_BUFFSIZE of environment.cpp, twice

TEST(Memory, IsTakenByTheFirstOperationUntilTheCommunicatorIsDestroyed) {
  with_ranks(2, [](Rank& r) {
    const uint64_t before = r.device->memory.used();
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(HcclBarrier(r.comm, r.handle), HCCL_SUCCESS);
      ASSERT_EQ(r.finish(), 0);
      EXPECT_EQ(r.device->memory.used() - before, kBuffers);
    }
    ASSERT_EQ(HcclCommDestroy(r.comm), HCCL_SUCCESS);
    EXPECT_EQ(r.device->memory.used(), before);
  });
}

TEST(Memory, ThatOneRankDoesNotFindIsItsErrorAndTheOthersTimeout) {
  with_ranks(2, [](Rank& r) {
    if (r.id == 0) {
      ASSERT_EQ(HcclBarrier(r.comm, r.handle), HCCL_SUCCESS);
      EXPECT_EQ(r.finish(), ACL_ERROR_RT_FFTS_PLUS_TIMEOUT);
    } else {
      DeviceMemory& memory = r.device->memory;
      const DeviceBlock taken(memory, memory.total() - memory.used() - kBuffers / 2, 512);
      ASSERT_NE(taken.address(), nullptr);
      EXPECT_EQ(HcclBarrier(r.comm, r.handle), HCCL_E_PTR);
      const std::string message = take_error_message();
      EXPECT_NE(message.find("has no 4 MB left"), std::string::npos) << message;
      HcclResult error = HCCL_SUCCESS;
      while (error == HCCL_SUCCESS) {  // stays until the other has waited
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        ASSERT_EQ(HcclGetCommAsyncError(r.comm, &error), HCCL_SUCCESS);
      }
      EXPECT_EQ(error, HCCL_E_REMOTE);
    }
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
