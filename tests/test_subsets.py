"""Any sensible subset of the wheels installs from an index with dependency resolution, and knows what it can do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from workspace import PRODUCT, Environment

Installed = Callable[..., Environment]

FIRST_USE = """
import torch
try:
    torch.ones(2).npu()
except RuntimeError as error:
    print(error)
"""


def info(env: Environment) -> dict[str, Any]:
    """What `npu info --json` of that environment says."""
    done = env.run(str(env.bin / "npu"), "info", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def plugins(env: Environment) -> dict[str, str]:
    return {p["name"]: p["state"] for p in info(env)["plugins"]}


@pytest.mark.parametrize(
    "names",
    [("npu-core",), ("npu-core", "npu-ops"), ("npu-core", "npu-ops", "npu-sim"), (*PRODUCT, "npu-sim")],
    ids=["core", "core+ops", "core+ops+sim", "all"],
)
def test_pip_installs_the_subset_and_nothing_else_of_ours(installed: Installed, names: tuple[str, ...]) -> None:
    env = installed(*names)
    code = "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions(path=[PATH])})"
    found = set(env.ok(code.replace("PATH", repr(str(env.site)))).split())
    assert found == set(names)


def test_pip_resolves_what_npu_ops_needs(installed: Installed) -> None:
    env = installed("npu-ops")
    assert (env.site / "npu_core").is_dir()


def test_the_extras_of_torch_npu_bring_the_other_wheels(installed: Installed) -> None:
    env = installed("torch-npu[all]")
    assert {p.name.split("-")[0] for p in env.site.glob("*.dist-info")} == {n.replace("-", "_") for n in PRODUCT}


@pytest.mark.parametrize("names", [("npu-core",), ("npu-core", "npu-ops")], ids=["core", "core+ops"])
def test_without_a_runtime_import_is_silent_and_first_use_says_what_to_run(
    installed: Installed, names: tuple[str, ...]
) -> None:
    env = installed(*names)
    done = env.script("import torch; assert not torch.npu.is_available() and torch.npu.device_count() == 0", "-Werror")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said = env.ok(FIRST_USE)
    assert "libascendcl.so not found" in said
    assert "pip install npu-sim" in said
    assert info(env)["runtime"]["chosen"] is None


def test_core_with_a_runtime_but_no_operators_names_the_wheel_that_has_them(installed: Installed) -> None:
    env = installed("npu-core", "npu-sim")
    assert env.ok("import torch; print(torch.npu.is_available(), torch.npu.device_count() > 0)") == "True True"
    said = env.ok("""
import torch
try:
    torch.ones(2).npu()
except NotImplementedError as error:
    print(error)
""")
    assert "aten::" in said
    assert "pip install npu-ops" in said


def test_core_alone_has_streams_events_and_memory(installed: Installed) -> None:
    """What needs no operator: time passes between two events, a stream waits for another, host memory is pinned."""
    env = installed("npu-core", "npu-sim")
    said = env.ok("""
import torch
side, begin, end = torch.npu.Stream(), torch.npu.Event(enable_timing=True), torch.npu.Event(enable_timing=True)
begin.record()
side.wait_stream(torch.npu.current_stream())
with torch.npu.stream(side):
    end.record()
torch.npu.synchronize()
print(side.query(), begin.elapsed_time(end) > 0, torch.ones(3).pin_memory().is_pinned())
storage = torch.UntypedStorage(1 << 20, device="npu")
print(storage.device, torch.npu.memory_allocated())
del storage
print(torch.npu.memory_allocated())
""")
    assert said.splitlines() == ["True True True", "npu:0 1048576", "0"]


def test_core_and_operators_know_each_other_without_a_runtime(bare: Environment) -> None:
    assert plugins(bare) == {"ops": "loaded"}


def test_core_operators_and_simulator_compute(installed: Installed) -> None:
    env = installed("npu-core", "npu-ops", "npu-sim")
    said = env.ok("""
import torch
x, y = torch.randn(2, 2), torch.randn(2, 2)
z = x.npu().mm(y.npu())
assert torch.allclose(z.cpu(), x @ y)
print(z)
""")
    assert said.startswith("tensor([[")
    assert "device='npu:0'" in said


def test_core_operators_and_simulator_say_what_is_not_installed(installed: Installed) -> None:
    env = installed("npu-core", "npu-ops", "npu-sim")
    said = env.ok("""
import torch
try:
    with torch.autocast("npu"):
        pass
except Exception as error:
    print(error)
with torch.autocast("npu", enabled=False):
    print("disabled autocast works")
try:
    import torch.distributed as dist
    dist.init_process_group("hccl", init_method="tcp://127.0.0.1:0", rank=0, world_size=1)
except Exception as error:
    print(error)
