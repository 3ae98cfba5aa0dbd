"""A perceptron and a small CNN learn scikit-learn's handwritten digits: 1,797 real images of 8x8 pixels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from learning import Batch, Task
from sklearn.datasets import load_digits
from torch import nn

BATCH = 64
EPOCHS = 15
TRAINING_IMAGES = 1_400


def perceptron() -> Task:
    """One hidden layer."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return _task("perceptron", network, lr=0.1, goal=0.93)


def cnn() -> Task:
    """Three convolutions."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 4, 10),
    )
    return _task("CNN", network, lr=0.05, goal=0.97)


def images() -> Batch:
    """All images as float32 (1797, 1, 8, 8) in 0..1 and their labels, in one shuffled order."""
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    return torch.tensor(data.images / 16, dtype=torch.float32)[order][:, None], torch.tensor(data.target)[order]


def _task(name: str, network: nn.Module, lr: float, goal: float) -> Task:
    """The training of `network`, float (N, 1, 8, 8) to the scores of ten digits."""
    x, y = images()

    def batches(steps: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(1)
        while True:
            for chosen in torch.randperm(TRAINING_IMAGES, generator=generator).split(BATCH):
                if steps == 0:
                    return
                steps -= 1
                yield x[chosen], y[chosen]

    def judge(model: nn.Module, _: list[float]) -> tuple[bool, str]:
        with torch.no_grad():
            guess = model(x[TRAINING_IMAGES:].npu()).argmax(1)
            right = (guess == y[TRAINING_IMAGES:].npu()).float().mean().item()
        return right >= goal, f"{right:.1%} of {len(y) - TRAINING_IMAGES} unseen images"

    return Task(
        name=name,
        model=network,
        batches=batches,
        loss=lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1]),
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9),
        steps=EPOCHS * -(-TRAINING_IMAGES // BATCH),
        goal=f"{goal:.0%}",
        judge=judge,
    )
