"""Seconds of a training step of the demo's models, npu beside plain torch cpu, with one compute thread each.

Prints JSON: a row a model with the medians of both and their ratio. On npu-sim the device computes on this CPU too, so
the ratio is what the way over the device costs; on an NPU it is what the device gains.
"""

from __future__ import annotations

import os

os.environ["NPU_SIM_THREADS"] = "1"  # read when the device starts

import argparse
import copy
import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
import digits
import stdlib_gpt
from learning import Batch, Task

ROUNDS, STEPS = 7, 10


class Training:
    """A model on one device that can go on for some steps."""

    def __init__(self, task: Task, device: str) -> None:
        self.task, self.device = task, device
        self.model = copy.deepcopy(task.model).to(device)
        self.optimizer = task.optimizer(self.model)

    def seconds(self, batches: list[Batch]) -> float:
        """Seconds a step over `batches`, until the device has finished."""
        began = time.perf_counter()
        for batch in batches:
            loss = self.task.loss(self.model, (batch[0].to(self.device), batch[1].to(self.device)))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        loss.item()
        return (time.perf_counter() - began) / len(batches)


def measure(task: Task) -> dict[str, float]:
    """Medians in milliseconds. The devices take turns, so that what else the machine does falls on both."""
    batches = list(task.batches(STEPS))
    npu, cpu = Training(task, "npu"), Training(task, "cpu")
    npu.seconds(batches[:3]), cpu.seconds(batches[:3])  # warm
    pairs = [(npu.seconds(batches) * 1e3, cpu.seconds(batches) * 1e3) for _ in range(ROUNDS)]
    return {
        "npu_ms": statistics.median(n for n, _ in pairs),
        "cpu_ms": statistics.median(c for _, c in pairs),
        "ratio": statistics.median(n / c for n, c in pairs),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    tasks: list[Task] = [digits.cnn(), stdlib_gpt.task()]
    print(json.dumps({t.name: measure(t) for t in tasks}))


if __name__ == "__main__":
    main()
