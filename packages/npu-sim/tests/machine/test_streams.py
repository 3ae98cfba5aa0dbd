"""Streams, events and callbacks through libascendcl."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

import pytest
from acl_calls import DEVICE_TO_DEVICE, DEVICE_TO_HOST, EVENT_SYNC, EVENT_TIME_LINE, HOST_TO_DEVICE, Acl, HostFunc

Refused = Callable[..., str]


class Gate:
    """A host function that holds its stream until opened."""

    def __init__(self, acl: Acl, stream: int) -> None:
        self.event = threading.Event()
        self.function = HostFunc(lambda _: self.event.wait(30) and None)
        acl.check("aclrtLaunchHostFunc", stream, self.function, None)

    def open(self) -> None:
        self.event.set()


def query(acl: Acl, call: str, handle: int) -> int:
    status = ctypes.c_uint32(77)
    acl.check(call, handle, ctypes.byref(status))
    return status.value


def test_a_stream_works_in_order_while_the_host_goes_on(acl: Acl) -> None:
    stream = acl.stream()
    pinned, p = acl.out("aclrtMallocHost", 64), acl.malloc(64)
    ctypes.memset(pinned, 1, 64)
    gate = Gate(acl, stream)
    acl.check("aclrtMemcpyAsync", p, 64, pinned, 64, HOST_TO_DEVICE, stream)
    acl.check("aclrtMemsetAsync", p, 64, 2, 32, stream)
    acl.check("aclrtMemcpyAsync", pinned, 64, p, 64, DEVICE_TO_HOST, stream)
    assert query(acl, "aclrtStreamQuery", stream) == 1
    assert ctypes.string_at(pinned, 64) == b"\1" * 64
    gate.open()
    acl.check("aclrtSynchronizeStream", stream)
    assert query(acl, "aclrtStreamQuery", stream) == 0
    assert ctypes.string_at(pinned, 64) == b"\2" * 32 + b"\1" * 32
    acl.check("aclrtDestroyStream", stream)
    acl.check("aclrtFree", p)
    acl.check("aclrtFreeHost", pinned)


def test_streams_do_not_wait_for_each_other_unless_an_event_says_so(acl: Acl) -> None:
    first, second = acl.stream(), acl.stream()
    a, b = acl.malloc(64), acl.malloc(64)
    acl.check("aclrtMemset", a, 64, 0, 64)
    event = acl.event()
    gate = Gate(acl, first)
    acl.check("aclrtMemsetAsync", a, 64, 3, 64, first)
    acl.check("aclrtRecordEvent", event, first)
    acl.check("aclrtMemsetAsync", b, 64, 4, 64, second)
    acl.check("aclrtSynchronizeStream", second)
    acl.check("aclrtStreamWaitEvent", second, event)
    acl.check("aclrtMemcpyAsync", b, 64, a, 64, DEVICE_TO_DEVICE, second)
    assert acl.code("aclrtSynchronizeStreamWithTimeout", second, 30) == 507046
    assert query(acl, "aclrtQueryEventStatus", event) == 0
    gate.open()
    acl.check("aclrtSynchronizeStream", second)
    assert acl.read(b, 64) == b"\3" * 64
    for s in (first, second):
        acl.check("aclrtDestroyStream", s)
    acl.check("aclrtDestroyEvent", event)
    for p in (a, b):
        acl.check("aclrtFree", p)


def test_elapsed_time_is_the_time_between_two_events(acl: Acl, refused: Refused) -> None:
    stream, start, end = acl.stream(), acl.event(), acl.event()
    ms = ctypes.c_float()
    refused("ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID", "aclrtEventElapsedTime", ctypes.byref(ms), start, end)
    sleep = HostFunc(lambda _: time.sleep(0.05))
    acl.check("aclrtRecordEvent", start, stream)
    acl.check("aclrtLaunchHostFunc", stream, sleep, None)
    acl.check("aclrtRecordEvent", end, stream)
    refused("ACL_ERROR_RT_EVENT_NOT_COMPLETE", "aclrtEventElapsedTime", ctypes.byref(ms), start, end)
    acl.check("aclrtSynchronizeEvent", end)
    acl.check("aclrtEventElapsedTime", ctypes.byref(ms), start, end)
    assert 49 < ms.value < 5000
    refused("ACL_ERROR_RT_EVENT_TIMESTAMP_REVERSAL", "aclrtEventElapsedTime", ctypes.byref(ms), end, start)
    acl.check("aclrtDestroyStream", stream)


def test_an_event_does_only_what_its_flags_say(acl: Acl, refused: Refused) -> None:
    order, clock, ms = acl.event(EVENT_SYNC), acl.event(EVENT_TIME_LINE), ctypes.c_float()
    for event in (order, clock):
        assert query(acl, "aclrtQueryEventStatus", event) == 1  # nothing recorded
        acl.check("aclrtRecordEvent", event, None)
        acl.check("aclrtSynchronizeEvent", event)
        refused("ACL_ERROR_RT_FEATURE_NOT_SUPPORT", "aclrtResetEvent", event, None)
    assert "ACL_EVENT_TIME_LINE" in refused(
        "ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID", "aclrtEventElapsedTime", ctypes.byref(ms), order, clock
    )
    assert "ACL_EVENT_SYNC" in refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtStreamWaitEvent", None, clock)


def test_a_single_use_event_can_be_reset(acl: Acl) -> None:
    event = acl.out("aclrtCreateEvent")
    assert query(acl, "aclrtQueryEventStatus", event) == 0
    acl.check("aclrtRecordEvent", event, None)
    acl.check("aclrtSynchronizeStream", None)
    assert query(acl, "aclrtQueryEventStatus", event) == 1
    acl.check("aclrtResetEvent", event, None)
    acl.check("aclrtSynchronizeStream", None)
    assert query(acl, "aclrtQueryEventStatus", event) == 0
    acl.check("aclrtDestroyEvent", event)


def test_callbacks_run_in_order_on_the_thread_that_subscribed(acl: Acl) -> None:
    stream, ran, stop = acl.stream(), [], threading.Event()
    callback = HostFunc(lambda i: ran.append((i, threading.get_ident())))

    def serve() -> None:
        while not stop.is_set():
            acl.code("aclrtProcessReport", 20)

    thread = threading.Thread(target=serve)
    thread.start()
    assert thread.ident
    acl.check("aclrtSubscribeReport", thread.ident, stream)
    for i in range(1, 6):
        acl.check("aclrtLaunchCallback", callback, i, 1, stream)
    acl.check("aclrtSynchronizeStream", stream)
    assert ran == [(i, thread.ident) for i in range(1, 6)]
    acl.check("aclrtUnSubscribeReport", thread.ident, stream)
    stop.set()
    thread.join()
    acl.check("aclrtDestroyStream", stream)


@pytest.mark.parametrize("kind", ["null", "foreign", "destroyed"])
def test_handles_that_name_nothing_are_refused(acl: Acl, refused: Refused, kind: str) -> None:
    stream, event = acl.stream(), acl.event()
    acl.check("aclrtDestroyStream", stream)
    acl.check("aclrtDestroyEvent", event)
    bad_stream, bad_event = {
        "null": (None, None),
        "foreign": (id(acl), id(acl)),
        "destroyed": (stream, event),
    }[kind]
    handle = "ACL_ERROR_INVALID_PARAM" if kind == "null" else "ACL_ERROR_RT_INVALID_HANDLE"
    refused(handle, "aclrtDestroyStream", bad_stream)
    refused(handle, "aclrtDestroyEvent", bad_event)
    refused(handle, "aclrtRecordEvent", bad_event, None)
    refused(handle, "aclrtStreamWaitEvent", None, bad_event)
    refused(handle, "aclrtSynchronizeEvent", bad_event)
    if bad_stream is not None:  # null is the default stream
        assert "names no live stream" in refused(handle, "aclrtSynchronizeStream", bad_stream)


def test_priorities_have_a_range(acl: Acl, refused: Refused) -> None:
    least, greatest = ctypes.c_int32(), ctypes.c_int32()
    acl.check("aclrtDeviceGetStreamPriorityRange", ctypes.byref(least), ctypes.byref(greatest))
    assert (least.value, greatest.value) == (7, 0)
    stream, priority = acl.stream(priority=3), ctypes.c_uint32()
    acl.check("aclrtStreamGetPriority", stream, ctypes.byref(priority))
    assert priority.value == 3
    out = ctypes.c_void_p()
    refused("ACL_ERROR_RT_PARAM_INVALID", "aclrtCreateStreamWithConfig", ctypes.byref(out), 8, 0)
    acl.check("aclrtDestroyStream", stream)


def test_abort_discards_what_is_queued(acl: Acl) -> None:
    stream, p = acl.stream(), acl.malloc(64)
    acl.check("aclrtMemset", p, 64, 0, 64)
    gate = Gate(acl, stream)
    acl.check("aclrtMemsetAsync", p, 64, 9, 64, stream)
    threading.Timer(0.05, gate.open).start()
    acl.check("aclrtStreamAbort", stream)
    assert acl.read(p, 64) == bytes(64)
    acl.check("aclrtMemsetAsync", p, 64, 8, 64, stream)
    acl.check("aclrtSynchronizeStream", stream)
    assert acl.read(p, 64) == b"\x08" * 64
    acl.check("aclrtDestroyStream", stream)
    acl.check("aclrtFree", p)
