"""Copies between host and device in every direction, layout and dtype; factories and storages."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch

#: Ways to look at a matrix of 4 by 6.
VIEWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "dense": lambda t: t,
    "transposed": lambda t: t.t(),
    "sliced": lambda t: t[1:3, ::2],
    "broadcast": lambda t: t[:1].expand(5, 6),
}
FACTORIES: list[Callable[[str], torch.Tensor]] = [
    lambda d: torch.zeros(2, 3, device=d),
    lambda d: torch.full((2,), 7, device=d),
    lambda d: torch.arange(5, device=d),
    lambda d: torch.arange(1, 2, 0.25, device=d),
    lambda d: torch.arange(5, 0, -2, device=d),
    lambda d: torch.linspace(0, 1, 5, device=d),
    lambda d: torch.eye(3, 4, device=d),
    lambda d: torch.ones(2, 2, dtype=torch.bool, device=d),
    lambda d: torch.empty_strided((2, 3), (1, 2), device=d).fill_(3),
    lambda d: torch.empty(1, 2, 3, 4, device=d, memory_format=torch.channels_last).zero_(),
    lambda d: torch.tensor([1, 2, 3], device=d),
]
DTYPES = [torch.float32, torch.float16, torch.int64, torch.bool, torch.float64, torch.uint8]


@pytest.mark.parametrize(("source", "target"), list(itertools.product(DTYPES, DTYPES)), ids=str)
def test_a_copy_converts_between_any_two_dtypes(source: torch.dtype, target: torch.dtype) -> None:
    x = torch.arange(6).reshape(2, 3).to(source)
    want = x.to(target)
    assert torch.equal(x.npu().to(target).cpu(), want)
    up = torch.empty(2, 3, dtype=target, device="npu")
    assert torch.equal(up.copy_(x).cpu(), want)
    assert torch.equal(torch.empty(2, 3, dtype=target).copy_(x.npu()), want)


@pytest.mark.parametrize("direction", ["up", "down", "within", "across"])
@pytest.mark.parametrize("shape", VIEWS)
def test_a_copy_keeps_elements_in_any_layout(direction: str, shape: str) -> None:
    x = torch.arange(24.0).reshape(4, 6)
    view = VIEWS[shape]
    want = view(x)
    source = view(x if direction == "up" else x.to("npu:0"))
    device = {"up": "npu:0", "down": "cpu", "within": "npu:0", "across": "npu:1"}[direction]
    plain = torch.zeros(want.shape, device=device)
    strided = torch.zeros(*want.shape, 2, device=device)[..., 0]
    assert torch.equal(plain.copy_(source).cpu(), want)
    assert torch.equal(strided.copy_(source).cpu(), want)
    assert torch.equal(source.to(device).cpu(), want)


def test_pinned_memory_is_copied_without_blocking() -> None:
    x = torch.arange(1000.0).pin_memory()
    y = x.to("npu", non_blocking=True)
    back = torch.empty(1000).pin_memory().copy_(y + 1, non_blocking=True)
    torch.npu.synchronize()
    assert torch.equal(back, x + 1)


def test_overlapping_memory_is_refused() -> None:
    x = torch.zeros(4, device="npu")
    with pytest.raises(RuntimeError, match="single memory location"):
        x[:1].expand(4).copy_(torch.ones(4))
    with pytest.raises(
        RuntimeError,
        match="some elements of the input tensor and the written-to tensor refer to a single memory location",
    ):
        x[:3].copy_(x[1:])


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"expanded size|must match"):
        torch.zeros(3, device="npu").copy_(torch.zeros(2))


def test_item_reads_one_element() -> None:
    assert torch.tensor(7, device="npu").item() == 7
    assert torch.tensor([[1.5]], device="npu").item() == 1.5
    assert torch.tensor([True], device="npu").item() is True


def test_resize_keeps_what_was_there() -> None:
    x = torch.arange(4.0).npu()
    x.resize_(2, 4)
    assert x.shape == (2, 4)
    assert x[0].tolist() == [0.0, 1.0, 2.0, 3.0]
    x.resize_(2)
    assert x.tolist() == [0.0, 1.0]


def test_set_shares_and_empties_storages() -> None:
    x, y = torch.arange(6.0).npu(), torch.empty(0, device="npu")
    y.set_(x)
    assert y.data_ptr() == x.data_ptr()
    y.set_(x.untyped_storage(), 2, (2,), (2,))
    assert y.tolist() == [2.0, 4.0]
    y.set_()  # type: ignore[call-overload]
    assert y.numel() == 0
    assert y.device.type == "npu"


def test_factories_fill_and_count() -> None:
    for make in FACTORIES:
        got, want = make("npu"), make("cpu")
        assert got.device.type == "npu"
        assert got.stride() == want.stride()
        torch.testing.assert_close(got.cpu(), want)


def test_record_stream_takes_a_stream() -> None:
    torch.ones(3, device="npu").record_stream(torch.npu.Stream())
