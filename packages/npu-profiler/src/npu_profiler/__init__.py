"""Profiling on Ascend NPUs. Not there yet: `profile` says so."""

from typing import Any, NoReturn

__version__ = "0.1.0"

__all__ = ["__version__", "profile"]


def profile(*args: Any, **kwargs: Any) -> NoReturn:
    """Will record what the device does. NotImplementedError until then."""
    raise NotImplementedError(
        f"npu-profiler {__version__} records no device activity yet: use torch.profiler.profile for the CPU side, "
        "or a later npu-profiler"
    )