""")
    assert "npu-amp" in said
    assert "disabled autocast works" in said
    assert "hccl" in said.lower()


def test_mixed_precision_comes_with_npu_amp(installed: Installed) -> None:
    """One step in float16 with a scaled loss, and one that a gradient which is not finite stops."""
    env = installed("npu-core", "npu-ops", "npu-sim", "npu-amp")
    said = env.ok("""
import torch
model = torch.nn.Linear(4, 2).npu()
optimizer = torch.optim.AdamW(model.parameters())
scaler = torch.amp.GradScaler("npu", init_scale=16.0)
for bad in (False, True):
    with torch.autocast("npu", dtype=torch.float16):
        out = model(torch.ones(3, 4).npu())
    optimizer.zero_grad()
    scaler.scale(out.float().square().mean()).backward()
    if bad:
        model.weight.grad.fill_(float("inf"))
    before = model.weight.detach().clone()
    scaler.step(optimizer)
    scaler.update()
    print(out.dtype, torch.equal(before, model.weight), scaler.get_scale())
print(torch.npu.fallback_report())
""")
    assert said.splitlines() == ["torch.float16 False 16.0", "torch.float16 True 8.0", "[]"]


def test_collectives_come_with_npu_dist(installed: Installed) -> None:
    """Two ranks, each on a device of its own, under torchrun."""
    env = installed("npu-core", "npu-ops", "npu-sim", "npu-dist")
    code = """
import os, torch, torch.distributed as dist
rank = int(os.environ["RANK"])
torch.npu.set_device(rank)
dist.init_process_group("hccl")
t = torch.arange(3.0).npu() + 10 * rank
dist.all_reduce(t)
print(t.tolist(), flush=True)
dist.destroy_process_group()
"""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    done = env.run(env.python, *torchrun, env.python, "-c", code, NPU_SIM="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("[10.0, 12.0, 14.0]") == 2


def test_profiles_of_the_device_come_with_npu_profiler(installed: Installed) -> None:
    """Kernels under their operators, in the table and in a trace whose flows have both ends."""
    env = installed("npu-core", "npu-ops", "npu-sim", "npu-profiler")
    said = env.ok("""
import json, os, tempfile, torch
from torch.profiler import ProfilerActivity, profile
x = torch.ones(16, 16).npu()
with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.PrivateUse1]) as p:
    (x @ x).relu().cpu()
print({e.key for e in p.key_averages() if e.key.startswith("aten::") and e.self_device_time_total > 0})
print("Self NPU" in p.key_averages().table())
path = os.path.join(tempfile.mkdtemp(), "trace.json")
p.export_chrome_trace(path)
events = json.load(open(path))["traceEvents"]
print([e["name"] for e in events if e.get("cat") == "kernel"])
print([e["ph"] for e in events if e.get("cat") == "ac2g"].count("s"))
""")
    operators, table, kernels, flows = said.splitlines()
    assert {"'aten::mm'", "'aten::relu'", "'aten::copy_'"} <= set(operators.strip("{}").split(", "))
    assert (table, kernels, flows) == ("True", "['Mm', 'Relu']", "3")


def test_with_every_wheel_every_plugin_is_loaded(full: Environment) -> None:
    states = plugins(full)
    assert set(states.values()) == {"loaded"}
    assert {"ops", "dist", "profiler", "amp"} <= set(states)


def test_npu_doctor_is_content_with_every_wheel(full: Environment) -> None:
    done = full.run(str(full.bin / "npu"), "doctor", "--json")
    said = json.loads(done.stdout)
    assert said["ok"] is True, said
    assert done.returncode == 0


def test_npu_doctor_names_the_missing_runtime_and_its_remedy(bare: Environment) -> None:
    done = bare.run(str(bare.bin / "npu"), "doctor", "--json")
    assert done.returncode == 1
    (wrong,) = (f for f in json.loads(done.stdout)["findings"] if f["level"] == "error")
    assert wrong["subject"] == "runtime"
    assert "pip install npu-sim" in wrong["remedy"]


@pytest.mark.parametrize("trimmed", ["core", "core,ops"])
def test_npu_plugins_trims(full: Environment, trimmed: str) -> None:
    done = full.run(str(full.bin / "npu"), "info", "--json", NPU_PLUGINS=trimmed)
    loaded = {p["name"] for p in json.loads(done.stdout)["plugins"] if p["state"] == "loaded"}
    assert loaded == set(trimmed.split(",")) - {"core"}


def test_code_for_torch_npu_runs_with_the_wheel_torch_npu(installed: Installed) -> None:
    """It brings npu-core and npu-ops; a step of a network as such code writes it."""
    env = installed("torch-npu", "npu-sim")
    said = env.ok("""
import torch
import torch_npu
torch_npu.npu.set_device("npu:0")
model = torch.nn.Linear(4, 1).npu()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
for _ in range(5):
    loss = (model(torch.ones(8, 4).npu()) - 1).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
torch_npu.npu.synchronize()
print(torch_npu.npu is torch.npu, losses[-1] < losses[0], torch.npu.fallback_report())
""")
    assert said == "True True []"
