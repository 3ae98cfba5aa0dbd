"""NPU_SIM_TRACE: every call of the ABI as a JSON line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from acl_calls import Run

import npu_sim

LIB = Path(npu_sim.LIBRARY_DIR)
#: Not of the ABI: the simulator's own, for npu_sim.faults and the like.
OWN = "npu_sim_"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def exported() -> dict[str, list[str]]:
    """library -> the C functions of CANN that it exports, operators aside."""
    nm = shutil.which("nm")
    if nm is None:
        pytest.fail("nm (binutils) is needed")
    found = {}
    for path in sorted(LIB.glob("lib*.so")):
        done = subprocess.run([nm, "-D", "--defined-only", path], capture_output=True, text=True, check=True)
        names = [line.split()[2] for line in done.stdout.splitlines() if line.split()[1] == "T"]
        found[path.name] = [n for n in names if not n.startswith(("_Z", OWN)) and path.name != "libopapi.so"]
    return {library: names for library, names in found.items() if names}


def test_every_exported_function_is_in_the_trace_when_it_is_called_and_nothing_else_is(
    run: Run, tmp_path: Path
) -> None:
    names = exported()
    assert sum(map(len, names.values())) > 350
    trace = tmp_path / "trace"
    done = run(
        f"""
        import ctypes
        zeros = [ctypes.c_void_p()] * 14  # nothing, wherever a pointer or a number is expected
        for library, names in {names!r}.items():
            handle = ctypes.CDLL({str(LIB)!r} + "/" + library)
            for name in names:
                getattr(handle, name)(*zeros)
        print("alive")
        """,
        start=False,
        NPU_SIM_TRACE=str(trace),
    )
    assert done.stdout.strip() == "alive", done.stderr
    found = [line["call"] for line in lines(trace)]
    assert sorted(found) == sorted(name for group in names.values() for name in group)


def test_a_line_has_the_arguments_outputs_direction_and_answer(run: Run, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    done = run(
        """
        p = acl.malloc(256)
        acl.write(p, bytes(256))
        assert acl.code("aclrtMemcpy", p, 1, p, 256, 3) != 0
        acl.read(p, 8)
        stream, two = acl.stream(), ctypes.create_string_buffer(16)
        acl.check("aclrtMemcpyAsync", two, 16, p, 16, 4, stream)
        print(hex(p), hex(stream))
        """,
        NPU_SIM_TRACE=str(trace),
    )
    address, stream = done.stdout.split()
    found = lines(trace)
    assert [line["n"] for line in found] == list(range(len(found)))
    malloc = next(line for line in found if line["call"] == "aclrtMalloc")
    assert malloc["arguments"] == {"devPtr": address, "size": 256, "policy": 0}
    assert malloc["answer"] == 0
    copies = [line for line in found if line["call"].startswith("aclrtMemcpy")]
    assert [c.get("direction") for c in copies] == ["host to device", None, "device to host", "device to host"]
    assert copies[1]["answer"] == 100000
    assert copies[1]["arguments"] == {"dst": address, "destMax": 1, "src": address, "count": 256, "kind": 3}
    assert copies[3]["arguments"]["kind"] == 4  # left to the addresses
    assert copies[3]["arguments"]["stream"] == stream


def test_strings_arrays_and_batches_are_whole(run: Run, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    done = run(
        """
        dims = (ctypes.c_int64 * 3)(2, 3, 5)
        acl.lib.aclCreateTensorDesc.restype = ctypes.c_void_p
        desc = ctypes.c_void_p(acl.lib.aclCreateTensorDesc(0, 3, dims, 2))
        acl.lib.aclSetTensorDescName(desc, "é\\"x".encode())
        acl.lib.aclSetTensorDescName(desc, b"\\xff")
        acl.lib.aclAppLog(1, b"f", b"file.cpp", 7, b"%d", 1)
        """,
        NPU_SIM_TRACE=str(trace),
    )
    assert done.returncode == 0, done.stderr
    by_name: dict[str, list[dict[str, Any]]] = {}
    for line in lines(trace):
        by_name.setdefault(line["call"], []).append(line)
    assert by_name["aclCreateTensorDesc"][0]["arguments"]["dims"] == [2, 3, 5]
    assert [c["arguments"]["name"] for c in by_name["aclSetTensorDescName"]] == ['é"x', "\\xff"]
    assert by_name["aclSetTensorDescName"][0]["answer"] is None
    assert by_name["aclAppLog"][0]["arguments"]["line"] == 7


def test_a_child_of_fork_writes_a_file_of_its_own(run: Run, tmp_path: Path) -> None:
    done = run(
        """
        import os
        acl.code("aclrtGetDeviceCount", ctypes.byref(ctypes.c_uint32()))
        if not (child := os.fork()):
            acl.code("aclrtGetDeviceCount", ctypes.byref(ctypes.c_uint32()))
            os._exit(0)
        os.waitpid(child, 0)
        print(os.getpid(), child)
        """,
        start=False,
        NPU_SIM_TRACE=str(tmp_path / "trace.%p"),
    )
    for process in done.stdout.split():
        assert [line["call"] for line in lines(tmp_path / f"trace.{process}")] == ["aclrtGetDeviceCount"]


def test_times_of_a_model_are_labelled_as_modelled_wherever_they_are_written(run: Run, tmp_path: Path) -> None:
    code = f"""
        acl.lib.aclprofCreateConfig.restype = ctypes.c_void_p
        config = acl.lib.aclprofCreateConfig((ctypes.c_uint32 * 1)(0), 1, 255, None, ctypes.c_uint64(2))
        folder = {str(tmp_path)!r}.encode()
        acl.check("aclprofInit", folder, len(folder))
        acl.check("aclprofStart", config)
        p, begin, end = acl.malloc(64), acl.event(), acl.event()
        acl.check("aclrtRecordEvent", begin, None)
        acl.check("aclrtMemsetAsync", p, 64, 0, 64, None)
        acl.check("aclrtRecordEvent", end, None)
        acl.check("aclrtSynchronizeEvent", end)
        acl.check("aclrtEventElapsedTime", ctypes.byref(ctypes.c_float()), begin, end)
        acl.check("aclprofStop", config)
        acl.check("aclprofFinalize")
        """
    for timing in ("host", "model"):
        trace = tmp_path / timing
        done = run(code, NPU_SIM_TRACE=str(trace), NPU_SIM_TIMING=timing, NPU_SIM_PEAK="100,1000")
        assert done.returncode == 0, done.stderr
        (session,) = tmp_path.glob("PROF_*/npu_sim.jsonl")
        rows = [*lines(session), *lines(trace)]
        session.unlink()
        session.parent.rmdir()
        times = [row for row in rows if row.get("kind") == "copy" or row.get("call") == "aclrtEventElapsedTime"]
        assert len(times) == 2
        assert [row.get("modelled", False) for row in times] == [timing == "model"] * 2
        said = "modelled (NPU_SIM_TIMING=model: 100 TFLOPS, 1000 GB/s)"
        assert done.stderr.count(said) == (timing == "model")
