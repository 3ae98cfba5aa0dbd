"""Operands of different dtypes where torch takes only one: its RuntimeError at the call, in its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:Default grid_sample")

X = torch.rand(2, 3, 3)
HALF = X.half()
Call = Callable[[Tensor, Tensor], Tensor]

MATRICES: list[Call] = [
    lambda x, h: x[0].mm(h[0]),
    lambda x, h: h[0] @ x[0],
    lambda x, h: F.linear(h, x[0]),
]
OTHERS: list[Call] = [
    torch.bmm,
    lambda x, h: torch.einsum("bij,bjk->bik", x, h),
    lambda x, h: torch.baddbmm(x, x, h),
    lambda x, h: F.layer_norm(x, [3], h[0, 0], h[0, 0]),
    lambda x, h: F.layer_norm(x, [3], x[0, 0], h[0, 0]),
    lambda x, h: F.group_norm(x, 3, h[0, 0], h[0, 0]),
    lambda x, h: F.batch_norm(x, h[0, 0], h[0, 0], h[0, 0], h[0, 0]),
    lambda x, h: F.grid_sample(x[None], h[None, ..., :2]),
    torch.linalg.cross,
    lambda x, h: torch.linalg.cross(x, h.double()),
]
LOSSES: list[Call] = [
    F.binary_cross_entropy,
    lambda x, h: F.binary_cross_entropy(x, h.double()),
    lambda x, h: F.binary_cross_entropy(x, h.long()),
]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (c, r"expected m1 and m2 to have the same dtype, but got: (float|c10::Half) != (float|c10::Half)$")
        for c in MATRICES
    ]
    + [(c, r"expected scalar type Float but found (Half|Double)") for c in OTHERS]
    + [(c, "Found dtype (Half|Double|Long) but expected Float|expected scalar type Float") for c in LOSSES],
)
def test_they_are_refused_as_on_the_cpu(call: Call, words: str) -> None:
    with pytest.raises(RuntimeError):
        call(X, HALF)
    with pytest.raises(RuntimeError, match=words):
        call(X.npu(), HALF.npu())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_halves_may_be_normalised_with_parameters_in_float32(dtype: torch.dtype) -> None:
    x, w = X.to(dtype), X[0, 0]
    calls: list[Call] = [
        lambda x, w: F.layer_norm(x, [3], w, w),
        lambda x, w: F.group_norm(x, 3, w, w),
        lambda x, w: F.batch_norm(x, w, w, w, w),
    ]
    for f in calls:
        torch.testing.assert_close(f(x.npu(), w.npu()).cpu(), f(x, w), rtol=2e-2, atol=2e-2)


LOGITS: dict[str, Call] = {
    "target broadcasts": lambda x, h: torch.binary_cross_entropy_with_logits(x, h[0].float()),
    "logits broadcast": lambda x, h: torch.binary_cross_entropy_with_logits(x[0], h.float()),
    "half target": F.binary_cross_entropy_with_logits,
    "half logits": lambda x, h: F.binary_cross_entropy_with_logits(h, x),
    "whole target": lambda x, h: F.binary_cross_entropy_with_logits(x, h.long()),
    "bool target": lambda x, h: F.binary_cross_entropy_with_logits(x, h > 0.5),
    "weights": lambda x, h: F.binary_cross_entropy_with_logits(x, x.cos(), x[0, 0], pos_weight=x[0]),
    "half weights": lambda x, h: F.binary_cross_entropy_with_logits(x, x.cos(), h[0, 0], pos_weight=h[0]),
    "too many weights": lambda x, h: F.binary_cross_entropy_with_logits(x[0], x[0], x),
    "weights of another size": lambda x, h: F.binary_cross_entropy_with_logits(x, x, x[0, 0, :2]),
    "nothing": lambda x, h: F.binary_cross_entropy_with_logits(x[:0], x[:0]),
}


@pytest.mark.parametrize("name", LOGITS)
def test_cross_entropy_of_logits_takes_what_the_cpu_takes(name: str) -> None:
    found: list[Tensor | tuple[type, str]] = []
    for device in ("cpu", "npu"):
        try:
            found.append(LOGITS[name](X.to(device), HALF.to(device)).cpu())
        except RuntimeError as error:
            found.append((type(error), str(error).splitlines()[0]))
    if isinstance(found[0], Tensor):
        torch.testing.assert_close(found[1], found[0], equal_nan=True)
    else:
        assert found[1] == found[0]
