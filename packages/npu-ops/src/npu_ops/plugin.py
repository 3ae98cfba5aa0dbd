"""The entry point ``npu.plugins: ops``: loads the operator library and hands it npu-core's table."""

from __future__ import annotations

import ctypes
from pathlib import Path

LIBRARY = Path(__file__).parent / "lib" / "libnpu_ops.so"


def activate(address: int) -> None:
    """Registers the operators with PyTorch's dispatcher.

    `address` is that of npu-core's C table (``npu/core/abi.h``). Raises ImportError if the library cannot be loaded
    or refuses the table; the message says what it needs. torch must have been imported.
    """
    try:
        library = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise ImportError(f"cannot load {LIBRARY}: {error}; pip install --force-reinstall npu-ops") from error
    library.npu_plugin_init.restype = ctypes.c_char_p
    library.npu_plugin_init.argtypes = [ctypes.c_void_p]
    refusal = library.npu_plugin_init(address)
    if refusal is not None:
        raise ImportError(f"npu-ops refuses npu-core's table: {refusal.decode()}; pip install -U npu-core npu-ops")
