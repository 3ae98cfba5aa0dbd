"""Faults in the middle of a training: each has its exception; after one that can be mended the next step trains on."""

from typing import Any

TRAINING = """
import gc, torch
from npu_sim import faults
torch.manual_seed(0)
def train(width, rows):
    layers = torch.nn.Linear(8, width), torch.nn.Dropout(0.1), torch.nn.ReLU(), torch.nn.Linear(width, 4)
    model = torch.nn.Sequential(*layers).to("npu")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data, target = torch.randn(rows, 8).to("npu"), torch.randn(rows, 4).to("npu")
    def step():
        optimizer.zero_grad()
        loss = (model(data) - target).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()
    step()
    return step
def settle():
    gc.collect()
    torch.npu.synchronize()
    torch.npu.empty_cache()
def kind(call):
    try:
        call()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["", ""]
"""


def test_no_memory_at_each_allocation_of_a_step_in_turn(site: Any) -> None:
    """Once, which giving the cache back may mend, and for good, which nothing does."""
    code = """
step = train(1600, 2048)  # activations of 13 MB, each a segment of its own
settle()
held = torch.npu.memory_allocated()
names, mended, trained = set(), 0, []
for n in range(1, 100):
    for rules in (f"oom@{n}", ",".join(f"oom@{n + i}" for i in range(60))):
        settle()
        with faults.inject(rules):
            name, text = kind(step)
            fired = faults.fired()
        names.add(name)
        mended += name == "" and fired > 0
    if not fired:
        break
    settle()
    trained.append(step() > 0)
settle()
out = [n - 1, sorted(names), mended, all(trained), torch.npu.memory_allocated() - held]
"""
    count, names, mended, trains, leaked = site.json(TRAINING + code, NPU_RUNTIME="sim")
    assert count >= 4, "a step allocates more often"
    assert names == ["", "OutOfMemoryError"]
    assert mended > 0
    assert trains
    assert leaked == 0


def test_after_a_fault_of_the_device_and_its_restart_the_next_step_trains_on(site: Any) -> None:
    code = """
step = train(16, 32)
x, pinned = torch.ones(10, device="npu"), torch.ones(10).pin_memory()
held = torch.npu.memory_allocated()
def restart():
    torch.npu.stop_device(0)
    torch.npu.restart_device(0)
def broken(rule, call):
    with faults.inject(rule):
        found = kind(lambda: (call(), torch.npu.synchronize()))
        assert faults.fired() == 1
    found.append(kind(step)[0])  # at fault until the restart
    restart()
    return [*found, kind(step)[0], kind(step)[0]]
out = [
    broken("aicore", step),
    broken("aicore:aclnnMm", step),
    broken("copy", lambda: x.copy_(pinned, non_blocking=True)),
]
with faults.inject("hang"):
    y = x + 1
    event = torch.npu.Event()
    event.record()
    out.append(event.query())
    restart()
out.append(kind(step)[0])
del y, event
out.append(torch.npu.memory_allocated() - held)
"""
    *faults, passed, after_hang, leaked = site.json(TRAINING + code, NPU_RUNTIME="sim")
    assert "enqueued at: <string>" in faults[0][1]
    words = ("ACL_ERROR_RT_AICORE_EXCEPTION (507015)", "aclnnMm(", "copy of 40 bytes from the host to npu:0")
    for (name, text, meanwhile, next_step, after_it), word in zip(faults, words, strict=True):
        assert name == meanwhile == "AcceleratorError"
        assert word in text
        assert "operation: " in text
        assert (next_step, after_it) == ("", "")
    assert passed is False, "the kernel hung"
    assert after_hang == ""
    assert leaked == 0


def test_ten_thousand_repetitions_leave_nothing_behind(site: Any) -> None:
    code = """
import resource
def used():
    settle()
    return torch.npu.memory_allocated(), torch.npu.memory_reserved(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
x, side = torch.ones(64, device="npu"), torch.npu.Stream()
def one():
    with faults.inject("oom@1,oom@2,oom@3,oom@4"):
        assert kind(lambda: torch.empty(1 << 24, device="npu"))[0] == "OutOfMemoryError"
    event = torch.npu.Event()
    y = x + 1
    event.record()
    y.record_stream(side)
    side.wait_event(event)
for _ in range(1000):
    one()
before = used()
for _ in range(10000):
    one()
out = [b - a for a, b in zip(before, used())]
"""
    allocated, reserved, host = site.json(TRAINING + code, NPU_RUNTIME="sim")
    assert (allocated, reserved) == (0, 0)
    assert host < 10_000, "KiB"
