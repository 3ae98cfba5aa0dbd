// SPDX-License-Identifier: BSD-3-Clause
// Captures of graphs, where other threads use the stream meanwhile.
#include "NPUGraph.h"

#include <c10/util/Exception.h>

#include "npu/core/NPUGeneratorImpl.h"
#include "npu/core/table.h"
#include "support.h"

namespace {

using namespace npu;
using namespace npu::test;

// What an operator of another thread draws on `stream` inside the call `when`.
npu_philox drawn_inside(Fake& fake, const char* when, const NPUStream& stream) {
  npu_philox drawn{};
  const at::Generator generator = createNPUGenerator(0);
  fake.before = [&](const std::string& call) {
    if (call != when) return;
    setCurrentNPUStream(stream);  // of the launch thread
    EXPECT_EQ(core_table()->draw(generator.unsafeGetGeneratorImpl(), 4, &drawn), NPU_OK);
  };
  NPUGraph graph;
  setCurrentNPUStream(stream);
  graph.capture_begin();
  graph.capture_end();
  graph.reset();
  fake.before = nullptr;
  return drawn;
}

TEST(GraphRandom, IsTheGraphsAsSoonAsTheStreamIsCaptured) {
  Fake& fake = start();
  EXPECT_NE(drawn_inside(fake, "aclmdlRICaptureBegin", getStreamFromPool()).seed_tensor, nullptr);
}

TEST(GraphRandom, IsTheGeneratorsWhenTheCaptureEnded) {
  Fake& fake = start();
  EXPECT_EQ(drawn_inside(fake, "aclmdlRICaptureEnd", getStreamFromPool()).seed_tensor, nullptr);
}

TEST(GraphRandom, MayBeTheFirstOfTheProcess) {
  start();
  setCurrentNPUStream(getStreamFromPool());
  NPUGraph graph;
  graph.capture_begin();
  const uint64_t seed = getDefaultNPUGenerator(0).current_seed();
  graph.capture_end();
  EXPECT_NE(seed, c10::default_rng_seed_val);
  EXPECT_NE(seed, getDefaultNPUGenerator(1).current_seed());
}

TEST(GraphRandom, OfACaptureThatDidNotBeginIsGone) {
  Fake& fake = start();
  const NPUStream stream = getStreamFromPool();
  setCurrentNPUStream(stream);
  NPUGraph graph;
  fake.fail["aclmdlRICaptureBegin"] = 507000;
  EXPECT_NE(thrown<c10::Error>([&] { graph.capture_begin(); }), "");
  graph.capture_begin();
  graph.capture_end();
}

}  // namespace
