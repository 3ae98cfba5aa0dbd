// SPDX-License-Identifier: BSD-3-Clause
// A graph of device work: captured once from a stream, then replayed with one call.
//
// Everything happens on the launch thread, in the order of the queue: the capture begins between two launches
// and ends between two others. What the capture allocates comes from a private pool that lives as long as the
// graph, since replays use the same addresses; workspaces of captured operators belong to the graph too.
// Executors are made anew for each captured operator: a cached one would get other addresses later.
#pragma once

#include <ATen/core/GraphImplInterface.h>

#include <memory>
#include <optional>

#include "npu/core/NPUStream.h"
#include "npu/core/cann.h"

namespace npu {

class GraphRandom;

class NPU_API NPUGraph final : public at::GraphImplInterface {
 public:
  explicit NPUGraph(const at::GraphImplArgs& = {});
  ~NPUGraph() override;
  NPUGraph(const NPUGraph&) = delete;  // owns CANN's model
  NPUGraph& operator=(const NPUGraph&) = delete;

  // From now on work of the current stream, and of streams that wait for it, is recorded instead of run.
  // RuntimeError on the default stream, and while another capture goes on. `pool`: {0, 0} for one of its own.
  void capture_begin(c10::MempoolId_t pool = {0, 0},
                     at::GraphCaptureMode mode = at::GraphCaptureMode::Default) override;
  // Raises what made the capture fail; the graph is empty then.
  void capture_end() override;
  void instantiate() override {}  // CANN's models are ready when their capture ends
  // Enqueues everything that was recorded on the current stream, with new random numbers.
  void replay() override;
  // Waits for the device, and gives model, workspaces and pool back.
  void reset() override;
  c10::MempoolId_t pool() const override;
  void enable_debug_mode() override {}
  // Writes CANN's description of the graph as JSON.
  void debug_dump(const std::string& path) override;

 private:
  enum class State { kEmpty, kCapturing, kReady };
  State state_ = State::kEmpty;
  std::optional<NPUStream> stream_;  // of the capture
  c10::MempoolId_t id_{0, 0};
  c10::MempoolId_t pinned_{0, 0};  // the pool of its pinned memory, which it shares with no other graph
  uint64_t begun_ = 0;             // the ticket of the capture's begin
  aclmdlRI model_ = nullptr;
  std::vector<c10::DataPtr> memory_;  // workspaces
  std::shared_ptr<GraphRandom> random_;
};

// Whether work of the current stream, of the current device or of `device`, is recorded into a graph.
NPU_API bool current_stream_is_capturing();
NPU_API bool current_stream_is_capturing(c10::DeviceIndex device);
NPU_API bool stream_is_capturing(const NPUStream& stream);

}  // namespace npu
