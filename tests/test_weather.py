"""Bad weather: no runtime, a broken one, misfit plugins, the official wheel. Nothing of it breaks `import torch`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workspace import Environment

Fake = Callable[..., Path]

FIRST_USE = """
import torch
assert not torch.npu.is_available()
try:
    torch.ones(2).npu()
except RuntimeError as error:
    print(error)
"""


def prototypes() -> list[str]:
    """Every function that CANN's headers declare."""
    from npu_cann import INCLUDE_DIR

    text = "".join((INCLUDE_DIR / "npu/cann" / h).read_text() for h in ("acl.h", "nnopbase.h"))
    return sorted(set(re.findall(r"\b((?:acl|Acl)\w+|\w*PTA\w*|\w*HugeMem\w*)\(", text)))


def build_cann(folder: Path, libraries: dict[str, list[str]]) -> None:
    """Makes shared libraries that export functions of these names, each of which fails when called."""
    for library, functions in libraries.items():
        code = "\n".join(f"int {name}(void) {{ return 100000; }}" for name in functions)
        command = ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", "-x", "c", "-", "-o", str(folder / library)]
        subprocess.run(command, input=code, text=True, check=True)


def with_runtime(fake: Fake, folder: Path) -> dict[str, Any]:
    """A provider that says CANN is in `folder`, as the one for Ascend machines would where the driver is."""
    code = f"def provider(): return dict(name='lab', library_dir={str(folder)!r}, reason='found in the lab')"
    return {
        "path": fake("lab-cann", entry_points="[npu.runtimes]\nlab = lab_cann:provider\n", modules={"lab_cann": code})
    }


def refusals(env: Environment, **kwargs: Any) -> dict[str, str]:
    """What `npu info` says about each refused plugin."""
    done = env.run(str(env.bin / "npu"), "info", "--json", **kwargs)
    assert done.returncode == 0, done.stderr
    return {p["name"]: p["reason"] for p in json.loads(done.stdout)["plugins"] if p["state"] == "refused"}


def test_npu_runtime_none_turns_the_device_off_and_says_so(full: Environment) -> None:
    assert "NPU_RUNTIME=none" in full.ok(FIRST_USE, NPU_RUNTIME="none")


def test_an_unknown_runtime_is_named_with_the_installed_ones(full: Environment) -> None:
    said = full.ok(FIRST_USE, NPU_RUNTIME="cuda")
    assert "NPU_RUNTIME=cuda" in said
    assert "cann, sim" in said


def test_asking_for_cann_where_there_is_none_does_not_fall_back_to_the_simulator(full: Environment) -> None:
    said = full.ok(FIRST_USE, NPU_RUNTIME="cann")
    assert "libascendcl.so not found" in said
    assert "set_env.sh" in said


def test_cann_without_a_device_names_the_driver(full: Environment, tmp_path: Path) -> None:
    (tmp_path / "lib64").mkdir()
    build_cann(tmp_path / "lib64", {"libascendcl.so": []})
    said = full.ok(FIRST_USE, NPU_RUNTIME="cann", ASCEND_HOME_PATH=str(tmp_path))
    assert str(tmp_path) in said
    assert "driver" in said


def test_cann_with_a_missing_library_names_it_and_the_remedy(bare: Environment, fake: Fake, tmp_path: Path) -> None:
    build_cann(tmp_path, {"libascendcl.so": prototypes()})
    said = bare.ok(FIRST_USE, **with_runtime(fake, tmp_path))
    assert "libnnopbase.so" in said
    assert "CANN" in said


def test_cann_with_a_missing_symbol_names_it_and_the_remedy(bare: Environment, fake: Fake, tmp_path: Path) -> None:
    functions = [name for name in prototypes() if name != "aclrtMalloc"]
    build_cann(tmp_path, {"libascendcl.so": functions, "libnnopbase.so": functions, "libopapi.so": []})
    said = bare.ok(FIRST_USE, **with_runtime(fake, tmp_path))
    assert "aclrtMalloc" in said
    assert "libascendcl.so" in said


