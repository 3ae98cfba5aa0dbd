"""Peak reserved over peak allocated memory of trainings whose shapes change from step to step. Prints JSON.

Runs on any stack that has device npu. What the kernels compute does not matter: `NPU_SIM_KERNELS=null` will do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import torch
from torch import nn

STEPS = 60
MIB = 2**20


class Tagger(nn.Module):
    """A small transformer over sequences of any length."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, width)
        self.up, self.down, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), nn.Linear(width, 256)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        x = x + scores.softmax(-1) @ self.value(x)
        y: torch.Tensor = self.out(x + self.down(torch.relu(self.up(x))))
        return y


def sequences(draw: random.Random) -> torch.Tensor:
    return torch.zeros(8, draw.randint(16, 400), dtype=torch.int64)


def images(draw: random.Random) -> torch.Tensor:
    side = 8 * draw.randint(4, 20)
    return torch.zeros(draw.randint(1, 16), 3, side, side)


def rows(draw: random.Random) -> torch.Tensor:
    return torch.zeros(draw.choice([32, 100, 1000, 5000]), 300)


def trainings() -> dict[str, tuple[nn.Module, Callable[[random.Random], torch.Tensor]]]:
    """Models, and what draws their batches."""
    convolutions = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()
    )
    layers = nn.Sequential(nn.Linear(300, 700), nn.GELU(), nn.Linear(700, 700), nn.GELU(), nn.Linear(700, 10))
    return {
        "sequences of 16 to 400": (Tagger(), sequences),
        "images of 32 to 160": (convolutions, images),
        "batches of 32 to 5,000": (layers, rows),
    }


def measure() -> dict[str, dict[str, float]]:
    """A row a training: MB at the peak, and the ratio."""
    found = {}
    for name, (model, batch) in trainings().items():
        draw = random.Random(0)
        torch.npu.empty_cache()
        torch.npu.reset_peak_memory_stats()
        model.to("npu")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
        for _ in range(STEPS):
            loss = model(batch(draw).to("npu")).float().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        torch.npu.synchronize()
        allocated, reserved = torch.npu.max_memory_allocated() / MIB, torch.npu.max_memory_reserved() / MIB
        found[name] = {"allocated_mb": allocated, "reserved_mb": reserved, "ratio": reserved / allocated}
        del model, optimizer, loss
    return found


if __name__ == "__main__":
    print(json.dumps(measure()))
