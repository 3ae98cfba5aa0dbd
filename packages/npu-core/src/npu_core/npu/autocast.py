"""What `torch.autocast("npu")` asks of the device module. The rules themselves are npu-amp's.

Contexts with `enabled=False`, and models that only build autocast contexts, work without npu-amp; enabling one raises.
"""

from collections.abc import Callable
from typing import Any

import torch

_supported: Callable[[], list[torch.dtype]] | None = None


class _Unavailable(list[torch.dtype]):
    """The dtypes of autocast while it has no rules: torch looks inside only when a context is enabled."""

    def __contains__(self, dtype: Any) -> bool:
        from npu_core import wheels

        have = wheels.version("npu-amp")
        if have is None:
            raise RuntimeError("torch.autocast('npu') needs the autocast rules of npu-amp: pip install npu-amp")
        raise RuntimeError(
            f"torch.autocast('npu') needs the autocast rules of npu-amp; {have} is installed and not loaded: "
            "`npu info` says why"
        )


def get_amp_supported_dtype() -> list[torch.dtype]:
    """Dtypes that autocast may compute in."""
    return _Unavailable([torch.float16, torch.bfloat16]) if _supported is None else _supported()


def provide(supported: Callable[[], list[torch.dtype]]) -> None:
    """Called by npu-amp once its rules are registered, with what answers which dtypes the SoC has."""
    global _supported
    _supported = supported
