"""Jacobians and Hessians by torch.func: gradients that are larger than what they are of, and zeros without memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

#: forward derivatives load torch.jit, which is deprecated; what functorch batches one by one it tells
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
]

X = torch.tensor([-3.5, -0.4, 0.3, 2.6])

ACTIVATIONS: list[Callable[[Tensor], Tensor]] = [
    F.relu6,
    F.hardtanh,
    F.hardswish,
    F.logsigmoid,
    F.mish,
    F.gelu,
    F.softplus,
    F.elu,
    F.softshrink,
    F.softsign,
    F.glu,
]
LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "smooth l1": F.smooth_l1_loss,
    "huber": lambda x, y, reduction: F.huber_loss(x, y, reduction, delta=0.7),
    "l1": F.l1_loss,
    "cross entropy": lambda x, y, reduction: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), reduction=reduction),
    "several labels": lambda x, y, reduction: F.multilabel_soft_margin_loss(
        x[None], (y > 0).to(x)[None], reduction=reduction
    ),
}


def both(f: Callable[..., Tensor], *inputs: Tensor) -> None:
    torch.testing.assert_close(f(*(x.npu() for x in inputs)).cpu(), f(*inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("f", ACTIVATIONS)
def test_activations_have_the_cpus_jacobians_and_hessians(f: Callable[[Tensor], Tensor]) -> None:
    for of in (torch.func.jacrev, torch.func.jacfwd):
        both(of(f), X)
    both(torch.func.hessian(lambda x: f(x).square().sum()), X)


@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_the_cpus_jacobians_and_hessians(name: str, reduction: str) -> None:
    def loss(x: Tensor) -> Tensor:
        return LOSSES[name](x, x.detach() * 0.3 + 0.2, reduction=reduction)

    for of in (torch.func.jacrev, torch.func.jacfwd):
        both(of(loss), X)
    both(torch.func.hessian(lambda x: loss(x).square().sum()), X)


@pytest.mark.parametrize("name", ["hardswish", "hardtanh", "mish", "log_sigmoid", "mse_loss", "smooth_l1_loss"])
def test_a_gradient_may_be_larger_than_what_it_is_of(name: str) -> None:
    aten = torch.ops.aten
    calls: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "hardswish": aten.hardswish_backward,
        "hardtanh": lambda g, x: aten.hardtanh_backward(g, x, -1, 1),
        "mish": aten.mish_backward,
        "log_sigmoid": lambda g, x: aten.log_sigmoid_backward(g, x, torch.exp(-x.abs())),
        "mse_loss": lambda g, x: aten.mse_loss_backward(g, x, x * x, 0),
        "smooth_l1_loss": lambda g, x: aten.smooth_l1_loss_backward(g, x, x * x, 0, 1.0),
    }
    torch.manual_seed(0)
    both(calls[name], torch.randn(5, 3, 4), torch.randn(3, 4))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x.abs() * x.abs()).sum(),
        lambda x: torch.addcdiv(x, x, x * x + 1).sum(),
        lambda x: torch.special.xlog1py(x, x.exp()).sum(),
        lambda x: F.lp_pool2d(x.exp().view(1, 1, 2, 2), 2, 2).sum(),
    ],
)
def test_tangents_that_are_zero_have_no_memory(f: Callable[[Tensor], Tensor]) -> None:
    both(torch.func.hessian(f), X)
