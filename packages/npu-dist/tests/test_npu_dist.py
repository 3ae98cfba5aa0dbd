"""What npu-dist 0.1.0 promises: to be found, and to say what it cannot do."""

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh Python, since registering a backend changes the process."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_it_needs_no_torch() -> None:
    done = run("import npu_dist, npu_dist.plugin, sys; assert 'torch' not in sys.modules; print(npu_dist.__version__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0.1.0"


@pytest.mark.parametrize("backend", ["hccl", "cpu:gloo,npu:hccl"])
def test_a_process_group_is_refused_by_a_sentence_that_names_the_wheel_and_what_is_missing(backend: str) -> None:
    done = run(
        "import torch, torch.distributed as dist, npu_dist.plugin as p\n"
        "p.activate(0)\n"
        "try:\n"
        f"    dist.init_process_group({backend!r}, store=dist.HashStore(), rank=0, world_size=1)\n"
        "except NotImplementedError as error:\n"
        "    print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert "npu-dist 0.1.0" in done.stdout
    assert "ProcessGroupHCCL" in done.stdout
    assert "gloo" in done.stdout


def test_activating_it_leaves_gloo_alone() -> None:
    done = run(
        "import torch, torch.distributed as dist, npu_dist.plugin as p\n"
        "p.activate(0)\n"
        "dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)\n"
        "t = torch.ones(2); dist.all_reduce(t); print(t.tolist()); dist.destroy_process_group()\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1.0, 1.0]"


def test_its_metadata_declares_a_plugin_and_its_needs() -> None:
    from importlib import metadata

    found = metadata.distribution("npu-dist")
    (entry,) = [e for e in found.entry_points if e.group == "npu.plugins"]
    assert (entry.name, entry.value) == ("dist", "npu_dist.plugin:activate")
    assert set(found.metadata["Keywords"].split(",")) == {"npu-core-abi=1.0", "npu-torch=2.13"}
