// SPDX-License-Identifier: BSD-3-Clause
#include "prepared_event.h"

#include <utility>

namespace npu {

namespace {

struct Prepared {
  EventKind kind;
  std::string handle;
  bool record;
};

thread_local std::optional<Prepared> t_prepared;

}  // namespace

void prepare_event(EventKind kind, std::string handle, bool record) {
  t_prepared = Prepared{kind, std::move(handle), record};
}

void forget_event() noexcept { t_prepared.reset(); }

NPUEvent* take_prepared_event(DeviceIndex device, bool* record) {
  if (C10_LIKELY(!t_prepared)) return nullptr;
  const Prepared prepared = *std::exchange(t_prepared, std::nullopt);
  *record = prepared.record;
  if (!prepared.handle.empty()) return new NPUEvent(NPUEvent::open(device, prepared.handle));
  NPUEvent made(prepared.kind);
  if (!prepared.record) made.event();
  return new NPUEvent(std::move(made));
}

}  // namespace npu
