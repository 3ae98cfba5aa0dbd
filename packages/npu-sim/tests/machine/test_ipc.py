"""Memory and events that processes of one machine share."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from acl_calls import Acl, Run

Refused = Callable[..., str]
LENGTH, NO_PIDS, EVENT_IPC = 65, 1, 64


def export(acl: Acl, address: int, size: int, flags: int = NO_PIDS) -> bytes:
    key = ctypes.create_string_buffer(LENGTH)
    acl.check("aclrtIpcMemGetExportKey", address, size, key, LENGTH, flags)
    return key.value


def test_another_process_reads_and_writes_exported_memory(acl: Acl, run: Run) -> None:
    p = acl.malloc(1 << 20)
    acl.write(p + 512, b"from the first")
    key = export(acl, p + 512, 4096)
    done = run(
        f"""
        p = acl.out("aclrtIpcMemImportByKey", {key!r}, 0)
        assert acl.read(p, 14) == b"from the first"
        acl.write(p, b"from the other")
        beyond = ctypes.create_string_buffer(8)
        assert acl.code("aclrtMemcpy", beyond, 8, p + 4096, 8, DEVICE_TO_HOST) == 107000
        assert acl.code("aclrtUnmapMem", p) == 107000
        assert acl.code("aclrtIpcMemImportByKey", ctypes.byref(ctypes.c_void_p()), {key!r}, 0) == 107000
        acl.check("aclrtIpcMemClose", {key!r})
        assert acl.code("aclrtMemcpy", beyond, 8, p, 8, DEVICE_TO_HOST) == 107000
        assert acl.code("aclrtIpcMemClose", {key!r}) == 107000
        """
    )
    assert done.returncode == 0, done.stderr
    assert acl.read(p + 512, 14) == b"from the other"
    acl.check("aclrtIpcMemClose", key)
    done = run(f'assert acl.code("aclrtIpcMemImportByKey", ctypes.byref(ctypes.c_void_p()), {key!r}, 0) == 107000')
    assert done.returncode == 0, done.stderr
    acl.check("aclrtFree", p)


def test_only_named_processes_import_a_key_that_asks_for_it(acl: Acl, run: Run, refused: Refused) -> None:
    p = acl.malloc(4096)
    key = export(acl, p, 4096, flags=0)
    code = f'acl.code("aclrtIpcMemImportByKey", ctypes.byref(ctypes.c_void_p()), {key!r}, 0)'
    done = run(f"import sys; sys.exit(0 if {code} == 207006 else 1)")
    assert done.returncode == 0, done.stderr
    pids = (ctypes.c_int32 * 1)(os.getpid())
    acl.check("aclrtIpcMemSetImportPid", key, pids, 1)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcMemSetImportPid", key, pids, 0)
    acl.check("aclrtIpcMemClose", key)


def test_keys_of_nothing_are_refused(acl: Acl, refused: Refused) -> None:
    out, key = ctypes.byref(ctypes.c_void_p()), ctypes.create_string_buffer(LENGTH)
    p = acl.malloc(4096)
    for text in (b"", b"nonsense", b"npu-sim:1:3:0:0123456789abcdef", b"x" * 65):
        refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcMemImportByKey", out, text, 0)
        refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcMemClose", text)
    refused("ACL_ERROR_INVALID_PARAM", "aclrtIpcMemImportByKey", out, None, 0)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcMemGetExportKey", p, 1 << 30, key, LENGTH, 0)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcMemGetExportKey", p, 64, key, 10, 0)
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcMemGetExportKey", p, 64, key, LENGTH, 8)
    acl.check("aclrtFree", p)


def test_an_event_orders_streams_of_two_processes(acl: Acl, run: Run, refused: Refused) -> None:
    p, stream = acl.malloc(64), acl.stream()
    acl.check("aclrtMemset", p, 64, 0, 64)
    key = export(acl, p, 64)
    event = acl.out("aclrtCreateEventExWithFlag", EVENT_IPC)
    handle = ctypes.create_string_buffer(64)
    acl.check("aclrtIpcGetEventHandle", event, handle)
    acl.check("aclrtMemsetAsync", p, 64, 5, 64, stream)
    acl.check("aclrtRecordEvent", event, stream)
    done = run(
        f"""
        class Handle(ctypes.Structure):
            _fields_ = [("reserved", ctypes.c_char * 64)]
        p, stream, event = acl.out("aclrtIpcMemImportByKey", {key!r}, 0), acl.stream(), ctypes.c_void_p()
        assert acl.lib.aclrtIpcOpenEventHandle(Handle({handle.value!r}), ctypes.byref(event)) == 0
        acl.check("aclrtStreamWaitEvent", stream, event.value)
        acl.check("aclrtSynchronizeStream", stream)
        assert acl.read(p, 64) == b"\\5" * 64
        acl.check("aclrtMemsetAsync", p, 64, 6, 64, stream)
        acl.check("aclrtRecordEvent", event.value, stream)
        acl.check("aclrtSynchronizeStream", stream)
        assert acl.lib.aclrtIpcOpenEventHandle(Handle(b"nothing"), ctypes.byref(event)) == 107000
        """
    )
    assert done.returncode == 0, done.stderr
    acl.check("aclrtSynchronizeEvent", event)
    assert acl.read(p, 64) == b"\6" * 64
    acl.check("aclrtDestroyEvent", event)
    plain = acl.event()
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtIpcGetEventHandle", plain, handle)
