"""Activity records: what is in them, and that they come."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import npu_sim

Run = Callable[..., str]
LIBRARY = Path(npu_sim.LIBRARY_DIR) / "libmspti.so"


def test_the_library_exports_what_cann_declares_and_nothing_else() -> None:
    import npu_cann

    header = (npu_cann.INCLUDE_DIR / "npu/cann/mspti.h").read_text()
    declared = set(re.findall(r"^(?:msptiResult|bool) (mspti\w+)\(", header, re.M))
    symbols = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in symbols.splitlines()} == declared
    assert len(declared) == 15


def test_a_kernel_says_when_it_ran_and_on_which_stream(run: Run) -> None:
    run(
        """
        m = Mspti().start(KERNEL, API)
        x = torch.full((64, 64), 2.0)
        out = torch.empty_like(x)
        before = time.time_ns()
        cann.run("aclnnAdd", x, x, 1, out)
        after = time.time_ns()
        kernel, = m.of(KERNEL)
        assert kernel["name"] == "Add" and kernel["type"]
        assert before <= kernel["start"] <= kernel["end"] <= after
        assert kernel["device"] == 0
        (call,) = [a for a in m.of(API) if a["name"] == "aclnnAdd"]
        assert call["correlation"] == kernel["correlation"] != 0
        assert call["start"] <= kernel["start"]
        """,
        operators=True,
    )


def test_external_ids_lead_from_a_call_to_its_kernel(run: Run) -> None:
    run(
        """
        m = Mspti().start(KERNEL, API, EXTERNAL)
        x, out = torch.ones(4), torch.empty(4)
        for id in (70, 71):
            assert m.code("msptiActivityPushExternalCorrelationId", CUSTOM0, c.c_uint64(id)) == 0
            cann.run("aclnnAdd" if id == 70 else "aclnnMul", x, x, *([1] if id == 70 else []), out)
            last = c.c_uint64()
            assert m.code("msptiActivityPopExternalCorrelationId", CUSTOM0, c.byref(last)) == 0
            assert last.value == id
        found = {e["correlation"]: e["external"] for e in m.of(EXTERNAL) if e["external_kind"] == CUSTOM0}
        assert [found[k["correlation"]] for k in m.of(KERNEL)] == [70, 71]
        assert m.code("msptiActivityPopExternalCorrelationId", CUSTOM0, None) == QUEUE_EMPTY
        assert m.code("msptiActivityPushExternalCorrelationId", 77, c.c_uint64(1)) == INVALID_PARAMETER
        """,
        operators=True,
    )


def test_copies_and_sets_need_the_preload(run: Run) -> None:
    run(
        """
        m = Mspti().start(KERNEL, API, EXTERNAL, COMMUNICATION, MARKER)
        for kind in (HCCL, MEMORY, MEMSET, MEMCPY):
            assert m.code("msptiActivityEnable", kind) == WITHOUT_PRELOAD, kind
            assert not m.lib.msptiActivityIsEnabled(kind) & 1
        assert m.code("msptiEnableDomain", 1, m.subscriber, 1) == WITHOUT_PRELOAD
        """
    )


def test_copies_and_sets_say_their_bytes_and_direction(run: Run) -> None:
    run(
        """
        m = Mspti().start(MEMCPY, MEMSET)
        stream, p, pinned = acl.stream(), acl.malloc(4096), acl.out("aclrtMallocHost", 4096)
        acl.check("aclrtMemcpyAsync", p, 4096, pinned, 4096, HOST_TO_DEVICE, stream)
        acl.check("aclrtMemsetAsync", p, 4096, 7, 100, stream)
        acl.check("aclrtSynchronizeStream", stream)
        acl.read(p, 10)
        there, back = m.of(MEMCPY)
        assert (there["bytes"], there["copy_kind"], there["is_async"]) == (4096, 2, 1)
        assert (back["bytes"], back["copy_kind"], back["is_async"]) == (10, 3, 0)
        (fill,) = m.of(MEMSET)
        assert (fill["bytes"], fill["value"], fill["is_async"]) == (100, 7, 1)
        assert fill["stream"] == there["stream"] != back["stream"] == 0xFFFFFFFF
        assert there["end"] <= fill["start"]
        """,
        preload=True,
    )


def test_a_collective_is_recorded_on_its_stream(run: Run) -> None:
    run(
        """
        hccl = c.CDLL(str(LIBRARY.parent / "libhccl.so"))
        root, comm = c.create_string_buffer(4108), c.c_void_p()
        assert hccl.HcclGetRootInfo(root) == 0
        assert hccl.HcclCommInitRootInfo(c.c_uint32(1), root, c.c_uint32(0), c.byref(comm)) == 0
        m = Mspti().start(COMMUNICATION, KERNEL, API)
        stream, p = acl.stream(), acl.malloc(4096)
        address = c.c_void_p(p)
        assert hccl.HcclAllReduce(address, address, c.c_uint64(8), 4, 0, comm, c.c_void_p(stream)) == 0
        acl.check("aclrtSynchronizeStream", stream)
        (found,) = m.of(COMMUNICATION)
        assert found["name"] == "HcclAllReduce" and found["start"] <= found["end"]
        (call,) = [a for a in m.of(API) if a["name"] == "HcclAllReduce"]
        assert call["correlation"] == found["correlation"]
        assert m.of(KERNEL) == []
        """
    )


def test_nothing_is_recorded_without_a_subscriber_or_after_the_kind_was_disabled(run: Run) -> None:
    run(
        """
        m = Mspti()
        assert m.code("msptiActivityRegisterCallbacks", m.request, m.complete) == 0
        assert m.code("msptiActivityEnable", API) == 0
        p = acl.malloc(64)
        acl.write(p, b"x" * 64)
        assert m.of(API) == []
        m.code("msptiSubscribe", c.byref(m.subscriber), None, None)
        acl.write(p, b"x" * 64)
        assert len(m.of(API)) == 1
        assert m.code("msptiActivityDisable", API) == 0
        acl.write(p, b"x" * 64)
        assert len(m.of(API)) == 1
        m.stop()
        acl.write(p, b"x" * 64)
        assert len(m.of(API)) == 1
        """
    )


def test_full_buffers_come_back_before_a_flush_and_no_record_is_lost(run: Run) -> None:
    run(
        """
        m = Mspti(size=480).start(API)  # ten records
        p = acl.malloc(64)
        for _ in range(95):
            acl.write(p, b"x" * 64)
        deadline = time.time() + 20
        while len(m.completed) < 9 and time.time() < deadline:
            time.sleep(0.01)
        assert m.completed[:9] == [480] * 9
        assert len(m.of(API)) == 95 and m.completed[9:] == [240]
        times = [r["start"] for r in m.records]
        assert times == sorted(times)
        """
    )


def test_buffers_come_back_periodically(run: Run) -> None:
    run(
        """
        m = Mspti().start(API)
        assert m.code("msptiActivityFlushPeriod", 20) == 0
        acl.write(acl.malloc(64), b"x" * 64)
        deadline = time.time() + 20
        while not m.completed and time.time() < deadline:
            time.sleep(0.01)
        assert m.completed == [48]
        m.stop()
        """
    )


def test_there_is_one_subscriber_and_wrong_arguments_are_refused(run: Run) -> None:
    run(
        """
        m = Mspti().start()
        other = c.c_void_p()
        assert m.code("msptiSubscribe", c.byref(other), None, None) == MULTIPLE_SUBSCRIBERS
        assert m.code("msptiSubscribe", None, None, None) == INVALID_PARAMETER
        assert m.code("msptiUnsubscribe", c.c_void_p(8)) == INVALID_PARAMETER
        assert m.code("msptiActivityRegisterCallbacks", None, m.complete) == INVALID_PARAMETER
        assert m.code("msptiActivityEnable", 0) == m.code("msptiActivityEnable", 13) == INVALID_PARAMETER
        assert m.code("msptiActivityGetNextRecord", None, c.c_size_t(8), c.byref(other)) == INVALID_PARAMETER
        m.stop()
        m.stop()  # nobody subscribed: nothing to do
        assert m.code("msptiSubscribe", c.byref(m.subscriber), None, None) == 0
        """
    )


def test_a_callback_sees_a_copy_begin_and_end_where_preloaded(run: Run) -> None:
    run(
        """
        Callback = c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_uint32, c.POINTER(c.c_uint32))
        seen = []
        callback = Callback(lambda user, domain, id, data: seen.append((domain, id, data[0])))
        m = Mspti()
        assert m.code("msptiSubscribe", c.byref(m.subscriber), callback, None) == 0
        assert m.code("msptiEnableCallback", 1, m.subscriber, 1, 22) == 0  # aclrtMemcpy
        p = acl.malloc(64)
        acl.write(p, b"x" * 64)
        assert seen == [(1, 22, 0), (1, 22, 1)]
        assert m.code("msptiEnableCallback", 0, m.subscriber, 1, 22) == 0
        acl.write(p, b"x" * 64)
        assert len(seen) == 2
        """,
        preload=True,
    )
