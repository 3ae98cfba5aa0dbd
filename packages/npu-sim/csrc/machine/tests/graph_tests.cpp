#include "npu_sim/graph.h"

#include <atomic>
#include <thread>

#include "fixture.h"
#include "npu_sim/capture.h"
#include "npu_sim/event.h"
#include "npu_sim/notify.h"

namespace npu_sim {
namespace {

class Graphs : public DeviceTest {
 protected:
  static constexpr auto kGlobal = ACL_MODEL_RI_CAPTURE_MODE_GLOBAL;

  static std::shared_ptr<Event> event(uint32_t flags = ACL_EVENT_SYNC) {
    return std::make_shared<Event>(flags, true);
  }
  std::shared_ptr<Graph> end(const std::shared_ptr<Stream>& stream) {
    std::shared_ptr<Graph> graph;
    EXPECT_EQ(end_capture(stream, &graph), 0) << take_error_message();
    return graph;
  }
};

TEST_F(Graphs, TasksRunWhenTheGraphDoesAndEachTime) {
  auto stream = new_stream(), other = new_stream();
  int runs = 0;
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(enqueue(*stream, "add",
                      [&] {
                        ++runs;
                        return 0;
                      }),
              0);
  auto graph = end(stream);
  EXPECT_EQ(stream->synchronize(-1), 0);
  EXPECT_EQ(runs, 0);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(graph->execute(i % 2 ? *stream : *other), 0);
  EXPECT_EQ(stream->synchronize(-1), 0);
  EXPECT_EQ(other->synchronize(-1), 0);
  EXPECT_EQ(runs, 300);
}

TEST_F(Graphs, EventsOrderTheStreamsOfAGraphInEveryExecution) {
  auto first = new_stream(), second = new_stream(), third = new_stream();
  auto fork = event(), on = event(), back = event();
  std::vector<int> order;  // ordered by the graph's edges alone
  auto add = [&](const std::shared_ptr<Stream>& s, int value) {
    ASSERT_EQ(enqueue(*s, "add",
                      [&order, value] {
                        order.push_back(value);
                        return 0;
                      }),
              0);
  };
  ASSERT_EQ(begin_capture(first, kGlobal, nullptr), 0);
  add(first, 1);
  fork->record(*first);
  ASSERT_EQ(Event::make_wait(fork, *second, -1), 0);
  add(second, 2);
  on->record(*second);
  ASSERT_EQ(Event::make_wait(on, *third, -1), 0);
  add(third, 3);
  back->record(*third);
  ASSERT_EQ(Event::make_wait(back, *first, -1), 0);
  add(first, 4);
  auto graph = end(first);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(graph->execute(*first), 0);
  ASSERT_EQ(first->synchronize(-1), 0);
  ASSERT_EQ(order.size(), 200u);
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i % 4) + 1);
  EXPECT_FALSE(capturing(*second));
}

TEST_F(Graphs, LanesRunBesideEachOther) {
  auto first = new_stream(), second = new_stream();
  auto fork = event(), back = event();
  auto notify = std::make_shared<Notify>();
  ASSERT_EQ(begin_capture(first, kGlobal, nullptr), 0);
  fork->record(*first);
  Event::make_wait(fork, *second, -1);
  Notify::wait_and_reset(notify, *second, -1);  // would wait for ever if the lanes ran one after the other
  Notify::record(notify, *first);
  back->record(*second);
  Event::make_wait(back, *first, -1);
  auto graph = end(first);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(graph->execute(*first), 0);
  EXPECT_EQ(first->synchronize(20000), 0);
}

TEST_F(Graphs, AStreamThatDoesNotComeBackIsAnError) {
  auto first = new_stream(), second = new_stream();
  auto fork = event(), back = event();
  ASSERT_EQ(begin_capture(first, kGlobal, nullptr), 0);
  fork->record(*first);
  Event::make_wait(fork, *second, -1);
  back->record(*second);
  Event::make_wait(back, *first, -1);
  enqueue(*second, "late", [] { return 0; });
  std::shared_ptr<Graph> graph;
  EXPECT_EQ(end_capture(second, &graph), ACL_ERROR_RT_STREAM_CAPTURE_UNMATCHED);
  EXPECT_EQ(end_capture(first, &graph), ACL_ERROR_RT_STREAM_UNJOINED);
  EXPECT_FALSE(capturing(*first));
  EXPECT_FALSE(capturing(*second));
  EXPECT_EQ(end_capture(first, &graph), ACL_ERROR_RT_STREAM_NOT_CAPTURED);
}

