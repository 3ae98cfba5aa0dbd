"""Determinism: of results, and of one stretch of a network with its backward pass."""

from typing import Any

import torch

from npu_core import _binding
from npu_core.npu._utils import _lazy_init
from npu_core.npu.devices import current_device

_STRONG_CONSISTENCY = 2  # aclSysParamOpt


def set_deterministic_level(level: int) -> None:
    """0: operators may be indeterministic. 1: `torch.use_deterministic_algorithms(True)`. 2: beyond that, results do
    not depend on how many cores computed them (CANN's strong consistency, on the current device). ValueError else.
    """
    if isinstance(level, bool) or level not in (0, 1, 2):
        raise ValueError(f"level is 0, 1 or 2, got {level!r}")
    torch.use_deterministic_algorithms(level > 0)
    if level == 2 or _strong:
        set_strong_consistency(level == 2)


_strong = False


def set_strong_consistency(enabled: bool) -> None:
    """Whether results are the same on any number of cores, on the current device. NotImplementedError if CANN cannot
    do that."""
    global _strong
    _lazy_init()
    _binding.C.set_system_parameter(current_device(), _STRONG_CONSISTENCY, int(enabled))
    _strong = enabled


class _Switch(torch.autograd.Function):
    """Hands its tensor through, sets determinism, and sets the opposite when the gradient comes back."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, enabled: bool) -> torch.Tensor:
        ctx.enabled = enabled
        torch.use_deterministic_algorithms(enabled)
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        torch.use_deterministic_algorithms(not ctx.enabled)
        return gradients[0], None


def enable_deterministic_with_backward(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`; what is computed from it is deterministic, until `disable_deterministic_with_backward`, and so are the
    gradients of that stretch."""
    return _Switch.apply(tensor, True)  # type: ignore[no-any-return,no-untyped-call]


def disable_deterministic_with_backward(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`; ends the stretch that `enable_deterministic_with_backward` began. Its gradients begin here."""
    return _Switch.apply(tensor, False)  # type: ignore[no-any-return,no-untyped-call]
