"""aclprof* and Msprof*: a session writes what happened while it ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import npu_sim

HERE = Path(__file__).parents[1]

CLIENT = f"""
import ctypes as c, sys
sys.path.append({str(HERE)!r})
from acl_calls import Acl
acl = Acl().start()
lib = acl.lib  # aclprof* and Msprof* are found through libascendcl's handle
for name in ("aclprofCreateConfig", "aclprofCreateStepInfo", "MsprofId2Str"):
    getattr(lib, name).restype = c.c_void_p
lib.MsprofGetHashId.restype = lib.MsprofStr2Id.restype = lib.MsprofSysCycleTime.restype = c.c_uint64
told = []
Handle = c.CFUNCTYPE(c.c_int, c.c_uint, c.c_void_p, c.c_uint)
handle = Handle(lambda kind, command, size: told.append((kind, c.c_uint32.from_address(command + 280).value)) or 0)
assert lib.MsprofRegisterCallback(45, handle) == 0
class Api(c.Structure):
    _fields_ = [("magic", c.c_uint16), ("level", c.c_uint16), ("type", c.c_uint32), ("thread", c.c_uint32),
                ("reserve", c.c_uint32), ("begin", c.c_uint64), ("end", c.c_uint64), ("item", c.c_uint64)]
folder = sys.argv[1].encode()
config = lib.aclprofCreateConfig((c.c_uint32 * 1)(0), 1, 255, None, c.c_uint64(2))
stream = acl.stream()

def work():
    memory = acl.malloc(4096)
    acl.check("aclrtMemsetAsync", memory, 4096, 1, 4096, stream)
    acl.check("aclrtSynchronizeStream", stream)
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_"))}
    command = [sys.executable, "-c", CLIENT + code, str(folder)]
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60)


def test_a_session_writes_calls_tasks_marks_and_reports_of_its_time_only(tmp_path: Path) -> None:
    code = """
work()
acl.check("aclprofInit", folder, len(folder))
acl.check("aclprofStart", config)
work()
step = lib.aclprofCreateStepInfo()
acl.check("aclprofGetStepTimestamp", step, 0, stream)
acl.check("aclprofGetStepTimestamp", step, 1, stream)
acl.check("aclprofMarkEx", b"here", 4, stream)
item = lib.MsprofGetHashId(b"aclnnAdd", c.c_size_t(8))
assert item == lib.MsprofStr2Id(b"aclnnAdd", c.c_size_t(8))
assert c.string_at(lib.MsprofId2Str(c.c_uint64(item))) == b"aclnnAdd"
now = lib.MsprofSysCycleTime()
api = Api(23130, 10000, 5, 7, 0, now, now + 5, item)
assert lib.MsprofReportApi(1, c.byref(api)) == 0
acl.check("aclrtSynchronizeStream", stream)
acl.check("aclprofStop", config)
work()
assert lib.MsprofReportApi(1, c.byref(api)) == 0
acl.check("aclprofFinalize")
acl.check("aclprofDestroyConfig", config)
assert told == [(1, 1), (1, 2)], told
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("PROF_000001_")
    lines = [json.loads(line) for line in (folder / "npu_sim.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds.count("copy") == 1
    assert [line["name"] for line in lines if line["kind"] == "call"].count("aclrtMemsetAsync") == 1
    marks = [(m["phase"], m["name"], m["stream"] >= 0) for m in lines if m["kind"] == "mark"]
    assert sorted(marks) == sorted(
        (phase, name, on) for phase, name in (("start", "step"), ("end", "step"), ("instant", "here")) for on in (0, 1)
    )
    (report,) = [line for line in lines if line["kind"] == "report"]
    assert (report["of"], report["level"], report["end_ns"] - report["start_ns"]) == ("api", 10000, 5)


def test_what_is_out_of_order_or_foreign_is_refused(tmp_path: Path) -> None:
    code = """
CODES = []
def refused(name, *args):
    CODES.append(acl.code(name, *args))
    assert acl.message(), name
refused("aclprofStart", config)                 # before aclprofInit
refused("aclprofFinalize")
refused("aclprofInit", b"/nowhere", 8)
acl.check("aclprofInit", folder, len(folder))
refused("aclprofInit", folder, len(folder))
refused("aclprofStop", config)
refused("aclprofStart", 4096)                   # no config
acl.check("aclprofStart", config)
refused("aclprofStart", config)
refused("aclprofFinalize")
refused("aclprofSetConfig", 5, b"50", 2)        # no sensors
size, data = c.c_size_t(7), c.c_void_p(7)
acl.check("aclprofGetSupportedFeatures", c.byref(size), c.byref(data))
acl.check("aclprofWarmup", config)
acl.check("aclprofStop", config)
acl.check("aclprofDestroyConfig", config)
refused("aclprofDestroyConfig", config)
refused("aclprofGetStepTimestamp", 4096, 0, stream)
print(CODES, size.value, data.value)
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    not_run, running, param, config, unsupported = 100043, 100042, 100000, 100010, 200007
    expected = [not_run, not_run, param, running, not_run, config, running, running, unsupported, config, param]
    assert done.stdout.strip() == f"{expected} 0 None"


def test_the_wheel_finds_the_names_where_it_looks() -> None:
    libraries = npu_sim.LIBRARY_DIR
    assert (libraries / "libmsprofiler.so").is_file()
    assert (libraries / "libms_tools_ext.so").is_file()
