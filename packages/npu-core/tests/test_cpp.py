"""Builds the C++ unit tests against the installed libnpu_core and runs each in a process of its own.

A process each, because the runtime is one a process, and so is its environment. The build is kept between runs in the
temporary folder and is incremental.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "cpp"
SUBJECTS = re.findall(r"^npu_test\((\w+)", (SOURCE / "CMakeLists.txt").read_text(), re.MULTILINE)


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is needed: pip install {name.replace('_', '-')}"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def run(command: Sequence[str | Path], **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_", "ASCEND_", "TASK_QUEUE"))}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, **environment},
        timeout=1500,
    )


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder of the built tests."""
    core = package_folder("npu_core")
    key = hashlib.sha256(f"{SOURCE} {sys.executable} {core}".encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"npu-core-cpp-tests-{key}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest-xdist runs this in every worker
        configure: list[str | Path] = [
            "cmake",
            *("-S", SOURCE, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"),
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dnpu_cann_DIR={package_folder('npu_cann') / 'cmake'}",
            f"-DNPU_CORE_FOLDER={core}",
            f"-DNPU_SANITIZE={os.environ.get('NPU_SANITIZE', '')}",  # as npu-core itself was built
        ]
        build: list[str | Path] = ["cmake", "--build", folder, "--target", "npu_tests"]
        for command in (configure, build):
            done = run(command)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


def cases(binary: Path) -> list[str]:
    listing = run([binary, "--gtest_list_tests"]).stdout
    suite, found = "", []
    for line in listing.splitlines():
        if line.startswith("  "):
            found.append(suite + line.split("#")[0].strip())
        elif line.endswith("."):
            suite = line
    return found


@pytest.mark.parametrize("subject", SUBJECTS)
def test_cpp(binaries: Path, subject: str) -> None:
    names = cases(binaries / subject)
    assert names, f"{subject} has no tests"
    failed = []
    for name in names:
        done = run([binaries / subject, f"--gtest_filter={name}"])
        if done.returncode != 0:
            failed.append(f"{name} (exit status {done.returncode})\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    assert not failed, "\n\n".join(failed)


FAKE = """
from npu_core import _C
_C.set_runtime({folder!r}, "")
assert _C.device_count() == 2, _C.runtime_reason()
"""


def run_on_fake(binaries: Path, code: str) -> str:
    """What `code` prints in a process whose CANN is the fake one of the C++ tests, which tells no attribute."""
    code = FAKE.format(folder=str(binaries / "fake")) + code
    done = run([sys.executable, "-c", "import torch" + code], TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_properties_neither_initialise_nor_poison_fork_where_cann_tells_no_memory(binaries: Path) -> None:
    code = """
print(_C.device_properties(1).total_memory, _C.is_initialized())
_C.init()
print(_C.device_properties(1).total_memory, _C.is_initialized())
"""
    assert run_on_fake(binaries, code).splitlines() == ["0 False", f"{1 << 30} True"]


def test_the_current_stream_of_a_device_that_does_not_exist_is_refused(binaries: Path) -> None:
    code = """
print(_C.current_stream(1)[1])
try:
    _C.current_stream(63)
except torch.AcceleratorError as error:
    print(error)
"""
    assert "invalid device ordinal 63" in run_on_fake(binaries, code)


def test_every_cann_symbol_that_is_loaded_is_used() -> None:
    package = SOURCE.parent.parent
    symbols = package / "src" / "npu_core" / "include" / "npu" / "core" / "cann_symbols.h"
    source = "".join(path.read_text() for path in (package / "csrc").rglob("*.cpp"))
    used = set(re.findall(r"\b(?:c|cann\(\))\.(?:has_)?(acl\w+)", source))
    listed = set(re.findall(r"X\(\w+, (acl\w+)\)", symbols.read_text()))
    assert listed, symbols
    assert listed - used == set()
