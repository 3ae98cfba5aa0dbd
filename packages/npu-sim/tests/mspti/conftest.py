"""Runs code in a process of its own: libmspti has one subscriber a process, and looks at LD_PRELOAD once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import npu_sim

HERE = Path(__file__).parent
LIBRARY = Path(npu_sim.LIBRARY_DIR) / "libmspti.so"
Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """Runs code that finds a device as ``acl`` and the client's names; `operators`: and aclnn operators as ``cann``."""

    def start(code: str, preload: bool = False, operators: bool = False) -> str:
        paths = [str(HERE.parent / "opapi"), str(HERE), str(HERE.parent)]
        begin = f"import sys, time, ctypes as c; sys.path += {paths!r}\n"
        begin += "from mspti_client import *\nfrom acl_calls import *\n"
        begin += "acl = Acl().start()\n"
        if operators:
            begin += "import torch; from conftest import Cann; cann = Cann()\n"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_", "LD_PRELOAD"))}
        if preload:
            clean["LD_PRELOAD"] = str(LIBRARY)
        done = subprocess.run(
            [sys.executable, "-c", begin + textwrap.dedent(code)],
            env={**clean, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return start
