"""Captures of several streams, threads and devices: what belongs to the graph, and what is refused by its own name."""

from collections.abc import Callable
from typing import Any

import pytest
import torch


def test_a_backward_pass_on_a_second_stream_uses_memory_of_the_graph(npu: Any) -> None:
    side = npu.Stream()
    x = torch.randn(512, 512, device="npu", requires_grad=True)
    g = npu.NPUGraph()
    with npu.graph(g):
        current = npu.current_stream()
        side.wait_stream(current)
        with npu.stream(side):
            loss = (x * 2).relu().sum()
        current.wait_stream(side)
        (gradient,) = torch.autograd.grad(loss, x)  # autograd's thread allocates, on the second stream
        current.wait_stream(side)
    with npu.stream(side):
        others = [torch.full((512, 512), 7.0, device="npu") for _ in range(4)]
    npu.synchronize()
    g.replay()
    npu.synchronize()
    assert [bool((other == 7).all()) for other in others] == [True] * 4
    torch.testing.assert_close(gradient, (x > 0) * 2.0)


def test_work_beside_a_capture_gets_memory_of_no_graph(npu: Any) -> None:
    outside = npu.Stream()
    g = npu.NPUGraph()
    with npu.graph(g, capture_error_mode="relaxed"):
        y = torch.ones(100, device="npu")
        with npu.stream(outside):
            z = torch.empty(1 << 22, device="npu")
        of = [
            [s["segment_pool_id"] for s in npu.memory_snapshot() if 0 <= t.data_ptr() - s["address"] < s["total_size"]]
            for t in (z, y)
        ]
    assert of == [[(0, 0)], [g.pool()]]


def test_a_capture_is_made_on_the_current_device_after_one_on_another(npu: Any) -> None:
    first, second = npu.NPUGraph(), npu.NPUGraph()
    x = torch.ones(3, device="npu:0")
    with npu.graph(first):
        a = x + 1
    with npu.device(1):
        y = torch.ones(3, device="npu")
        with npu.graph(second):
            b = y + 1
        y.fill_(5)
        second.replay()
        assert b.tolist() == [6.0] * 3
    x.fill_(7)
    first.replay()
    assert a.tolist() == [8.0] * 3


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (lambda x, npu: x.cpu(), "not pinned"),
        (lambda x, npu: x[0].item(), "not pinned"),
        (lambda x, npu: torch.tensor([1.0], device="npu"), "not pinned"),
        (lambda x, npu: x.copy_(torch.zeros(3).pin_memory()), "non_blocking=False"),
        (lambda x, npu: npu.synchronize(), "a wait for the device"),
    ],
    ids=["cpu", "item", "tensor", "pinned", "synchronize"],
)
def test_what_acts_at_once_is_refused_by_name_and_the_capture_goes_on(
    npu: Any, act: Callable[[torch.Tensor, Any], object], named: str
) -> None:
    x = torch.ones(3, device="npu")
    g = npu.NPUGraph()
    with npu.graph(g):
        y = x + 1
        with pytest.raises(RuntimeError, match=named + ".*cannot happen while a graph is captured"):
            act(x, npu)
        z = y * 2
    x.fill_(2)
    g.replay()
    assert z.tolist() == [6.0] * 3


def test_a_graph_may_be_kept_as_of_cuda(npu: Any) -> None:
    x = torch.ones(3, device="npu")
    g = npu.NPUGraph(keep_graph=True)
    with npu.graph(g):
        y = x + 1
    g.instantiate()
    g.replay()
    assert y.tolist() == [2.0] * 3
    with pytest.raises(NotImplementedError, match="debug_dump"):
        g.raw_cuda_graph()


@pytest.mark.parametrize("mode", ["global", "thread_local", "relaxed"])
def test_a_copy_is_refused_by_the_stream_that_it_would_run_on(npu: Any, mode: str) -> None:
    x, other = torch.ones(3, device="npu:0"), torch.ones(3, device="npu:1")
    g = npu.NPUGraph()
    with npu.graph(g, capture_error_mode=mode):
        y = x + 1
        with npu.device(1), pytest.raises(RuntimeError, match=r"not pinned.*cannot happen while a graph is captured"):
            x.cpu()
        assert other.tolist() == [1.0] * 3
    x.fill_(2)
    g.replay()
    assert y.tolist() == [3.0] * 3


def test_copies_between_a_captured_device_and_another_are_refused(npu: Any) -> None:
    x, other = torch.ones(3, device="npu:0"), torch.ones(3, device="npu:1")
    g = npu.NPUGraph()
    with npu.graph(g):
        y = x + 1
        for copied, to in ((x, "npu:1"), (other, "npu:0")):
            with pytest.raises(RuntimeError, match="a copy from or to another device cannot happen"):
                copied.to(to)
    assert other.tolist() == [1.0] * 3
    x.fill_(2)
    g.replay()
    assert y.tolist() == [3.0] * 3


def test_a_wait_is_for_the_device_that_is_named_while_another_is_captured(npu: Any) -> None:
    x, other = torch.ones(3, device="npu:0"), torch.randn(1024, 1024, device="npu:1")
    done = npu.Event()
    g = npu.NPUGraph()
    with npu.graph(g):
        y = x + 1
        with npu.device(1):
            for _ in range(20):
                other = other @ other
            done.record()
        npu.synchronize(1)
        assert done.query()
        with npu.device(1), pytest.raises(RuntimeError, match="a wait for the device cannot happen"):
            npu.synchronize(0)
    g.replay()
    assert y.tolist() == [2.0] * 3


def test_generators_of_another_device_are_not_the_graphs(npu: Any) -> None:
    npu.manual_seed_all(1)
    numbers = npu.default_generators
    torch.rand(4, device="npu:1")
    g = npu.NPUGraph()
    with npu.graph(g):
        torch.rand(8, device="npu:0")
        offsets = [numbers[d].get_offset() for d in (0, 1)]
        with npu.device(1):
            assert [numbers[d].get_offset() for d in (0, 1)] == offsets
        numbers[1].manual_seed(2)
    assert offsets == [8, 4]
    assert numbers[1].initial_seed() == 2
