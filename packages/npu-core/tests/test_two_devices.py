"""Tensors and devices: where new ones are made, where copies go, what threads and contexts make current."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture(autouse=True)
def on_device_0(npu: Any) -> Any:
    npu.set_device(0)
    yield
    npu.set_device(0)


def where(x: Any) -> int:
    return int(x.get_device())


def test_new_tensors_are_made_on_the_current_device_and_results_beside_their_inputs(npu: Any) -> None:
    x, y = torch.randn(5, 5).to("npu"), torch.randn(5, 5).to("npu")
    with npu.device(1):
        assert where(torch.randn(5, 5).to("npu")) == where(y.to("npu:1")) == 1
        assert where(x.add(y)) == where(x.new_zeros(2)) == 0
    assert where(torch.cat([x.to("npu:1"), y.to("npu:1")])) == 1
    assert where(torch.randn(5).to("npu")) == 0


def test_a_tensor_without_an_index_moves_to_the_current_device_once(npu: Any) -> None:
    moving: list[Any] = [torch.randn(5, 5).npu(), torch.randn(5, 5)]
    for x in moving:
        with npu.device(1):
            y = x.npu()
            assert where(y) == 1
            assert y.npu() is y
            z = y.npu(0)
            assert where(z) == 0
            assert z.npu(0) is z
            assert z.cpu().equal(x.cpu())


def test_new_follows_its_tensor_unless_told_otherwise(npu: Any) -> None:
    x: Any = torch.randn(3, 3, device="npu:0")
    for current in (0, 1):
        with npu.device(current):
            assert where(x.new([0, 1, 2])) == 0
            assert where(x.new([0, 1, 2], device="npu:1")) == where(x.new([0, 1, 2], device=1)) == 1


def test_old_tensor_types_take_a_device(npu: Any) -> None:
    for current in (0, 1):
        with npu.device(current):
            assert where(npu.FloatTensor(1)) == where(npu.FloatTensor(1, device=None)) == current
            assert [where(npu.FloatTensor(1, device=d)) for d in (0, 1)] == [0, 1]
    x = torch.randn(5)
    assert isinstance(x.to("npu").double(), npu.DoubleTensor)
    assert isinstance(x.to("npu").half().cpu().int(), torch.IntTensor)


def test_a_context_restores_whatever_was_set_inside(npu: Any) -> None:
    with npu.device(1):
        npu.set_device(0)
        with npu.device(1):
            assert where(torch.empty(1, device="npu")) == 1
        assert where(torch.empty(1, device="npu")) == 0
        npu.set_device(1)
    assert npu.current_device() == 0
    for index in (None, 1):
        with torch.accelerator.device_index(index):
            assert npu.current_device() == (index or 0)
        assert npu.current_device() == 0


def test_a_stream_of_another_device_is_a_context_of_both(npu: Any) -> None:
    here, there = npu.current_stream(0), npu.current_stream(1)
    with npu.Stream(1) as stream:
        assert (npu.current_device(), npu.current_stream()) == (1, stream)
        assert npu.current_stream(0) == here
    assert (npu.current_device(), npu.current_stream()) == (0, here)
    assert npu.current_stream(1) == there
    with npu.Stream() as stream:
        assert npu.current_stream() == stream
    assert npu.current_stream() == here


def test_current_and_default_streams_are_known_by_device_and_compare(npu: Any) -> None:
    first, second = npu.current_stream(), npu.current_stream("npu:1")
    assert first == npu.default_stream(torch.device("npu:0")) != second
    with npu.device(1):
        assert npu.current_stream() == npu.default_stream() == second
        assert npu.current_stream(0) == first
    assert first.npu_stream == npu.current_stream().npu_stream
    assert hash(first) == hash(npu.current_stream()) != hash(second)
    for ask in (npu.current_stream, npu.default_stream):
        with pytest.raises(ValueError, match="got cpu"):
            ask(torch.device("cpu"))


def test_a_stream_of_a_device_beyond_the_last_is_refused_by_torch_too(npu: Any) -> None:
    before = torch.accelerator.current_stream()
    for stream in (npu.Stream(), npu.Stream(), before):
        torch.accelerator.set_stream(stream)
        assert torch.accelerator.current_stream() == stream
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.accelerator.current_stream(npu.device_count())
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.accelerator.set_device_index(npu.device_count())


def test_a_stream_of_another_library_is_wrapped_on_its_device(npu: Any) -> None:
    stream = npu.Stream(1)
    for wrapped in (
        npu.ExternalStream(stream.npu_stream, device=npu.device(1)),
        npu.get_stream_from_external(stream.npu_stream, npu.device(1)),
    ):
        assert wrapped.npu_stream == stream.npu_stream
        assert wrapped.device.index == 1


def test_times_between_two_devices_are_refused(npu: Any) -> None:
    first, other, last = (npu.Event(enable_timing=True) for _ in range(3))
    with pytest.raises(ValueError, match="must be recorded"):
        first.elapsed_time(last)
    for event, device in ((first, 0), (other, 1), (last, 0)):
        npu.current_stream(device).record_event(event)
        event.synchronize()
    for current in (0, 1):
        with npu.device(current):
            assert first.elapsed_time(last) > 0
            with pytest.raises((RuntimeError, ValueError), match="device"):
                first.elapsed_time(other)
    plain = npu.Event()
    for begin, end in ((plain, plain), (first, plain)):
        with pytest.raises(ValueError, match="enable_timing=True"):
            begin.elapsed_time(end)


def test_free_memory_is_told_by_every_spelling_of_a_device(npu: Any) -> None:
    for device in (0, "npu", "npu:0", torch.device("npu"), 1, "npu:1"):
        npu.empty_cache()
        free, total = npu.mem_get_info(device)
        x = torch.empty(64 << 20, dtype=torch.uint8, device=torch.device("npu", device) if device == 1 else device)
        now, same = npu.mem_get_info(device)
        assert now < free
        assert same == total
        del x
    before = npu.memory_allocated(npu.device(1))
    x = torch.ones(10, device="npu:0")
    assert npu.memory_allocated(npu.device(1)) == before
    assert x.is_npu


def test_a_device_without_argument_is_the_current_one(npu: Any) -> None:
    for ask in (npu.get_device_name, npu.get_device_capability, npu.get_device_properties):
        assert ask() == ask(None) == ask(npu.current_device()) == ask(npu.device(0))
    with pytest.raises(RuntimeError, match="Invalid device string"):
        npu.synchronize("npu0")


def test_threads_choose_devices_of_their_own(npu: Any) -> None:
    wrong: list[int] = []

    def work(device: int) -> None:
        for _ in range(10):
            torch.accelerator.set_device_index(device)
            x = torch.randn(10, 10, device="npu")
            used = {where(x), where((x @ x).sum()), torch.accelerator.current_device_index()}
            if used != {device}:
                wrong.append(device)

    threads = [threading.Thread(target=work, args=(i % 2,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_what_a_device_computes_in_is_told_to_torch() -> None:
    told = [torch.accelerator.get_device_capability(f"npu:{d}")["supported_dtypes"] for d in (0, 1)]
    assert told[0] == told[1]
    assert {torch.float32, torch.bfloat16, torch.int64, torch.bool} <= told[0]


def test_torch_starts_a_backward_thread_for_each_device(npu: Any) -> None:
    torch.ones(2, requires_grad=True, device="npu").sum().backward()
    names = {(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()}
    assert {f"pt_autograd_{d}" for d in range(npu.device_count())} <= names


def test_the_place_in_a_sequence_of_random_numbers_is_asked_and_set(npu: Any) -> None:
    before = npu.get_rng_state()
    npu._set_rng_state_offset(100)
    assert npu._get_rng_state_offset() == npu.default_generators[0].get_offset() == 100
    npu.set_rng_state(before)


def test_no_number_is_drawn_twice(npu: Any) -> None:
    def distinct(device: str, draw: Any) -> int:
        generator = torch.Generator(device).manual_seed(0)
        drawn = [draw(device=device, generator=generator).cpu() for _ in range(2)]
        return int(torch.stack(drawn).unique().numel())

    n = 100_000
    for draw in (
        lambda **kw: torch.randint(0, 6_000_000_000, [n], dtype=torch.int64, **kw),
        lambda **kw: torch.rand(n, **kw),
        lambda **kw: torch.randn(n, dtype=torch.float64, **kw),
    ):
        assert abs(distinct("npu", draw) - distinct("cpu", draw)) < n // 40


FIRST_USE = """
import os, threading, torch
os.environ["ASCEND_RT_VISIBLE_DEVICES"] = "1,0"
torch.randn(3).is_pinned()
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, str(torch.ones(3, device="npu").sum().item()).encode())
    os._exit(0)
got = []
threads = [threading.Thread(target=lambda d=d: got.append(torch.ones(3).npu(d).sum().item())) for d in (0, 1)]
for t in threads: t.start()
for t in threads: t.join()
out = [os.read(read, 9).decode(), got, torch.npu.device_count()]
"""


def test_after_import_and_is_pinned_any_process_and_thread_may_be_the_first(site: Any) -> None:
    assert site.json(FIRST_USE, NPU_RUNTIME="sim") == ["3.0", [3.0, 3.0], 2]
