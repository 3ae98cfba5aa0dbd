"""Runs the C++ tests of libhccl (csrc/hccl/tests). Their ranks are threads: TSan looks on."""

from __future__ import annotations

import os
from pathlib import Path

import cpp_tests


@cpp_tests.needs_compiler
def test_cpp_unit_tests_pass_without_a_data_race(tmp_path: Path) -> None:
    cpp_tests.passes("hccl", tmp_path, sanitize=os.environ.get("NPU_SANITIZE") or "thread")
