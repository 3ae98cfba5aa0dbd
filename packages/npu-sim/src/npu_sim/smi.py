"""Which devices there are and which processes use them: ``npu-sim smi``, and what ``npu-smi`` shows.

A process keeps each device's memory in an anonymous file called ``npu-sim:N``, N being the machine's number of the
device. So /proc tells who uses which device and how many bytes of it are resident; nobody need be asked.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import LIBRARY_DIR
from .settings import ASCEND_RT_VISIBLE_DEVICES

MIB = 1 << 20
_FILE = "/memfd:npu-sim:"


@dataclass(frozen=True)
class Machine:
    """The simulated machine that the environment describes. `hbm_bytes` is what one device has."""

    soc: str
    devices: int
    hbm_bytes: int


@dataclass(frozen=True)
class Use:
    """One process on one device. `resident_bytes` is the device memory that holds data, on the host's pages."""

    device: int
    pid: int
    name: str
    resident_bytes: int


class SettingsError(RuntimeError):
    """The environment describes no machine; the message says which variable is wrong."""


def machine() -> Machine:
    """Asks the simulator itself, with all devices visible. Raises SettingsError."""
    os.environ.pop(ASCEND_RT_VISIBLE_DEVICES, None)  # of this short process: the machine has what it has
    lib = ctypes.CDLL(str(LIBRARY_DIR / "libascendcl.so"))
    lib.aclrtGetSocName.restype = lib.aclGetRecentErrMsg.restype = ctypes.c_char_p
    count, free, total = ctypes.c_uint32(), ctypes.c_size_t(), ctypes.c_size_t()
    lib.aclInit(None)
    for call, arguments in (
        (lib.aclrtGetDeviceCount, (ctypes.byref(count),)),
        (lib.aclrtSetDevice, (0,)),
        (lib.aclrtGetMemInfo, (1, ctypes.byref(free), ctypes.byref(total))),
    ):
        if call(*arguments):
            raise SettingsError((lib.aclGetRecentErrMsg() or b"the simulator did not start").decode())
    return Machine(lib.aclrtGetSocName().decode(), count.value, total.value)


def uses() -> list[Use]:
    """Every use of a device by a process that this user may look at, by device and process; not this process's."""
    return sorted((u for pid in _pids() for u in _uses_of(pid)), key=lambda u: (u.device, u.pid))


def _pids() -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            yield int(entry.name)


def _uses_of(pid: int) -> Iterator[Use]:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        for entry in os.scandir(f"/proc/{pid}/fd"):
            target = os.readlink(entry.path)
            number = target.removeprefix(_FILE).split(" ")[0]
            if target.startswith(_FILE) and number.isdigit():
                yield Use(int(number), pid, name, os.stat(entry.path).st_blocks * 512)
    except OSError:
        return  # it ended, or belongs to someone else


def table(found: Machine, used: list[Use]) -> str:
    """The devices and processes as text."""
    rows = [("DEVICE", "SOC", "RESIDENT", "MEMORY", "PROCESSES")]
    for device in range(found.devices):
        mine = [u for u in used if u.device == device]
        resident = sum(u.resident_bytes for u in mine)
        pids = ", ".join(f"{u.pid} {u.name} ({_mib(u.resident_bytes)})" for u in mine)
        rows.append((f"npu:{device}", found.soc, _mib(resident), _mib(found.hbm_bytes), pids or "none"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _mib(n: int) -> str:
    return f"{n // MIB} MiB"


def main() -> int:
    """Prints the table; answers the exit status."""
    try:
        print(table(machine(), uses()))
    except SettingsError as error:
        print(f"npu-sim smi: {error}", file=sys.stderr)
        return 1
    return 0
