"""The names that libopapi and libnnopbase export."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import npu_sim
from npu_cann.signatures import load

LIB = Path(npu_sim.LIBRARY_DIR)
PHASE_ONE = "GetWorkspaceSize"
#: What CANN has beside operators of two phases.
BESIDE = {"aclnnNpuFormatCastCalculateSizeAndFormat"}


def exported(library: str) -> set[str]:
    nm = shutil.which("nm")
    if nm is None:
        pytest.fail("nm (binutils) is needed")
    out = subprocess.run([nm, "-D", "--defined-only", LIB / library], capture_output=True, text=True, check=True)
    fields = [line.split() for line in out.stdout.splitlines()]
    return {name for _, kind, name in fields if kind == "T"}


def test_every_exported_operator_is_one_of_cann_and_has_both_phases() -> None:
    names = {n for n in exported("libopapi.so") if n.startswith("acl")} - BESIDE
    operators = {n for n in names if not n.endswith(PHASE_ONE)}
    assert operators
    assert operators <= set(load())
    assert names == operators | {n + PHASE_ONE for n in operators}


def test_libopapi_exports_nothing_else() -> None:
    assert {n for n in exported("libopapi.so") if not n.startswith("aclnn")} == {"aclStft", "aclStft" + PHASE_ONE}


def test_libnnopbase_exports_what_its_header_declares(request: pytest.FixtureRequest) -> None:
    import npu_cann

    header = (Path(npu_cann.__file__).parent / "include" / "npu" / "cann" / "nnopbase.h").read_text()
    declared = set(re.findall(r"\b(\w+)\(", header)) - {"defined"}
    c_names = {n for n in exported("libnnopbase.so") if not n.startswith("_Z")}
    assert c_names <= declared
    assert declared - c_names == set()
