"""npu-sim is a CANN for whoever comes: it is built and works where none of our other wheels is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
#: Everything that a build reads.
BUILD = ("pyproject.toml", "CMakeLists.txt", "cmake", "codegen", "csrc", "src")
OURS = re.compile(r"\b(npu[-_](core|ops|dist|amp|profiler)|torch[-_]npu)\b")

RUN = f"""
import ctypes, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("npu_core", "npu_ops", "npu_dist", "npu_amp", "npu_profiler", "torch_npu"):
            raise AssertionError(f"npu-sim imports {{name}}")
sys.meta_path.insert(0, Refuse())
sys.path += [{str(PACKAGE / "tests")!r}, {str(PACKAGE / "tests" / "opapi")!r}]
import torch
from conftest import Cann
cann, x, out = Cann(), torch.ones(4), torch.zeros(4)
cann.run("aclnnAdd", x, x, 1, out)
assert out.eq(2).all()
import npu_sim.check, npu_sim.cli, npu_sim.faults, npu_sim.runtime, npu_sim.smi, npu_sim.toolkit
assert npu_sim.runtime.provider()["library_dir"]
maps = open("/proc/self/maps").read()
assert "libopapi" in maps and "libnpu_core" not in maps
print("works")
"""


def files() -> list[Path]:
    found = [PACKAGE / name for name in BUILD]
    found = [f for p in found for f in ([p] if p.is_file() else p.rglob("*")) if f.is_file()]
    return [f for f in found if f.suffix in (".toml", ".txt", ".cmake", ".py", ".cpp", ".h", ".yaml", ".map")]


@pytest.mark.parametrize("name", ["pyproject.toml", "CMakeLists.txt"])
def test_no_other_wheel_of_ours_is_needed_to_build(name: str) -> None:
    assert not OURS.findall((PACKAGE / name).read_text())


def test_no_source_includes_or_imports_another_wheel_of_ours() -> None:
    uses = re.compile(
        r"^\s*(#\s*include\s*[<\"]npu/core|(import|from)\s+(npu_core|npu_ops|torch_npu)\b|find_package\(npu_core)"
    )
    assert len(files()) > 150
    assert [f"{f}: {line}" for f in files() for line in f.read_text().splitlines() if uses.match(line)] == []


def test_the_installed_wheel_names_no_other_of_ours() -> None:
    from importlib.metadata import requires

    assert [need for need in requires("npu-sim") or [] if OURS.match(need)] == []


def test_operators_run_and_tools_load_where_no_other_wheel_of_ours_can_be_imported() -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_", "ASCEND_"))}
    env["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
    done = subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout == "works\n", done.stderr
