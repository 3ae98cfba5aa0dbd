"""Device memory through libascendcl."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable

import pytest
from acl_calls import (
    DEFAULT,
    DEVICE_TO_DEVICE,
    DEVICE_TO_HOST,
    HOST_TO_DEVICE,
    HOST_TO_HOST,
    HUGE_ONLY,
    NORMAL_ONLY,
    Acl,
    Run,
)

MIB = 1 << 20
Refused = Callable[..., str]


def test_what_is_copied_to_the_device_comes_back(acl: Acl) -> None:
    p = acl.malloc(100)
    acl.write(p, b"a" * 100)
    assert acl.read(p + 10, 5) == b"aaaaa"
    acl.check("aclrtFree", p)


def test_addresses_are_aligned_as_the_policy_says(acl: Acl) -> None:
    small, huge = acl.malloc(1, NORMAL_ONLY), acl.malloc(1, HUGE_ONLY)
    assert small % 512 == 0
    assert huge % (2 * MIB) == 0
    for p in (small, huge):
        acl.check("aclrtFree", p)


def test_memory_info_counts_what_is_allocated(run: Run) -> None:
    done = run(
        """
        def info():
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            acl.check("aclrtGetMemInfo", 1, ctypes.byref(free), ctypes.byref(total))
            return free.value, total.value
        assert info() == (64 << 20, 64 << 20)
        p = acl.out("aclrtMallocAlign32", 4 << 20, HUGE_FIRST)
        assert info() == (60 << 20, 64 << 20)
        acl.check("aclrtFree", p)
        assert info() == (64 << 20, 64 << 20)
        """,
        NPU_SIM_HBM="64M",
    )
    assert done.returncode == 0, done.stderr


def test_more_than_the_device_has_is_refused_with_what_is_left(run: Run) -> None:
    done = run(
        """
        p = acl.malloc(40 << 20)
        try:
            acl.malloc(40 << 20)
        except AclError as e:
            assert e.code == 207001, e
            print(e.message)
        acl.check("aclrtFree", p)
        acl.malloc(60 << 20)
        """,
        NPU_SIM_HBM="64M",
    )
    assert done.returncode == 0, done.stderr
    assert "npu:0 has no 44040192 bytes left: 44040192 of 67108864 are in use" in done.stdout


@pytest.mark.parametrize("access", ["ctypes.string_at(p, 1)", "ctypes.memset(p, 1, 1)"])
def test_a_host_access_dies_of_sigsegv_and_says_so_in_one_line(run: Run, access: str) -> None:
    done = run(f"p = acl.malloc(4096)\nacl.write(p, b'x')\n{access}\nprint('survived')")
    assert done.returncode == -signal.SIGSEGV
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "npu-sim: host" in line
    assert "of device memory at 0x" in line
    assert "npu:0" in line


def test_other_crashes_and_an_earlier_handler_stay_as_they_were(run: Run) -> None:
    done = run("ctypes.string_at(8, 1)")
    assert done.returncode == -signal.SIGSEGV
    assert done.stderr == ""
    done = run(
        "import faulthandler; faulthandler.enable(); acl.start()\np = acl.malloc(1)\nctypes.string_at(p, 1)",
        start=False,
    )
    assert done.returncode == -signal.SIGSEGV
    assert done.stderr.startswith("npu-sim: host read")
    assert "Fatal Python error: Segmentation fault" in done.stderr


def test_freeing_twice_or_what_was_not_allocated_is_refused(acl: Acl, refused: Refused) -> None:
    p = acl.malloc(1024)
    assert "lies inside" in refused("ACL_ERROR_RT_MEMORY_FREE", "aclrtFree", p + 512)
    acl.check("aclrtFree", p)
    assert "freed before" in refused("ACL_ERROR_RT_MEMORY_FREE", "aclrtFree", p)
    assert "not of aclrtMalloc" in refused("ACL_ERROR_RT_MEMORY_FREE", "aclrtFree", id(acl))
    refused("ACL_ERROR_INVALID_PARAM", "aclrtFree", None)


def test_freed_memory_beyond_the_warm_limit_goes_back_to_the_host(run: Run) -> None:
    done = run(
        """
        import glob, os
        (memory,) = [f for f in glob.glob("/proc/self/fd/*") if os.path.exists(f) and "npu-sim" in os.readlink(f)]
        def resident():
            return os.stat(memory).st_blocks * 512
        ps = [acl.malloc(8 << 20) for _ in range(4)]
        for p in ps:
            acl.check("aclrtMemset", p, 8 << 20, 1, 8 << 20)
        assert resident() >= 32 << 20, resident()
        for p in ps:
            acl.check("aclrtFree", p)
        assert resident() <= 16 << 20, resident()
        """,
        NPU_SIM_WARM="8M",
    )
    assert done.returncode == 0, done.stderr


def test_a_copy_past_dest_max_is_refused_and_writes_nothing(acl: Acl, refused: Refused) -> None:
    p = acl.malloc(64)
    acl.write(p, b"b" * 64)
    message = refused("ACL_ERROR_INVALID_PARAM", "aclrtMemcpy", p, 8, b"c" * 16, 16, HOST_TO_DEVICE)
    assert "found 16 and 8" in message
    assert acl.read(p, 64) == b"b" * 64
    refused("ACL_ERROR_INVALID_PARAM", "aclrtMemset", p, 8, 0, 16)
    acl.check("aclrtFree", p)


def test_a_copy_in_the_wrong_direction_is_refused(acl: Acl, refused: Refused) -> None:
    p, host = acl.malloc(64), ctypes.create_string_buffer(64)
    for dst, src, kind in [
        (p, host, DEVICE_TO_HOST),
        (host, p, HOST_TO_DEVICE),
        (p, host, DEVICE_TO_DEVICE),
        (p, host, HOST_TO_HOST),
    ]:
        assert "memory for this kind of copy" in refused(
            "ACL_ERROR_RT_PARAM_INVALID", "aclrtMemcpy", dst, 64, src, 64, kind
        )
    acl.check("aclrtMemcpy", p, 64, host, 64, DEFAULT)
    acl.check("aclrtFree", p)


def test_a_copy_beyond_its_allocation_or_into_freed_memory_is_refused(acl: Acl, refused: Refused) -> None:
    p = acl.malloc(512, NORMAL_ONLY)
    data = b"d" * 4096
    assert "beyond its allocation" in refused(
        "ACL_ERROR_RT_PARAM_INVALID", "aclrtMemcpy", p, 4096, data, 4096, HOST_TO_DEVICE
    )
    acl.check("aclrtFree", p)
    assert "unallocated" in refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtMemcpy", p, 8, data, 8, HOST_TO_DEVICE)


def test_an_asynchronous_copy_within_the_host_is_refused(acl: Acl, refused: Refused) -> None:
    a, b = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    refused("ACL_ERROR_RT_FEATURE_NOT_SUPPORT", "aclrtMemcpyAsync", a, 8, b, 8, HOST_TO_HOST, None)


def test_an_asynchronous_copy_of_pageable_memory_has_happened_when_it_returns(acl: Acl) -> None:
    n = 8 * MIB
    p, host = acl.malloc(n), ctypes.create_string_buffer(b"e" * n, n)
    acl.check("aclrtMemcpyAsync", p, n, host, n, HOST_TO_DEVICE, None)
    ctypes.memset(host, 0, n)
    acl.check("aclrtMemcpyAsync", host, n, p, n, DEVICE_TO_HOST, None)
    assert host.raw == b"e" * n
    acl.check("aclrtFree", p)


def test_pinned_memory_is_known_as_such_until_it_is_freed(acl: Acl, refused: Refused) -> None:
    class Attributes(ctypes.Structure):
        _fields_ = [
            ("id", ctypes.c_uint32),
            ("type", ctypes.c_uint32),
            ("page", ctypes.c_uint32),
            ("rsv", ctypes.c_uint32 * 4),
        ]

    def where(p: object) -> int:
        a = Attributes()
        acl.check("aclrtPointerGetAttributes", p, ctypes.byref(a))
        return int(a.type)

    pinned, device, plain = acl.out("aclrtMallocHost", 1000), acl.malloc(64), ctypes.create_string_buffer(4096)
    ctypes.memset(pinned, 1, 1000)
    assert [where(pinned + 999), where(device), where(plain)] == [0, 1, 2]
    acl.out("aclrtMallocHost", 1, kind=ctypes.c_void_p)
    acl.check("aclrtHostRegisterV2", plain, 4096, 0)
    assert where(plain) == 0
    refused("ACL_ERROR_HOST_MEMORY_ALREADY_REGISTERED", "aclrtHostRegisterV2", plain, 10, 0)
    acl.check("aclrtHostUnregister", plain)
    refused("ACL_ERROR_HOST_MEMORY_NOT_REGISTERED", "aclrtHostUnregister", plain)
    acl.check("aclrtFreeHost", pinned)
    refused("ACL_ERROR_RT_MEMORY_FREE", "aclrtFreeHost", pinned)
    acl.check("aclrtFree", device)


def test_devices_copy_to_each_other_once_peer_access_is_enabled(run: Run) -> None:
    done = run(
        """
        a = acl.malloc(64)
        acl.write(a, b"f" * 64)
        acl.check("aclrtSetDevice", 1)
        b = acl.malloc(64)
        assert acl.code("aclrtMemcpy", b, 64, a, 64, DEVICE_TO_DEVICE) == 107000
        assert "aclrtDeviceEnablePeerAccess" in acl.message()
        acl.check("aclrtDeviceEnablePeerAccess", 0, 0)
        acl.check("aclrtMemcpy", b, 64, a, 64, DEVICE_TO_DEVICE)
        assert acl.read(b, 64) == b"f" * 64
        """
    )
    assert done.returncode == 0, done.stderr


def test_expandable_segments_map_physical_memory_side_by_side(acl: Acl) -> None:
    prop = (ctypes.c_uint32 * 8)(0, 0, 4, 0, 1, 0, 0, 0)  # pinned, HBM huge, on device 0
    unit = 2 * MIB
    at = acl.out("aclrtReserveMemAddress", 3 * unit, 0, None, 0)
    handles = [acl.out("aclrtMallocPhysical", unit, prop, 0) for _ in range(2)]
    for i, handle in enumerate(handles):
        acl.check("aclrtMapMem", at + i * unit, unit, 0, handle, 0)
    acl.write(at + unit - 4, b"spanning")
    assert acl.read(at + unit - 4, 8) == b"spanning"
    for i, handle in enumerate(handles):
        acl.check("aclrtUnmapMem", at + i * unit)
        acl.check("aclrtFreePhysical", handle)
    acl.check("aclrtReleaseMemAddress", at)


def test_addresses_are_reserved_before_any_device_is_set(run: Run) -> None:
    code = f"""
        acl.check("aclInit", None)
        at = acl.out("aclrtReserveMemAddress", {2 * MIB}, 0, None, 1)
        acl.check("aclrtReleaseMemAddress", at)
        print("reserved")
    """
    done = run(code, start=False)
    assert done.stdout == "reserved\n", done.stderr


def test_another_process_reaches_exported_memory(run: Run, acl: Acl) -> None:
    prop = (ctypes.c_uint32 * 8)(0, 0, 4, 0, 1, 0, 0, 0)
    unit = 2 * MIB
    at = acl.out("aclrtReserveMemAddress", unit, 0, None, 0)
    handle = acl.out("aclrtMallocPhysical", unit, prop, 0)
    acl.check("aclrtMapMem", at, unit, 0, handle, 0)
    acl.write(at, b"from one process")
    number = ctypes.c_uint64()
    acl.check("aclrtMemExportToShareableHandle", handle, 0, 0, ctypes.byref(number))
    done = run(
        f"""
        handle = ctypes.c_void_p()
        acl.check("aclrtMemImportFromShareableHandle", ctypes.c_uint64({number.value}), 0, ctypes.byref(handle))
        at = acl.out("aclrtReserveMemAddress", {unit}, 0, None, 0)
        acl.check("aclrtMapMem", at, {unit}, 0, handle, 0)
        print(acl.read(at, 16))
        acl.write(at, b"and back from it")
        """
    )
    assert done.stdout == "b'from one process'\n", done.stderr
    assert acl.read(at, 16) == b"and back from it"
    acl.check("aclrtUnmapMem", at)
    acl.check("aclrtFreePhysical", handle)
    acl.check("aclrtReleaseMemAddress", at)
