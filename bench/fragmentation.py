"""Peak reserved over peak allocated memory of trainings whose shapes change from step to step. Prints JSON.

`fragmentation.py record FILE` trains and writes what was allocated and freed, in order; `replay FILE` does the same on
any stack that has device npu, so that two allocators answer the same requests. `train` measures the trainings
themselves: what a stack's kernels allocate beside their results is then in the numbers too. What kernels compute does
not matter: `NPU_SIM_KERNELS=null` will do.
"""

from __future__ import annotations

import functools
import json
import random
import sys
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


#: A name for the memory and, if it is allocated, its bytes.
Event = tuple[int, int | None]


def peak(run: Callable[[], None]) -> dict[str, float]:
    """MB at the peak of `run`, and the ratio."""
    torch.npu.synchronize()
    torch.npu.empty_cache()
    torch.npu.reset_peak_memory_stats()
    run()
    torch.npu.synchronize()
    allocated, reserved = torch.npu.max_memory_allocated() / MIB, torch.npu.max_memory_reserved() / MIB
    return {"allocated_mb": allocated, "reserved_mb": reserved, "ratio": reserved / allocated}


def train(model: nn.Module, batch: Callable[[random.Random], torch.Tensor]) -> None:
    """A training of STEPS steps; all of its memory is free afterwards."""
    draw = random.Random(0)
    model.to("npu")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    for _ in range(STEPS):
        loss = model(batch(draw).to("npu")).float().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def record(model: nn.Module, batch: Callable[[random.Random], torch.Tensor]) -> list[Event]:
    """What the allocator was asked for while training."""
    torch.npu.memory._record_memory_history(context=None, max_entries=10**6)
    train(model, batch)
    torch.npu.synchronize()
    trace = torch.npu.memory._snapshot()["device_traces"][torch.npu.current_device()]
    torch.npu.memory._record_memory_history(enabled=None)
    wanted = ("alloc", "free_requested")
    return [(e["addr"], e["size"] if e["action"] == "alloc" else None) for e in trace if e["action"] in wanted]


def replay(events: list[Event]) -> None:
    """Allocates and frees as `events` say."""
    alive: dict[int, torch.Tensor] = {}
    for name, size in events:
        if size is None:
            alive.pop(name, None)
        else:
            alive[name] = torch.empty(size, dtype=torch.uint8, device="npu")


def main() -> None:
    what, file = sys.argv[1], sys.argv[2:]
    if what == "record":
        with open(file[0], "w") as f:
            json.dump({name: record(*training) for name, training in trainings().items()}, f)
    elif what == "replay":
        with open(file[0]) as f:
            traces: dict[str, list[Event]] = json.load(f)
        print(json.dumps({name: peak(functools.partial(replay, events)) for name, events in traces.items()}))
    else:
        print(json.dumps({name: peak(functools.partial(train, *t)) for name, t in trainings().items()}))


if __name__ == "__main__":
    main()
