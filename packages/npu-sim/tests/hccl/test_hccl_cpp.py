"""Builds and runs the C++ tests of libhccl (csrc/hccl/tests). Their ranks are threads: TSan looks on."""

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
def test_cpp_unit_tests_pass_without_a_data_race(tmp_path: Path) -> None:
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    options = {
        "NPU_BUILD_TESTS": "ON",
        "NPU_SIM_ONLY": "machine;hccl",
        "NPU_SANITIZE": os.environ.get("NPU_SANITIZE") or "thread",
        "CMAKE_PREFIX_PATH": Path(npu_cann.__file__).parent,  # GoogleTest: the system's, or the environment's
        "Python_EXECUTABLE": sys.executable,
    }
    definitions = [f"-D{k}={v}" for k, v in options.items()]
    configure = ["cmake", *generator, "-S", str(PACKAGE), "-B", str(tmp_path), *definitions]
    subprocess.run(configure, check=True, capture_output=True)
    build = ["cmake", "--build", str(tmp_path), "--target", "npu_sim_hccl_tests"]
    subprocess.run(build, check=True, capture_output=True)
    program = str(tmp_path / "csrc/hccl/npu_sim_hccl_tests")
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "PASSED" in done.stdout
    assert "Sanitizer" not in done.stderr
