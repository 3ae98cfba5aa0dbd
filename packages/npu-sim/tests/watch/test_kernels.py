"""Settings that look at kernels or replace them: traces, null kernels, the cost of calls, modelled times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[1]
BEGIN = f"""
import sys, json, time, ctypes
sys.path += [{str(HERE)!r}, {str(HERE / "opapi")!r}]
import torch
from conftest import Cann
from acl_calls import *
cann = Cann()
acl = Acl()
x = torch.arange(6.0).reshape(2, 3)
def add():
    out = torch.zeros(2, 3)
    cann.run("aclnnAdd", x, x.t().contiguous().t(), 2, out)
    return out
"""


def run(code: str, **env: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_"))}
    env = {**clean, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0", **env}
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_null_kernels_check_and_do_not_compute_and_a_trace_tells_of_both_phases(tmp_path: Path) -> None:
    code = """
    print(add().sum().item())
    try:
        cann.run("aclnnAdd", x, x, 1, torch.zeros(5))
    except Exception as error:
        print(type(error).__name__)
    out = torch.zeros(6, 2, dtype=torch.int64)
    print(cann.run("aclnnNonzero", x, out)["out"])
    """
    lines = run(code, NPU_SIM_KERNELS="null", NPU_SIM_TRACE=str(tmp_path / "trace.%p")).splitlines()
    assert lines == ["0.0", "AclError", "(5, 2)"]
    (file,) = tmp_path.iterdir()
    assert file.name.removeprefix("trace.").isdigit()
    every: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
    traced = [line for line in every if "phase" in line]
    calls = [(t["call"], t["phase"], t["answer"] == 0) for t in traced]
    assert calls == [("aclnnAdd", 1, True), ("aclnnAdd", 2, True), ("aclnnAdd", 1, False), ("aclnnNonzero", 1, True),
                     ("aclnnNonzero", 2, True)]  # fmt: skip
    arguments = traced[0]["arguments"]
    assert arguments["self"] == {"shape": [2, 3], "strides": [3, 1], "dtype": "float32", "format": 2}
    assert arguments["other"]["strides"] == [1, 2]
    assert arguments["alpha"]["value"] == 2


def test_calls_cost_at_least_what_is_asked() -> None:
    code = """
    with cann.arguments("aclnnAdd", x, x, 1, torch.zeros(2, 3)) as call:
        def phases():
            t = time.perf_counter()
            size, executor = call.prepare()
            middle = time.perf_counter()
            call.launch(executor, None, size)
            return middle - t, time.perf_counter() - middle
        both = [phases() for _ in range(50)]
    print(json.dumps([min(p[0] for p in both), min(p[1] for p in both)]))
    """
    first, second = json.loads(run(code, NPU_SIM_CALL_COST="2000,1000.5"))
    assert first >= 2e-3
    assert second >= 1.0005e-3


def test_modelled_times_follow_the_peaks_not_this_machine() -> None:
    code = """
    before, after = acl.event(), acl.event()
    a, b = torch.ones(64, 128), torch.ones(128, 256)
    with cann.arguments("aclnnMatmul", a, b, torch.zeros(64, 256), 0) as call:
        size, executor = call.prepare()
        acl.check("aclrtRecordEvent", before, None)
        call.launch(executor, cann.malloc(size) if size else None, size)
        acl.check("aclrtRecordEvent", after, None)
        call.finish()
    ms = ctypes.c_float()
    cann.acl("aclrtEventElapsedTime", ctypes.byref(ms), ctypes.c_void_p(before), ctypes.c_void_p(after))
    print(ms.value)
    """
    # 2 * 64 * 128 * 256 operations at 1 MFLOPS, after 2 us of launch and what the host took between the calls.
    slow = float(run(code, NPU_SIM_TIMING="model", NPU_SIM_PEAK="0.000001,1000"))
    modelled = 2 * 64 * 128 * 256 / 1e6 * 1e3
    assert modelled <= slow < 1.5 * modelled  # the CPU takes microseconds for it


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NPU_SIM_KERNELS", "none", "real or null"),
        ("NPU_SIM_CALL_COST", "3", "microseconds of both phases such as 3,2.5"),
        ("NPU_SIM_TRACE", "/nowhere/file", "a file that can be written"),
        ("NPU_SIM_FAULTS", "oops", "rules such as oom@3"),
        ("NPU_SIM_TIMING", "fast", "host or model"),
        ("NPU_SIM_PEAK", "1", "TFLOPS and GB/s above 0"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_was_expected(name: str, value: str, expected: str) -> None:
    code = f"import sys; sys.path.append({str(HERE)!r}); from acl_calls import *\n"
    code += "acl = Acl(); print(acl.code('aclrtSetDevice', 0), acl.message())"
    env = {**os.environ, name: value}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("100000 "), done.stderr
    assert name in done.stdout
    assert expected in done.stdout
    assert f"'{value}'" in done.stdout


def test_the_model_of_a_soc_of_unknown_peaks_asks_for_them() -> None:
    code = f"import sys; sys.path.append({str(HERE)!r}); from acl_calls import *\n"
    code += "acl = Acl(); acl.code('aclrtSetDevice', 0); print(acl.message())"
    for peak, expected in (
        ("", "NPU_SIM_TIMING=model needs NPU_SIM_PEAK=<TFLOPS>,<GB/s>"),
        ("100,500", "aclInit must be called first"),
    ):
        env = {**os.environ, "NPU_SIM_TIMING": "model", "NPU_SIM_SOC": "Ascend910_9391", "NPU_SIM_PEAK": peak}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
        assert expected in done.stdout, done.stderr
