"""Builds a library's C++ unit tests out of this package's sources, and runs them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import npu_cann

PACKAGE = Path(__file__).parents[1]

needs_compiler = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("c++")), reason="needs cmake and a C++ compiler"
)


def passes(library: str, folder: Path, *, sanitize: str = "") -> None:
    """Raises AssertionError, with what was said last, unless `npu_sim_{library}_tests` builds and passes."""
    options = {
        "NPU_BUILD_TESTS": "ON",
        "NPU_SIM_ONLY": library if library == "machine" else f"machine;{library}",
        "NPU_SANITIZE": sanitize,
        "CMAKE_PREFIX_PATH": Path(npu_cann.__file__).parent,  # GoogleTest: the system's, or the environment's
        "Python_EXECUTABLE": sys.executable,
    }
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    definitions = [f"-D{k}={v}" for k, v in options.items()]
    target = f"npu_sim_{library}_tests"
    run("cmake", *generator, "-S", str(PACKAGE), "-B", str(folder), *definitions)
    run("cmake", "--build", str(folder), "--target", target)
    said = run(str(folder / "csrc" / library / target))
    assert "PASSED" in said, said[-6000:]
    assert "Sanitizer" not in said, said[-6000:]


def run(*command: str) -> str:  # pytest's own limit ends what hangs
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-6000:]}"
    return done.stdout
