"""Capture and replay (aclmdlRI*) through libascendcl."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from acl_calls import DEVICE_TO_HOST, EVENT_SYNC, HOST_TO_DEVICE, Acl, Run

Refused = Callable[..., str]
GLOBAL, THREAD_LOCAL, RELAXED = range(3)
NONE, ACTIVE, INVALIDATED = range(3)


def info(acl: Acl, stream: int) -> tuple[int, int | None]:
    status, model = ctypes.c_uint32(9), ctypes.c_void_p()
    acl.check("aclmdlRICaptureGetInfo", stream, ctypes.byref(status), ctypes.byref(model))
    return status.value, model.value


def end(acl: Acl, stream: int) -> int:
    model = ctypes.c_void_p()
    acl.check("aclmdlRICaptureEnd", stream, ctypes.byref(model))
    assert model.value
    return model.value


@pytest.fixture
def stream(acl: Acl) -> int:
    return acl.stream()


def test_a_model_does_at_each_execution_what_was_captured(acl: Acl, stream: int) -> None:
    p, other = acl.malloc(64), acl.stream()
    acl.check("aclrtMemset", p, 64, 0, 64)
    assert info(acl, stream) == (NONE, None)
    acl.check("aclmdlRICaptureBegin", stream, GLOBAL)
    status, model = info(acl, stream)
    assert status == ACTIVE
    acl.check("aclrtMemsetAsync", p, 64, 7, 64, stream)
    assert end(acl, stream) == model
    acl.check("aclrtSynchronizeStream", stream)
    assert acl.read(p, 64) == bytes(64)
    for s in (stream, other):
        acl.check("aclrtMemset", p, 64, 0, 64)
        acl.check("aclmdlRIExecuteAsync", model, s)
        acl.check("aclrtSynchronizeStream", s)
        assert acl.read(p, 64) == b"\7" * 64
    acl.check("aclmdlRIDestroy", model)
    acl.check("aclrtFree", p)


def test_copies_of_a_model_read_the_memory_as_it_is_then(acl: Acl, stream: int) -> None:
    pinned, back, p = acl.out("aclrtMallocHost", 8), acl.out("aclrtMallocHost", 8), acl.malloc(8)
    acl.check("aclmdlRICaptureBegin", stream, GLOBAL)
    acl.check("aclrtMemcpyAsync", p, 8, pinned, 8, HOST_TO_DEVICE, stream)
    acl.check("aclrtMemcpyAsync", back, 8, p, 8, DEVICE_TO_HOST, stream)
    model = end(acl, stream)
    for value in (b"first   ", b"second  "):
        ctypes.memmove(pinned, value, 8)
        acl.check("aclmdlRIExecuteAsync", model, stream)
        acl.check("aclrtSynchronizeStream", stream)
        assert ctypes.string_at(back, 8) == value
    acl.check("aclmdlRIDestroy", model)


def test_events_bring_streams_into_a_capture_and_back(acl: Acl, stream: int, refused: Refused) -> None:
    side, fork, join, p = acl.stream(), acl.event(EVENT_SYNC), acl.event(EVENT_SYNC), acl.malloc(64)
    acl.check("aclmdlRICaptureBegin", stream, GLOBAL)
    acl.check("aclrtRecordEvent", fork, stream)
    acl.check("aclrtStreamWaitEvent", side, fork)
    assert info(acl, side) == info(acl, stream)
    acl.check("aclrtMemsetAsync", p, 64, 3, 64, side)
    acl.check("aclrtRecordEvent", join, side)
    refused("ACL_ERROR_RT_STREAM_CAPTURE_UNMATCHED", "aclmdlRICaptureEnd", side, ctypes.byref(ctypes.c_void_p()))
    refused("ACL_ERROR_RT_EVENT_CAPTURED", "aclrtSynchronizeEvent", join)
    acl.check("aclrtStreamWaitEvent", stream, join)
    model = end(acl, stream)
    assert info(acl, side) == (NONE, None)
    acl.check("aclmdlRIExecuteAsync", model, stream)
    acl.check("aclrtSynchronizeStream", stream)
    assert acl.read(p, 64) == b"\3" * 64
    acl.check("aclmdlRIDestroy", model)


def test_what_is_not_captured_is_refused_by_the_mode(acl: Acl, stream: int, refused: Refused) -> None:
    p, host = acl.malloc(64), ctypes.create_string_buffer(64)
    acl.check("aclmdlRICaptureBegin", stream, GLOBAL)
    code = "ACL_ERROR_RT_CAPTURE_MODE_NOT_SUPPORT"
    message = refused(code, "aclrtMemset", p, 64, 0, 64)
    assert "aclmdlRICaptureThreadExchangeMode" in message
    refused(code, "aclrtMemcpy", p, 64, host, 64, HOST_TO_DEVICE)
    args = ("aclrtMemcpyAsync", p, 64, host, 64, HOST_TO_DEVICE, stream)
    refused("ACL_ERROR_RT_CAPTURE_MODE_BLOCK_ASYNC", *args)
    mode = ctypes.c_uint32(RELAXED)
    acl.check("aclmdlRICaptureThreadExchangeMode", ctypes.byref(mode))
    assert mode.value == GLOBAL
    acl.check("aclrtMemset", p, 64, 0, 64)
    acl.check("aclmdlRICaptureThreadExchangeMode", ctypes.byref(mode))
    assert info(acl, stream)[0] == ACTIVE
    acl.check("aclmdlRIDestroy", end(acl, stream))
    acl.check("aclrtMemset", p, 64, 0, 64)


def test_calls_that_would_wait_for_a_captured_stream_are_refused(acl: Acl, stream: int, refused: Refused) -> None:
    acl.check("aclmdlRICaptureBegin", stream, THREAD_LOCAL)
    captured = "ACL_ERROR_RT_STREAM_CAPTURED"
    refused(captured, "aclrtSynchronizeStream", stream)
    refused(captured, "aclrtSynchronizeDevice")
    refused(captured, "aclrtStreamQuery", stream, ctypes.byref(ctypes.c_uint32()))
    refused(captured, "aclrtDestroyStream", stream)
    refused(captured, "aclmdlRICaptureBegin", stream, GLOBAL)
    _, model = info(acl, stream)
    refused("ACL_ERROR_RT_MODEL_CAPTURED", "aclmdlRIExecuteAsync", model, stream)
    refused("ACL_ERROR_RT_MODEL_CAPTURED", "aclmdlRIDestroy", model)
    acl.check("aclmdlRIDestroy", end(acl, stream))
    acl.check("aclrtSynchronizeStream", stream)


def test_wrong_handles_and_arguments_are_refused(acl: Acl, stream: int, refused: Refused) -> None:
    out = ctypes.byref(ctypes.c_void_p())
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclmdlRICaptureBegin", stream, 3)
    refused("ACL_ERROR_RT_STREAM_CAPTURE_IMPLICIT", "aclmdlRICaptureBegin", None, GLOBAL)
    refused("ACL_ERROR_RT_INVALID_HANDLE", "aclmdlRICaptureBegin", 12345, GLOBAL)
    refused("ACL_ERROR_RT_STREAM_NOT_CAPTURED", "aclmdlRICaptureEnd", stream, out)
    refused("ACL_ERROR_RT_STREAM_NOT_CAPTURED", "aclmdlRICaptureTaskGrpBegin", stream)
    refused("ACL_ERROR_STREAM_TASK_GROUP_STATUS", "aclmdlRICaptureTaskUpdateEnd", stream)
    refused("ACL_ERROR_RT_INVALID_HANDLE", "aclmdlRICaptureTaskUpdateBegin", stream, 99)
    for call in ("aclmdlRIExecuteAsync", "aclmdlRIDestroy", "aclmdlRIDebugPrint"):
        args = (stream,) if call == "aclmdlRIExecuteAsync" else ()
        refused("ACL_ERROR_RT_INVALID_HANDLE", call, 77, *args)
        refused("ACL_ERROR_INVALID_PARAM", call, None, *args)
    acl.check("aclmdlRICaptureBegin", stream, GLOBAL)
    model = end(acl, stream)
    acl.check("aclmdlRIDestroy", model)
    refused("ACL_ERROR_RT_INVALID_HANDLE", "aclmdlRIDestroy", model)


def test_an_unjoined_stream_ends_the_capture_without_a_model(acl: Acl, stream: int, refused: Refused) -> None:
    side, fork, p = acl.stream(), acl.event(EVENT_SYNC), acl.malloc(64)
    acl.check("aclmdlRICaptureBegin", stream, GLOBAL)
    _, model = info(acl, stream)
    acl.check("aclrtRecordEvent", fork, stream)
    acl.check("aclrtStreamWaitEvent", side, fork)
    acl.check("aclrtMemsetAsync", p, 64, 3, 64, side)
    out = ctypes.c_void_p(1)
    refused("ACL_ERROR_RT_STREAM_UNJOINED", "aclmdlRICaptureEnd", stream, ctypes.byref(out))
    assert out.value is None
    refused("ACL_ERROR_RT_INVALID_HANDLE", "aclmdlRIExecuteAsync", model, stream)
    acl.check("aclrtMemsetAsync", p, 64, 4, 64, side)
    acl.check("aclrtSynchronizeStream", side)
    assert acl.read(p, 64) == b"\4" * 64


def test_a_model_is_printed_as_text_and_as_a_trace(run: Run, tmp_path: Path) -> None:
    done = run(
        f"""
        stream, p, model = acl.stream(), acl.malloc(64), ctypes.c_void_p()
        acl.check("aclmdlRICaptureBegin", stream, 0)
        acl.check("aclrtMemsetAsync", p, 64, 7, 64, stream)
        acl.check("aclmdlRICaptureEnd", stream, ctypes.byref(model))
        acl.check("aclmdlRIDebugPrint", model.value)
        acl.check("aclmdlRIDebugJsonPrint", model.value, {str(tmp_path / "model.json")!r}.encode(), 0)
        assert acl.code("aclmdlRIDebugJsonPrint", model.value, b"/nowhere/model.json", 0) == 107009
        """
    )
    assert done.returncode == 0, done.stderr
    assert "COPY aclrtMemsetAsync" in done.stderr
    assert done.stdout == ""
    (event,) = json.loads((tmp_path / "model.json").read_text())
    assert (event["name"], event["tid"]) == ("aclrtMemsetAsync", "stream0")
    assert event["args"]["Task Type"] == "COPY"


def test_a_condition_in_device_memory_chooses_what_runs(acl: Acl, stream: int) -> None:
    class CondTask(ctypes.Structure):
        _fields_ = [
            ("handle", ctypes.c_void_p),
            ("type", ctypes.c_uint32),
            ("size", ctypes.c_uint32),
            ("models", ctypes.POINTER(ctypes.c_void_p)),
        ]

    body, p = acl.stream(), acl.malloc(64)
    acl.check("aclmdlRICaptureBegin", stream, RELAXED)
    _, model = info(acl, stream)
    handle, where = ctypes.c_void_p(), ctypes.c_void_p()
    acl.check("aclmdlRICondHandleCreate", model, 0, 0, ctypes.byref(handle))
    acl.check("aclmdlRICondHandleGetCondPtr", handle.value, ctypes.byref(where))
    assert where.value
    models = (ctypes.c_void_p * 2)()
    add = acl.lib.aclmdlRIAddCondTask
    add.argtypes = [CondTask, ctypes.c_void_p, ctypes.c_uint32]
    assert add(CondTask(handle.value, 0, 2, models), stream, 0) == 0, acl.message()
    for value, child in zip((1, 2), models, strict=True):
        acl.check("aclmdlRICaptureToModelRIBegin", body, child, RELAXED)
        acl.check("aclrtMemsetAsync", p, 64, value, 64, body)
        acl.check("aclmdlRICaptureEnd", body, None)
    assert end(acl, stream) == model
    for condition, expected in ((0, 2), (5, 1)):
        acl.write(where.value, condition.to_bytes(8, "little"))
        acl.check("aclmdlRIExecuteAsync", model, stream)
        acl.check("aclrtSynchronizeStream", stream)
        assert acl.read(p, 64) == bytes([expected]) * 64
    acl.check("aclmdlRIDestroy", model)
