"""What the tests of npu-amp share. They need npu-ops and a runtime: NPU_RUNTIME=sim, or a device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

os.environ.setdefault("NPU_RUNTIME", "sim")


@pytest.fixture(autouse=True)
def no_fallback() -> Iterator[None]:
    """Every test runs on the device: nothing may fall back to the CPU meanwhile."""
    import torch

    torch.npu.reset_fallback_report()
    yield
    assert torch.npu.fallback_report() == []


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
