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


def test_zeros_without_memory_are_copied() -> None:
    """As autograd makes them for tangents."""
    zeros = torch._efficientzerotensor((3,), device="npu")
    x = torch.ones(3, device="npu")
    assert x.clone().copy_(zeros).tolist() == [0, 0, 0]
    assert torch.ones(2, 3, device="npu").copy_(zeros).tolist() == [[0] * 3] * 2
    assert torch.ones(3).copy_(zeros).tolist() == [0, 0, 0]
    assert x.clone().copy_(torch._efficientzerotensor((3,), device="cpu")).tolist() == [0, 0, 0]
    assert torch.ones(3, dtype=torch.complex64, device="npu").conj().copy_(zeros).tolist() == [0, 0, 0]
    assert zeros.clone().tolist() == zeros.cpu().clone().tolist() == zeros.half().tolist() == [0, 0, 0]
    assert (zeros + x).tolist() == (x + zeros).tolist() == [1, 1, 1]
    assert torch.cat([zeros, x]).tolist() == [0, 0, 0, 1, 1, 1]


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


def keep_busy(stream: torch.Stream) -> None:
    """Puts about a second of work on a stream."""
    x = torch.eye(1024, device="npu")
    stream.wait_stream(torch.npu.current_stream())
    with torch.npu.stream(stream):
        for _ in range(16):
            x = x @ x


def test_record_stream_keeps_memory_until_the_stream_is_done() -> None:
    side, n = torch.npu.Stream(), 300_000
    x = torch.ones(n, device="npu")
    torch.npu.synchronize()
    address = x.data_ptr()
    keep_busy(side)
    x.record_stream(side)
    del x
    other = torch.empty(n, device="npu")
    assert not side.query(), "the stream was done too early for this test to say anything"
    assert other.data_ptr() != address
    side.synchronize()


VIEWED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "conj": lambda t: t.conj(),
    "neg": lambda t: torch._neg_view(t),
    "imag of conj": lambda t: t.conj().imag,
    "conj and neg": lambda t: torch._neg_view(t.conj()),
    "transposed conj": lambda t: t.mT.conj(),
}
USES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "down": lambda t: t.cpu(),
    "clone": lambda t: t.clone(),
    "resolve": lambda t: t.resolve_conj().resolve_neg(),
    "convert": lambda t: t.to(torch.complex128),
    "add": lambda t: t + 1,
    "contiguous": lambda t: t.contiguous(),
    "copied into": lambda t: torch.zeros(t.shape, dtype=t.dtype, device=t.device).copy_(t),
    "element": lambda t: torch.tensor(t[1, 0].item()),
    "across": lambda t: t.to("npu:1") if t.device.type == "npu" else t.clone(),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("view", VIEWED)
def test_conjugated_and_negated_views_are_materialised(view: str, use: str) -> None:
    x = torch.tensor([[1 + 2j, 3 - 4j], [-5j, 6 + 0j]])
    got, want = USES[use](VIEWED[view](x.npu())), USES[use](VIEWED[view](x.clone()))
    assert torch.equal(got.cpu().resolve_conj().resolve_neg(), want.resolve_conj().resolve_neg())


@pytest.mark.parametrize("source", ["cpu", "npu"])
@pytest.mark.parametrize("target", ["cpu", "npu"])
def test_a_copy_into_a_conjugated_view_is_read_back_through_it(source: str, target: str) -> None:
    x, y = torch.tensor([1 + 2j, 3 - 4j]).to(source), torch.zeros(2, dtype=torch.complex64, device=target)
    y.conj().copy_(x)
    assert y.tolist() == [1 - 2j, 3 + 4j]
    y.conj().copy_(x.conj())
    assert y.tolist() == [1 + 2j, 3 - 4j]
    y.imag.copy_(torch.tensor([5.0, 6.0], device=source))
    assert y.tolist() == [1 + 5j, 3 + 6j]


@pytest.mark.filterwarnings("ignore:ComplexHalf support")
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "complex32"])
def test_dtypes_that_cann_cannot_copy_are_moved_converted_and_printed(name: str) -> None:
    dtype = getattr(torch, name)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).to(dtype)
    there = x.npu()
    bits = torch.int32 if x.element_size() == 4 else torch.uint8
    for got, want in (
        (there, x),
        (there.t().contiguous(), x.t().contiguous()),
        (torch.ones(2, 2).npu().to(dtype), torch.ones(2, 2).to(dtype)),
        (there.to("npu:1"), x),
    ):
        assert got.dtype == dtype
        assert torch.equal(got.cpu().view(bits), want.view(bits))
    assert torch.equal(there.to(torch.complex64).cpu(), x.to(torch.complex64))
    assert "3" in repr(there)
    assert name in repr(there)


def test_outputs_keep_the_order_of_dimensions() -> None:
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    for f in (torch.relu, torch.abs, torch.logit, lambda t: t.flip(1), lambda t: t.roll(1, 2), lambda t: t.roll(1)):
        assert f(x.npu()).stride() == f(x).stride()
    assert torch.relu(x.npu()[:, ::2]).stride() == torch.relu(x[:, ::2]).stride()


def test_operators_run_on_the_current_stream() -> None:
    side = torch.npu.Stream()
    x = torch.arange(8.0, device="npu")
    keep_busy(side)
    with torch.npu.stream(side):
        y = torch.relu(x - 3)
        done = torch.npu.Event()
        done.record()
    torch.npu.default_stream().synchronize()
    assert not done.query(), "the stream was done too early for this test to say anything"
    side.synchronize()
    assert y.tolist() == [0, 0, 0, 0, 1, 2, 3, 4]


def test_operators_run_on_their_operands_device_whatever_the_current_one_is() -> None:
    for current, other in ((0, 1), (1, 0)):
        with torch.npu.device(current):
            x = torch.arange(-2.0, 3.0).to(f"npu:{other}")
            y = torch.relu(x).add_(1).sum() + torch.cat([x, x]).max()
            assert y.device == torch.device("npu", other)
            assert y.item() == 3 + 5 + 2
            assert torch.npu.current_device() == current
