// SPDX-License-Identifier: BSD-3-Clause
// Makes Kineto's activities of launches and spans: an enqueue on the operator's thread, a call into CANN on
// the launch thread, and what the device did on its stream's row, joined by a flow from the first to the
// last.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <libkineto.h>
#include <output_base.h>

#include "launches.h"
#include "spans.h"

namespace npu::profiler {

class Trace {
 public:
  // Activities that are not wholly between `begin` and `end` (nanoseconds since the epoch) are left out.
  Trace(libkineto::ActivityLogger& logger, const libkineto::getLinkedActivityCallback& linked, int64_t begin,
        int64_t end);

  // `blocking_copies`: copies that blocked their caller are not among the spans.
  void add(const std::deque<Launch>& launches, const Spans& spans, bool blocking_copies);
  std::unique_ptr<libkineto::CpuTraceBuffer> release();
  // The rows of what was added, for Kineto to name.
  std::vector<libkineto::ResourceInfo> rows() const;
  std::vector<libkineto::DeviceInfo> devices() const;

 private:
  using Row = std::pair<int64_t, int64_t>;  // device, stream
  struct Range {
    int64_t begin, end;
  };

  libkineto::GenericTraceActivity* make(libkineto::ActivityType type, const std::string& name, int64_t begin,
                                        int64_t end);
  const libkineto::ITraceActivity* linked(uint64_t id) const;
  void add_host(const Launch& launch, bool flows);
  void add_span(const Span& span, const Launch* launch, bool flows);
  void add_annotations();

  libkineto::ActivityLogger& logger_;
  const libkineto::getLinkedActivityCallback& linked_;
  const int64_t begin_, end_;
  std::unique_ptr<libkineto::CpuTraceBuffer> buffer_;
  std::set<Row> rows_;
  std::set<int32_t> launch_threads_;
  std::map<std::pair<uint64_t, Row>, Range> annotations_;
};

}  // namespace npu::profiler
