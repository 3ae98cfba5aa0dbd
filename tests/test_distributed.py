"""The demo's CNN under torchrun: two processes, each with a device and half of every batch, end where one ends."""

from __future__ import annotations

import json
from pathlib import Path

from workspace import ROOT, Environment

#: Ten epochs of the demo's fifteen.
STEPS = 220

TRAINING = """
import json, os, sys
import digits, torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

rank, task = int(os.environ.get("LOCAL_RANK", -1)), digits.cnn()
alone = rank == -1
torch.npu.set_device(max(rank, 0))
if not alone:
    dist.init_process_group("hccl")
model = task.model.npu()
step_of = model if alone else DistributedDataParallel(model, device_ids=[rank])
optimizer = task.optimizer(model)
losses = []
for x, y in task.batches(STEPS):
    halves = list(zip(x.npu().chunk(2), y.npu().chunk(2)))
    optimizer.zero_grad()
    total = 0.0
    for half in halves if alone else [halves[rank]]:
        statistics = [b.clone() for b in model.buffers()]
        loss = task.loss(step_of, half)
        (loss / 2 if alone else loss).backward()
        total = total + loss.detach() / 2
        if half is not halves[0]:  # batch norms keep the statistics of rank 0: DistributedDataParallel broadcasts them
            for buffer, before in zip(model.buffers(), statistics):
                buffer.copy_(before)
    if not alone:
        dist.all_reduce(total)
    optimizer.step()
    losses.append(total)
if rank <= 0:
    good, reached = task.judge(model.eval(), [])
    state = {name: t.double().flatten().tolist() for name, t in model.state_dict().items()}
    with open(sys.argv[1], "w") as out:
        json.dump({"losses": torch.stack(losses).tolist(), "good": good, "reached": reached, "state": state,
                   "fallbacks": len(torch.npu.fallback_report())}, out)
if not alone:
    dist.destroy_process_group()
"""


def test_the_cnn_of_two_processes_under_torchrun_ends_where_one_ends(full: Environment, tmp_path: Path) -> None:
    script = tmp_path / "training.py"
    script.write_text(TRAINING.replace("STEPS", str(STEPS)))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    found = []
    for name, launcher in {"one": [], "two": torchrun}.items():
        out = tmp_path / f"{name}.json"
        done = full.run(
            full.python, *launcher, str(script), str(out),
            path=ROOT / "demo", timeout=600, NPU_SIM="2", NPU_SIM_THREADS="1", OMP_NUM_THREADS="1",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(json.loads(out.read_text()))
    one, two = found
    assert one["good"]
    assert two["good"]
    assert one["fallbacks"] == two["fallbacks"] == 0
    # To the bit: the sum of two numbers does not depend on their order, and half of a float is exact.
    assert two["losses"] == one["losses"]
    assert two["state"] == one["state"]
    assert two["reached"] == one["reached"]
