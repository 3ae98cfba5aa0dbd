"""What `nox -s sanitize` runs: trainings of the demo's CNN that use every thread of npu-core and npu-sim.

`STEPS` steps as in the demo; then two Python threads at once, each of which trains a network of its own, takes its
batches from pinned memory on a stream beside that of its computation, and reads every loss.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))

import digits
from learning import Task, train

STEPS = 300
STEPS_BESIDE = 100


def train_beside(task: Task, losses: list[float]) -> None:
    """Appends each step's loss to `losses`."""
    model = task.model.to("npu").train()
    optimizer = task.optimizer(model)
    copies, computation = torch.npu.Stream(), torch.npu.Stream()
    computation.wait_stream(torch.npu.default_stream())
    for batch in task.batches(STEPS_BESIDE):
        with torch.npu.stream(copies):
            x, y = (t.pin_memory().to("npu", non_blocking=True) for t in batch)
            copied = copies.record_event()
        with torch.npu.stream(computation):
            copied.wait()
            for t in (x, y):
                t.record_stream(computation)
            loss = task.loss(model, (x, y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())


def main() -> None:
    task = digits.cnn()
    losses = train(task, task.model, "npu", STEPS).losses
    assert losses[-1] < 0.1 < losses[0]
    print(f"{len(losses)} steps: loss {losses[0]:.4f} -> {losses[-1]:.4f}")

    found: list[list[float]] = [[], []]
    threads = [threading.Thread(target=train_beside, args=(digits.cnn(), own)) for own in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Both began with the same weights and batches: what one saw of the other would show here.
    assert found[0] == found[1]
    assert len(found[0]) == STEPS_BESIDE
    assert found[0] == losses[:STEPS_BESIDE]
    torch.npu.empty_cache()
    print(f"twice {STEPS_BESIDE} steps beside each other: loss {found[0][0]:.4f} -> {found[0][-1]:.4f}")
    assert torch.npu.fallback_report() == []


if __name__ == "__main__":
    main()
