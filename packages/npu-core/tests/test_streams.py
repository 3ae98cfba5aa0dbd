"""Streams and events order work as torch.cuda's do, and are torch.Stream and torch.Event."""

import threading
from typing import Any

import pytest
import torch


def test_a_stream_is_a_torch_stream_on_its_device(npu: Any) -> None:
    stream = npu.Stream(device=1)
    assert isinstance(stream, torch.Stream)
    assert stream.device == torch.device("npu:1")
    assert npu.current_device() == 0
    assert stream != npu.Stream(device=1)
    assert stream == npu.Stream(
        stream_id=stream.stream_id, device_index=stream.device_index, device_type=stream.device_type
    )
    assert "npu:1" in repr(stream)


def test_stream_context_sets_and_restores_stream_and_device(npu: Any) -> None:
    here, there = npu.Stream(), npu.Stream(device=1)
    default = npu.default_stream()
    with npu.stream(here):
        assert npu.current_stream() == here
        with npu.stream(there):
            assert (npu.current_device(), npu.current_stream()) == (1, there)
        assert (npu.current_device(), npu.current_stream()) == (0, here)
        assert npu.current_stream(1) == npu.default_stream(1)
    assert npu.current_stream() == default
    with npu.stream(None):
        assert npu.current_stream() == default


def test_torchs_generic_streams_agree_with_ours(npu: Any) -> None:
    stream = npu.Stream()
    with npu.stream(stream):
        assert torch.accelerator.current_stream() == stream
    generic = torch.Stream("npu")
    with npu.stream(generic):
        assert npu.current_stream() == generic
    assert npu.current_stream() == npu.default_stream()


@pytest.mark.parametrize("ask", ["current_stream", "default_stream"])
def test_streams_of_a_device_that_does_not_exist_raise(npu: Any, ask: str) -> None:
    for device in (63, "npu:63", torch.device("npu", 63)):
        with pytest.raises(RuntimeError, match="63"):
            getattr(npu, ask)(device)


def test_the_current_stream_belongs_to_the_thread(npu: Any) -> None:
    seen: list[Any] = []
    with npu.stream(npu.Stream()):
        thread = threading.Thread(target=lambda: seen.append(npu.current_stream()))
        thread.start()
        thread.join()
    assert seen == [npu.default_stream()]


def test_priorities_are_clipped_to_their_range(npu: Any) -> None:
    least, greatest = npu.Stream.priority_range()
    assert least >= greatest
    assert npu.Stream(priority=greatest - 5).priority == greatest
    assert npu.Stream(priority=least + 5).priority == least


def test_an_event_orders_one_stream_after_another(npu: Any) -> None:
    producer, consumer = npu.Stream(), npu.Stream()
    x = torch.zeros(256, 256, device="npu")
    npu.synchronize()
    event = npu.Event()
    with npu.stream(producer):
        for _ in range(50):
            x += 1
        event.record()
    with npu.stream(consumer):
        event.wait()
        y = x * 2
    consumer.synchronize()
    assert y.min().item() == y.max().item() == 100


def test_wait_stream_and_record_event(npu: Any) -> None:
    producer, consumer = npu.Stream(), npu.Stream()
    with npu.stream(producer):
        x = torch.ones(128, device="npu") * 3
    consumer.wait_stream(producer)
    with npu.stream(consumer):
        y = x + 1
    event = consumer.record_event()
    assert isinstance(event, npu.Event)
    event.synchronize()
    assert event.query() is True
    consumer.synchronize()
    assert consumer.query() is True
    assert y.tolist() == [4.0] * 128


def test_events_measure_time(npu: Any) -> None:
    start, end = npu.Event(enable_timing=True), npu.Event(enable_timing=True)
    start.record()
    x = torch.ones(64, 64, device="npu")
    for _ in range(20):
        x = x @ x * 0.01
    end.record()
    end.synchronize()
    assert 0 < start.elapsed_time(end) < 60_000


def test_an_event_without_timing_has_no_time(npu: Any) -> None:
    start, end = npu.Event(), npu.Event()
    start.record()
    end.record()
    with pytest.raises((RuntimeError, ValueError), match="timing"):
        start.elapsed_time(end)


def test_the_native_stream_is_an_address_and_can_be_wrapped(npu: Any) -> None:
    stream = npu.Stream()
    assert stream.npu_stream != 0
    wrapped = npu.ExternalStream(stream.npu_stream)
    with npu.stream(wrapped):
        x = torch.ones(4, device="npu") + 1
    wrapped.synchronize()
    assert x.tolist() == [2.0] * 4
    assert wrapped == stream, "one stream has one state: a wait for either is a wait for its work"
    default = npu.default_stream()
    assert npu.ExternalStream(default.npu_stream) == default


def test_memory_used_on_another_stream_is_not_reused_too_early(npu: Any) -> None:
    side = npu.Stream()
    x = torch.full((1 << 16,), 7.0, device="npu")
    side.wait_stream(npu.current_stream())
    with npu.stream(side):
        for _ in range(20):
            y = x * 1
    x.record_stream(side)
    del x
    z = torch.zeros(1 << 16, device="npu")
    npu.synchronize()
    assert y.min().item() == 7.0
    assert z.max().item() == 0.0


@pytest.mark.parametrize("make", ["torch.Stream(device='npu')", "torch.npu.Stream()"])
def test_a_stream_without_a_runtime_is_refused_with_the_reason(site: Any, make: str) -> None:
    done = site.python(f"import torch\n{make}", NPU_RUNTIME="none")
    assert done.returncode == 1
    assert "NPU_RUNTIME=none turns the device off" in done.stderr