TEST_F(Graphs, WorkOutsideOfTheCaptureInvalidatesIt) {
  auto first = new_stream(), outside = new_stream();
  auto before = event();
  before->record(*outside);
  ASSERT_EQ(begin_capture(first, kGlobal, nullptr), 0);
  EXPECT_EQ(Event::make_wait(before, *first, -1), ACL_ERROR_RT_CAPTURE_DEPENDENCY);
  EXPECT_EQ(capture_status(*first, nullptr), ACL_MODEL_RI_CAPTURE_STATUS_INVALIDATED);
  EXPECT_EQ(enqueue(*first, "more", [] { return 0; }), ACL_ERROR_RT_STREAM_CAPTURE_INVALIDATED);
  std::shared_ptr<Graph> graph;
  EXPECT_EQ(end_capture(first, &graph), ACL_ERROR_RT_STREAM_CAPTURE_INVALIDATED);
  EXPECT_EQ(enqueue(*first, "again", [] { return 0; }), 0);
  EXPECT_EQ(first->synchronize(-1), 0);
}

TEST_F(Graphs, NothingWaitsForAStreamThatCaptures) {
  auto stream = new_stream();
  auto inside = event();
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  inside->record(*stream);
  EXPECT_EQ(stream->synchronize(-1), ACL_ERROR_RT_STREAM_CAPTURED);
  EXPECT_EQ(device->synchronize(-1), ACL_ERROR_RT_STREAM_CAPTURED);
  EXPECT_EQ(inside->synchronize(-1), ACL_ERROR_RT_EVENT_CAPTURED);
  EXPECT_EQ(begin_capture(stream, kGlobal, nullptr), ACL_ERROR_RT_STREAM_CAPTURED);
  end(stream);
  EXPECT_EQ(inside->synchronize(-1), 0);
}

TEST_F(Graphs, TheModeSaysWhoMayActAtOnce) {
  auto stream = new_stream();
  auto allowed = [&] { return check_capture_allows("aclrtMemcpy", *context) == 0; };
  auto elsewhere = [&] {
    bool answer = false;
    std::thread([&] { answer = allowed(); }).join();
    return answer;
  };
  auto relaxed_elsewhere = [&](aclmdlRICaptureMode mode) {
    bool answer = false;
    std::thread([&] {
      exchange_capture_mode(mode);
      answer = allowed();
    }).join();
    return answer;
  };
  struct Row {
    aclmdlRICaptureMode mode;
    bool here, there;
  };
  for (Row row : {Row{ACL_MODEL_RI_CAPTURE_MODE_GLOBAL, false, false},
                  Row{ACL_MODEL_RI_CAPTURE_MODE_THREAD_LOCAL, false, true},
                  Row{ACL_MODEL_RI_CAPTURE_MODE_RELAXED, true, true}}) {
    ASSERT_EQ(begin_capture(stream, row.mode, nullptr), 0);
    EXPECT_EQ(allowed(), row.here);
    EXPECT_EQ(elsewhere(), row.there);
    EXPECT_TRUE(relaxed_elsewhere(ACL_MODEL_RI_CAPTURE_MODE_THREAD_LOCAL));
    auto before = exchange_capture_mode(ACL_MODEL_RI_CAPTURE_MODE_RELAXED);
    EXPECT_EQ(before, ACL_MODEL_RI_CAPTURE_MODE_GLOBAL);
    EXPECT_TRUE(allowed());
    exchange_capture_mode(before);
    end(stream);
    EXPECT_TRUE(allowed());
  }
}

