"""Work on the CPU goes on as if we were not installed: without a device, and with one that nobody uses."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from workspace import Environment

WORK = {
    "a-default-adam-step": """
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.Adam(model.parameters())
before = model.weight.detach().clone()
model(torch.ones(3, 4)).sum().backward()
optimizer.step()
assert not before.equal(model.weight)
""",
    "dataloader-workers": """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.arange(8.0))
assert sum(b.sum().item() for (b,) in DataLoader(data, batch_size=2, num_workers=2)) == 28
""",
    "reentrant-checkpointing": """
from torch.utils.checkpoint import checkpoint
x = torch.ones(3, requires_grad=True)
checkpoint(lambda t: torch.dropout(t * 2, 0.0, True), x, use_reentrant=True).sum().backward()
assert x.grad.tolist() == [2.0] * 3
""",
    "checkpointing-without-reentry": """
from torch.utils.checkpoint import checkpoint
x = torch.ones(3, requires_grad=True)
checkpoint(lambda t: t * 2, x, use_reentrant=False).sum().backward()
assert x.grad.tolist() == [2.0] * 3
""",
    "the-current-accelerator": """
assert torch.accelerator.current_accelerator(check_available=True) in (None, torch.device("npu"))
torch.accelerator.current_accelerator(), torch.accelerator.is_available(), torch.accelerator.device_count()
""",
    "seeding": """
torch.manual_seed(3)
a = torch.rand(4)
with torch.random.fork_rng(devices=[]):
    torch.rand(2)
torch.manual_seed(3)
assert a.equal(torch.rand(4))
""",
    "autocast-on-cpu": """
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert torch.ones(2, 2).mm(torch.ones(2, 2)).dtype is torch.bfloat16
""",
    "save-and-load": """
import io
file = io.BytesIO()
torch.save({"a": torch.ones(2)}, file)
file.seek(0)
assert torch.load(file)["a"].tolist() == [1.0, 1.0]
""",
    "a-forked-process": """
import torch.multiprocessing as mp
def child(): assert torch.ones(2).sum().item() == 2
process = mp.get_context("fork").Process(target=child)
process.start(); process.join()
assert process.exitcode == 0
""",
    "profiling-with-the-default-activities": """
with torch.profiler.profile() as p:
    torch.ones(2) + 1
assert any(e.key == "aten::add" for e in p.key_averages())
assert not torch.npu.is_initialized()
""",
    "profiling-with-stacks": """
with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], with_stack=True) as p:
    (torch.ones(2, requires_grad=True) + 1).sum().backward()
assert any(e.key == "aten::add" for e in p.key_averages())
""",
    "profiling": """
with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as p:
    torch.ones(2) + 1
assert any(e.key == "aten::add" for e in p.key_averages())
""",
}


@pytest.mark.parametrize("work", WORK, ids=list(WORK))
@pytest.mark.parametrize("device", ["no-device", "device"])
def test_cpu_work_is_untouched(bare: Environment, full: Environment, work: str, device: str) -> None:
    env = bare if device == "no-device" else full
    done = env.script("import torch\n" + WORK[work])
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "npu" not in done.stderr.lower()


def test_import_torch_is_silent_and_starts_no_device(full: Environment) -> None:
    done = full.script("import torch; assert not torch.npu.is_initialized()", "-Werror", "-Xdev")
    assert (done.returncode, done.stdout) == (0, "")
    assert "npu" not in done.stderr.lower()


def test_import_torch_loads_no_cann_and_starts_no_thread(full: Environment) -> None:
    code = """
import os, torch
maps = open("/proc/self/maps").read()
assert not [n for n in ("libascendcl", "libopapi", "libnnopbase", "libnpusim") if n in maps]
print(len(os.listdir("/proc/self/task")))
"""
    with_us = int(full.ok(code))
    without_us = int(full.ok(code, TORCH_DEVICE_BACKEND_AUTOLOAD="0"))
    assert with_us == without_us


def test_import_torch_adds_few_modules(installed: Callable[..., Environment]) -> None:
    """The official wheel adds a thousand; seconds and megabytes are `nox -s bench`'s to say."""
    env = installed("npu-core", "npu-ops")
    count = "import json, sys, torch; print(json.dumps(sorted(sys.modules)))"
    with_us = set(json.loads(env.ok(count)))
    without_us = set(json.loads(env.ok(count, TORCH_DEVICE_BACKEND_AUTOLOAD="0")))
    added = with_us - without_us
    assert len(added) < 100, sorted(added)
    assert not {m for m in added if m.startswith(("torch._dynamo", "torch._inductor", "yaml", "numpy"))}
