"""A client of libmspti over ctypes, for the processes that the tests start."""

from __future__ import annotations

import ctypes as c
import struct
from pathlib import Path
from typing import Any

import npu_sim

LIBRARY = Path(npu_sim.LIBRARY_DIR) / "libmspti.so"
MARKER, KERNEL, API, HCCL, MEMORY, MEMSET, MEMCPY, EXTERNAL, COMMUNICATION = range(1, 10)
INVALID_PARAMETER, MULTIPLE_SUBSCRIBERS, MAX_LIMIT, QUEUE_EMPTY, WITHOUT_PRELOAD = 1, 2, 3, 5, 6
CUSTOM0 = 2
#: Per kind: the layout of its record, packed, and the names of its fields. Pointers are read as text.
RECORDS = {
    MARKER: ("<IIIQQIIQQ", "kind flag source time id process_or_device thread_or_stream name domain"),
    KERNEL: ("<IQQIIQQQ", "kind start end device stream correlation type name"),
    API: ("<IQQIIQQ", "kind start end process thread correlation name"),
    MEMSET: ("<IIQQQIIQB", "kind value bytes start end device stream correlation is_async"),
    MEMCPY: ("<IIQQQIIQB", "kind copy_kind bytes start end device stream correlation is_async"),
    COMMUNICATION: (
        "<IIQIIQQQQQQ",
        "kind dtype count device stream start end algorithm name group correlation",
    ),
    EXTERNAL: ("<IIQQ", "kind external_kind external correlation"),
}
Request = c.CFUNCTYPE(None, c.POINTER(c.c_void_p), c.POINTER(c.c_size_t), c.POINTER(c.c_size_t))
Complete = c.CFUNCTYPE(None, c.c_void_p, c.c_size_t, c.c_size_t)


class Mspti:
    """The library with this client's buffers of `size` bytes; `completed` are the bytes that came back in each."""

    def __init__(self, size: int = 1 << 16) -> None:
        self.lib = c.CDLL(str(LIBRARY))
        self.size, self.completed, self.records = size, list[int](), list[dict[str, Any]]()
        self._buffers: dict[int, Any] = {}
        self.request, self.complete = Request(self._request), Complete(self._complete)
        self.subscriber = c.c_void_p()

    def _request(self, buffer: Any, size: Any, records: Any) -> None:
        made = c.create_string_buffer(self.size)
        self._buffers[c.addressof(made)] = made
        buffer[0], size[0], records[0] = c.addressof(made), self.size, 0

    def _complete(self, buffer: int, size: int, valid: int) -> None:
        self.completed.append(valid)
        record = c.c_void_p()
        while self.code("msptiActivityGetNextRecord", c.c_void_p(buffer), c.c_size_t(valid), c.byref(record)) == 0:
            assert record.value is not None
            self.records.append(read(record.value))
        del self._buffers[buffer]

    def code(self, name: str, *args: Any) -> int:
        return int(getattr(self.lib, name)(*args))

    def start(self, *kinds: int) -> Mspti:
        assert self.code("msptiSubscribe", c.byref(self.subscriber), None, None) == 0
        assert self.code("msptiActivityRegisterCallbacks", self.request, self.complete) == 0
        for kind in kinds:
            assert self.code("msptiActivityEnable", kind) == 0, kind
        return self

    def stop(self) -> None:
        assert self.code("msptiUnsubscribe", self.subscriber) == 0

    def of(self, kind: int) -> list[dict[str, Any]]:
        """The records of a kind, after a flush."""
        assert self.code("msptiActivityFlushAll", 1) == 0
        return [r for r in self.records if r["kind"] == kind]


def read(address: int) -> dict[str, Any]:
    kind = c.c_uint32.from_address(address).value
    layout, names = RECORDS[kind]
    values = struct.unpack(layout, c.string_at(address, struct.calcsize(layout)))
    found = dict(zip(names.split(), values, strict=True))
    return {k: c.string_at(v).decode() if k in ("name", "type", "domain") else v for k, v in found.items()}
