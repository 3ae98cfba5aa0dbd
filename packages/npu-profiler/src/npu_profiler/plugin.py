"""The entry point ``npu.plugins: profiler``: offers the device's activities to torch's profiler."""

from __future__ import annotations

import atexit
import sys
from pathlib import Path

from npu_core import plugin_library

LIBRARY = Path(__file__).parent / "lib" / "libnpu_profiler.so"


def activate(address: int) -> None:
    """Registers a Kineto profiler for device npu, and `torch.npu.profiler`. Nothing runs before a profile starts.

    `address` is that of npu-core's C table (``npu/core/abi.h``). Raises ImportError if the library cannot be loaded
    or refuses the table; the message says what it needs. torch must have been imported.
    """
    library = plugin_library.initialised("npu-profiler", LIBRARY, address)
    library.npu_profiler_register.restype = None
    library.npu_profiler_register()

    atexit.register(_end_profile)  # runs before npu-core's shutdown, which was registered earlier

    from npu_profiler import profiler

    sys.modules["torch.npu.profiler"] = profiler
    if "torch.npu" in sys.modules:
        sys.modules["torch.npu"].__dict__["profiler"] = profiler


def _end_profile() -> None:
    """Ends a profile that is still running: torch crashes where one outlives Python, as it does after a device fault,
    which `profile.__exit__` raises before it has stopped anything."""
    from torch._C._autograd import _disable_profiler, _profiler_enabled

    if _profiler_enabled():
        _disable_profiler()
