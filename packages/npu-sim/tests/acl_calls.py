"""``acl*`` over ctypes, for tests in this process and in processes that the tests start."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import npu_sim

HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, DEFAULT = range(5)
EVENT_SYNC, EVENT_TIME_LINE = 1, 8
HUGE_FIRST, HUGE_ONLY, NORMAL_ONLY = range(3)
#: What the fixture `run` is.
Run = Callable[..., "subprocess.CompletedProcess[str]"]
HostFunc = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def error_codes() -> dict[str, int]:
    """Names and values of CANN's error codes, from the header that the library was built with."""
    import npu_cann

    text = (npu_cann.INCLUDE_DIR / "npu/cann/error.h").read_text()
    return {name: int(value) for name, value in re.findall(r"X\((\w+), (\d+)\)", text)}


class AclError(RuntimeError):
    def __init__(self, call: str, code: int, message: str) -> None:
        super().__init__(f"{call}: {code}: {message}")
        self.code, self.message = code, message


class Acl:
    """The library. ``acl.aclrtFree(p)`` raises AclError unless it answers 0; integers go as 64 bits."""

    def __init__(self) -> None:
        self.lib = ctypes.CDLL(str(Path(npu_sim.LIBRARY_DIR) / "libascendcl.so"))
        self.lib.aclGetRecentErrMsg.restype = ctypes.c_char_p
        self.lib.aclrtGetSocName.restype = ctypes.c_char_p

    def code(self, name: str, *args: object) -> int:
        """The answer of a call, whatever it is."""
        return int(getattr(self.lib, name)(*[ctypes.c_int64(a) if isinstance(a, int) else a for a in args]))

    def message(self) -> str | None:
        text = self.lib.aclGetRecentErrMsg()
        return text.decode() if text else None

    def check(self, name: str, *args: object) -> None:
        if code := self.code(name, *args):
            raise AclError(name, code, self.message() or "")

    def out(self, name: str, *args: object, kind: type = ctypes.c_void_p) -> int:
        """The value that a call writes through its first parameter."""
        value = kind()
        self.check(name, ctypes.byref(value), *args)
        return int(value.value)

    def start(self, device: int = 0) -> Acl:
        """aclInit, if nobody did, and aclrtSetDevice."""
        assert self.code("aclInit", None) in (0, 100002)
        self.check("aclrtSetDevice", device)
        return self

    def malloc(self, size: int, policy: int = HUGE_FIRST) -> int:
        return self.out("aclrtMalloc", size, policy)

    def stream(self, priority: int = 0) -> int:
        return self.out("aclrtCreateStreamWithConfig", priority, 0)

    def event(self, flags: int = EVENT_SYNC | EVENT_TIME_LINE) -> int:
        return self.out("aclrtCreateEventExWithFlag", flags)

    def write(self, address: int, data: bytes) -> None:
        self.check("aclrtMemcpy", address, len(data), data, len(data), HOST_TO_DEVICE)

    def read(self, address: int, size: int) -> bytes:
        buffer = ctypes.create_string_buffer(size)
        self.check("aclrtMemcpy", buffer, size, address, size, DEVICE_TO_HOST)
        return buffer.raw
