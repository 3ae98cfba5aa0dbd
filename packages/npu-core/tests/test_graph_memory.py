"""What a captured graph does with memory: its pools, its pinned blocks, what outlives it, and captures that fail."""

import gc
import threading
from typing import Any

import pytest
import torch

MIB = 1 << 20


@pytest.fixture(autouse=True)
def fresh(npu: Any) -> None:
    npu.set_device(0)
    gc.collect()
    npu.synchronize()
    npu.empty_cache()


def with_temporaries(x: torch.Tensor, n: float) -> torch.Tensor:
    return (x.clone() + n) + (x.clone() + n)


class Capture:
    """Captures on the current stream, by the calls that `torch.npu.graph` makes, without its cleaning up before."""

    def __init__(self, graph: Any, *pool: Any) -> None:
        self.graph, self.pool = graph, pool

    def __enter__(self) -> None:
        self.graph.capture_begin(*self.pool)

    def __exit__(self, *_: Any) -> None:
        self.graph.capture_end()


@pytest.mark.parametrize("how", ["own pools", "pool()", "graph_pool_handle()"])
def test_graphs_that_run_in_their_order_may_share_memory(npu: Any, how: str) -> None:
    """The second one takes the blocks that the first one has left: so only in that order are they right."""
    stream, x = npu.Stream(), torch.ones(1000, device="npu")
    handle = (npu.graph_pool_handle(),) if how == "graph_pool_handle()" else ()
    first, second, third = (npu.NPUGraph() for _ in range(3))
    stream.wait_stream(npu.current_stream())
    with npu.stream(stream):
        with Capture(first, *handle):
            b = x.clone()
            c, d = b + 1, b + 2
        rest = handle or ((first.pool(),) if how == "pool()" else ())
        with Capture(second, *rest):
            e = c + 3
            del c
        with Capture(third, *rest):
            f = d + 4
    npu.current_stream().wait_stream(stream)
    for graph in (first, second, third):
        graph.replay()
    assert (e[0].item(), f[0].item()) == (5, 7)
    for graph in (first, third, second):
        graph.replay()
    assert e[0].item() == (5 if how == "own pools" else 10)
    assert f[0].item() == 7


def test_a_shared_pool_saves_a_segment(npu: Any) -> None:
    reserved = {}
    for how in ("own pools", "pool()"):
        stream, x = npu.Stream(), torch.ones(1000, device="npu")
        first, second = npu.NPUGraph(), npu.NPUGraph()
        stream.wait_stream(npu.current_stream())
        with npu.stream(stream):
            with Capture(first):
                y = with_temporaries(x, 1)
            with Capture(second, *((first.pool(),) if how == "pool()" else ())):
                z = with_temporaries(y, 1)
        npu.current_stream().wait_stream(stream)
        between = with_temporaries(x, 3)
        first.replay()
        between = with_temporaries(between, 3)
        second.replay()
        assert (z[0].item(), between[0].item()) == (10, 22)
        reserved[how] = npu.memory_reserved()
        del x, y, z, between, first, second
        npu.synchronize()
        npu.empty_cache()
    assert reserved["own pools"] - reserved["pool()"] == 2 * MIB


def test_graphs_with_pools_of_their_own_run_side_by_side(npu: Any, gate: Any) -> None:
    x, streams = torch.ones(1 << 14, device="npu"), [npu.Stream() for _ in range(3)]
    graphs, results = [npu.NPUGraph(), npu.NPUGraph()], []
    streams[2].wait_stream(npu.current_stream())
    with npu.stream(streams[2]):
        for n, graph in enumerate(graphs, 1):
            with Capture(graph):
                y = x.clone()
                for _ in range(5):
                    y = with_temporaries(y, n)
            results.append(y)
    npu.synchronize()
    gate.close(streams[0])
    streams[1].wait_stream(streams[0])
    for stream, graph in zip(streams[:2], graphs, strict=True):
        with npu.stream(stream):
            graph.replay()
    gate.open()
    npu.synchronize()
    assert [r.unique().tolist() for r in results] == [[94], [156]]


ROUNDED = 12 * MIB  # 10 MiB and a bit, in whole pages of 2 MiB


