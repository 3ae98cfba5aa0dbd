"""A CNN trains under `import torch_npu`, written as programs for torch_npu are."""

import os
import subprocess
import sys
from pathlib import Path

LOOP = """
import torch
import torch_npu
from torch import nn

assert torch_npu.npu.is_available() and torch.npu.is_available()
torch_npu.npu.set_device("npu:0")
torch.npu.set_compile_mode(jit_compile=False)
torch.manual_seed(0)
torch_npu.npu.manual_seed_all(0)
device = torch.device(f"npu:{torch_npu.npu.current_device()}")

model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                      nn.Linear(128, 2)).npu()
images = torch.rand(64, 1, 8, 8)
labels = (images[:, :, :4].sum((1, 2, 3)) > images[:, :, 4:].sum((1, 2, 3))).long()
loss_function = nn.CrossEntropyLoss().to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scaler = torch_npu.npu.amp.GradScaler()
losses = []
for step in range(30):
    x, y = images.npu(non_blocking=True), labels.to(device, non_blocking=True)
    optimizer.zero_grad(set_to_none=True)
    with torch_npu.npu.amp.autocast():
        loss = loss_function(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    losses.append(loss.item())
torch_npu.npu.synchronize()
assert losses[-1] < losses[0] / 3, losses

start, end = torch_npu.npu.Event(enable_timing=True), torch_npu.npu.Event(enable_timing=True)
start.record()
model(images.npu())
end.record()
end.synchronize()
assert start.elapsed_time(end) > 0
assert torch_npu.npu.max_memory_allocated() >= torch_npu.npu.memory_allocated() > 0
torch_npu.npu.empty_cache()

torch.save(model.state_dict(), "cnn.pt")
state = torch.load("cnn.pt", map_location="npu:0")
assert all(v.is_npu and torch.equal(v, model.state_dict()[k]) for k, v in state.items())

with torch_npu.profiler.profile(activities=[torch_npu.profiler.ProfilerActivity.CPU,
                                            torch_npu.profiler.ProfilerActivity.NPU]) as p:
    model(images.npu())
assert any(e.device_time_total > 0 for e in p.key_averages())
assert torch.npu.fallback_report() == []
print("trained")
"""


def test_a_cnn_trains_with_the_usual_idioms(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOP], capture_output=True, text=True, cwd=tmp_path, env={**os.environ}, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
