"""Limits, modes, values in memory, batches of copies and what a device says of its faults."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

import pytest
from acl_calls import HOST_TO_DEVICE, Acl

Refused = Callable[..., str]
CUBE = 0
HOST, DEVICE = 0, 1


class Location(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint32), ("type", ctypes.c_uint32)]


class BatchAttr(ctypes.Structure):
    _fields_ = [("dst", Location), ("src", Location), ("reserved", ctypes.c_uint8 * 16)]


def _last(acl: Acl, name: str, *args: int) -> int:
    """The number that a call writes through its last parameter."""
    value = ctypes.c_uint32()
    acl.check(name, *args, ctypes.byref(value))
    return value.value


def batch(acl: Acl, copies: list[tuple[int, int, int]], dst: int, src: int, *stream: int) -> tuple[int, int]:
    """Code and failIndex of one batch of (to, from, size)."""
    n = len(copies)
    to = (ctypes.c_void_p * n)(*[c[0] for c in copies])
    frm = (ctypes.c_void_p * n)(*[c[1] for c in copies])
    sizes = (ctypes.c_size_t * n)(*[c[2] for c in copies])
    attr, index, failed = BatchAttr(Location(0, dst), Location(0, src)), ctypes.c_size_t(0), ctypes.c_size_t(77)
    by = ctypes.byref
    call = "aclrtMemcpyBatchAsync" if stream else "aclrtMemcpyBatch"
    code = acl.code(call, to, sizes, frm, sizes, n, by(attr), by(index), 1, by(failed), *stream)
    return code, failed.value


def test_a_batch_copies_all_or_names_the_copy_that_is_wrong(acl: Acl, codes: dict[str, int]) -> None:
    p, pinned, stream = acl.malloc(64), acl.out("aclrtMallocHost", 64), acl.stream()
    ctypes.memmove(pinned, b"abcdefgh" * 8, 64)
    none = 2**64 - 1
    assert batch(acl, [(p, pinned, 8), (p + 8, pinned + 8, 56)], DEVICE, HOST) == (0, none)
    assert acl.read(p, 64) == b"abcdefgh" * 8
    acl.check("aclrtMemset", p, 64, 0, 64)
    assert batch(acl, [(pinned, p, 32), (pinned + 32, p, 32)], HOST, DEVICE, stream) == (0, none)
    acl.check("aclrtSynchronizeStream", stream)
    assert ctypes.string_at(pinned, 64) == bytes(64)
    bad = codes["ACL_ERROR_RT_PARAM_INVALID"]
    assert batch(acl, [(p, pinned, 8), (p + 508, pinned, 8)], DEVICE, HOST) == (bad, 1)
    assert batch(acl, [(p, pinned, 8)], HOST, HOST) == (bad, 0)


def test_streams_meet_at_a_value_in_memory(acl: Acl, refused: Refused) -> None:
    flag, p, first, second = acl.malloc(8), acl.malloc(64), acl.stream(), acl.stream()
    acl.check("aclrtMemset", flag, 8, 0, 8)
    acl.check("aclrtMemset", p, 64, 0, 64)
    acl.check("aclrtValueWait", flag, 3, 0, first)
    acl.check("aclrtMemsetAsync", p, 64, 1, 64, first)
    refused("ACL_ERROR_RT_STREAM_SYNC_TIMEOUT", "aclrtSynchronizeStreamWithTimeout", first, 20)
    acl.check("aclrtValueWrite", flag, 2, 0, second)
    refused("ACL_ERROR_RT_STREAM_SYNC_TIMEOUT", "aclrtSynchronizeStreamWithTimeout", first, 20)
    acl.check("aclrtValueWrite", flag, 4, 0, second)
    acl.check("aclrtSynchronizeStream", first)
    assert acl.read(p, 64) == b"\1" * 64
    acl.check("aclrtValueWait", flag, 9, 1, first)
    acl.check("aclrtStreamAbort", first)  # a wait that nothing ends
    refused("ACL_ERROR_RT_ADDR_UNALIGNED", "aclrtValueWrite", flag + 4, 1, 0, first)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtValueWait", flag, 1, 4, first)


def test_core_limits_narrow_from_device_to_stream_to_thread(acl: Acl, refused: Refused) -> None:
    stream = acl.stream()

    def limits() -> tuple[int, int, int]:
        device, own = _last(acl, "aclrtGetDeviceResLimit", 0, CUBE), _last(acl, "aclrtGetStreamResLimit", stream, CUBE)
        return device, own, _last(acl, "aclrtGetResInCurrentThread", CUBE)

    assert limits() == (24, 24, 24)  # Ascend910B2
    acl.check("aclrtSetDeviceResLimit", 0, CUBE, 20)
    acl.check("aclrtSetStreamResLimit", stream, CUBE, 8)
    assert limits() == (20, 8, 20)
    acl.check("aclrtUseStreamResInCurrentThread", stream)
    assert limits() == (20, 8, 8)
    acl.check("aclrtUnuseStreamResInCurrentThread", stream)
    acl.check("aclrtResetStreamResLimit", stream)
    acl.check("aclrtResetDeviceResLimit", 0)
    assert limits() == (24, 24, 24)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtSetDeviceResLimit", 0, CUBE, 25)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtSetDeviceResLimit", 0, 5, 1)


def test_an_operators_time_out_is_what_the_hardware_counts_in(acl: Acl, refused: Refused) -> None:
    actual = ctypes.c_uint64()
    for asked, granted in ((1, 4294967), (4294968, 2 * 4294967), (0, 254 * 4294967), (1 << 40, 254 * 4294967)):
        acl.check("aclrtSetOpExecuteTimeOutV2", asked, ctypes.byref(actual))
        assert actual.value == granted
    acl.check("aclrtSetOpExecuteTimeOut", 1091)
    refused("ACL_ERROR_INVALID_PARAM", "aclrtSetOpExecuteTimeOutV2", 1, None)


def test_options_of_a_context_stand_apart_from_the_processs(acl: Acl, refused: Refused) -> None:
    context, value = acl.out("aclrtCreateContext", 0), ctypes.c_int64()
    refused("ACL_ERROR_RT_SYSPARAMOPT_NOT_SET", "aclrtCtxGetSysParamOpt", 0, ctypes.byref(value))
    acl.check("aclrtCtxSetSysParamOpt", 0, 1)
    acl.check("aclrtCtxGetSysParamOpt", 0, ctypes.byref(value))
    assert value.value == 1
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtCtxSetSysParamOpt", 0, 2)
    acl.check("aclrtDestroyContext", context)
    acl.check("aclrtSetDevice", 0)


def test_a_healthy_device_has_nothing_to_repair(acl: Acl, refused: Refused) -> None:
    info, count = (ctypes.c_char * 2576)(), ctypes.c_size_t(9)
    acl.check("aclrtGetErrorVerbose", 0, info)
    assert bytes(info) == bytes(2576)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtRepairError", 0, info)
    uce = (ctypes.c_char * 128)()
    acl.check("aclrtGetMemUceInfo", 0, uce, 1, ctypes.byref(count))
    assert count.value == 0
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtMemUceRepair", 0, uce, 1)
    refused("ACL_ERROR_RT_INVALID_DEVICEID", "aclrtGetErrorVerbose", 99, info)


def test_memory_usage_is_what_is_allocated(acl: Acl) -> None:
    def used() -> int:
        usage, count = (ctypes.c_uint64 * 14)(), ctypes.c_size_t()
        acl.check("aclrtGetMemUsageInfo", 0, usage, 1, ctypes.byref(count))
        assert count.value == 1
        return usage[4]

    before = used()
    p = acl.malloc(8 << 20)
    assert 0 <= used() - before - (8 << 20) <= 4 << 20
    acl.check("aclrtFree", p)
    assert used() == before


def test_switches_answer_what_was_set(acl: Acl, refused: Refused) -> None:
    stream = acl.stream()
    assert _last(acl, "aclrtGetStreamOverflowSwitch", stream) == 0
    acl.check("aclrtSetStreamOverflowSwitch", stream, 1)
    assert _last(acl, "aclrtGetStreamOverflowSwitch", stream) == 1
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtSetStreamOverflowSwitch", stream, 2)
    assert acl.out("aclrtGetDeviceSatMode", kind=ctypes.c_uint32) == 1
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtSetDeviceSatMode", 2)


def test_a_prefetch_checks_its_memory(acl: Acl, refused: Refused) -> None:
    p, stream = acl.malloc(4096), acl.stream()
    acl.check("aclrtCmoAsync", p, 4096, 0, stream)
    acl.check("aclrtSynchronizeStream", stream)
    refused("ACL_ERROR_RT_FEATURE_NOT_SUPPORT", "aclrtCmoAsync", p, 4096, 1, stream)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtCmoAsync", p, 1 << 30, 0, stream)


@pytest.mark.parametrize("call", ["aclrtMemcpyAsync", "aclrtMemcpyAsyncWithCondition"])
def test_a_copy_from_pageable_memory_is_done_when_the_call_returns(acl: Acl, call: str) -> None:
    p, stream, host = acl.malloc(8), acl.stream(), ctypes.create_string_buffer(b"pageable", 8)
    acl.check(call, p, 8, host, 8, HOST_TO_DEVICE, stream)
    assert acl.read(p, 8) == b"pageable"


def test_a_tensor_channel_waits_as_long_as_it_is_told(acl: Acl, codes: dict[str, int]) -> None:
    from npu_sim import LIBRARY_DIR

    tdt = ctypes.CDLL(str(LIBRARY_DIR / "libacl_tdt_channel.so"))
    for name in ("acltdtCreateChannelWithCapacity", "acltdtCreateDataset"):
        getattr(tdt, name).restype = ctypes.c_void_p
    channel = tdt.acltdtCreateChannelWithCapacity(0, b"name", ctypes.c_size_t(4))
    data = tdt.acltdtCreateDataset()

    def receive(timeout: int) -> int:
        return int(tdt.acltdtReceiveTensor(ctypes.c_void_p(channel), ctypes.c_void_p(data), timeout))

    begin = time.monotonic()
    assert receive(30) == codes["ACL_ERROR_RT_QUEUE_EMPTY"]
    assert time.monotonic() - begin >= 0.03
    ender = threading.Timer(0.05, lambda: tdt.acltdtDestroyChannel(ctypes.c_void_p(channel)))
    ender.start()
    assert receive(-1) == codes["ACL_ERROR_INVALID_PARAM"]  # destroyed meanwhile
    assert receive(0) == codes["ACL_ERROR_INVALID_PARAM"]
    assert tdt.acltdtDestroyDataset(ctypes.c_void_p(data)) == 0
    assert tdt.acltdtDestroyDataset(ctypes.c_void_p(data)) == codes["ACL_ERROR_INVALID_PARAM"]
