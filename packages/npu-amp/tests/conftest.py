"""What the tests of npu-amp share. They need npu-ops and a runtime: NPU_RUNTIME=sim, or a device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

os.environ.setdefault("NPU_RUNTIME", "sim")
os.environ.setdefault("NPU_FALLBACK", "error")


@pytest.fixture
def on_soc() -> Callable[[str, str], str]:
    """Runs a script on a SoC of a name; answers what it printed."""

    def run(soc: str, script: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"NPU_SIM_SOC": soc, "NPU_SIM_HBM": "1G"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
