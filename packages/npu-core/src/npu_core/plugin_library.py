"""Opens the C++ library of a plugin and hands it npu-core's table: what a plugin's ``activate`` calls."""

from __future__ import annotations

import ctypes
from pathlib import Path


def opened(wheel: str, path: Path) -> ctypes.CDLL:
    """The library at `path`, which `wheel` ships. It finds torch's libraries in the process: import torch before.

    Raises ImportError with the loader's words and the remedy.
    """
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"cannot load {path}: {error}; pip install --force-reinstall {wheel}") from error


def initialised(wheel: str, path: Path, table: int) -> ctypes.CDLL:
    """As `opened`, and the library has taken the C table (``npu/core/abi.h``) at the address `table`.

    Raises ImportError with what the library needs where it refuses the table.
    """
    library = opened(wheel, path)
    library.npu_plugin_init.restype = ctypes.c_char_p
    library.npu_plugin_init.argtypes = [ctypes.c_void_p]
    refusal = library.npu_plugin_init(table)
    if refusal is not None:
        raise ImportError(f"{wheel} refuses npu-core's table: {refusal.decode()}; pip install -U npu-core {wheel}")
    return library
