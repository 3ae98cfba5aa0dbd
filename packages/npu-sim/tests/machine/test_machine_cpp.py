"""Runs the C++ unit tests of the simulated machine (csrc/machine/tests)."""

from __future__ import annotations

import os
from pathlib import Path

import cpp_tests


@cpp_tests.needs_compiler
def test_cpp_unit_tests_pass(tmp_path: Path) -> None:
    cpp_tests.passes("machine", tmp_path, sanitize=os.environ.get("NPU_SANITIZE", ""))
