"""Expandable segments: PYTORCH_NPU_ALLOC_CONF=expandable_segments:True, growing blocks use one range of addresses."""

import os

os.environ["PYTORCH_NPU_ALLOC_CONF"] = "expandable_segments:True"

import torch

MIB = 2**20
held = [torch.full((n * 4 * MIB,), float(n), device="npu") for n in range(1, 9)]
assert all(float(t[-1]) == n for n, t in enumerate(held, 1))
del held[::2]
again = torch.ones(40 * MIB, device="npu")  # 160 MiB: fits no single hole
assert float(again.sum()) == 40 * MIB
assert all(float(t[0]) == n for n, t in zip((2, 4, 6, 8), held, strict=True))
del held, again
torch.npu.empty_cache()
assert torch.npu.memory_reserved() < 64 * MIB
