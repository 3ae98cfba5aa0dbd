"""Stock `torch.profiler.profile` over a program that uses the device."""

from __future__ import annotations

import pytest
import torch
from profiles import BOTH, device_events, kernels
from torch.profiler import ProfilerActivity, profile, record_function, schedule


def work() -> torch.Tensor:
    x = torch.ones(16, 16, device="npu")
    return (x @ x).relu()


def test_an_operator_has_the_time_of_its_kernels() -> None:
    with profile(activities=BOTH) as p:
        work()
    averages = {e.key: e for e in p.key_averages()}
    for operator in ("aten::mm", "aten::relu"):
        assert averages[operator].self_device_time_total > 0, operator
    by_id = {e.id: e for e in p.events() if e.name.startswith("aten::")}
    linked = {k.name: by_id[k.linked_correlation_id].name for k in device_events(p)}
    assert linked["Mm"] == "aten::mm"
    assert linked["Relu"] == "aten::relu"


def test_the_table_has_columns_for_the_device() -> None:
    with profile(activities=BOTH) as p:
        work()
    table = p.key_averages().table(sort_by="self_device_time_total")
    assert "Self NPU" in table
    assert "NPU total" in table
    assert "Self NPU time total: 0.000us" not in table


def test_backward_kernels_belong_to_the_backward_operators() -> None:
    x = torch.ones(8, 8, device="npu", requires_grad=True)
    with profile(activities=BOTH) as p:
        x.tanh().sum().backward()
    (node,) = [e for e in p.key_averages() if e.key == "TanhBackward0"]
    assert node.device_time_total > 0
    assert "TanhBackward" in kernels(p)


def test_a_range_covers_its_kernels_on_the_device() -> None:
    with profile(activities=BOTH) as p:
        with record_function("mine"):
            work()
        torch.ones(4, device="npu").exp()
    npu = torch.autograd.DeviceType.PrivateUse1
    (there,) = [e for e in p.events() if e.name == "mine" and e.device_type == npu]
    inside = [e for e in device_events(p) if e.name in ("Mm", "Relu")]
    (outside,) = [e for e in device_events(p) if e.name == "Exp"]
    assert there.time_range.start <= min(e.time_range.start for e in inside)
    assert there.time_range.end == max(e.time_range.end for e in inside) <= outside.time_range.start
    (here,) = [e for e in p.key_averages() if e.key == "mine" and e.device_type != npu]
    within = [e for e in device_events(p) if e.time_range.end <= there.time_range.end]  # not the fill of `ones(4)`
    assert here.device_time_total == pytest.approx(sum(e.time_range.elapsed_us() for e in within), rel=0.5)


def test_memory_of_the_device_is_counted_where_it_is_allocated() -> None:
    x = torch.ones(256, 256, device="npu")
    with profile(activities=BOTH, profile_memory=True) as p:
        y = x @ x
    (mm,) = [e for e in p.key_averages() if e.key == "aten::mm"]
    assert mm.self_device_memory_usage == y.nbytes
    assert "NPU Mem" in p.key_averages().table()


@pytest.mark.filterwarnings("ignore:Warning. Profiler clears events")
def test_a_schedule_records_only_its_active_steps() -> None:
    recorded: list[list[str]] = []
    with profile(
        activities=BOTH,
        schedule=schedule(wait=1, warmup=1, active=2, repeat=2),
        on_trace_ready=lambda p: recorded.append(sorted(k for k in kernels(p) if k in ("Mm", "Relu"))),
        acc_events=True,
    ) as p:
        x = torch.ones(16, 16, device="npu")
        for _ in range(9):
            (x @ x).relu()
            p.step()
    # acc_events keeps the first cycle's; each cycle counts its time from its own start, so the order says nothing.
    assert recorded == [["Mm"] * 2 + ["Relu"] * 2, ["Mm"] * 4 + ["Relu"] * 4]


def test_the_device_alone_can_be_recorded() -> None:
    x = torch.ones(16, 16, device="npu")
    with profile(activities=[ProfilerActivity.PrivateUse1]) as p:
        x @ x
    assert kernels(p) == ["Mm"]
    assert not [e for e in p.events() if e.name.startswith("aten::")]


def test_the_cpu_alone_can_be_recorded() -> None:
    with profile(activities=[ProfilerActivity.CPU]) as p:
        work()
    assert device_events(p) == []
    assert "aten::mm" in {e.name for e in p.events()}
    assert "npuEnqueue" not in {e.name for e in p.events()}


def test_work_that_was_enqueued_before_is_not_recorded() -> None:
    x = torch.ones(256, 256, device="npu")
    for _ in range(50):
        x @ x
    with profile(activities=BOTH) as p:
        x.exp()
    assert kernels(p) == ["Exp"]


def test_a_profile_may_be_stopped_twice_as_on_the_cpu() -> None:
    p = profile(activities=BOTH)
    p.start()
    work()
    p.stop()
    found = len(device_events(p))
    assert found >= 2
    p.stop()
    with profile(activities=BOTH) as after:
        work()
    assert "Mm" in kernels(after)


@pytest.mark.filterwarnings("ignore:Warning. Profiler clears events")
def test_a_profile_may_be_started_twice_as_on_the_cpu() -> None:
    p = profile(activities=BOTH)
    p.start()
    p.start()
    work()
    p.stop()
    assert kernels(p).count("Mm") == 1


def test_an_exception_inside_leaves_what_was_recorded() -> None:
    p = profile(activities=BOTH)

    def fail() -> None:
        with p:
            work()
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fail()
    assert "Relu" in kernels(p)


def test_streams_have_rows_of_their_own() -> None:
    x = torch.ones(16, 16, device="npu")
    side = torch.npu.Stream()
    with profile(activities=BOTH) as p:
        x.exp()
        side.wait_stream(torch.npu.current_stream())
        with torch.npu.stream(side):
            x.sin()
    rows = {e.name: e.device_resource_id for e in device_events(p)}
    assert rows["Exp"] != rows["Sin"]


def test_torch_s_older_profiler_times_operators() -> None:
    x = torch.ones(16, 16, device="npu")
    with torch.autograd.profiler.profile(use_device="npu", use_kineto=False) as p:
        x @ x
    (mm,) = [e for e in p.function_events if e.name == "aten::mm"]
    assert mm.device_time_total > 0


def test_many_profiles_after_each_other_each_have_their_own_kernels() -> None:
    x = torch.ones(16, 16, device="npu")
    for n in range(1, 15):
        with profile(activities=BOTH) as p:
            for _ in range(n):
                x.exp()
        assert kernels(p) == ["Exp"] * n
