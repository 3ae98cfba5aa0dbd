"""How npu-core finds the wheel, and what registering it costs."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh Python, since registering a backend changes the process."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)


def test_importing_it_needs_no_torch() -> None:
    done = run("import npu_dist, npu_dist.plugin, sys; assert 'torch' not in sys.modules; print(npu_dist.__version__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0.1.0"


def test_import_torch_registers_the_backend_and_loads_no_library() -> None:
    done = run(
        "import sys, torch, torch.distributed as dist\n"
        "print('hccl' in dist.Backend.backend_list, dist.Backend.default_device_backend_map['npu'])\n"
        "print('npu_dist._C' in sys.modules, torch.npu.is_initialized())\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "hccl", "False", "False"]


def test_a_core_whose_table_is_too_old_is_refused_by_a_sentence() -> None:
    done = run(
        "import ctypes, torch\n"
        "from npu_dist import plugin\n"
        "table = (ctypes.c_uint16 * 64)()\n"
        "table[2] = 1\n"  # major 1, minor 0, and no slots
        "plugin._table = ctypes.addressof(table)\n"
        "try: plugin.create(None)\n"
        "except ImportError as error: print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("npu-dist refuses npu-core's table: ")
    assert done.stdout.endswith("; pip install -U npu-core npu-dist\n")


def test_activating_it_leaves_gloo_alone() -> None:
    done = run(
        "import torch, torch.distributed as dist\n"
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
    assert set(found.metadata["Keywords"].split(",")) == {"npu-core-abi=1.4", "npu-torch=2.13"}
