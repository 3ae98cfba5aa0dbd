"""libnpusim through ctypes, for what Python asks of the simulator in this process."""

from __future__ import annotations

import ctypes
import json
from functools import cache
from typing import Any

from . import LIBRARY_DIR


@cache
def _library() -> ctypes.CDLL:
    """The library that this process's CANN runs on: the same file, so that there is one machine."""
    library = ctypes.CDLL(str(LIBRARY_DIR / "libnpusim.so"))
    for name in ("npu_sim_set_faults", "npu_sim_faults", "npu_sim_set_checks", "npu_sim_findings"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


def put(name: str, text: str) -> None:
    """Calls a function that takes a text. Raises ValueError with what the text must be, if it is wrong."""
    wrong = getattr(_library(), name)(text.encode())
    if wrong:
        raise ValueError(f"expected {wrong.decode()}")


def ask(name: str, *arguments: int) -> Any:
    """What a function answers that writes JSON."""
    return json.loads(getattr(_library(), name)(*arguments))
