"""A backward pass runs on the streams of its forward pass, and whoever calls it may read what it made."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch


class Scale(torch.autograd.Function):
    """x * factor, on one stream in both directions."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor, ctx.stream = factor, torch.accelerator.current_stream()
        return x * factor

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        assert torch.accelerator.current_stream() == ctx.stream
        return grad * ctx.factor, None


def scale(x: torch.Tensor, factor: float) -> torch.Tensor:
    scaled: torch.Tensor = Scale.apply(x, factor)  # type: ignore[no-untyped-call]
    return scaled


@pytest.fixture
def default(npu: Any) -> Iterator[Any]:
    """The default stream. torch warns of leaves that are used on several streams, as some are here."""
    npu.set_device(0)
    npu.synchronize()
    torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    yield npu.current_stream()
    torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(True)


def values(x: torch.Tensor | None) -> list[float]:
    assert x is not None
    return [float(v) for v in x.unique().tolist()]


def test_a_pass_on_a_side_stream_is_read_after_waiting_for_it(npu: Any, default: Any) -> None:
    x, side = torch.randn(5, 5, device="npu", requires_grad=True), npu.Stream()
    with npu.stream(side):
        side.wait_stream(default)
        scale(x, 2).sum().backward()
    default.wait_stream(side)
    assert values(x.grad) == [2]
    assert npu.current_stream() == default


def test_gradients_are_ready_on_the_stream_that_called_backward(npu: Any, default: Any) -> None:
    x, forward, caller = torch.randn(5, 5, device="npu", requires_grad=True), npu.Stream(), npu.Stream()
    with npu.stream(forward):
        forward.wait_stream(default)
        y = scale(x, 3)
    with npu.stream(caller):
        caller.wait_stream(forward)
        y.sum().backward()
        assert values(x.grad) == [3]
        assert npu.current_stream() == caller


@pytest.mark.parametrize("first", ["caller", "branch"])
@pytest.mark.parametrize(("by_backward", "times"), [(False, 1), (True, 1), (True, 3)])
def test_branches_on_several_streams_add_up(npu: Any, default: Any, first: str, by_backward: bool, times: int) -> None:
    caller, left, right, event = npu.Stream(), npu.Stream(), npu.Stream(), npu.Event()
    seen: list[Any] = []

    def forward(x: torch.Tensor) -> torch.Tensor:
        early = x.clone() if first == "caller" else None
        left.wait_stream(npu.current_stream())
        right.wait_stream(npu.current_stream())
        with npu.stream(left):
            a = scale(x.clone() if early is None else early, 2)
            event.record(npu.current_stream())
        with npu.stream(right):
            b = scale(x, 3)
            right.wait_event(event)
            return a + b

    with npu.stream(caller):
        x = torch.randn(5, 5, device="npu", requires_grad=True)
        x.register_hook(lambda _: seen.append(npu.current_stream()))
        gradient: torch.Tensor | None = None
        for _ in range(times):
            loss = forward(x).sum()
            if by_backward:
                loss.backward()
            else:
                (gradient,) = torch.autograd.grad(loss, x)
    default.wait_stream(caller)
    assert values(x.grad if by_backward else gradient) == [5 * times]
    assert set(seen) == {caller if first == "caller" else left}


def test_a_gradient_that_is_still_being_made_is_waited_for(npu: Any, gate: Any) -> None:
    forward, caller = npu.Stream(), npu.Stream()
    a = torch.full((1000,), 2.0, device="npu", requires_grad=True)
    b = torch.full((1000,), 3.0, device="npu", requires_grad=True)
    npu.synchronize()
    with npu.stream(forward):
        c = a * b
    npu.synchronize()
    with npu.stream(caller):
        gate.close(caller)
        grad = torch.full((1000,), 7.0, device="npu")
        torch.autograd.backward([c], [grad])
        gate.open()
        npu.synchronize()
        assert (values(a.grad), values(b.grad)) == ([21], [14])


def test_a_callback_of_the_engine_sees_finished_gradients(npu: Any, default: Any) -> None:
    a, b = (torch.ones(1000, device="npu", requires_grad=True) for _ in range(2))
    left, right, caller = npu.Stream(), npu.Stream(), npu.Stream()
    copies: list[torch.Tensor] = []

    def keep() -> None:
        copies.extend(x.grad.clone() for x in (a, b) if x.grad is not None)

    left.wait_stream(default)
    with npu.stream(left):
        c = scale(a, 2)
    right.wait_stream(default)
    with npu.stream(right):
        d = scale(b, 3)
        right.wait_stream(left)
        e = c * d
        engine = torch.autograd.Variable._execution_engine
        e.register_hook(lambda _: engine.queue_callback(keep))
    caller.wait_stream(right)
    with npu.stream(caller):
        e.sum().backward()
        assert [values(x) for x in copies] == [[6], [6]]


@pytest.mark.parametrize("uses", [1, 2])
def test_a_move_between_devices_is_ordered_on_streams_of_both(npu: Any, default: Any, uses: int) -> None:
    with npu.stream(npu.Stream(1)), npu.stream(npu.Stream(0)):
        a, b = (torch.ones(1 << 14, device="npu:1", dtype=torch.float64, requires_grad=True) for _ in range(2))
        product = a * b
        losses = [product.to("npu:0").sum() * 2 for _ in range(uses)]
        npu.synchronize(0)
        npu.synchronize(1)
        for loss in losses:
            loss.backward(retain_graph=True)
        assert values(a.grad) == values(b.grad) == [2 * uses]
