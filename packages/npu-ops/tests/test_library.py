"""The built library: what it exports, what it needs, and how big it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npu_ops.plugin import LIBRARY


def tool(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is missing: apt-get install binutils")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_it_exports_the_handshake_and_nothing_else_of_ours() -> None:
    defined = tool("nm", "-D", "--defined-only", "-C", str(LIBRARY))
    assert "npu_plugin_init" in defined
    assert not re.search(r" [TDBR] npu::", defined)


def test_it_neither_needs_nor_uses_npu_core() -> None:
    needed = re.findall(r"NEEDED.*\[(.*)\]", tool("readelf", "-d", str(LIBRARY)))
    assert not [n for n in needed if "npu" in n or "ascend" in n or "python" in n], needed
    undefined = tool("nm", "-D", "--undefined-only", "-C", str(LIBRARY))
    assert not re.findall(r"\bnpu[:_]|\bacl", undefined)


def test_its_path_to_torch_is_relative() -> None:
    assert "[$ORIGIN/../../torch/lib]" in tool("readelf", "-d", str(LIBRARY))


def test_it_is_small_and_stripped() -> None:
    assert LIBRARY.stat().st_size < 7 << 20
    assert ".debug_info" not in tool("readelf", "-S", "-W", str(LIBRARY))


def test_no_code_names_the_simulator() -> None:
    package = Path(__file__).parents[1]
    for folder in ("csrc", "src", "codegen", "tables"):
        for path in (package / folder).rglob("*"):
            if path.is_file() and path.suffix in {".cpp", ".h", ".py", ".yaml"}:
                assert "npu_sim" not in path.read_text(), path
