// The arithmetic of reductions, against double precision.
#include "dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

namespace npu_sim::hccl {
namespace {

template <class T>
T reduced(std::vector<T> inputs, HcclDataType dtype, HcclReduceOp op) {
  std::vector<const void*> pointers;
  for (const T& x : inputs) pointers.push_back(&x);
  T out{};
  reduce(&out, pointers, 1, dtype, op);
  return out;
}

TEST(Reduce, IntegersWrapAround) {
  EXPECT_EQ(reduced<int8_t>({100, 100}, HCCL_DATA_TYPE_INT8, HCCL_REDUCE_SUM), static_cast<int8_t>(-56));
  EXPECT_EQ(reduced<int16_t>({300, 300}, HCCL_DATA_TYPE_INT16, HCCL_REDUCE_PROD),
            static_cast<int16_t>(24464));
  EXPECT_EQ(reduced<int64_t>({-5, 3}, HCCL_DATA_TYPE_INT64, HCCL_REDUCE_MIN), -5);
  EXPECT_EQ(reduced<int32_t>({-5, 3}, HCCL_DATA_TYPE_INT32, HCCL_REDUCE_MAX), 3);
}

TEST(Reduce, NaNStays) {
  for (HcclReduceOp op : {HCCL_REDUCE_SUM, HCCL_REDUCE_MAX, HCCL_REDUCE_MIN}) {
    EXPECT_TRUE(std::isnan(reduced<float>({1, NAN, 2}, HCCL_DATA_TYPE_FP32, op)));
    EXPECT_TRUE(std::isnan(reduced<float>({NAN, 1}, HCCL_DATA_TYPE_FP32, op)));
  }
}

// A value of one rank alone comes back unchanged: both conversions are exact for every 16-bit number.
TEST(Reduce, EverySixteenBitFloatSurvivesTheWayThroughFp32) {
  for (HcclDataType dtype : {HCCL_DATA_TYPE_FP16, HCCL_DATA_TYPE_BFP16})
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto x = static_cast<uint16_t>(bits);
      const uint16_t exponent = dtype == HCCL_DATA_TYPE_FP16 ? 0x7c00 : 0x7f80;
      if ((x & exponent) == exponent && (x & ~(exponent | 0x8000))) continue;  // NaN may change its payload
      ASSERT_EQ(reduced<uint16_t>({x}, dtype, HCCL_REDUCE_MAX), x) << bits;
    }
}

TEST(Reduce, SixteenBitSumsRoundOnceToEven) {
  // 2048 + 1 in fp16 is halfway between 2048 and 2050; with another 1 it is exact.
  EXPECT_EQ(reduced<uint16_t>({0x6800, 0x3c00}, HCCL_DATA_TYPE_FP16, HCCL_REDUCE_SUM), 0x6800);
  EXPECT_EQ(reduced<uint16_t>({0x6800, 0x3c00, 0x3c00}, HCCL_DATA_TYPE_FP16, HCCL_REDUCE_SUM), 0x6801);
  EXPECT_EQ(reduced<uint16_t>({0x7bff, 0x7bff}, HCCL_DATA_TYPE_FP16, HCCL_REDUCE_SUM), 0x7c00);  // infinity
  EXPECT_EQ(reduced<uint16_t>({0x4380, 0x3f80}, HCCL_DATA_TYPE_BFP16, HCCL_REDUCE_SUM), 0x4380);
}

}  // namespace
}  // namespace npu_sim::hccl
