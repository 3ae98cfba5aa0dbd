"""The entry point ``npu.plugins: amp``: registers the autocast rules and brings ``torch.npu.amp``."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

from npu_core import plugin_library

LIBRARY = Path(__file__).parent / "lib" / "libnpu_amp.so"
#: Names of `npu_amp.amp` that torch_npu has in `torch.npu` itself.
SHARED = ("GradScaler", "get_autocast_dtype", "is_autocast_enabled", "set_autocast_dtype", "set_autocast_enabled")


class _Line(ctypes.Structure):
    _fields_ = (("op", ctypes.c_char_p), ("policy", ctypes.c_char_p))


@cache
def _library() -> ctypes.CDLL:
    return plugin_library.opened("npu-amp", LIBRARY)


def activate(table: int) -> None:
    """Registers the rules with torch's dispatcher; torch must have been imported. The library needs no `table`.

    Raises ImportError if the library cannot be loaded.
    """
    import torch

    _library()
    from npu_amp import amp, autocast_mode, grad_scaler
    from npu_core.npu import autocast

    autocast.provide(autocast_mode.supported_dtypes)
    npu = torch.get_device_module("npu")
    npu.amp = amp
    for name in SHARED:
        setattr(npu, name, getattr(amp, name))
    for name, module in {"": amp, ".autocast_mode": autocast_mode, ".grad_scaler": grad_scaler}.items():
        sys.modules[f"torch.npu.amp{name}"] = module


def policy() -> dict[str, str]:
    """See `npu_amp.policy`."""
    import torch  # noqa: F401  its libraries must be in the process

    first = _library().npu_amp_policy
    first.restype = ctypes.POINTER(_Line)
    lines, found, i = first(), {}, 0
    while lines[i].op is not None:
        found[lines[i].op.decode()] = lines[i].policy.decode()
        i += 1
    return found
