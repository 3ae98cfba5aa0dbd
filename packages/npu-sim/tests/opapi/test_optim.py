"""Optimizers and rounding of lists: results are torch's, and what CANN refuses is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Cann

P = torch.linspace(-1, 1, 12).reshape(3, 4)
G = torch.linspace(2, -1, 12).reshape(3, 4)
HYPER = (0.1, 0.9, 0.99, 0.05, 1e-8)  # lr, beta1, beta2, weight decay, eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("amsgrad", "maximize"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("count", [torch.tensor([2.0]), torch.tensor([2])], ids=["float", "int"])
def test_a_step_is_that_of_torchs_adamw(
    cann: Cann, dtype: torch.dtype, amsgrad: bool, maximize: bool, count: torch.Tensor
) -> None:
    """The operator gets the number of steps before this one."""

    def state() -> list[torch.Tensor]:
        return [P.to(dtype), torch.full_like(P, 0.1, dtype=dtype), torch.full_like(P, 0.2, dtype=dtype)]

    ours, theirs = state(), state()
    most = torch.full_like(P, 0.3, dtype=dtype) if amsgrad else None
    their_most = [most.clone()] if most is not None else []
    cann.run("aclnnApplyAdamWV2", *ours, most, G.to(dtype), count, *HYPER, amsgrad, maximize)
    lr, beta1, beta2, decay, eps = HYPER
    torch._fused_adamw_(
        [theirs[0]], [G.to(dtype)], [theirs[1]], [theirs[2]], their_most, [torch.tensor(3.0)],
        lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=amsgrad, maximize=maximize,
    )  # fmt: skip
    for a, b in zip([*ours, *([most] if most is not None else [])], [*theirs, *their_most], strict=True):
        torch.testing.assert_close(a, b, atol=2e-3 if dtype is not torch.float32 else 1e-6, rtol=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: torch.zeros(2)}, "'mRef' is float32\\[2\\]"),
        ({4: torch.zeros(3, 5)}, "'grad' is float32\\[3, 5\\]"),
        ({5: torch.zeros(2)}, "'step' is float32\\[2\\]; expected one element"),
        ({11: True}, "'maxGradNormOptionalRef' is null, and 'amsgrad' needs it"),
    ],
)
def test_what_does_not_fit_the_parameter_is_refused(cann: Cann, change: dict[int, Any], message: str) -> None:
    args = [P.clone(), P.clone(), P.clone(), None, G, torch.ones(1), *HYPER, False, False]
    for at, value in change.items():
        args[at] = value
    with cann.arguments("aclnnApplyAdamWV2", *args) as call:
        with pytest.raises(Exception, match=message):
            call.prepare()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (1, torch.round),
        (2, torch.floor),
        (3, torch.ceil),
        (4, lambda x: torch.tensor([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])),
        (5, torch.trunc),
        (7, torch.frac),
        (0, lambda x: x),
    ],
)
def test_lists_are_rounded_by_the_mode(cann: Cann, mode: int, expected: Any) -> None:
    x = torch.tensor([-2.5, -1.5, -0.5, 0.25, 0.5, 1.5, 2.5])
    for op, argument in (("V2", mode), ("", torch.tensor([mode], dtype=torch.int8))):
        out = [torch.empty_like(x)]
        cann.run(f"aclnnForeachRoundOffNumber{op}", [x], argument, out)
        torch.testing.assert_close(out[0], expected(x))
