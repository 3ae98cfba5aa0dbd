"""A character-level GPT learns the source text of Python's standard library."""

from __future__ import annotations

import dataclasses
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from learning import Batch, Task
from torch import nn
from torch.nn import functional as F

CONTEXT = 64
WIDTH = 144
LAYERS = 4
HEADS = 4
BATCH = 32  # 32 x 64 = 2,048 tokens a step
STEPS = 500
GOAL = 1.9
JUDGED = 50
#: Under autocast it learns as in float32, so its first steps are enough: they cost as much as those.
HALF_STEPS = 200
HALF_GOAL = 2.3
#: The characters of ASCII text, and one for all others.
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
OTHER = len(CHARACTERS)


class Block(nn.Module):
    """Causal self-attention and a perceptron, each after a norm and added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.project = nn.Linear(WIDTH, WIDTH)
        self.perceptron = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, width) to the same."""
        b, t, w = x.shape
        q, k, v = (
            part.view(b, t, HEADS, w // HEADS).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(WIDTH, dim=2)
        )
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(heads.transpose(1, 2).reshape(b, t, w))
        out: torch.Tensor = x + self.perceptron(self.norm2(x))
        return out


class GPT(nn.Module):
    """Next-character logits."""

    def __init__(self) -> None:
        super().__init__()
        self.characters = nn.Embedding(OTHER + 1, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.output = nn.Linear(WIDTH, OTHER + 1, bias=False)
        self.apply(self._initialise)

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.05)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """int64 (batch, time <= CONTEXT) to float (batch, time, characters)."""
        h = self.characters(x) + self.positions(torch.arange(x.shape[1], device=x.device))
        scores: torch.Tensor = self.output(self.norm(self.blocks(h)))
        return scores


def library_text() -> torch.Tensor:
    """The modules of the standard library on this machine, as int64 indices of characters."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    text = "".join(p.read_text("utf-8", "replace") for p in sorted(folder.glob("*.py")))
    index = torch.full((128,), OTHER)
    index[list(CHARACTERS.encode())] = torch.arange(len(CHARACTERS))
    return index[torch.frombuffer(bytearray(text.encode("ascii", "replace")), dtype=torch.uint8).long()]


def write(model: nn.Module, start: str, length: int) -> str:
    """Lets the model go on from `start`, a character at a time."""
    device = next(model.parameters()).device
    text = torch.tensor([[CHARACTERS.index(c) for c in start]], device=device)
    with torch.no_grad():
        for _ in range(length):
            scores = model(text[:, -CONTEXT:])[:, -1] / 0.7
            text = torch.cat([text, torch.multinomial(scores.softmax(-1), 1)], dim=1)
    return "".join(CHARACTERS[i] if i != OTHER else "?" for i in text[0].tolist())


def task() -> Task:
    """The training in float32."""
    return _task("GPT", STEPS, GOAL)


def float16() -> Task:
    """The training under autocast in float16, with a gradient scaler."""
    return _half(torch.float16)


def bfloat16() -> Task:
    """The training under autocast in bfloat16."""
    return _half(torch.bfloat16)


def _half(dtype: torch.dtype) -> Task:
    training = _task(f"GPT {str(dtype).removeprefix('torch.')}", HALF_STEPS, HALF_GOAL)
    # One rounding of the dtype. The model rounds many times, in both directions, and a loss is the mean of 2,048.
    tolerance = torch.finfo(dtype).eps / 2
    return dataclasses.replace(training, dtype=dtype, tolerance=tolerance, sample=lambda _: "")


def _task(name: str, steps: int, goal: float) -> Task:
    torch.manual_seed(0)
    text = library_text()

    def batches(steps: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(1)
        for _ in range(steps):
            starts = torch.randint(len(text) - CONTEXT, (BATCH, 1), generator=generator)
            window = text[starts + torch.arange(CONTEXT + 1)]
            yield window[:, :-1].contiguous(), window[:, 1:].contiguous()

    def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
        return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    def judge(_: nn.Module, losses: list[float]) -> tuple[bool, str]:
        mean = sum(losses[-JUDGED:]) / JUDGED
        return mean < goal, f"mean loss {mean:.3f} over the last {JUDGED} steps"

    return Task(
        name=name,
        model=GPT(),
        batches=batches,
        loss=loss,
        optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95)),
        steps=steps,
        goal=f"a mean loss below {goal}",
        judge=judge,
        sample=lambda model: write(model, "def ", 300),
    )