def test_a_broken_cann_leaves_import_silent_and_cpu_work_alone(bare: Environment, fake: Fake, tmp_path: Path) -> None:
    build_cann(tmp_path, {"libascendcl.so": []})
    code = "import torch; assert torch.ones(2).sum().item() == 2"
    done = bare.script(code, "-Werror", **with_runtime(fake, tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_runtime_provider_that_raises_is_named(bare: Environment, fake: Fake) -> None:
    path = fake("lab-cann", entry_points="[npu.runtimes]\nlab = lab_cann:provider\n", modules={"lab_cann": "1/0"})
    said = bare.ok(FIRST_USE, path=path)
    assert "lab-cann" in said
    assert "ZeroDivisionError" in said


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("npu-core-abi=2.0,npu-torch=2.13", r"2\.0"),
        ("npu-core-abi=1.99,npu-torch=2.13", r"1\.99"),
        ("npu-core-abi=1.0,npu-torch=2.12", r"2\.12"),
        ("", r"npu-core-abi"),
    ],
    ids=["another-major", "newer-minor", "another-torch", "undeclared"],
)
def test_a_misfit_plugin_is_refused_by_name_and_never_imported(
    installed: Callable[..., Environment], fake: Fake, keywords: str, expected: str
) -> None:
    env = installed("npu-core", "npu-ops", "npu-sim")
    path = fake(
        "npu-other",
        entry_points="[npu.plugins]\nother = npu_other:activate\n",
        headers=f"Keywords: {keywords}",
        modules={"npu_other": "import os; os._exit(9)"},
    )
    code = "import torch; x = torch.eye(2).npu(); assert x.mm(x).cpu().equal(torch.eye(2))"
    done = env.script(code, path=path)
    assert done.returncode == 0, done.stderr
    sentence = next(line for line in done.stderr.splitlines() if "other" in line)
    assert re.search(expected, sentence)
    assert "pip install" in sentence
    assert set(refusals(env, path=path)) == {"other"}


def test_a_plugin_that_raises_is_refused_by_name_and_the_rest_works(
    installed: Callable[..., Environment], fake: Fake
) -> None:
    env = installed("npu-core", "npu-ops", "npu-sim")
    path = fake(
        "npu-other",
        entry_points="[npu.plugins]\nother = npu_other:activate\n",
        headers="Keywords: npu-core-abi=1.0,npu-torch=2.13",
        modules={"npu_other": "raise OSError('libother.so: cannot open shared object file')"},
    )
    assert "libother.so" in refusals(env, path=path)["other"]
    code = "import torch; print(torch.eye(2).npu().sum().item())"
    assert env.ok(code, path=path) == "2.0"


def test_import_torch_succeeds_under_werror_with_a_refused_plugin(bare: Environment, fake: Fake) -> None:
    path = fake("npu-other", entry_points="[npu.plugins]\nother = npu_other:activate\n")
    done = bare.script("import torch", "-Werror", path=path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "other" in done.stderr


def test_beside_the_official_torch_npu_ours_yields_in_one_sentence(
    installed: Callable[..., Environment], fake: Fake
) -> None:
    env = installed("npu-core", "npu-ops", "npu-sim")
    path = fake(
        "torch-npu",
        version="2.13.0",
        entry_points="[torch.backends]\ntorch_npu = torch_npu:_autoload\n",
        modules={"torch_npu": "import torch\ndef _autoload(): torch.utils.rename_privateuse1_backend('npu')"},
    )
    done = env.script("import torch; print(hasattr(torch, 'npu'), torch.ones(2).sum().item())", path=path)
    assert (done.returncode, done.stdout.strip()) == (0, "False 2.0"), done.stderr
    said = [line for line in done.stderr.splitlines() if "torch-npu" in line]
    assert len(said) == 1
    assert "2.13.0" in said[0]
    assert "pip uninstall torch-npu" in said[0]


def test_autoload_can_be_switched_off_and_done_by_hand(full: Environment) -> None:
    code = """
import torch
assert not hasattr(torch, "npu")
import npu_core
npu_core.register()
npu_core.register()
print(torch.npu.is_available())
"""
    assert full.ok(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0") == "True"
