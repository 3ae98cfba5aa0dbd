"""Arguments that torch refuses are refused at the call, with the same exception and the same words as on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

BYTES = torch.zeros(4, dtype=torch.uint8)
CALLS: dict[str, tuple[Callable[[torch.Tensor], object], torch.Tensor]] = {
    "fill above": (lambda t: t.fill_(300), BYTES),
    "fill below": (lambda t: t.fill_(-300), BYTES),
    "full": (lambda t: torch.full((2,), 300, dtype=torch.uint8, device=t.device), BYTES),
    "float16": (lambda t: t.fill_(1e6), torch.zeros(4, dtype=torch.float16)),
    "masked_fill": (lambda t: t.masked_fill_(t == 0, 300), BYTES),
    "index_fill": (lambda t: t.index_fill_(0, torch.tensor([1], device=t.device), 300), BYTES),
    "flip twice": (lambda t: t.flip(0, -2), torch.zeros(2, 3)),
    "flip out of range": (lambda t: t.flip(2), torch.zeros(2, 3)),
    "roll of two by one": (lambda t: t.roll((1, 2), (0,)), torch.zeros(2, 3)),
    "roll of two flat": (lambda t: t.roll((1, 2)), torch.zeros(2, 3)),
    "rsub of bools": (lambda t: torch.rsub(t, t), torch.zeros(2, dtype=torch.bool)),
    "rsub of a bool": (lambda t: torch.rsub(t, t.float()), torch.zeros(2, dtype=torch.bool)),
    "random below": (lambda t: t.random_(-5, -1), BYTES),
    "random above": (lambda t: t.random_(0, 300), BYTES),
    "random of nothing": (lambda t: t.random_(3, 3), BYTES),
    "random of a bool": (lambda t: t.random_(0, 3), torch.zeros(2, dtype=torch.bool)),
    "random float16": (lambda t: t.random_(0, 100_000), torch.zeros(2, dtype=torch.float16)),
    "normal": (lambda t: torch.normal(t, -1.0), torch.zeros(2)),
    "normal of a number": (lambda t: torch.normal(0.0, t - 1), torch.zeros(2)),
    "normal of tensors": (lambda t: torch.normal(t, t - 1), torch.zeros(2)),
    "index into nothing": (lambda t: t[torch.tensor([0], device=t.device)], torch.zeros(0, 3)),
    "index_put into nothing": (
        lambda t: t.index_put_((torch.tensor([0], device=t.device),), torch.ones((), device=t.device)),
        torch.zeros(0, 3),
    ),
    "arange by nothing": (
        lambda t: torch.arange(0, 3, 0.5, out=torch.empty(0, dtype=torch.int64, device=t.device)),
        BYTES,
    ),
    "roll of a number": (lambda t: t.roll(1, 0), torch.zeros(())),
    "masked_select into itself": (lambda t: torch.masked_select(t, t > -1, out=t), torch.zeros(2)),
    "index_select into a broadcast": (
        lambda t: torch.index_select(t[:1], 0, torch.tensor([0, 0], device=t.device), out=t[:1].expand(2)),
        torch.zeros(2),
    ),
    "cat into itself": (lambda t: torch.cat([t[:1], t[1:]], out=t), torch.zeros(2)),
    "take of places that are no integers": (lambda t: t.take(t), torch.zeros(2)),
    "take from nothing": (lambda t: t[:0].take(torch.tensor([0], device=t.device)), torch.zeros(2)),
    "put_ of too few": (lambda t: t.put_(torch.tensor([0, 1], device=t.device), t[:1]), torch.zeros(2)),
    "kthvalue of too many": (lambda t: t.kthvalue(3), torch.zeros(2)),
    "histc without bins": (lambda t: t.histc(0), torch.zeros(2)),
    "histc to infinity": (lambda t: t.histc(3, 0, float("inf")), torch.zeros(2)),
    "trace of a vector": (lambda t: t.trace(), torch.zeros(2)),
    "bucketize by a matrix": (lambda t: torch.bucketize(t, t[None]), torch.zeros(2)),
    "searchsorted by a matrix of other rows": (lambda t: torch.searchsorted(t.view(2, 1), t), torch.zeros(2)),
    "bincount below zero": (lambda t: (t.long() - 1).bincount(), torch.zeros(2)),
    "bincount of numbers with weights of another length": (
        lambda t: t.long().bincount(t[:1]),
        torch.zeros(2),
    ),
    "cdist of vectors": (lambda t: torch.cdist(t, t), torch.zeros(2)),
    "complex of integers": (lambda t: torch.complex(t, t), BYTES),
    "complex of two dtypes": (lambda t: torch.complex(t, t.double()), torch.zeros(2)),
    "geometric of one": (lambda t: t.geometric_(1.0), torch.zeros(2)),
    "cauchy of nothing": (lambda t: t.cauchy_(0, 0), torch.zeros(2)),
    "log_normal of nothing": (lambda t: t.log_normal_(0, 0), torch.zeros(2)),
    "repeat_interleave of a matrix": (lambda t: torch.repeat_interleave(t), torch.zeros(2, 2, dtype=torch.int64)),
    "relu_ of a broadcast": (lambda t: t.expand(3).relu_(), torch.zeros(1)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_refused_as_on_the_cpu(name: str) -> None:
    call, x = CALLS[name]
    with pytest.raises((RuntimeError, IndexError, ValueError)) as want:
        call(x.clone())
    with pytest.raises(type(want.value)) as got:
        call(x.npu())
    assert str(got.value).splitlines()[0].replace("npu:0", "cpu") == str(want.value).splitlines()[0]


def test_a_number_on_the_cpu_that_does_not_fit_is_refused() -> None:
    with pytest.raises(RuntimeError, match="value cannot be converted to type uint8_t without overflow"):
        BYTES.npu().fill_(torch.tensor(300))


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RuntimeError, match="gelu: expected none or tanh, got 'asdf'"):
        torch.nn.functional.gelu(torch.zeros(2).npu(), approximate="asdf")


def test_a_generator_of_another_device_is_refused() -> None:
    other = torch.Generator(device="npu:1")
    with pytest.raises(RuntimeError, match=r"generator of npu:0.*one of npu:1"):
        torch.empty(3, device="npu:0").uniform_(generator=other)
    with pytest.raises(RuntimeError, match="generator"):
        torch.randperm(3, device="npu:0", generator=other)


def test_only_indices_on_the_cpu_are_moved() -> None:
    x, i = torch.arange(6.0), torch.tensor([4, 1])
    assert x.to("npu:0")[i].tolist() == [4.0, 1.0]
    with pytest.raises(RuntimeError, match=r"indices should be either on cpu.*npu:0.*npu:1.*operator index\b"):
        x.to("npu:0")[i.to("npu:1")]
    with pytest.raises(RuntimeError, match=r"indices should be either on cpu.*operator index\b"):
        x[i.npu()]
    with pytest.raises(RuntimeError, match=r"indices should be either on cpu.*operator index_put_"):
        x.to("npu:0")[i.to("npu:1")] = 1.0
