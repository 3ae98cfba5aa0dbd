"""torch.save and torch.load: tensors, modules and optimizers, from and to the device."""

import io
from typing import Any

import torch


def through_a_file(thing: object, **options: Any) -> Any:
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, **options)


torch.manual_seed(0)
x = torch.randn(3, 4).npu()
for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool):
    loaded = through_a_file(x.to(dtype), weights_only=True)
    assert loaded.device.type == "npu", loaded.device
    assert torch.equal(loaded.cpu(), x.to(dtype).cpu())
assert through_a_file(x, map_location="cpu").device.type == "cpu"
assert through_a_file(torch.ones(2), map_location="npu:0").device.type == "npu"

model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).to("npu")
optimizer = torch.optim.Adam(model.parameters())
model(x).sum().backward()
optimizer.step()
state = through_a_file({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, weights_only=True)
other = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).to("npu")
other.load_state_dict(state["model"])
torch.optim.Adam(other.parameters()).load_state_dict(state["optimizer"])
assert torch.equal(other(x).cpu(), model(x).cpu())
