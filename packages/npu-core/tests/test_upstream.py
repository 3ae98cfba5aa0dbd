"""Cases of PyTorch's own suites that no other file has, and the table upstream.yaml, which says where each is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def device(npu: Any) -> None:
    npu.set_device(0)


def test_every_case_of_the_table_has_one_place_and_its_test() -> None:
    for suite, parts in yaml.safe_load((HERE / "upstream.yaml").read_text()).items():
        without = [case for cases in parts["none"].values() for case in cases]
        named = Counter([*parts["cases"], *without])
        assert [case for case, times in named.items() if times > 1] == [], suite
        for case, ours in parts["cases"].items():
            file, _, name = ours.partition("::")
            assert f"def {name}(" in (HERE / file).read_text(), f"{suite} {case}: {ours} is no test"


def test_a_copy_that_does_not_block_is_ordered_by_its_stream(npu: Any) -> None:
    x = torch.randn(1 << 20).pin_memory()
    there = x.to("npu", non_blocking=True)
    back = there.mul(2).to("cpu", non_blocking=True)
    npu.synchronize()
    assert back.equal(x * 2)
    side = npu.Stream()
    side.wait_stream(npu.current_stream())
    with npu.stream(side):
        pinned = torch.empty(1 << 20, pin_memory=True)
        pinned.copy_(there, non_blocking=True)
        done = side.record_event()
    done.synchronize()
    assert pinned.equal(x)


def test_a_tensor_with_gaps_is_pinned_with_its_values() -> None:
    x = torch.arange(10).view(2, 5).t()
    assert x.pin_memory().equal(x)
    assert x.pin_memory().is_pinned()


def test_the_states_of_all_devices_are_saved_and_restored(npu: Any) -> None:
    states = npu.get_rng_state_all()
    assert len(states) == npu.device_count()
    before = [torch.rand(3, device=f"npu:{d}").cpu() for d in range(len(states))]
    npu.set_rng_state_all(states)
    after = [torch.rand(3, device=f"npu:{d}").cpu() for d in range(len(states))]
    assert all(a.equal(b) for a, b in zip(before, after, strict=True))


def test_a_state_holds_seed_and_offset(npu: Any) -> None:
    npu.manual_seed(5)
    torch.rand(100, device="npu")
    state = npu.get_rng_state()
    assert state.view(torch.int64).tolist() == [5, 100]
    tail = torch.rand(7, device="npu").cpu()
    npu.manual_seed(6)
    npu.set_rng_state(state)
    assert torch.rand(7, device="npu").cpu().equal(tail)


def test_streams_and_events_print_what_they_are(npu: Any) -> None:
    assert "device=npu:0" in repr(npu.current_stream())
    assert "torch.npu.Event" in repr(npu.Event())
    assert "torch.npu.Event" in repr(npu.current_stream().record_event())
    assert "torch.npu.Stream" in repr(npu.current_stream())
    assert "device_type=npu, device_index=1" in repr(torch.Stream(device="npu:1"))
    stream = npu.Stream()
    assert f"stream_id={stream.stream_id:#x}" in repr(stream)


def test_a_stream_is_made_again_from_its_numbers() -> None:
    stream = torch.Stream(device="npu:1")
    assert stream.device == torch.device("npu:1")
    again = torch.Stream(stream_id=stream.stream_id, device_type=stream.device_type, device_index=stream.device_index)
    assert again == stream
    assert torch.Stream(1).device == torch.device("npu:1")
    assert len({torch.Stream(device="npu").stream_id for _ in range(3)}) == 3
    with stream:
        assert torch.accelerator.current_stream() == stream


def test_an_event_of_torchs_own_gets_device_and_number_when_it_is_recorded() -> None:
    for place in ("npu", "npu:1"):
        event = torch.Event(device=place)
        assert event.device == torch.device("npu")
        assert event.event_id == 0
        assert event.query()
    streams = [torch.Stream(device=f"npu:{d}") for d in (0, 1)]
    first, second = (s.record_event() for s in streams)
    assert [e.device for e in (first, second)] == [torch.device("npu:0"), torch.device("npu:1")]
    assert 0 != first.event_id != second.event_id != 0
    first.record(streams[0])
    first.synchronize()
    assert first.query()
    streams[1].synchronize()
    assert second.query()
    plain = [torch.Event(device="npu:1", enable_timing=False) for _ in range(2)]
    for event in plain:
        event.record(streams[1])
    with pytest.raises(ValueError, match="enable_timing=True"):
        plain[0].elapsed_time(plain[1])


def test_a_graph_that_was_reset_captures_again(npu: Any) -> None:
    x = torch.ones(4, device="npu")
    graph = npu.NPUGraph()
    for factor in (2, 3):
        with npu.graph(graph):
            y = x * factor
        y.zero_()
        graph.replay()
        assert y.tolist() == [factor] * 4
        graph.reset()


def test_a_stream_says_that_it_is_captured(npu: Any) -> None:
    x, graph = torch.ones(4, device="npu"), npu.NPUGraph()
    with npu.graph(graph):
        x * 2
        inside = npu.current_stream().is_capturing(), torch.accelerator.current_stream().is_capturing()
    assert inside == (True, True)
    assert not npu.current_stream().is_capturing()


def test_another_seed_inside_a_capture_is_refused(npu: Any) -> None:
    npu.manual_seed(1)
    with pytest.raises(RuntimeError, match="seed"), npu.graph(npu.NPUGraph()):
        npu.manual_seed(2)
