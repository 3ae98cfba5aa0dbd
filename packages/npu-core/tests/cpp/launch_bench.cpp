// SPDX-License-Identifier: BSD-3-Clause
// What a launch costs the thread that makes it: nanoseconds, the median and the best of many batches. Not a
// test: prints.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "npu/core/launch_queue.h"
#include "operators.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;
using Clock = std::chrono::steady_clock;

template <class F>
void measure(const char* what, F launch_one) {
  constexpr int kBatch = 500, kBatches = 200;
  std::vector<double> each;
  for (int b = 0; b < kBatches; ++b) {
    LaunchQueue::of(0).flush();
    const auto begin = Clock::now();
    for (int i = 0; i < kBatch; ++i) launch_one();
    each.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kBatch);
  }
  std::sort(each.begin(), each.end());
  std::printf("%-44s median %6.0f ns   best %6.0f ns\n", what, each[each.size() / 2], each.front());
}

}  // namespace

int main() {
  Fake& fake = start();
  fake.quiet = true;
  connect();
  const at::Tensor a = tensor({64, 64}, 0x1000), b = tensor({64, 64}, 0x2000), out = tensor({64, 64}, 0x3000);
  measure("launch of aclnnAdd (3 tensors, 1 scalar)", [&] { launch<aclnnAdd>(a, b, c10::Scalar(1), out); });
  measure("launch of aclnnInplace (1 tensor)", [&] { launch<aclnnInplace>(a); });
  const NPUStream stream = getCurrentNPUStream();
  measure("enqueue of an empty task",
          [&] { LaunchQueue::of(0).enqueue("nothing", stream, [](aclrtStream) {}); });
  // How long the launch thread takes for its part, both phases answered at once.
  constexpr int kCount = 20000;
  const auto begin = Clock::now();
  for (int i = 0; i < kCount; ++i) launch<aclnnAdd>(a, b, c10::Scalar(1), out);
  LaunchQueue::of(0).flush();
  std::printf("%-44s %6.0f ns\n", "launches to the end, each",
              std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kCount);
}
