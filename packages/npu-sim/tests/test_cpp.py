"""Builds the C++ unit tests of libraries out of this package's sources (csrc/*/tests), and runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import npu_cann

PACKAGE = Path(__file__).parents[1]


# The ranks that libhccl's tests run are threads: the thread sanitizer looks on.
@pytest.mark.parametrize(("library", "sanitizer"), [("machine", ""), ("hccl", "thread")])
@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("c++")), reason="needs cmake and a C++ compiler")
def test_cpp_unit_tests_pass(tmp_path: Path, library: str, sanitizer: str) -> None:
    options = {
        "NPU_BUILD_TESTS": "ON",
        "NPU_SIM_ONLY": library if library == "machine" else f"machine;{library}",
        "NPU_SANITIZE": os.environ.get("NPU_SANITIZE") or sanitizer,
        "CMAKE_PREFIX_PATH": Path(npu_cann.__file__).parent,  # GoogleTest: the system's, or the environment's
        "Python_EXECUTABLE": sys.executable,
    }
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    definitions = [f"-D{k}={v}" for k, v in options.items()]
    target = f"npu_sim_{library}_tests"
    run("cmake", *generator, "-S", str(PACKAGE), "-B", str(tmp_path), *definitions)
    run("cmake", "--build", str(tmp_path), "--target", target)
    said = run(str(tmp_path / "csrc" / library / target))
    assert "PASSED" in said
    assert "Sanitizer" not in said


def run(*command: str) -> str:  # pytest's own limit ends what hangs
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-6000:]}"
    return done.stdout
