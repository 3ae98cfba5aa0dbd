"""Reductions over segments, by lengths and by offsets: what is empty, equal, zero or outside of all of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from opinfo import check_entry, nothing_is_the_cpus
from torch import Tensor

_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)

REDUCTIONS = ["sum", "mean", "max", "min", "prod"]
#: Equal numbers, zeros and one that is none, in segments of 0, 3, 2, 0, 1 and 2 slices, and one slice behind them.
NUMBERS = torch.tensor([2.0, 2.0, -1.0, 0.0, 3.0, float("nan"), 0.0, 0.0, 7.0])
LENGTHS = torch.tensor([0, 3, 2, 0, 1, 2])
OFFSETS = torch.tensor([1, 1, 4, 4, 6, 8])  # one slice before them too


def test_samples_and_their_gradients_are_those_of_the_cpu() -> None:
    check_entry("_segment_reduce", torch.float64, torch.float16)


def reduced(device: str, x: Tensor, how: str, **given: Any) -> list[Tensor]:
    leaf = x.to(device).requires_grad_()
    given = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in given.items()}
    out = torch.segment_reduce(leaf, how, unsafe=True, **given)
    weights = torch.linspace(1, 2, out.numel()).view_as(out).to(out)
    return [out.detach().cpu(), torch.autograd.grad(out, leaf, weights)[0].cpu()]


@pytest.mark.parametrize("how", REDUCTIONS)
@pytest.mark.parametrize("initial", [None, 3.0])
@pytest.mark.parametrize("given", [{"lengths": LENGTHS}, {"offsets": OFFSETS}], ids=lambda g: next(iter(g)))
def test_segments_that_are_empty_equal_zero_or_nothing(how: str, initial: float | None, given: dict[str, Any]) -> None:
    for x in (NUMBERS, NUMBERS[:, None] * torch.tensor([1.0, -2.0])):
        found, wanted = (reduced(device, x, how, initial=initial, **given) for device in ("npu", "cpu"))
        for ours, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(ours, theirs, equal_nan=True)


def test_no_segments_and_no_slices() -> None:
    for x, lengths in ((torch.zeros(0, 2), [0, 0]), (torch.zeros(3, 0), [1, 2])):
        out = torch.segment_reduce(x.npu(), "sum", lengths=torch.tensor(lengths).npu())
        assert out.shape == (2, x.size(1))
        assert not out.cpu().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_segments_lie_on_their_own_device(dtype: torch.dtype) -> None:
    for found, wanted in zip(
        reduced("npu:1", NUMBERS.to(dtype), "mean", lengths=LENGTHS, initial=2.0),
        reduced("cpu", NUMBERS.to(dtype), "mean", lengths=LENGTHS, initial=2.0),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_numbers_that_are_not_real_are_refused_as_on_the_cpu(dtype: torch.dtype) -> None:
    for device in ("cpu", "npu"):
        with pytest.raises(NotImplementedError):
            torch.segment_reduce(torch.ones(3, dtype=dtype, device=device), "sum", lengths=torch.tensor([3]).to(device))


def test_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(RuntimeError):
        torch.segment_reduce(torch.zeros(3).npu(), "sum", lengths=torch.tensor([1, 1]).npu())
    with pytest.raises(RuntimeError):
        torch.segment_reduce(torch.zeros(3).npu(), "median", lengths=torch.tensor([3]).npu())
