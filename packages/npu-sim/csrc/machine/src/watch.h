// SPDX-License-Identifier: BSD-3-Clause
// What streams and marks call while `watched` is not 0.
#pragma once

#include "npu_sim/queue.h"
#include "npu_sim/watch.h"

namespace npu_sim {

class Mark;

// For the task that this thread enqueues now.
std::unique_ptr<Stamp> make_stamp();

// faults.cpp. What the task answers instead of running, or 0. May wait: a hung kernel, a slow rank.
int inject_task_fault(Stream& stream, const Stream::Work& work);
std::string faults_fired();

// check.cpp: the worker `stream` begins a task that was enqueued with `stamp`.
void check_begin(Stream& stream, const Stamp* stamp);
// What the calling worker passes on at a point, and what a worker or the host learns from one.
std::shared_ptr<const VectorClock> check_release();
void check_acquire(const std::shared_ptr<const VectorClock>& known);
// The host has waited for everything that `stream` ran.
void check_joined(const Stream& stream);
void check_reset_device(const void* base, uint64_t bytes);

// timing.cpp: the time that the model gives what the calling worker does.
void timing_begin(Stream& stream, const Stamp* stamp);
void timing_end(Stream& stream, const Stream::Work& work, int64_t* begin_ns, int64_t* end_ns);
int64_t timing_now(const Stream& stream);
void timing_wait(const Stream& stream, int64_t time_ns);

}  // namespace npu_sim
