"""What the trainings share: the same run on two devices, what ran where, the verdict, the picture."""

from __future__ import annotations

import collections
import contextlib
import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from tqdm import tqdm

#: So many of the first losses are compared with those of the same run on the CPU, and so many steps are counted.
COMPARED = 50

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass
class Task:
    """Something to learn."""

    name: str
    model: nn.Module
    batches: Callable[[int], Iterable[Batch]]  # the first `steps` batches, on the host, the same ones every time
    loss: Callable[[nn.Module, Batch], torch.Tensor]
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    steps: int
    goal: str
    #: (model, losses of all steps) to whether the goal is reached, and the number in words.
    judge: Callable[[nn.Module, list[float]], tuple[bool, str]]
    #: What autocast computes in on the device, with a gradient scaler if float16. In float32 there is no autocast.
    dtype: torch.dtype = torch.float32
    #: Largest relative difference of a loss on the device to that on the CPU, which computes in float32.
    tolerance: float = 1e-5
    #: Printed after the training.
    sample: Callable[[nn.Module], str] = lambda _: ""


@dataclass
class Run:
    """A training and its losses, a step each."""

    losses: list[float]
    seconds: float
    placement: Placement


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

    def table(self) -> str:
        """Operators by how often they ran, and where."""
        devices = sorted({d for _, d in self.calls}, key=lambda d: (d != "npu", d))
        totals: collections.Counter[str] = collections.Counter()
        for (name, _), count in self.calls.items():
            totals[name] += count
        head = f"{'operator':<46}" + "".join(f"{d:>10}" for d in devices)
        rows = [f"{n:<46}" + "".join(f"{self.calls[n, d] or '':>10}" for d in devices) for n, _ in totals.most_common()]
        return "\n".join([head, "-" * len(head), *rows])


def train(task: Task, model: nn.Module, device: str, steps: int, dtype: torch.dtype = torch.float32) -> Run:
    """Trains `model` on `device` for the first `steps` steps of the task, under autocast if `dtype` is a half."""
    model.to(device).train()
    optimizer = task.optimizer(model)
    scaler = torch.amp.GradScaler(device, enabled=dtype is torch.float16)
    half = None if dtype is torch.float32 else dtype
    placement = Placement()
    losses: list[torch.Tensor] = []
    began = time.perf_counter()
    progress = tqdm(task.batches(steps), desc=f"{task.name} on {device}", total=steps, unit="step", ncols=90)
    for step, batch in enumerate(progress):
        with placement if step < COMPARED else contextlib.nullcontext():
            x, y = (t.to(device, non_blocking=True) for t in batch)
            with torch.autocast(device, dtype=half, enabled=half is not None):
                loss = task.loss(model, (x, y))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.detach())
    # Read back only now: a read a step would make the host wait for the device every time.
    values = torch.stack(losses).cpu().tolist()
    return Run(values, time.perf_counter() - began, placement)


@dataclass
class Verdict:
    """One row of the table at the end."""

    task: Task
    on_npu: Run
    on_cpu: Run
    reached: str
    failures: list[str] = field(default_factory=list)

    @property
    def difference(self) -> float:
        """Largest relative difference of the compared losses."""
        pairs = zip(self.on_npu.losses, self.on_cpu.losses, strict=False)
        return max(abs(a - b) / abs(b) for a, b in pairs)


def learn(task: Task, on_cpu: Run | None = None) -> Verdict:
    """Trains on the device, and the first steps on the CPU from the same weights, unless that run is given."""
    on_cpu = on_cpu or train(task, copy.deepcopy(task.model), "cpu", min(COMPARED, task.steps))
    on_npu = train(task, task.model, "npu", task.steps, task.dtype)
    task.model.eval()
    good, reached = task.judge(task.model, on_npu.losses)
    verdict = Verdict(task, on_npu, on_cpu, reached)
    if not good:
        verdict.failures.append(f"{task.name}: {reached}, the goal is {task.goal}")
    if not verdict.difference <= task.tolerance:  # also if it is not a number
        verdict.failures.append(f"{task.name}: a loss differs from the CPU's by {verdict.difference:.1e} of its value")
    return verdict


def picture(verdicts: list[Verdict], path: Path) -> None:
    """Saves the loss curves."""
    import matplotlib

    matplotlib.use("agg")  # no display is needed
    from matplotlib import pyplot

    columns = min(3, len(verdicts))
    rows = -(-len(verdicts) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(6 * columns, 4 * rows), squeeze=False)
    for ax in axes.flat[len(verdicts) :]:
        ax.remove()
    for ax, v in zip(axes.flat, verdicts, strict=False):
        ax.plot(v.on_npu.losses, linewidth=1, label="npu")
        ax.plot(v.on_cpu.losses, linewidth=3, alpha=0.4, label=f"cpu in float32, first {len(v.on_cpu.losses)} steps")
        ax.set(title=f"{v.task.name}: {v.reached}", xlabel="step", ylabel="loss", ylim=(0, None))
        ax.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
