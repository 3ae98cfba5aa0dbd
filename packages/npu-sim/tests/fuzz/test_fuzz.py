"""A fixed budget of the fuzzer: whatever a client calls, the process lives and hears a documented code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FUZZER = Path(__file__).with_name("abi_fuzz.py")


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_", "HCCL_"))}
    env = {**clean, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0", "NPU_SIM_HBM": "64M"}
    return subprocess.run(
        [sys.executable, str(FUZZER), *arguments], env=env, capture_output=True, text=True, timeout=240
    )


def test_random_calls_do_not_end_the_process_and_are_answered_as_documented() -> None:
    done = fuzz("--rounds", "4", "--seconds", "150", "--seed", "4")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(done.stdout.split()[0]) > 500, done.stdout


def test_what_ends_the_process_is_found_and_told_as_calls() -> None:
    done = fuzz("--seconds", "1", "--crash")
    assert done.returncode == 1
    assert "status -6 after" in done.stdout
    assert "abort()" in done.stdout
