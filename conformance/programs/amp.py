"""torch.npu.amp: autocast in both halves, and a gradient scaler that skips a step whose gradients are infinite."""

import json

import torch

losses = {}
for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.GELU(), torch.nn.Linear(32, 4)).to("npu")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.npu.amp.GradScaler(init_scale=2.0**10)
    x, y = torch.randn(64, 16).npu(), torch.randint(4, (64,)).npu()
    found = []
    for _ in range(20):
        with torch.npu.amp.autocast(dtype=dtype):
            scores = model(x)
            assert scores.dtype == dtype, scores.dtype
            loss = torch.nn.functional.cross_entropy(scores.float(), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append(loss.item())
    assert found[-1] < found[0]
    losses[name] = found

weight = torch.nn.Parameter(torch.ones(2).npu())
optimizer = torch.optim.SGD([weight], lr=1.0)
scaler = torch.npu.amp.GradScaler(init_scale=4.0)
scaler.scale((weight * float("inf")).sum()).backward()
scaler.step(optimizer)
scaler.update()
assert torch.equal(weight.detach().cpu(), torch.ones(2)), "a step with infinite gradients was taken"
assert scaler.get_scale() == 2.0
print("RESULT", json.dumps({"tolerance": 1e-3, "values": losses}))
