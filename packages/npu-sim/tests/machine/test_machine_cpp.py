"""Builds and runs the C++ unit tests of the simulated machine (csrc/machine/tests)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import npu_cann

PACKAGE = Path(__file__).parents[2]


@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("c++")), reason="needs cmake and a C++ compiler")
def test_cpp_unit_tests_pass(tmp_path: Path) -> None:
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    options = {
        "NPU_BUILD_TESTS": "ON",
        "NPU_SIM_ONLY": "machine",
        "CMAKE_PREFIX_PATH": Path(npu_cann.__file__).parent,  # GoogleTest: the system's, or the environment's
        "Python_EXECUTABLE": sys.executable,
        "NPU_SANITIZE": os.environ.get("NPU_SANITIZE", ""),
    }
    configure = [
        "cmake",
        *generator,
        "-S",
        str(PACKAGE),
        "-B",
        str(tmp_path),
        *(f"-D{k}={v}" for k, v in options.items()),
    ]
    subprocess.run(configure, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", str(tmp_path)], check=True, capture_output=True)
    done = subprocess.run(
        [str(tmp_path / "csrc/machine/npu_sim_machine_tests")], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "PASSED" in done.stdout
