"""Injected faults have the device's codes, and are mended as there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
BEGIN = f"""
import sys, json
sys.path.append({str(HERE)!r})
sys.path.append({str(HERE / "opapi")!r})
from acl_calls import *
from npu_sim import faults
acl = Acl().start()
def fails(code, name, *args):
    try:
        acl.check(name, *args)
    except AclError as error:
        assert error.code == code, error
        return error.message
    raise AssertionError(name + " did not fail")
"""


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_"))}
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code)]
    env = {**clean, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0", **env}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def test_memory_that_ends_and_copies_that_fail() -> None:
    done = run("""
    p = acl.malloc(4096)
    with faults.inject("oom@2"):
        acl.check("aclrtFree", acl.malloc(4096))
        fails(207001, "aclrtMalloc", ctypes.byref(ctypes.c_void_p()), 4096, 0)
        acl.check("aclrtFree", acl.malloc(4096))   # recoverable: the next one succeeds
        assert faults.rules() == [{"rule": "oom@2", "seen": 3, "fired": 1}]
    stream = acl.stream()
    with faults.inject("copy:aclrtMemsetAsync"):
        acl.check("aclrtMemsetAsync", p, 64, 0, 64, stream)
        message = fails(507013, "aclrtSynchronizeStream", stream)
        assert "injected by NPU_SIM_FAULTS: copy:aclrtMemsetAsync" in message
        assert faults.fired() == 1
    fails(507013, "aclrtSynchronizeStream", stream)  # the device is at fault until it is reset
    acl.check("aclrtResetDeviceForce", 0)
    acl.check("aclrtSetDevice", 0)
    acl.check("aclrtMemsetAsync", acl.malloc(64), 64, 0, 64, None)
    acl.check("aclrtSynchronizeDevice")
    """)
    assert done.returncode == 0, done.stderr


def test_kernels_that_fail_and_hang() -> None:
    done = run("""
    import torch
    from conftest import Cann
    cann = Cann()
    x = torch.ones(8)
    def add():
        out = torch.zeros(8)
        cann.run("aclnnAdd", x, x, 1, out)
        return out
    with faults.inject("aicore:aclnnAdd@2"):
        assert add().eq(2).all()
        try:
            add()
        except Exception as error:
            print(error)
        else:
            raise AssertionError("the second aclnnAdd did not fail")
    acl.check("aclrtResetDeviceForce", 0)
    acl.check("aclrtSetDevice", 0)
    out = torch.zeros(8)
    with faults.inject("hang"), cann.arguments("aclnnAdd", x, x, 1, out) as call:
        size, executor = call.prepare()
        call.launch(executor, None, size)
        fails(507046, "aclrtSynchronizeDeviceWithTimeout", 50)
        acl.check("aclrtDeviceTaskAbort", 0, 1000)
    assert add().eq(2).all()
    """)
    assert done.returncode == 0, done.stderr
    assert "507015" in done.stdout
    assert "injected by NPU_SIM_FAULTS: aicore:aclnnAdd@2" in done.stdout


@pytest.mark.parametrize("reset", ["aclrtResetDevice", "aclrtResetDeviceForce"])
def test_resetting_the_device_ends_a_kernel_that_hangs(reset: str) -> None:
    done = run(f"""
    import time, torch
    from conftest import Cann
    cann = Cann()   # one more user of the device
    x, out = torch.ones(8), torch.zeros(8)
    with faults.inject("hang"), cann.arguments("aclnnAdd", x, x, 1, out) as call:
        size, executor = call.prepare()
        call.launch(executor, None, size)
        fails(507046, "aclrtSynchronizeDeviceWithTimeout", 50)
        began = time.perf_counter()
        while acl.code("aclrtResetDevice" if {reset!r} == "aclrtResetDevice" else {reset!r}, 0) == 0:
            pass        # every aclrtSetDevice counts
        assert time.perf_counter() - began < 5
        call.buffers.clear()
    acl.check("aclrtSetDevice", 0)
    cann.run("aclnnAdd", x, x, 1, out)
    assert out.eq(2).all()
    """)
    assert done.returncode == 0, done.stderr


def test_an_operator_that_hangs_is_a_fault_of_the_device_after_its_time() -> None:
    done = run("""
    import torch
    from conftest import Cann
    cann = Cann()
    acl.check("aclrtSetOpExecuteTimeOutV2", 100_000, ctypes.byref(ctypes.c_uint64()))   # microseconds
    x, out = torch.ones(8), torch.zeros(8)
    with faults.inject("hang"), cann.arguments("aclnnAdd", x, x, 1, out) as call:
        size, executor = call.prepare()
        call.launch(executor, None, size)
        message = fails(507014, "aclrtSynchronizeDeviceWithTimeout", 20_000)
        assert "aclnnAdd" in message, message
    """)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rules", ["oops", "oom@0", "slow", "aicore=3", "hang/1", "oom@3,,"])
def test_rules_that_are_none_are_refused_with_what_they_look_like(rules: str) -> None:
    done = run(f"""
    try:
        faults.set({rules!r})
    except ValueError as error:
        print(error)
    """)
    assert "expected rules such as oom@3" in done.stdout, done.stderr


def test_the_environment_takes_the_same_rules() -> None:
    done = run("fails(207001, 'aclrtMalloc', ctypes.byref(ctypes.c_void_p()), 4096, 0)", NPU_SIM_FAULTS="oom")
    assert done.returncode == 0, done.stderr


def test_a_link_that_is_lost_and_a_rank_that_is_slow() -> None:
    done = run("""
    import time
    hccl = ctypes.CDLL(str(Path(npu_sim.LIBRARY_DIR) / "libhccl.so"))
    info, comm, stream = ctypes.create_string_buffer(4108), ctypes.c_void_p(), acl.stream()
    assert hccl.HcclGetRootInfo(info) == 0
    assert hccl.HcclCommInitRootInfo(1, info, 0, ctypes.byref(comm)) == 0, acl.message()
    p = ctypes.c_void_p(acl.malloc(4096))
    def reduce():
        answer = hccl.HcclAllReduce(p, p, ctypes.c_uint64(16), 4, 0, comm, ctypes.c_void_p(stream))
        assert answer == 0, acl.message()
    with faults.inject("slow=300@2"):
        reduce()
        acl.check("aclrtSynchronizeStream", stream)
        began = time.perf_counter()
        reduce()
        acl.check("aclrtSynchronizeStream", stream)
        assert time.perf_counter() - began >= 0.3
    with faults.inject("link:HcclAllReduce"):
        reduce()
        fails(507057, "aclrtSynchronizeStream", stream)
        assert faults.fired() == 1
    """)
    assert done.returncode == 0, done.stderr
