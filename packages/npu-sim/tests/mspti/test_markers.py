"""Marks and ranges of libms_tools_ext become records of libmspti."""

from __future__ import annotations

import json

from .conftest import Run

CLIENT = """
import json
from pathlib import Path
import npu_sim
mstx = c.CDLL(str(Path(npu_sim.LIBRARY_DIR) / "libms_tools_ext.so"))
mstx.mstxDomainCreateA.restype = c.c_void_p
mstx.mstxRangeStartA.restype = mstx.mstxDomainRangeStartA.restype = c.c_uint64
stream = c.c_void_p(acl.stream())
"""


def test_marks_are_recorded_on_the_host_and_on_their_stream(run: Run) -> None:
    code = """
    mstx.mstxMarkA(b"unheard", None)
    client = Mspti().start(MARKER)
    mstx.mstxMarkA(b"moment", None)
    range = c.c_uint64(mstx.mstxRangeStartA(b"step", stream))
    mstx.mstxRangeEnd(range)
    mstx.mstxRangeEnd(range)  # ended already
    domain = c.c_void_p(mstx.mstxDomainCreateA(b"mine"))
    client.code("msptiActivityDisableMarkerDomain", b"mine")
    mstx.mstxDomainMarkA(domain, b"silent", None)
    client.code("msptiActivityEnableMarkerDomain", b"mine")
    mstx.mstxDomainMarkA(domain, b"heard", None)
    acl.check("aclrtSynchronizeStream", stream)
    print(json.dumps([[r["flag"], r["source"], r["name"], r["domain"], r["id"], r["time"]] for r in client.of(MARKER)]))
    """
    records = json.loads(run(CLIENT + "\n".join(line[4:] for line in code.splitlines())))
    host, device = 0, 1
    instant, start, end = 1, 16, 32
    short = sorted((r[0], r[1], r[2], r[3]) for r in records)
    assert short == sorted([
        (instant, host, "moment", "default"),
        (start, host, "step", "default"),
        (start, device, "step", "default"),
        (end, host, "", "default"),
        (end, device, "", "default"),
        (instant, host, "heard", "mine"),
    ])  # fmt: skip
    assert len({r[4] for r in records if r[0] in (start, end)}) == 1
    times = [r[5] for r in records if r[1] == device]
    assert times == sorted(times)


def test_heaps_and_regions_are_handles_of_their_own(run: Run) -> None:
    code = """
    mstx.mstxMemHeapRegister.restype = c.c_void_p
    class Range(c.Structure):
        _fields_ = [("device", c.c_uint32), ("ptr", c.c_void_p), ("size", c.c_uint64)]
    class Heap(c.Structure):
        _fields_ = [("usage", c.c_int), ("type", c.c_int), ("desc", c.POINTER(Range))]
    class Batch(c.Structure):
        _fields_ = [("heap", c.c_void_p), ("type", c.c_int), ("count", c.c_size_t), ("array", c.c_void_p),
                    ("out", c.POINTER(c.c_void_p))]
    class Ref(c.Structure):
        _fields_ = [("type", c.c_int), ("value", c.c_void_p)]
    class Refs(c.Structure):
        _fields_ = [("count", c.c_size_t), ("array", c.POINTER(Ref))]
    heap = mstx.mstxMemHeapRegister(None, c.byref(Heap(0, 0, c.pointer(Range(0, 4096, 1 << 20)))))
    assert heap and not mstx.mstxMemHeapRegister(None, None)
    regions, handles = (Range * 2)(Range(0, 4096, 512), Range(0, 8192, 512)), (c.c_void_p * 2)()
    mstx.mstxMemRegionsRegister(None, c.byref(Batch(heap, 0, 2, c.addressof(regions), handles)))
    print(json.dumps([bool(handles[0]), bool(handles[1]), handles[0] != handles[1]]))
    mstx.mstxMemRegionsUnregister(None, c.byref(Refs(1, c.pointer(Ref(1, handles[0])))))
    mstx.mstxMemRegionsUnregister(None, c.byref(Refs(1, c.pointer(Ref(0, 4096)))))  # gone already
    mstx.mstxMemHeapUnregister(None, c.c_void_p(heap))
    mstx.mstxMemHeapUnregister(None, c.c_void_p(heap))
    mstx.mstxMemRegionsRegister(None, c.byref(Batch(heap, 0, 1, c.addressof(regions), handles)))
    print(json.dumps(handles[0]))
    """
    out = run(CLIENT + "\n".join(line[4:] for line in code.splitlines()))
    assert [json.loads(line) for line in out.splitlines()] == [[True, True, True], None]
