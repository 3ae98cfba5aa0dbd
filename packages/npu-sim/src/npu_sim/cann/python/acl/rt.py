"""``acl.rt``: devices, their memory and the version of the runtime."""

import ctypes

from ._library import function


def get_device_count() -> tuple[int, int]:
    """(number of devices that the process sees, status)."""
    count = ctypes.c_uint32()
    status = int(function("aclrtGetDeviceCount")(ctypes.byref(count)))
    return count.value, status


def get_soc_name() -> str | None:
    """The SoC, such as ``"Ascend910B2"``; None where the settings are wrong."""
    name = function("aclrtGetSocName", ctypes.c_char_p)()
    return name.decode() if name else None


def set_device(device_id: int) -> int:
    """Status of aclrtSetDevice: makes the device the current one of this thread."""
    return int(function("aclrtSetDevice")(ctypes.c_int32(device_id)))


def reset_device(device_id: int) -> int:
    """Status of aclrtResetDevice."""
    return int(function("aclrtResetDevice")(ctypes.c_int32(device_id)))


def get_device() -> tuple[int, int]:
    """(the current device of this thread, status)."""
    device = ctypes.c_int32(-1)
    status = int(function("aclrtGetDevice")(ctypes.byref(device)))
    return device.value, status


def get_mem_info(attr: int) -> tuple[int, int, int]:
    """(free bytes, total bytes, status) of the current device. `attr` is an aclrtMemAttr; 1 is ACL_HBM_MEM."""
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    status = int(function("aclrtGetMemInfo")(ctypes.c_int(attr), ctypes.byref(free), ctypes.byref(total)))
    return free.value, total.value, status


def get_version() -> tuple[int, int, int, int]:
    """(major, minor, patch, status) of the runtime's interface."""
    parts = ctypes.c_int32(), ctypes.c_int32(), ctypes.c_int32()
    status = int(function("aclrtGetVersion")(*map(ctypes.byref, parts)))
    major, minor, patch = (p.value for p in parts)
    return major, minor, patch, status


def get_run_mode() -> tuple[int, int]:
    """(1, for a host with devices, status)."""
    mode = ctypes.c_int(-1)
    status = int(function("aclrtGetRunMode")(ctypes.byref(mode)))
    return mode.value, status
