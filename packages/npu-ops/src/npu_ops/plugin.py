"""The entry point ``npu.plugins: ops``: loads the operator library and hands it npu-core's table."""

from __future__ import annotations

from pathlib import Path

from npu_core import plugin_library

LIBRARY = Path(__file__).parent / "lib" / "libnpu_ops.so"


def activate(address: int) -> None:
    """Registers the operators with PyTorch's dispatcher.

    `address` is that of npu-core's C table (``npu/core/abi.h``). Raises ImportError if the library cannot be loaded
    or refuses the table; the message says what it needs. torch must have been imported.
    """
    plugin_library.initialised("npu-ops", LIBRARY, address)
