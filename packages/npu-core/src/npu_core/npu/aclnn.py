"""`torch.npu.aclnn`: the operator libraries of CANN."""

import sys
from types import ModuleType
from typing import Any

from npu_core import _binding
from npu_core.npu import switches


def version() -> str | None:
    """Version of the CANN whose operators run, None without one."""
    _binding.choose_runtime()
    told = _binding.C.runtime_version()
    return None if told is None else str(told)


class _Module(ModuleType):
    """`allow_hf32` is an attribute of the module that reads and writes `torch.npu.conv.allow_hf32`."""

    @property
    def allow_hf32(self) -> bool:
        return switches.conv.allow_hf32

    @allow_hf32.setter
    def allow_hf32(self, allowed: bool) -> None:
        switches.conv.allow_hf32 = allowed


sys.modules[__name__].__class__ = _Module

#: For type checkers: see `_Module`.
allow_hf32: Any