TEST_F(Graphs, AnotherThreadEndsOnlyARelaxedCapture) {
  auto stream = new_stream();
  auto end_elsewhere = [&] {
    int code = 0;
    std::thread([&] {
      std::shared_ptr<Graph> graph;
      code = end_capture(stream, &graph);
    }).join();
    return code;
  };
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  EXPECT_EQ(end_elsewhere(), ACL_ERROR_RT_STREAM_CAPTURE_WRONG_THREAD);
  end(stream);
  ASSERT_EQ(begin_capture(stream, ACL_MODEL_RI_CAPTURE_MODE_RELAXED, nullptr), 0);
  EXPECT_EQ(end_elsewhere(), 0);
}

TEST_F(Graphs, AnUpdateReplacesTheTasksOfAGroup) {
  auto stream = new_stream(), updates = new_stream();
  std::atomic<int> sum{0};
  auto add = [&](Stream& s, int value) {
    return enqueue(s, "aclnnAdd", [&sum, value] {
      sum += value;
      return 0;
    });
  };
  aclrtTaskGrp handle = nullptr;
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  add(*stream, 1);
  ASSERT_EQ(begin_task_group(stream), 0);
  EXPECT_EQ(begin_task_group(stream), ACL_ERROR_STREAM_TASK_GROUP_STATUS);
  add(*stream, 10);
  ASSERT_EQ(end_task_group(stream, &handle), 0);
  auto graph = end(stream);
  graph->execute(*stream);
  stream->synchronize(-1);
  EXPECT_EQ(sum, 11);

  ASSERT_EQ(begin_task_update(updates, handle), 0);
  add(*updates, 100);
  ASSERT_EQ(end_task_update(updates), 0);
  updates->synchronize(-1);
  EXPECT_EQ(sum, 11);
  graph->execute(*stream);
  stream->synchronize(-1);
  EXPECT_EQ(sum, 112);

  ASSERT_EQ(begin_task_update(updates, handle), 0);
  EXPECT_EQ(end_task_update(updates), ACL_ERROR_RT_MODEL_UPDATE_FAILED);  // a task is missing
  ASSERT_EQ(begin_task_update(updates, handle), 0);
  EXPECT_EQ(enqueue(
                *updates, "copy", [] { return 0; }, Engine::copy),
            ACL_ERROR_RT_TASK_TYPE_NOT_SUPPORT);
  enqueue(*updates, "aclnnMul", [] { return 0; });
  EXPECT_EQ(end_task_update(updates), ACL_ERROR_RT_MODEL_UPDATE_FAILED);  // another operator
  graphs().remove(graph->handle);
  graph.reset();
  stream->synchronize(-1);
  EXPECT_EQ(begin_task_update(updates, handle), ACL_ERROR_RT_INVALID_HANDLE);
}

TEST_F(Graphs, AnExternalEventLetsAnUpdateComeInTime) {
  auto stream = new_stream(), updates = new_stream();
  auto updated = event(ACL_EVENT_SYNC | ACL_EVENT_EXTERNAL);
  std::atomic<int> sum{0};
  auto add = [&](Stream& s, int value) {
    return enqueue(s, "aclnnAdd", [&sum, value] {
      sum += value;
      return 0;
    });
  };
  aclrtTaskGrp handle = nullptr;
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  ASSERT_EQ(Event::make_wait(updated, *stream, -1), 0);
  enqueue(
      *stream, "aclrtResetEvent",
      [updated] {
        updated->reset();
        return 0;
      },
      Engine::host);
  begin_task_group(stream);
  add(*stream, 1);
  end_task_group(stream, &handle);
  auto graph = end(stream);
  for (int i = 1; i <= 20; ++i) {
    const int before = sum;
    ASSERT_EQ(graph->execute(*stream), 0);
    ASSERT_EQ(begin_task_update(updates, handle), 0);
    add(*updates, i);
    ASSERT_EQ(end_task_update(updates), 0);
    EXPECT_EQ(sum, before);
    ASSERT_EQ(updated->record(*updates), 0);
    ASSERT_EQ(stream->synchronize(20000), 0);
    EXPECT_EQ(sum, before + i);
  }
}

