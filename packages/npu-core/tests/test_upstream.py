"""Cases of PyTorch's own suites that no other file has, and the table upstream.yaml, which says where each is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def device(npu: Any) -> None:
    npu.set_device(0)


def test_every_case_of_the_table_has_its_test() -> None:
    for suite, cases in yaml.safe_load((HERE / "upstream.yaml").read_text()).items():
        for case, ours in cases.items():
            if ours.startswith("none, "):
                continue
            file, _, name = ours.partition("::")
            text = (HERE / file).read_text()
            assert not name or f"def {name}(" in text, f"{suite} {case}: {ours} is no test"


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


def test_record_stream_of_a_view_keeps_the_whole_block(npu: Any) -> None:
    side = npu.Stream()
    block = torch.empty(1 << 10, device="npu")
    view = block[1 << 9 :]
    assert view.data_ptr() != block.data_ptr()
    where = block.data_ptr()
    gate = npu.Event()
    with npu.stream(side):
        view.fill_(1)
        view.record_stream(side)
    gate.record(side)
    del block, view
    side.synchronize()
    npu.synchronize()
    assert gate.query()
    new = [torch.empty(1 << 10, device="npu") for _ in range(2)]
    assert where in [t.data_ptr() for t in new]


def test_tensors_that_share_a_storage_share_it_after_a_load() -> None:
    whole: Any = torch.arange(10.0).npu()
    file = io.BytesIO()
    torch.save([whole, whole[2:6]], file)
    file.seek(0)
    first, second = torch.load(file)
    second.fill_(-1)
    assert first.device == whole.device
    assert first.cpu().tolist() == [0, 1, -1, -1, -1, -1, 6, 7, 8, 9]


def test_streams_and_events_print_what_they_are(npu: Any) -> None:
    assert "device=npu:0" in repr(npu.current_stream())
    assert "Event" in repr(npu.Event())
    stream = npu.Stream()
    assert f"stream_id={stream.stream_id:#x}" in repr(stream)


def test_gradients_cross_streams_in_order(npu: Any) -> None:
    x = torch.ones(1 << 16, device="npu", requires_grad=True)
    side = npu.Stream()
    side.wait_stream(npu.current_stream())
    with npu.stream(side):
        y = x * 3
    npu.current_stream().wait_stream(side)
    (y * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.unique().tolist() == [6.0]


def test_a_stream_is_made_again_from_its_numbers() -> None:
    stream = torch.Stream(device="npu:1")
    assert stream.device == torch.device("npu:1")
    again = torch.Stream(stream_id=stream.stream_id, device_type=stream.device_type, device_index=stream.device_index)
    assert again == stream
    with stream:
        assert torch.accelerator.current_stream() == stream


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
