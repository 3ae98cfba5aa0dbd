"""What is right in float16 and bfloat16: also what float32 gives, rounded once.

torch's CPU kernels often keep what lies between in halves too, or the statistics of a normalisation; a device computes
in float32 and rounds once. Its result is then nearer to the exact one, and further from the CPU's than one rounding.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch.testing._internal.opinfo.core import SampleInput
from torch.utils._pytree import tree_map

HALVES = (torch.float16, torch.bfloat16)


def widened(sample: SampleInput, narrow: Collection[torch.dtype] = HALVES, wide: Any = torch.float32) -> SampleInput:
    """The same numbers in the dtype `wide`, float32, where they are in one of `narrow`, halves."""
    known: dict[int, torch.Tensor] = {}

    def one(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.dtype in narrow:
            return known.setdefault(id(value), value.detach().to(wide).requires_grad_(value.requires_grad))
        return wide if isinstance(value, torch.dtype) and value in narrow else value

    first, args, kwargs = tree_map(one, (sample.input, sample.args, sample.kwargs))
    return SampleInput(first, args=args, kwargs=kwargs, output_process_fn_grad=sample.output_process_fn_grad)


def rounded(wide: list[Any], like: list[Any]) -> list[Any]:
    """Results in the dtypes of others."""
    return [
        w.to(t.dtype) if isinstance(w, torch.Tensor) and isinstance(t, torch.Tensor) else w
        for w, t in zip(wide, like, strict=True)
    ]
