"""The built library: what it exports and what it needs."""

from __future__ import annotations

import re
import subprocess

from npu_amp.plugin import LIBRARY


def tool(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_it_needs_torch_and_neither_core_nor_cann_nor_python() -> None:
    needed = re.findall(r"NEEDED.*\[(.*)\]", tool("readelf", "-d", str(LIBRARY)))
    assert not [n for n in needed if re.search("npu|ascend|python", n)], needed
    assert not re.findall(r"\bnpu[:_]|\bacl", tool("nm", "-D", "--undefined-only", "-C", str(LIBRARY)))


def test_it_exports_the_policy_and_nothing_else_of_ours() -> None:
    defined = tool("nm", "-D", "--defined-only", "-C", str(LIBRARY))
    assert "npu_amp_policy" in defined
    assert not re.search(r" [TDBR] npu::", defined)


def test_its_path_to_torch_is_relative() -> None:
    assert "[$ORIGIN/../../torch/lib]" in tool("readelf", "-d", str(LIBRARY))
