"""Random operators: functions of seed and offset alone, with the right distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Cann

N = 100_000


def drawn(cann: Cann, op: str, *args: Any, n: int = N, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    out = torch.zeros(n, dtype=dtype)
    cann.run(op, out, *args)
    return out


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("aclnnInplaceUniform", (0.0, 1.0)),
        ("aclnnInplaceNormal", (0.0, 1.0)),
        ("aclnnInplaceRandom", (0, 1000)),
        ("aclnnInplaceBernoulli", (0.5,)),
    ],
)
def test_same_seed_and_offset_same_numbers(cann: Cann, op: str, args: tuple[Any, ...]) -> None:
    once = drawn(cann, op, *args, 7, 16)
    assert torch.equal(once, drawn(cann, op, *args, 7, 16))
    assert not torch.equal(once, drawn(cann, op, *args, 8, 16))
    # a longer draw begins with the shorter one, and an offset is a position in the same sequence
    assert torch.equal(once[:100], drawn(cann, op, *args, 7, 16, n=100))
    assert torch.equal(once[20:100], drawn(cann, op, *args, 7, 36, n=80))


def test_strides_do_not_change_the_numbers(cann: Cann) -> None:
    plain, turned = torch.empty(30, 40), torch.empty(40, 30).t()
    for t in (plain, turned):
        cann.run("aclnnInplaceNormal", t, 0.0, 1.0, 3, 0)
    assert torch.equal(plain, turned)


def test_the_first_words_are_those_of_philox(cann: Cann) -> None:
    # Random123's known answer for a counter and key of zeros, read as 24-bit fractions
    words = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    expected = torch.tensor([(w >> 8) / 2**24 for w in words])
    assert torch.equal(drawn(cann, "aclnnInplaceUniform", 0.0, 1.0, 0, 0, n=4), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_uniform_fills_its_half_open_range_evenly(cann: Cann, dtype: torch.dtype) -> None:
    x = drawn(cann, "aclnnInplaceUniform", 0.0, 1.0, 1, 0, dtype=dtype).double()
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(x.mean() - 0.5) < 0.005
    assert abs(x.var() - 1 / 12) < 0.002


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_has_its_moments(cann: Cann, dtype: torch.dtype) -> None:
    x = drawn(cann, "aclnnInplaceNormal", 2.0, 3.0, 1, 0, dtype=dtype).double()
    z = (x - 2) / 3
    assert abs(z.mean()) < 0.015
    assert abs(z.var() - 1) < 0.02
    assert abs((z**3).mean()) < 0.05
    assert abs((z**4).mean() - 3) < 0.15


def test_integers_cover_their_range(cann: Cann) -> None:
    x = drawn(cann, "aclnnInplaceRandom", -3, 5, 1, 0, dtype=torch.int64)
    counts = torch.bincount(x + 3)
    assert len(counts) == 8
    assert (counts - N / 8).abs().max() < 500


def test_bernoulli_has_its_probability(cann: Cann) -> None:
    assert abs(drawn(cann, "aclnnInplaceBernoulli", 0.3, 1, 0).mean() - 0.3) < 0.006
    assert drawn(cann, "aclnnInplaceBernoulli", 0.0, 1, 0).sum() == 0
    assert drawn(cann, "aclnnInplaceBernoulli", 1.0, 1, 0).sum() == N


def test_randperm_is_a_permutation(cann: Cann) -> None:
    out = torch.empty(1000, dtype=torch.int64)
    cann.run("aclnnRandperm", 1000, 5, 0, out)
    assert not torch.equal(out, torch.arange(1000))
    assert torch.equal(out.sort().values, torch.arange(1000))


def test_dropout_keeps_by_mask_bits_and_scales(cann: Cann) -> None:
    x = torch.ones(1001)
    mask = torch.zeros((1001 + 127) // 128 * 16, dtype=torch.uint8)
    cann.run("aclnnDropoutGenMaskV2", [1001], 0.25, 1, 0, torch.float32, mask)
    out = torch.empty(1001)
    cann.run("aclnnDropoutDoMask", x, mask, 0.25, out)
    bits = (mask[:, None] >> torch.arange(8) & 1).flatten()
    assert bits[1001:].sum() == 0
    assert torch.equal(out, bits[:1001] * torch.tensor(1 / 0.75))
    assert abs(bits[:1001].float().mean() - 0.75) < 0.05
