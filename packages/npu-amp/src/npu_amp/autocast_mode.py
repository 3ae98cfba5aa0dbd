"""`torch.autocast` for device npu, and the dtypes that it may compute in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch


class _Supported(list[torch.dtype]):
    """The dtypes of autocast. torch looks inside when a context is enabled, and only warns of what is not there; a
    model that asked for bfloat16 and trains in float32 would be a slow surprise, so that one raises, as on CUDA."""

    def __contains__(self, dtype: Any) -> bool:
        if dtype is torch.bfloat16 and not super().__contains__(dtype):
            soc = torch.get_device_module("npu").get_device_name()
            raise RuntimeError(
                f"torch.autocast('npu', dtype=torch.bfloat16): {soc} does not support bfloat16; "
                "use dtype=torch.float16, with a torch.amp.GradScaler('npu')"
            )
        return super().__contains__(dtype)


def supported_dtypes() -> list[torch.dtype]:
    """The dtypes that autocast may compute in on this SoC. Starts no device; without one, all of them."""
    npu = torch.get_device_module("npu")
    lacks = npu.device_count() > 0 and not _has_bfloat16()
    return _Supported([torch.float16, *([] if lacks else [torch.bfloat16]), torch.float32])


@cache
def _has_bfloat16() -> bool:
    return bool(torch.get_device_module("npu").is_bf16_supported())


class autocast(torch.amp.autocast_mode.autocast):
    """``torch.autocast("npu", ...)``, with the order of arguments of `torch.cuda.amp.autocast`."""

    def __init__(self, enabled: bool = True, dtype: torch.dtype = torch.float16, cache_enabled: bool = True) -> None:
        super().__init__("npu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: torch.dtype | None = None) -> Any:
    """`torch.amp.custom_fwd` with ``device_type="npu"``."""
    return torch.amp.custom_fwd(fwd, device_type="npu", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any] | None = None) -> Any:
    """`torch.amp.custom_bwd` with ``device_type="npu"``."""
    return torch.amp.custom_bwd(bwd, device_type="npu")


def get_autocast_dtype() -> torch.dtype:
    """The dtype of the autocast context; float16 outside of one."""
    return torch.get_autocast_dtype("npu")


def is_autocast_enabled() -> bool:
    """Whether an autocast context of device npu is enabled."""
    return torch.is_autocast_enabled("npu")


def set_autocast_dtype(dtype: torch.dtype) -> None:
    """Sets the dtype of autocast on device npu for this thread."""
    torch.set_autocast_dtype("npu", dtype)


def set_autocast_enabled(enable: bool) -> None:
    """Enables or disables autocast on device npu for this thread."""
    torch.set_autocast_enabled("npu", enable)