TEST_F(Graphs, AConditionChoosesItsBodies) {
  auto stream = new_stream(), body = new_stream();
  int looped = 0, chosen = -1;
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  std::shared_ptr<Graph> model;
  capture_status(*stream, &model);
  aclmdlRICondHandle loop = nullptr, choice = nullptr;
  ASSERT_EQ(capture_condition(*model, 5, true, &loop), 0);
  ASSERT_EQ(capture_condition(*model, 2, true, &choice), 0);
  auto count = conditions().find(loop);
  std::vector<std::shared_ptr<Graph>> bodies;
  ASSERT_EQ(capture_branch(*stream, count, ACL_MODEL_RI_COND_TYPE_WHILE, 1, &bodies), 0);
  std::shared_ptr<Graph> graph;
  EXPECT_EQ(end_capture(stream, &graph), ACL_ERROR_RT_SUB_ACLGRAPH_IS_CAPTURING);
  ASSERT_EQ(begin_capture(body, kGlobal, bodies[0]), 0);
  enqueue(*body, "count down", [&looped, c = count.get()] {
    ++looped;
    c->set(c->value() - 1);
    return 0;
  });
  end(body);
  ASSERT_EQ(capture_branch(*stream, conditions().find(choice), ACL_MODEL_RI_COND_TYPE_SWITCH, 3, &bodies), 0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(begin_capture(body, kGlobal, bodies[static_cast<size_t>(i)]), 0);
    enqueue(*body, "choose", [&chosen, i] {
      chosen = i;
      return 0;
    });
    end(body);
  }
  model = nullptr;
  graph = end(stream);
  for (int i = 1; i <= 3; ++i) {
    chosen = -1;
    graph->execute(*stream);
    ASSERT_EQ(stream->synchronize(20000), 0);
    EXPECT_EQ(looped, 5 * i);
    EXPECT_EQ(chosen, 2);
  }
}

TEST_F(Graphs, AnErrorOfAnyLaneIsTheStreams) {
  auto first = new_stream(), second = new_stream();
  auto fork = event(), back = event();
  ASSERT_EQ(begin_capture(first, kGlobal, nullptr), 0);
  fork->record(*first);
  Event::make_wait(fork, *second, -1);
  enqueue(*second, "bad", [] { return ACL_ERROR_RT_PARAM_INVALID; });
  back->record(*second);
  Event::make_wait(back, *first, -1);
  auto graph = end(first);
  graph->execute(*first);
  EXPECT_EQ(first->synchronize(-1), ACL_ERROR_RT_PARAM_INVALID);
  EXPECT_NE(take_error_message().find("bad failed"), std::string::npos);
  EXPECT_EQ(first->synchronize(-1), 0);
}

TEST_F(Graphs, AnAbortEndsAnExecutionThatWaits) {
  auto stream = new_stream();
  auto never = event(ACL_EVENT_SYNC | ACL_EVENT_EXTERNAL);
  ASSERT_EQ(begin_capture(stream, kGlobal, nullptr), 0);
  Event::make_wait(never, *stream, -1);
  enqueue(*stream, "after", [] {
    ADD_FAILURE() << "ran after an abort";
    return 0;
  });
  auto graph = end(stream);
  graph->execute(*stream);
  graph->execute(*stream);
  EXPECT_EQ(stream->synchronize(50), ACL_ERROR_RT_STREAM_SYNC_TIMEOUT);
  stream->abort(ACL_ERROR_RT_STREAM_ABORT);
  EXPECT_TRUE(stream->wait(stream->submitted(), deadline_after(20000)));
  stream->resume();
}

TEST_F(Graphs, ThreadsCaptureAndExecuteAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this] {
      set_current_context(context);
      auto stream = new_stream(), side = new_stream();
      for (int round = 0; round < 10; ++round) {
        auto fork = event(), back = event();
        int value = 0;
        ASSERT_EQ(begin_capture(stream, ACL_MODEL_RI_CAPTURE_MODE_THREAD_LOCAL, nullptr), 0);
        fork->record(*stream);
        Event::make_wait(fork, *side, -1);
        enqueue(*side, "add", [&value] {
          ++value;
          return 0;
        });
        back->record(*side);
        Event::make_wait(back, *stream, -1);
        auto graph = end(stream);
        for (int i = 0; i < 5; ++i) graph->execute(*stream);
        ASSERT_EQ(stream->synchronize(-1), 0);
        EXPECT_EQ(value, 5);
      }
    });
  for (auto& t : threads) t.join();
}

}  // namespace
}  // namespace npu_sim
