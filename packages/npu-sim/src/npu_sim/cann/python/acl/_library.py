"""libascendcl through ctypes, opened at the first call."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parents[2] / "lib64" / "libascendcl.so"


@cache
def library() -> ctypes.CDLL:
    return ctypes.CDLL(str(LIBRARY))


def function(name: str, restype: Any = ctypes.c_int) -> Any:
    """The function `name`; its first use fixes the type that it answers."""
    found = getattr(library(), name)
    found.restype = restype
    return found
