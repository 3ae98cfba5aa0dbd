"""What may and what may not go on while a stream is held: copies, events, and the reuse of memory."""

import threading
import time
from typing import Any

import pytest
import torch


@pytest.mark.parametrize("target", ["npu", "cpu"])
def test_only_a_blocking_move_waits_for_the_stream(npu: Any, gate: Any, target: str) -> None:
    source = torch.randn(1000, device="cpu" if target == "npu" else "npu", pin_memory=target == "npu")
    npu.synchronize()
    gate.close()
    moved = source.to(target, non_blocking=True)
    assert not npu.current_stream().query()
    gate.open()
    npu.current_stream().synchronize()
    assert moved.cpu().equal(source.cpu())
    assert moved.is_pinned() == (target == "cpu")
    gate.close()
    threading.Timer(0.05, gate.open).start()
    waited = source.to(target)
    if target == "cpu":
        assert npu.current_stream().query()
        assert not waited.is_pinned()
    assert waited.cpu().equal(source.cpu())


def test_a_copy_out_and_its_copy_back_keep_their_order_and_change_the_dtype(npu: Any, gate: Any) -> None:
    x, y = torch.ones(1, device="npu"), torch.empty(1, dtype=torch.long, device="npu")
    pinned = torch.zeros(1, pin_memory=True)
    npu.synchronize()
    gate.close()
    threading.Timer(0.05, gate.open).start()
    pinned.copy_(x, non_blocking=True)
    y.copy_(pinned, non_blocking=True)
    assert y.item() == 1


@pytest.mark.parametrize("other", [0, 1])
def test_a_copy_is_ordered_by_the_current_streams_of_both_its_devices(npu: Any, gate: Any, other: int) -> None:
    x, y = torch.zeros(5, 5, device="npu:0"), torch.zeros(5, 5, device=f"npu:{other}")
    more = x + 1
    from_stream, to_stream, free_stream = npu.Stream(0), npu.Stream(other), npu.Stream(0)
    npu.synchronize(0)
    npu.synchronize(1)
    gate.close(from_stream)
    with npu.stream(from_stream), npu.stream(to_stream):
        y.copy_(more)
    with npu.stream(free_stream), npu.stream(to_stream):
        y.copy_(x)
    gate.open()
    to_stream.synchronize()
    assert y.cpu().equal(x.cpu())
    from_stream.synchronize()


def test_an_event_has_passed_only_when_its_stream_has(npu: Any, gate: Any) -> None:
    start, end = npu.Event(enable_timing=True), npu.Event(enable_timing=True)
    assert end.query()
    assert end.npu_event == end.event_id == 0
    stream = npu.current_stream()
    stream.record_event(start)
    gate.close()
    stream.record_event(end)
    assert end.npu_event == end.event_id != 0
    assert not end.query()
    gate.open()
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) > 0


def test_streams_and_events_of_two_devices_are_asked_from_either(npu: Any, gate: Any) -> None:
    held, free = npu.Stream(0), npu.Stream(1)
    gate.close(held)
    waiting, passed = held.record_event(), free.record_event()
    free.synchronize()
    for device in (0, 1):
        with npu.device(device):
            assert [s.query() for s in (held, free)] == [e.query() for e in (waiting, passed)] == [False, True]
    assert (waiting.device, passed.device) == (held.device, free.device)
    free.wait_event(waiting)
    assert not free.query()
    gate.open()
    with npu.device(1):
        waiting.synchronize()
    free.synchronize()
    assert held.query()


def test_several_streams_wait_for_one_event(npu: Any, gate: Any) -> None:
    maker, readers, x = npu.Stream(), [npu.Stream(), npu.Stream()], torch.zeros(30, 30, device="npu")
    npu.synchronize()
    gate.close(maker)
    with npu.stream(maker):
        x += 2
    event, results = maker.record_event(), []
    for reader in readers:
        reader.wait_event(event)
        with npu.stream(reader):
            results.append(x @ x)
    assert not any(r.query() for r in readers)
    gate.open()
    npu.synchronize()
    assert event.query()
    assert [r.unique().tolist() for r in results] == [[120.0]] * 2


@pytest.mark.parametrize("wait", ["stream", "event"])
def test_who_waits_lets_other_threads_run(npu: Any, gate: Any, wait: str) -> None:
    gate.close()
    event, stream, done = npu.current_stream().record_event(), npu.current_stream(), []
    thread = threading.Thread(target=lambda: done.append((event if wait == "event" else stream).synchronize()))
    thread.start()
    steps, end = 0, time.monotonic() + 0.05
    while time.monotonic() < end:
        steps += 1
    assert not done
    assert steps > 100
    gate.open()
    thread.join(timeout=60)
    assert done


def test_a_block_that_another_stream_uses_is_reused_after_it(npu: Any, gate: Any) -> None:
    """Also if the other stream was told by a view that begins inside the block."""
    maker, user = npu.Stream(), npu.Stream()
    with npu.stream(maker):
        base = torch.empty(1 << 18, device="npu")
    view = base[5:]
    gate.close(user)
    view.record_stream(user)
    address = base.data_ptr()
    del base, view
    maker.synchronize()
    with npu.stream(maker):
        early = torch.empty(1 << 18, device="npu")
    assert early.data_ptr() != address
    gate.open()
    user.synchronize()
    with npu.stream(maker):
        late = torch.empty(1 << 18, device="npu")
    assert late.data_ptr() == address


def test_a_copy_made_on_a_side_stream_is_read_before_its_memory_is_reused(npu: Any, gate: Any) -> None:
    pinned, result, side = torch.tensor([1.0, 2, 3, 4]).pin_memory(), torch.empty(4, device="npu"), npu.Stream()
    with npu.stream(side):
        copied = pinned.npu(non_blocking=True)
    address = copied.data_ptr()
    npu.current_stream().wait_stream(side)
    copied.record_stream(npu.current_stream())
    gate.close()
    result.copy_(copied)
    del copied
    with npu.stream(side):
        other = torch.zeros(4, device="npu")
    assert other.data_ptr() != address
    gate.open()
    assert result.tolist() == [1, 2, 3, 4]
    npu.current_stream().synchronize()
    with npu.stream(side):
        assert torch.empty(4, device="npu").data_ptr() == address


def test_a_pinned_block_is_reused_unless_a_copy_still_reads_it(npu: Any, gate: Any) -> None:
    first = torch.tensor([1.0]).pin_memory()
    address = first.data_ptr()
    del first
    again = torch.tensor([1.0]).pin_memory()
    assert again.data_ptr() == address
    there = torch.zeros(1, device="npu")
    npu.synchronize()
    gate.close()
    there.copy_(again, non_blocking=True)
    del again
    with npu.device(1):
        other = torch.tensor([2.0]).pin_memory()
        assert other.data_ptr() != address
        elsewhere = torch.zeros(1, device="npu:1").copy_(other, non_blocking=True)
    assert elsewhere.tolist() == [2.0]
    gate.open()
    assert there.tolist() == [1.0]


def test_two_threads_compute_on_streams_of_their_own(npu: Any) -> None:
    weight = torch.ones(64, 64, device="npu")
    results = [torch.ones(64, 64, device="npu") for _ in range(2)]
    barrier = threading.Barrier(2)

    def work(place: int) -> None:
        npu.synchronize()
        barrier.wait()
        with npu.stream(npu.Stream()):
            for _ in range(30):
                results[place] = (results[place] @ weight).div_(64)
        npu.synchronize()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [r.sum().item() for r in results] == [64 * 64] * 2