@pytest.mark.parametrize(
    ("nbytes", "segments", "reserved", "left", "pool"),
    [
        (512, 1, 2 * MIB, 2 * MIB, "small_pool"),
        (MIB, 2, 4 * MIB, 2 * MIB, "small_pool"),
        (MIB + 512, 1, 20 * MIB, 20 * MIB, "large_pool"),
        (10 * MIB - 512, 2, 40 * MIB, 20 * MIB, "large_pool"),
        (10 * MIB + 512, 3, 3 * ROUNDED, ROUNDED, "large_pool"),
    ],
)
def test_a_result_outlives_its_graph_and_nothing_else_does(
    npu: Any, nbytes: int, segments: int, reserved: int, left: int, pool: str
) -> None:
    keys = [f"{k}.{pool}.current" for k in ("segment", "reserved_bytes", "active", "active_bytes")]

    def grown(before: dict[str, int]) -> list[int]:
        now = npu.memory_stats()
        return [now[k] - before[k] for k in keys]

    stream, graph = npu.Stream(), npu.NPUGraph()
    with npu.stream(stream):
        x = torch.ones(nbytes // 4, device="npu")
        before = npu.memory_stats()
        with Capture(graph):
            y = x.clone()
            for _ in range(5):
                y = y.clone() + 1
    npu.current_stream().wait_stream(stream)
    for _ in range(2):
        assert grown(before) == [segments, reserved, 1, nbytes]
        graph.replay()
        assert y.unique().tolist() == [6]
        npu.empty_cache()
    del graph
    gc.collect()
    npu.empty_cache()
    assert grown(before) == [1, left, 1, nbytes]
    assert y.unique().tolist() == [6]


def test_memory_of_other_streams_is_neither_asked_nor_reused_during_a_capture(npu: Any, gate: Any) -> None:
    busy, x = torch.zeros(3, device="npu"), torch.zeros(3, device="npu")
    held, main, side = (npu.Stream() for _ in range(3))
    graph = npu.NPUGraph()
    npu.synchronize()
    with npu.stream(held):
        busy.record_stream(held)
        gate.close(held)
        busy.fill_(1)
    del busy
    with npu.stream(main), Capture(graph):
        y = x.clone()
        side.wait_stream(main)
        with npu.stream(side):
            y.fill_(1)
            y.record_stream(side)
            del y
        main.wait_stream(side)
    gate.open()
    npu.synchronize()
    torch.zeros(3, device="npu")
    graph.replay()
    npu.synchronize()


def test_what_joins_a_capture_allocates_from_the_graphs_pool(npu: Any) -> None:
    x, main, side, graph = torch.ones(1 << 20, device="npu"), npu.Stream(), npu.Stream(), npu.NPUGraph()
    before = {s["segment_pool_id"] for s in npu.memory_snapshot()}
    main.wait_stream(npu.current_stream())
    with npu.stream(main):
        graph.capture_begin()
        y = x + 1
    with npu.stream(side):
        side.wait_stream(main)
        z = y + 1
    main.wait_stream(side)
    with npu.stream(main):
        graph.capture_end()
    new = [s["segment_pool_id"] for s in npu.memory_snapshot() if s["segment_pool_id"] not in before]
    assert new == [graph.pool()] * 2
    graph.replay()
    assert z[0].item() == 3


def test_a_capture_without_memory_fails_and_the_next_one_works(npu: Any) -> None:
    graph = npu.NPUGraph()
    with pytest.raises(torch.OutOfMemoryError), npu.graph(graph):
        torch.zeros(2**40, device="npu")
    assert not npu.is_current_stream_capturing()
    with npu.graph(graph):
        y = torch.ones(3, device="npu") + 1
    graph.replay()
    assert y[0].item() == 2


def test_captures_of_products_again_and_again_need_no_more_memory(npu: Any) -> None:
    a, b = torch.rand(256, 128, device="npu"), torch.rand(128, 64, device="npu")
    free = []
    for turn in range(12):
        graph = npu.NPUGraph()
        with npu.graph(graph):
            a @ b
        graph.replay()
        if turn in (1, 11):
            npu.synchronize()
            free.append(npu.mem_get_info()[0])
    assert free[0] - free[1] <= 4 * MIB


@pytest.mark.parametrize("mode", ["thread_local", "relaxed"])
def test_another_thread_may_allocate_during_a_capture(npu: Any, mode: str) -> None:
    failed: list[BaseException] = []

    def allocate() -> None:
        try:
            with npu.stream(npu.Stream()):
                npu.caching_allocator_delete(npu.caching_allocator_alloc(64 * MIB))
        except Exception as error:
            failed.append(error)

    graph = npu.NPUGraph()
    with npu.graph(graph, stream=npu.Stream(), capture_error_mode=mode):
        x = torch.zeros(20, device="npu") + 1
        thread = threading.Thread(target=allocate)
        thread.start()
        thread.join()
    assert not failed
    graph.replay()
    assert x.sum().item() == 20


def test_pinned_memory_that_a_replay_reads_is_never_handed_out_again(npu: Any) -> None:
    graph = npu.NPUGraph()
    with npu.graph(graph):
        pinned = torch.full((8,), 3.0).pin_memory()
        there = torch.empty(8, device="npu").copy_(pinned, non_blocking=True)
        address = pinned.data_ptr()
        del pinned
        later = torch.full((8,), 4.0).pin_memory()
    assert later.data_ptr() != address
    others = [torch.zeros(8).pin_memory() for _ in range(8)]
    assert address not in [o.data_ptr() for o in others]
    graph.replay()
    assert there.tolist() == [3.0] * 8


def test_pinned_memory_from_before_the_capture_stays_too_if_it_is_freed_inside(npu: Any) -> None:
    pinned, graph = torch.full((8,), 3.0).pin_memory(), npu.NPUGraph()
    address = pinned.data_ptr()
    with npu.graph(graph):
        there = torch.empty(8, device="npu").copy_(pinned, non_blocking=True)
        del pinned
    others = [torch.zeros(8).pin_memory() for _ in range(8)]
    assert address not in [o.data_ptr() for o in others]
    graph.replay()
    assert there.tolist() == [3.0] * 8


def test_pinned_memory_that_no_copy_used_is_handed_out_again(npu: Any) -> None:
    with npu.graph(npu.NPUGraph()):
        torch.ones(1, device="npu")
        first, second = torch.ones(8).pin_memory(), torch.ones(8).pin_memory()
        address = first.data_ptr()
        assert address != second.data_ptr()
        del first
        again = torch.ones(8).pin_memory()
    assert again.data_ptr() == address


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_copy_with_memory_that_is_not_pinned_breaks_a_capture(npu: Any, way: str) -> None:
    here, there = torch.empty(8), torch.ones(8, device="npu")
    target, source = (there, here) if way == "in" else (here, there)
    with pytest.raises(RuntimeError), npu.graph(npu.NPUGraph()):
        target.copy_(source, non_blocking=True)
    assert torch.ones(1, device="npu").item() == 1


def test_an_empty_graph_is_warned_about(npu: Any) -> None:
    with pytest.warns(UserWarning, match="this graph is empty"), npu.stream(npu.Stream()), Capture(npu.NPUGraph()):
        pass
