"""A small GPT trains under autocast, with a scaler and clipped gradients, as it does in float32 on the CPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

WORDS, WIDTH, LENGTH, STEPS = 48, 32, 16, 20


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, 4, WIDTH // 4).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(b, t, WIDTH))
        out: torch.Tensor = x + self.mlp(self.norm2(x))
        return out


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(Block(), Block())
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        out: torch.Tensor = self.head(self.norm(self.blocks(self.words(x) + self.places(places))))
        return out


def losses(device: str, dtype: torch.dtype, fused: bool = False) -> list[float]:
    torch.manual_seed(0)
    model = GPT().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=fused)
    scaler = torch.amp.GradScaler(device, enabled=dtype is torch.float16)
    text = torch.randint(0, WORDS, (4, LENGTH + 1), generator=torch.Generator().manual_seed(1)).to(device)
    found = []
    for _ in range(STEPS):
        with torch.autocast(device, dtype=dtype, enabled=dtype is not torch.float32):
            loss = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        found.append(loss.item())
    return found


@pytest.fixture(scope="module")
def in_float32() -> list[float]:
    return losses("cpu", torch.float32)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    ("dtype", "close"), [(torch.float16, 0.01), (torch.bfloat16, 0.05)], ids=["float16", "bfloat16"]
)
def test_a_gpt_learns_as_in_float32(dtype: torch.dtype, close: float, fused: bool, in_float32: list[float]) -> None:
    before = torch.npu.fallback_report()
    found = losses("npu", dtype, fused)
    assert found[-1] < 0.5 * found[0]
    assert found == pytest.approx(in_float32, rel=close)
    assert torch.npu.fallback_report() == before
