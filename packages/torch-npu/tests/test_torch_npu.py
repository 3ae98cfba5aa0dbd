"""`import torch_npu`: before or after torch, with and without autoload, and what it says about missing names."""

import os
import subprocess
import sys

import pytest


def run(code: str, **environment: str) -> str:
    """Output of `code` in a fresh Python; a warning or a non-zero status fails."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:torch_npu", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("order", ["import torch_npu, torch", "import torch, torch_npu", "import torch_npu"])
@pytest.mark.parametrize("autoload", ["0", "1"])
def test_torch_npu_npu_is_torch_npu(order: str, autoload: str) -> None:
    code = f"{order}\nimport torch\nassert torch_npu.npu is torch.npu\nprint(torch_npu.npu.device_count() >= 0)"
    assert run(code, TORCH_DEVICE_BACKEND_AUTOLOAD=autoload) == "True"


def test_submodules_are_the_same_objects_as_those_of_torch_npu() -> None:
    code = (
        "from torch_npu.npu import streams\nimport torch_npu.npu.memory as m\nimport torch\n"
        "assert streams.Event is torch.npu.Event and m is torch.npu.memory\n"
        "import torch.npu.random as r; assert r is torch.npu.random\nprint('same')"
    )
    assert run(code) == "same"


def test_the_version_is_what_metadata_says_and_names_the_owner() -> None:
    code = (
        "import torch_npu; from importlib.metadata import version; print(torch_npu.__version__, version('torch_npu'))"
    )
    assert run(code) == "2.13.0+modular.1 2.13.0+modular.1"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("optim", "torch-npu will bring it"),
        ("npu_no_such_operator", "npu-ops has no operator npu::npu_no_such_operator"),
    ],
)
def test_a_missing_name_is_an_attribute_error_that_says_who_will_bring_it(name: str, said: str) -> None:
    code = f"import torch_npu\ntry:\n    torch_npu.{name}\nexcept AttributeError as error:\n    print(error)"
    message = run(code)
    assert said in message
    assert "2.13.0+modular.1" in message


def test_the_profiler_is_that_of_npu_profiler_or_names_it() -> None:
    code = "import torch, torch_npu.profiler; print(torch_npu.profiler is torch.npu.profiler)"
    assert run(code) == "True"
    without = "import torch_npu\ntry:\n    torch_npu.profiler\nexcept AttributeError as error:\n    print(error)"
    assert run(without, NPU_PLUGINS="core,ops").endswith("pip install npu-profiler")


def test_an_operator_of_torch_ops_npu_is_found_under_its_name() -> None:
    code = (
        "import torch, torch_npu\n"
        "lib = torch.library.Library('npu', 'FRAGMENT')\n"
        "lib.define('twice_for_a_test(Tensor x) -> Tensor')\n"
        "assert torch_npu.twice_for_a_test is torch.ops.npu.twice_for_a_test\nprint('found')"
    )
    assert run(code) == "found"


def test_dtype_numbers_are_those_that_programs_hold() -> None:
    code = "import torch_npu as t; print(t.hifloat8, t.float8_e8m0fnu, t.float4_e2m1fn_x2, t.float8_e4m3fn, t.bfloat16)"
    assert run(code) == "290 293 296 292 283"
