"""Fixtures of npu-sim's tests: the library in this process, and processes of their own for what ends or poisons one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
sys.path.append(str(HERE))  # for acl_calls, here and in the processes that `run` starts

from acl_calls import Acl, AclError, Run, error_codes  # noqa: E402


@pytest.fixture(scope="session")
def codes() -> dict[str, int]:
    return error_codes()


@pytest.fixture
def acl() -> Acl:
    """The library with device 0 current. Tests free what they allocate; nothing resets the device."""
    return Acl().start()


@pytest.fixture
def refused(acl: Acl, codes: dict[str, int]) -> Callable[..., str]:
    """Calls, asserts that the answer is the named code, and returns the message."""

    def call(code: str, name: str, *args: object) -> str:
        with pytest.raises(AclError) as error:
            acl.check(name, *args)
        assert error.value.code == codes[code], str(error.value)
        return error.value.message

    return call


@pytest.fixture
def run() -> Run:
    """Runs Python code that finds ``acl`` started on device 0, unless ``start=False``, under environment variables."""

    def start(code: str, start: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        begin = f"import sys; sys.path.append({str(HERE)!r})\nfrom acl_calls import *\nacl = Acl()\n"
        begin += "acl.start()\n" if start else ""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_"))}
        return subprocess.run(
            [sys.executable, "-c", begin + textwrap.dedent(code)],
            env={**clean, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0", **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return start
