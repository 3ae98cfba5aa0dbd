"""Quantised tensors on the device against the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's, of the API's age

X = torch.tensor([[-3.3, 0.0, 1.26], [0.49, 9.1, 30.0]])


def per_tensor(x: torch.Tensor, dtype: torch.dtype = torch.quint8) -> torch.Tensor:
    return torch.quantize_per_tensor(x, 0.1, 10, dtype)


def per_channel(x: torch.Tensor) -> torch.Tensor:
    scales, zeros = torch.tensor([0.1, 0.5, 0.02]), torch.tensor([0, 3, -5])
    return torch.quantize_per_channel(x, scales.to(x.device), zeros.to(x.device), 1, torch.qint8)


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    """The same integers, scales and shape, on npu."""
    assert found.device.type == "npu"
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if not expected.is_quantized:
        torch.testing.assert_close(found.cpu(), expected)
        return
    assert found.qscheme() == expected.qscheme()
    assert torch.equal(found.int_repr().cpu(), expected.int_repr())
    torch.testing.assert_close(found.dequantize().cpu(), expected.dequantize())


@pytest.mark.parametrize("dtype", [torch.quint8, torch.qint8, torch.qint32], ids=str)
def test_one_scale_gives_the_cpus_integers(dtype: torch.dtype) -> None:
    here, there = per_tensor(X, dtype), per_tensor(X.npu(), dtype)
    same(there, here)
    assert (there.q_scale(), there.q_zero_point()) == (here.q_scale(), here.q_zero_point())


def test_a_scale_for_each_channel_gives_the_cpus_integers() -> None:
    here, there = per_channel(X), per_channel(X.npu())
    same(there, here)
    assert there.q_per_channel_axis() == 1
    torch.testing.assert_close(there.q_per_channel_scales().cpu(), here.q_per_channel_scales())
    torch.testing.assert_close(there.q_per_channel_zero_points().cpu(), here.q_per_channel_zero_points())


def test_the_range_of_the_numbers_gives_a_scale() -> None:
    here, there = (torch.quantize_per_tensor_dynamic(x, torch.quint8, False) for x in (X, X.npu()))
    same(there, here)


@pytest.mark.parametrize("quantised", [per_tensor, per_channel])
def test_they_move_to_the_device_and_back(quantised: Callable[[torch.Tensor], torch.Tensor]) -> None:
    here = quantised(X)
    there = here.npu()
    same(there, here)
    back = there.cpu()
    assert torch.equal(back.int_repr(), here.int_repr())
    assert back.qscheme() == here.qscheme()


CALLS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "view": lambda q: q.view(3, 2),
    "reshape": lambda q: q.t().reshape(-1),
    "transpose": lambda q: q.t(),
    "slice": lambda q: q[:, 1:],
    "select": lambda q: q[1],
    "contiguous": lambda q: q.t().contiguous(),
    "clone": lambda q: q.clone(),
    "ravel": lambda q: q.ravel(),
    "flip": lambda q: q.flip(0),
    "unsqueeze": lambda q: q.unsqueeze(0),
    "fill": lambda q: q.clone().fill_(1.5),
    "copy": lambda q: torch.empty_like(q).copy_(q),
    "add": lambda q: torch.ops.quantized.add(q, q, 0.3, 5),
    "add and relu": lambda q: torch.ops.quantized.add_relu(q, q, 0.3, 5),
    "relu": lambda q: torch.relu(q),  # the CPU's, as those below
    "cat": lambda q: torch.cat([q, q]),
    "max": lambda q: q.max(),
    "compared": lambda q: q > 1.0,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_what_the_cpu_gives(name: str) -> None:
    same(CALLS[name](per_tensor(X).npu()), CALLS[name](per_tensor(X)))


def test_integers_become_quantised_as_they_are() -> None:
    x = torch.tensor([1, 2, 250], dtype=torch.uint8)
    same(torch._make_per_tensor_quantized_tensor(x.npu(), 0.5, 3), torch._make_per_tensor_quantized_tensor(x, 0.5, 3))


MAKERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "one scale": per_tensor,
    "a scale for each channel": per_channel,
    "integers": lambda x: torch._make_per_tensor_quantized_tensor(x.int(), 0.5, 3),
    "flip": lambda x: per_tensor(x).flip(0),
    "empty_like": lambda x: torch.empty_like(per_tensor(x)),
    "empty_quantized": lambda x: torch.empty_quantized([4], per_tensor(x), device=x.device),
    "by its device": lambda x: torch._empty_affine_quantized([4], scale=1, dtype=torch.quint8, device=x.device),
    "clone": lambda x: per_tensor(x).clone(),
}


@pytest.mark.parametrize("name", MAKERS)
def test_memory_is_of_the_operands_device(name: str) -> None:
    """Not of the current one."""
    x = X.to("npu:1")
    before = torch.npu.memory_allocated(0)
    made = MAKERS[name](x)
    assert (torch.npu.current_device(), str(made.device)) == (0, "npu:1")
    assert torch.npu.memory_allocated(0) == before


def test_other_numbers_than_float32_are_refused() -> None:
    with pytest.raises(RuntimeError, match="Quantize only works on Float Tensor, got Half"):
        per_tensor(X.half().npu())


@pytest.mark.parametrize(
    ("zero", "dtype", "bound"),
    [(300, torch.quint8, "above upper"), (-1, torch.quint8, "below lower"), (128, torch.qint8, "above upper")],
)
def test_zero_points_that_the_dtype_does_not_hold_are_refused(zero: int, dtype: torch.dtype, bound: str) -> None:
    words = f"^quantize_tensor_per_%s_affine zero_point {zero} is {bound} bound.$"
    zeros, scales = torch.tensor([zero, 0]), torch.tensor([0.1, 0.2])
    for x, device in ((X, "cpu"), (X.npu(), "npu")):
        with pytest.raises(RuntimeError, match=words % "tensor"):
            torch.quantize_per_tensor(x, 0.1, zero, dtype)
        with pytest.raises(RuntimeError, match=words % "channel"):
            torch.quantize_per_channel(x[:2], scales.to(device), zeros.to(device), 0, dtype)


def test_zero_points_between_integers_are_rounded_with_the_numbers() -> None:
    scales, zeros = torch.tensor([0.1, 0.2]), torch.tensor([1.5, 0.25])
    want = torch.quantize_per_channel(X[:2], scales, zeros, 0, torch.quint8)
    same(torch.quantize_per_channel(X[:2].npu(), scales.npu(), zeros.npu(), 0, torch.quint8), want)


def test_what_the_cpu_computes_is_counted() -> None:
    torch.npu.reset_fallback_report()
    torch.sigmoid(per_tensor(X).npu())
    (use,) = (f for f in torch.npu.fallback_report() if "sigmoid" in f.operator)
    assert use.reason == "CANN computes nothing on PyTorch's quantised tensors"
