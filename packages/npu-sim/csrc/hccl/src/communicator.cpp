#include "communicator.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "futex.h"
#include "npu_sim/device.h"
#include "npu_sim/error.h"
#include "npu_sim/machine.h"
#include "npu_sim/queue.h"
#include "npu_sim/watch.h"

namespace npu_sim::hccl {
namespace {

using namespace std::chrono_literals;

// How long a rank looks again before it sleeps, and how often a sleeping one looks for dead peers.
constexpr auto kLook = 20us;
constexpr auto kNap = 25ms;

std::string seconds(std::chrono::milliseconds t) {
  std::string text = std::to_string(t.count() / 1000);
  if (t.count() % 1000) text += "." + std::to_string(t.count() % 1000 + 1000).substr(1);
  return text + " s";
}

template <class F>
bool look_for(F reached) {
  const auto end = Clock::now() + kLook;
  do {
    for (int i = 0; i < 16; ++i) {
      if (reached()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (Clock::now() < end);
  return false;
}

}  // namespace

HandleTable<Communicator>& communicators() {
  static auto* table = new HandleTable<Communicator>(11);
  return *table;
}

HcclResult find(HcclComm handle, const char* call, std::shared_ptr<Communicator>* comm) {
  if (!handle) return refuse(HCCL_E_PTR, std::string(call) + ": comm is null");
  *comm = communicators().find(handle);
  if (*comm) return HCCL_SUCCESS;
  return refuse(
      HCCL_E_PARA,
      std::string(call) + ": the handle names no live communicator: it was destroyed or never created");
}

Communicator::Communicator(std::shared_ptr<Segment> segment, uint32_t rank, Device& device,
                           const Options& options)
    : rank(rank),
      size(segment->ranks()),
      device(device.id),
      name(options.name),
      timeout(options.exec_timeout),
      sends(size),
      receives(size),
      segment_(std::move(segment)),
      memory_(device.memory),
      buffer_bytes_(options.buffer_bytes) {}

Communicator::~Communicator() { leave(); }

HcclResult Communicator::attach(int physical_device, std::chrono::milliseconds connect_timeout) {
  RankSlot& own = segment_->slot(rank);
  uint32_t absent = 0;
  own.device = physical_device;
  own.process = this_process();
  if (!own.presence.compare_exchange_strong(absent, static_cast<uint32_t>(Presence::attached))) {
    left_ = true;  // the slot is another rank's
    return refuse(HCCL_E_PARA, "rank " + std::to_string(rank) + " has joined this communicator already");
  }
  futex_ring(segment_->header().gate);
  auto missing = [this] {
    Ranks ranks;
    for (uint32_t r = 0; r < size; ++r)
      if (segment_->slot(r).presence.load() == static_cast<uint32_t>(Presence::absent)) ranks.push_back(r);
    return ranks;
  };
  NPU_SIM_HCCL_TRY(wait("HcclCommInitRootInfo", segment_->header().gate, missing, connect_timeout));
  for (uint32_t r = 0; r < size; ++r)
    for (uint32_t s = r + 1; s < size; ++s)
      if (segment_->slot(r).device == segment_->slot(s).device)
        return fail(HCCL_E_PARA, "ranks " + std::to_string(r) + " and " + std::to_string(s) +
                                     " both use device " + std::to_string(segment_->slot(r).device) +
                                     " of this machine: each rank needs one of its own (set the device "
                                     "first; NPU_SIM says how many there are)");
  return HCCL_SUCCESS;
}

HcclResult Communicator::take_buffers(const char* call) {
  std::lock_guard lock(mutex_);
  if (buffers_.address()) return HCCL_SUCCESS;
  if (!allocation_fails()) buffers_ = DeviceBlock(memory_, buffer_bytes_, kHugePage);
  if (buffers_.address()) return HCCL_SUCCESS;
  return refuse(HCCL_E_PTR, std::string(call) + ": npu:" + std::to_string(device) + " has no " +
                                std::to_string(buffer_bytes_ >> 20) +
                                " MB left for the buffers of the communicator " + name +
                                ", which are 2 x HCCL_BUFFSIZE; free memory, or set fewer MB");
}

void Communicator::leave() {
  if (left_.exchange(true)) return;
  segment_->slot(rank).presence.store(static_cast<uint32_t>(Presence::left));
  futex_ring(segment_->header().gate);
  for (uint32_t r = 0; r < size; ++r) futex_ring(segment_->slot(r).doorbell);
  { std::lock_guard lock(mutex_); }
  served_.notify_all();
}

void Communicator::suspend(bool on) {
  suspended_.store(on);
  futex_ring(segment_->header().gate);
  futex_ring(segment_->slot(rank).doorbell);
  { std::lock_guard lock(mutex_); }
  served_.notify_all();
}

HcclResult Communicator::check_usable(const char* call) {
  if (suspended_.load())
    return refuse(HCCL_E_SUSPENDING, std::string(call) + ": the communicator is suspended");
  return reported(call);
}

HcclResult Communicator::async_error() {
  HcclResult code = reported("the communicator");
  return code != HCCL_SUCCESS ? code : suspended_.load() ? HCCL_E_SUSPENDING : HCCL_SUCCESS;
}

// What some rank wrote into the segment. A rank's own mistake is everyone's; its trouble is a remote one.
HcclResult Communicator::reported(const char* call) {
  SegmentHeader& h = segment_->header();
  uint32_t state = h.failure.load(std::memory_order_acquire);
  if (state == 0) return HCCL_SUCCESS;
  while (state == 1) {
    std::this_thread::yield();
    state = h.failure.load(std::memory_order_acquire);
  }
  const auto code = static_cast<HcclResult>(h.failed_code);
  const bool own = h.failed_rank == rank || code == HCCL_E_PARA;
  return refuse(own ? code : HCCL_E_REMOTE, std::string(call) + " on rank " + std::to_string(rank) + " of " +
                                                std::to_string(size) + ": rank " +
                                                std::to_string(h.failed_rank) + " found: " + h.failed_text);
}

HcclResult Communicator::fail(HcclResult code, const std::string& text) {
  SegmentHeader& h = segment_->header();
  uint32_t none = 0;
  if (h.failure.compare_exchange_strong(none, 1)) {
    h.failed_code = code;
    h.failed_rank = rank;
    const size_t n = std::min(text.size(), sizeof h.failed_text - 1);
    std::memcpy(h.failed_text, text.data(), n);
    h.failed_text[n] = 0;
    h.failure.store(2, std::memory_order_release);
    futex_ring(h.gate);
    for (uint32_t r = 0; r < size; ++r) futex_ring(segment_->slot(r).doorbell);
    { std::lock_guard lock(mutex_); }
    served_.notify_all();
  }
  return refuse(code, text + " (rank " + std::to_string(rank) + " of " + std::to_string(size) +
                          ", communicator " + name + ")");
}

// Why this rank must not wait any longer, if so.
HcclResult Communicator::stopped(const char* call) {
  NPU_SIM_HCCL_TRY(reported(call));
  if (suspended_.load())
    return refuse(HCCL_E_SUSPENDING, std::string(call) + ": the communicator was suspended");
  if (left_.load())
    return refuse(HCCL_E_UNAVAIL, std::string(call) + ": the communicator was destroyed meanwhile");
  if (exiting.load()) return refuse(HCCL_E_UNAVAIL, std::string(call) + ": the process is ending");
  const Stream* stream = worker_stream();
  if (stream && (stream->aborted() || stream->device.fault()))
    return fail(HCCL_E_UNAVAIL, std::string(call) + ": the work of npu:" + std::to_string(device) +
                                    " was stopped by an abort or a fault of the device");
  return HCCL_SUCCESS;
}

std::string Communicator::describe_peer(uint32_t peer) const {
  const RankSlot& slot = segment_->slot(peer);
  std::string text = "rank " + std::to_string(peer);
  if (slot.presence.load() == static_cast<uint32_t>(Presence::absent)) return text;
  return text + " (process " + std::to_string(slot.process.pid) + ")";
}

HcclResult Communicator::check_peer(const char* call, uint32_t peer, const std::function<Ranks()>& missing) {
  const RankSlot& slot = segment_->slot(peer);
  const uint32_t presence = slot.presence.load();
  const bool gone = presence == static_cast<uint32_t>(Presence::left);
  const bool dead = presence == static_cast<uint32_t>(Presence::attached) && !alive(slot.process);
  if (!gone && !dead) return HCCL_SUCCESS;
  // What it did last, it may have done after we looked.
  const Ranks ranks = missing();
  if (std::find(ranks.begin(), ranks.end(), peer) == ranks.end()) return HCCL_SUCCESS;
  return fail(HCCL_E_REMOTE, std::string(call) + ": " + describe_peer(peer) +
                                 (dead ? " has ended" : " has destroyed its communicator") +
                                 " without taking part");
}

HcclResult Communicator::wait(const char* call, std::atomic<uint32_t>& word,
                              const std::function<Ranks()>& missing, std::chrono::milliseconds longest) {
  if (look_for([&] { return missing().empty(); })) return HCCL_SUCCESS;
  const auto begin = Clock::now();
  auto looked = begin;
  for (;;) {
    const uint32_t seen = word.load();
    const Ranks ranks = missing();
    if (ranks.empty()) return HCCL_SUCCESS;
    NPU_SIM_HCCL_TRY(stopped(call));
    const auto now = Clock::now();
    if (now - looked >= kNap) {
      looked = now;
      for (uint32_t peer : ranks) NPU_SIM_HCCL_TRY(check_peer(call, peer, missing));
    }
    if (now - begin >= longest) {
      const bool joined = segment_->slot(ranks[0]).presence.load() != static_cast<uint32_t>(Presence::absent);
      return fail(HCCL_E_TIMEOUT, std::string(call) + ": waited " + seconds(longest) + " for " +
                                      describe_peer(ranks[0]) +
                                      (joined ? ", which does not take part (HCCL_EXEC_TIMEOUT)"
                                              : ", which has not joined (HCCL_CONNECT_TIMEOUT)"));
    }
    futex_wait(word, seen, kNap);
  }
}

uint64_t Communicator::next_child(uint64_t id, uint32_t leader) {
  std::lock_guard lock(mutex_);
  uint64_t key = 0xcbf29ce484222325;
  for (uint64_t part : {id, uint64_t{leader}, children_[{id, leader}]++}) key = (key ^ part) * 0x100000001b3;
  return key | 1;
}

Turn Communicator::take_turn(Line& line) {
  std::lock_guard lock(mutex_);
  return {&line, line.issued++};
}

HcclResult Communicator::wait_for_turn(const Turn& turn) {
  std::unique_lock lock(mutex_);
  while (turn.line->served != turn.number) {
    // An operation before this one that was dropped with its stream has failed the communicator.
    lock.unlock();
    NPU_SIM_HCCL_TRY(stopped("an operation that waits for the one before it"));
    lock.lock();
    if (turn.line->served != turn.number) served_.wait_for(lock, kNap);
  }
  return HCCL_SUCCESS;
}

void Communicator::end_turn(const Turn& turn) {
  {
    std::lock_guard lock(mutex_);
    turn.line->served = std::max(turn.line->served, turn.number + 1);
  }
  served_.notify_all();
}

}  // namespace npu_sim::hccl
