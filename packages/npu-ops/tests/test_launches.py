"""How many launches a call takes, where they were once more than a composite may have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

CODE = """
import json, os, torch
import torch.nn.functional as F
from torch.nn import LinearCrossEntropyOptions as Options
x, w = torch.randn(8, 5).npu().requires_grad_(), torch.randn(4, 5).npu().requires_grad_()
target = torch.arange(8).npu() % 4
b, classes = torch.randn(4).npu().requires_grad_(), torch.rand(4).npu()
mask, batches = torch.randn(1, 3, 3).npu(), torch.randn(4, 3, 3).npu()
c, wide = torch.randn(5, 4, dtype=torch.complex64).npu(), torch.randn(6, dtype=torch.complex128).npu()
rows = F.linear_cross_entropy(
    x.half(), w.half(), target, linear_bias=b.half(), reduction="none", options=Options(batch_chunk_size=2)).sum()
calls = {
    "losses in pieces": lambda: F.linear_cross_entropy(
        x, w, target, linear_bias=b, weight=classes, options=Options(batch_chunk_size=2)),
    "losses of rows in pieces": lambda: F.linear_cross_entropy(
        x, w, target, linear_bias=b, weight=classes, reduction="none", options=Options(batch_chunk_size=2)),
    "gradients of rows in pieces": lambda: torch.autograd.grad(rows, (x, w, b), retain_graph=True),
    "product of complex matrices": lambda: c.mH @ c,
    "product with a conjugated matrix": lambda: c @ c.mH,
    "singular values": lambda: torch.linalg.svdvals(c),
    "pseudoinverse": lambda: torch.linalg.pinv(c),
    "inverse": lambda: torch.linalg.inv(batches),
    "solution of a system": lambda: torch.linalg.solve(batches, batches),
    "principal components": lambda: torch.pca_lowrank(c, 2),
    "magnitudes": lambda: wide.abs(),
    "close numbers": lambda: torch.isclose(wide, wide, equal_nan=True),
    "close numbers in float32": lambda: torch.isclose(mask, batches),
    "kaiser": lambda: torch.signal.windows.kaiser(50, device="npu"),
    "i0": lambda: torch.i0(classes),
    "baddbmm": lambda: torch.baddbmm(mask, batches, batches),
    "dropout": lambda: F.dropout(batches, 0.3),
}
counts = {}
for name, call in calls.items():
    call()
    torch.npu.synchronize()
    os.truncate(os.environ["NPU_SIM_TRACE"], 0)
    call()
    torch.npu.synchronize()
    counts[name] = open(os.environ["NPU_SIM_TRACE"]).read().count('"phase":2')
print(json.dumps(counts))
"""
AT_MOST = {
    "losses in pieces": 20,
    "losses of rows in pieces": 5,
    "gradients of rows in pieces": 20,
    "product of complex matrices": 2,
    "product with a conjugated matrix": 2,
    "singular values": 2,
    "pseudoinverse": 18,
    "inverse": 13,
    "solution of a system": 15,
    "principal components": 24,
    "magnitudes": 12,
    "close numbers": 20,
    "close numbers in float32": 9,
    "kaiser": 18,
    "i0": 3,
    "baddbmm": 1,
    "dropout": 2,
}


def test_launches_are_as_few_as_they_can_be(tmp_path: Path) -> None:
    env = {**os.environ, "NPU_SIM_TRACE": str(tmp_path / "trace"), "NPU_RUNTIME": "sim"}
    command = [sys.executable, "-W", "ignore", "-c", CODE]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=tmp_path)
    counts = json.loads(run.stdout.splitlines()[-1])
    assert counts.keys() == AT_MOST.keys()
    assert all(0 < counts[name] <= most for name, most in AT_MOST.items()), counts
