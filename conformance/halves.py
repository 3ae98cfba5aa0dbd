"""What is right in float16 and bfloat16: what the CPU gives, or what is at least as near to the exact result.

torch's CPU kernels often round what lies between to halves, and so do torch's own composites and derivatives on any
device. A device that computes in float32 and rounds once is nearer to the exact result, and one whose kernels round at
other places is as right as the CPU: both are further from the CPU's numbers than one rounding. The exact result is
what the CPU gives for the same numbers in float64. No factor and no tolerance is added: a number that is neither the
CPU's nor the exact one, and farther from that than the CPU's farthest in the same tensor, is wrong; unless all are what
the CPU gives in float32, rounded once, which is all that is asked of a device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.testing._internal.opinfo.core import SampleInput
from torch.utils._pytree import tree_map

HALVES = (torch.float16, torch.bfloat16, torch.complex32)
#: What stands for the others where the exact result is wanted.
WIDE = dict.fromkeys((torch.float16, torch.bfloat16, torch.float32), torch.float64)
WIDE |= dict.fromkeys((torch.complex32, torch.complex64), torch.complex128)
#: What a device computes halves in.
SINGLE = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.complex32: torch.complex64}


def widened(sample: SampleInput, dtype: torch.dtype) -> SampleInput:
    """The same numbers in float64 or complex128, where they are in a narrower such dtype or in `dtype`; so are dtypes
    asked for."""
    return converted(sample, {dtype: torch.complex128 if dtype.is_complex else torch.float64} | WIDE)


def converted(sample: SampleInput, wide: dict[torch.dtype, torch.dtype]) -> SampleInput:
    """The same numbers in the dtypes that `wide` has for theirs; so are dtypes asked for."""
    known: dict[int, torch.Tensor] = {}

    def one(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.dtype in wide:
            return known.setdefault(id(value), value.detach().to(wide[value.dtype]).requires_grad_(value.requires_grad))
        return wide.get(value, value) if isinstance(value, torch.dtype) else value

    first, args, kwargs = tree_map(one, (sample.input, sample.args, sample.kwargs))
    return SampleInput(first, args=args, kwargs=kwargs, output_process_fn_grad=sample.output_process_fn_grad)


def rounded(wide: list[Any], like: list[Any]) -> list[Any]:
    """Results in the dtypes of others."""
    return [
        w.to(t.dtype) if isinstance(w, torch.Tensor) and isinstance(t, torch.Tensor) else w
        for w, t in zip(wide, like, strict=True)
    ]
