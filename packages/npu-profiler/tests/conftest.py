"""Fixtures: traces, and processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch.profiler import profile

sys.path.append(str(Path(__file__).parent))  # for profiles, here and in the processes that `run` starts

Run = Callable[..., str]


@pytest.fixture
def trace_of(tmp_path: Path) -> Callable[[profile], dict[str, Any]]:
    """The exported Chrome trace of a profile, read back."""

    def read(p: profile) -> dict[str, Any]:
        path = tmp_path / "trace.json"
        p.export_chrome_trace(str(path))
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    return read


@pytest.fixture
def run() -> Run:
    """Runs code after the usual imports in a process of its own, under environment variables; its stdout and stderr."""

    def start(code: str, *command: str, **env: str) -> str:
        begin = (
            "import sys, json, warnings, torch\nfrom torch.profiler import profile, ProfilerActivity, record_function\n"
        )
        begin += f"sys.path.append({str(Path(__file__).parent)!r})\nfrom profiles import BOTH, device_events, kernels\n"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_", "ASCEND_", "LD_PRELOAD", "TASK_"))}
        done = subprocess.run(
            [*(command or (sys.executable,)), "-c", begin + textwrap.dedent(code)],
            env={**clean, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return start
