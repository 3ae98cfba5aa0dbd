"""The life of a process with simulated devices: settings, initialisation, contexts, fork, exit."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from acl_calls import Acl, Run

import npu_sim
from npu_sim.runtime import provider


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


COUNT = 'print(acl.out("aclrtGetDeviceCount", kind=ctypes.c_uint32))'


def test_devices_are_counted_without_initialisation_and_without_poisoning_fork(run: Run) -> None:
    code = f"""
    {COUNT}
    assert acl.lib.aclrtGetSocName() == b"Ascend910B2"
    import os
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == 0
    else:
        acl.start()
        acl.write(acl.malloc(8), b"in child")
    """
    assert ok(run(code, start=False)) == "2\n"


def test_a_forked_child_gets_an_error_and_no_hang(run: Run) -> None:
    code = """
    import os
    stream = acl.stream()
    acl.check("aclrtSynchronizeStream", stream)
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == 0
        acl.check("aclrtSynchronizeStream", stream)
    else:
        calls = [("aclrtSynchronizeStream", stream), ("aclrtSetDevice", 0), ("aclrtSynchronizeDevice",)]
        for call in calls:
            assert acl.code(*call) == 507899, call
            assert "fork" in acl.message()
    """
    ok(run(code))


@pytest.mark.parametrize(
    ("env", "count"),
    [
        ({"NPU_SIM": "5"}, 5),
        ({"NPU_SIM": "4", "ASCEND_RT_VISIBLE_DEVICES": "2,0"}, 2),
        ({"NPU_SIM": "4", "ASCEND_RT_VISIBLE_DEVICES": "1,9,2"}, 1),
        ({"NPU_SIM": "4", "ASCEND_RT_VISIBLE_DEVICES": "3,3"}, 1),
    ],
)
def test_settings_say_how_many_devices_there_are(run: Run, env: dict[str, str], count: int) -> None:
    assert ok(run(COUNT, start=False, **env)) == f"{count}\n"


@pytest.mark.parametrize(
    "env", [{"NPU_SIM": "0"}, {"ASCEND_RT_VISIBLE_DEVICES": ""}, {"ASCEND_RT_VISIBLE_DEVICES": "x"}]
)
def test_no_visible_device_is_an_error_that_says_so(run: Run, env: dict[str, str]) -> None:
    code = f"try:\n    {COUNT}\nexcept AclError as e:\n    print(e.code, e.message)"
    assert ok(run(code, start=False, **env)).startswith("207004 this process sees no device")


def test_visible_devices_are_renumbered(run: Run) -> None:
    code = """
    def logic(i):
        v = ctypes.c_int32()
        acl.check("aclrtGetLogicDevIdByUserDevId", i, ctypes.byref(v))
        return v.value
    print(logic(0), logic(1), acl.code("aclrtSetDevice", 2))
    """
    assert ok(run(code, NPU_SIM="4", ASCEND_RT_VISIBLE_DEVICES="3,1")) == "3 1 107001\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NPU_SIM", "many"),
        ("NPU_SIM_HBM", "64X"),
        ("NPU_SIM_THREADS", "0"),
        ("NPU_SIM_SOC", "Ascend9"),
        ("NPU_SIM_SOC", "Ascend910A"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(run: Run, name: str, value: str) -> None:
    code = 'assert acl.code("aclInit", None) == 100000; print(acl.message())'
    message = ok(run(code, start=False, **{name: value}))
    assert name in message or "NPU_SIM_HBM" in message
    assert value in message


def test_a_soc_of_unknown_memory_counts_no_device_and_says_what_to_set(run: Run) -> None:
    code = f"try:\n    {COUNT}\nexcept AclError as e:\n    print(e.code, e.message)"
    said = ok(run(code, start=False, NPU_SIM_SOC="Ascend910A"))
    assert said.startswith("100000 NPU_SIM_SOC=Ascend910A needs NPU_SIM_HBM=<GB>G")
    assert "no public source states how much memory Ascend910A has" in said
    assert ok(run(COUNT, start=False, NPU_SIM_SOC="Ascend910A", NPU_SIM_HBM="32G")) == "2\n"


def test_no_call_follows_a_null_or_foreign_handle(run: Run) -> None:
    """Before initialisation, with a device, and after the end: every call answers, none crashes."""
    code = """
    import npu_cann, re
    header = (npu_cann.INCLUDE_DIR / "npu/cann/acl.h").read_text()
    declared = re.findall(r"^[\\w ]+[ *](acl\\w+)\\(([^)]*)\\)", header, re.MULTILINE)
    ends = ("aclInit", "aclFinalize", "aclrtResetDevice", "aclrtResetDeviceForce")
    calls = [(n, p) for n, p in declared if hasattr(acl.lib, n) and n not in ends]
    assert len(calls) > 80, len(calls)
    is_handle = re.compile("aclrt(Stream|Event|Notify|Context|DrvMemHandle) ").search
    def everything():
        for name, params in calls:
            for handle in (None, 1, 0x4242_4242_4242, (1 << 40) | 99):
                words = [handle if is_handle(p) else None for p in params.split(",")]
                getattr(acl.lib, name)(*map(ctypes.c_void_p, words))
    everything()
    acl.start()
    everything()
    acl.check("aclrtResetDeviceForce", 0)
    acl.check("aclFinalize")
    everything()
    """
    ok(run(code, start=False))


def test_the_soc_decides_what_the_device_says(run: Run) -> None:
    code = """
    def info(attr):
        v = ctypes.c_int64()
        code = acl.code("aclrtGetDeviceInfo", 0, attr, ctypes.byref(v))
        return v.value if code == 0 else code
    bf16 = ctypes.c_int32()
    acl.check("aclGetCannAttribute", 1, ctypes.byref(bf16))
    print(acl.lib.aclrtGetSocName().decode(), info(101), info(102), info(301), bf16.value)
    """
    assert ok(run(code)) == f"Ascend910B2 24 24 {64 << 30} 1\n"
    assert ok(run(code, NPU_SIM_SOC="Ascend310P3")) == "Ascend310P3 8 207000 24000000000 0\n"
    assert ok(run(code, NPU_SIM_SOC="Ascend910A", NPU_SIM_HBM="32G")) == f"Ascend910A 32 207000 {32 << 30} 0\n"


def test_initialisation_is_once_and_comes_first(run: Run) -> None:
    code = """
    print(acl.code("aclrtSetDevice", 0), acl.code("aclFinalize"), acl.code("aclInit", None), acl.code("aclInit", None))
    acl.start()
    p = acl.malloc(64)
    print(acl.code("aclFinalize"), acl.code("aclFinalize"), acl.code("aclrtFree", p), acl.code("aclrtSetDevice", 0))
    acl.start().malloc(64)
    """
    assert ok(run(code, start=False)) == "100001 100001 0 100002\n0 100037 107002 100001\n"


def test_a_thread_without_a_device_is_told_to_set_one(run: Run) -> None:
    code = """
    import threading
    stream = acl.stream()
    def work():
        print(acl.code("aclrtSynchronizeStream", stream), acl.message())
        acl.check("aclrtSetDevice", 0)
        acl.check("aclrtSynchronizeStream", stream)
    t = threading.Thread(target=work); t.start(); t.join()
    """
    out = ok(run(code))
    assert out.startswith("107002 ")
    assert "aclrtSetDevice" in out


def test_a_reset_releases_the_device_when_its_last_user_goes(run: Run) -> None:
    code = """
    acl.check("aclrtSetDevice", 0)  # the second time
    p, stream = acl.malloc(1 << 20), acl.stream()
    acl.check("aclrtResetDevice", 0)
    acl.write(p, b"still there")
    acl.check("aclrtResetDevice", 0)
    print(acl.code("aclrtMemset", p, 1, 0, 1), acl.code("aclrtResetDevice", 0))
    acl.check("aclrtSetDevice", 0)
    print(acl.code("aclrtSynchronizeStream", stream), acl.code("aclrtFree", p))
    """
    assert ok(run(code)) == "107002 107001\n107017 207002\n"


def test_contexts_are_switched_per_thread(acl: Acl, codes: dict[str, int]) -> None:
    before = acl.out("aclrtGetCurrentContext")
    created = ctypes.c_void_p()
    acl.check("aclrtCreateContext", ctypes.byref(created), 1)
    try:
        assert acl.out("aclrtGetDevice", kind=ctypes.c_int32) == 1
        assert acl.out("aclrtGetCurrentContext") == created.value
        acl.check("aclrtSetCurrentContext", before)
        assert acl.out("aclrtGetDevice", kind=ctypes.c_int32) == 0
    finally:
        acl.check("aclrtSetCurrentContext", before)
        acl.check("aclrtDestroyContext", created)
    assert acl.code("aclrtSetCurrentContext", created) == codes["ACL_ERROR_RT_CONTEXT_NULL"]


def test_a_message_is_handed_out_once_and_the_last_error_stays_until_read(acl: Acl) -> None:
    assert acl.code("aclrtSetDevice", 99) == 107001
    assert acl.code("aclrtPeekAtLastError", 0) == 107001
    assert acl.code("aclrtGetLastError", 0) == 107001
    assert acl.code("aclrtGetLastError", 0) == 0
    assert "device 99 does not exist" in (acl.message() or "")
    assert acl.message() is None


def test_exit_with_work_under_way_neither_hangs_nor_changes_the_status(run: Run) -> None:
    code = """
    p = acl.malloc(64 << 20)
    streams = [acl.stream() for _ in range(4)]
    for i in range(200):
        acl.check("aclrtMemsetAsync", p, 64 << 20, i, 64 << 20, streams[i % 4])
    event = acl.event()
    acl.check("aclrtRecordEvent", event, streams[0])
    acl.check("aclrtStreamWaitEvent", streams[1], event)
    sys.exit(3)
    """
    done = run(code)
    assert (done.returncode, done.stderr) == (3, "")


def test_the_provider_answers_without_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPU_SIM", raising=False)
    info = provider()
    assert info["library_dir"] == str(npu_sim.LIBRARY_DIR)
    assert info["label"] == " (simulated)"
    assert "simulated" in info["notice"]
    assert info["hardware"] is False
    monkeypatch.setenv("NPU_SIM", "0")
    info = provider()
    assert info["library_dir"] is None
    assert "NPU_SIM=0" in (info["reason"] or "")


def test_libascendcl_exports_declared_names_and_needs_no_torch() -> None:
    import npu_cann

    def nm(library: str, *flags: str) -> str:
        path = str(Path(npu_sim.LIBRARY_DIR) / library)
        return subprocess.run([*flags, path], capture_output=True, text=True, check=True).stdout

    header = (npu_cann.INCLUDE_DIR / "npu/cann/acl.h").read_text()
    exported = [line.split()[-1] for line in nm("libascendcl.so", "nm", "-D", "--defined-only").splitlines()]
    assert len(exported) > 80
    assert [name for name in exported if f" {name}(" not in header] == []
    for library in ("libascendcl.so", "libnpusim.so"):
        assert "torch" not in nm(library, "readelf", "-d")
        assert "RUNPATH" not in nm(library, "readelf", "-d") or "$ORIGIN" in nm(library, "readelf", "-d")
