"""A perceptron learns handwritten digits on the device, and is checked against the same run on the CPU.

The data are scikit-learn's 1,797 real images of 8x8 pixels. The run fails unless the network reaches 93 % on images
that it has not seen, no operator fell back to the CPU, and every loss equals that of the same run on `cpu`.
"""

from __future__ import annotations

import argparse
import collections
import copy
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from tqdm import tqdm

GOAL = 0.93
#: Largest relative difference of a loss between the device and the CPU.
TOLERANCE = 1e-5
BATCH = 128
TRAINING_IMAGES = 1_400


class Placement(TorchDispatchMode):
    """Counts operator calls by the device of their results."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: collections.Counter[tuple[str, str]] = collections.Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        # In-place operators over lists of tensors, such as an optimizer's, return nothing: ask their arguments then.
        tensors = [t for t in tree_leaves(result if result is not None else args) if isinstance(t, torch.Tensor)]
        for device in {t.device.type for t in tensors}:
            self.calls[str(func.overloadpacket), device] += 1
        return result


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """All images as float32 (1797, 64) in 0..1 and their labels, in one shuffled order."""
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    return torch.tensor(data.data / 16, dtype=torch.float32)[order], torch.tensor(data.target)[order]


def batches(epochs: int) -> Iterator[torch.Tensor]:
    """The same minibatches of indices for every device."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(epochs):
        yield from torch.randperm(TRAINING_IMAGES, generator=generator).split(BATCH)


def train(model: nn.Module, device: str, epochs: int) -> tuple[list[float], float, float, Placement]:
    """Trains `model` on `device`. Returns each step's loss, accuracy on unseen images, seconds, and what ran where."""
    x, y = (t.to(device) for t in images())
    model = model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss_function = nn.CrossEntropyLoss()
    losses: list[torch.Tensor] = []
    placement = Placement()
    steps = epochs * -(-TRAINING_IMAGES // BATCH)
    began = time.perf_counter()
    with placement:
        for chosen in tqdm(batches(epochs), desc=f"training on {device}", total=steps, unit="step", ncols=90):
            chosen = chosen.to(device)
            loss = loss_function(model(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        right = (model(x[TRAINING_IMAGES:]).argmax(1) == y[TRAINING_IMAGES:]).float().mean()
    # Read back only now: a read a step would make the host wait for the device every time.
    values = torch.stack(losses).cpu().tolist()
    return values, right.item(), time.perf_counter() - began, placement


def table(placement: Placement) -> str:
    """Operators by how often they ran, and where."""
    devices = sorted({d for _, d in placement.calls}, key=lambda d: (d != "npu", d))
    totals: collections.Counter[str] = collections.Counter()
    for (name, _), count in placement.calls.items():
        totals[name] += count
    head = f"{'operator':<32}" + "".join(f"{d:>10}" for d in devices)
    rows = [
        f"{n:<32}" + "".join(f"{placement.calls[n, d] or '':>10}" for d in devices) for n, _ in totals.most_common()
    ]
    return "\n".join(["what ran where", head, "-" * len(head), *rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    epochs = parser.parse_args().epochs

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    expected, _, cpu_seconds, _ = train(copy.deepcopy(model), "cpu", epochs)
    losses, accuracy, seconds, placement = train(model, "npu", epochs)

    worst = max(abs(a - b) / abs(b) for a, b in zip(losses, expected, strict=True))
    fallbacks = torch.npu.fallback_report()
    print(table(placement))
    print()
    print(f"device            {torch.npu.get_device_name()}")
    print(f"accuracy          {accuracy:.1%} of {1797 - TRAINING_IMAGES} unseen images (goal {GOAL:.0%})")
    print(f"loss              {losses[0]:.4f} -> {losses[-1]:.4f} in {len(losses)} steps")
    print(f"against cpu       largest relative difference of a loss: {worst:.1e} (goal {TOLERANCE:.0e})")
    print(f"seconds           npu {seconds:.2f}, cpu {cpu_seconds:.2f}")
    print(f"CPU fallbacks     {len(fallbacks)}")

    failures = []
    if accuracy < GOAL:
        failures.append(f"accuracy {accuracy:.1%} is below {GOAL:.0%}")
    if worst > TOLERANCE:
        failures.append(f"a loss differs from the CPU's by {worst:.1e} of its value")
    if fallbacks:
        failures.append(f"operators fell back to the CPU: {fallbacks}")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
