"""DistributedDataParallel over hccl, under torchrun: ranks end with the weights of one process on all the data."""

import json
import os

import torch
import torch.distributed as dist

STEPS, SIZE = 20, 64
torch.npu.set_device(int(os.environ["LOCAL_RANK"]))
dist.init_process_group("hccl")
rank, world = dist.get_rank(), dist.get_world_size()


def train(model: torch.nn.Module, part: slice) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    found = []
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(SIZE, 1, 8, 8, generator=generator)[part].npu()
        y = torch.randint(10, (SIZE,), generator=generator)[part].npu()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(512, 10)
    ).to("npu")


each = SIZE // world
model = network()
parallel = torch.nn.parallel.DistributedDataParallel(model, device_ids=[torch.npu.current_device()])
train(parallel, slice(rank * each, (rank + 1) * each))
alone = network()
losses = train(alone, slice(0, SIZE))
for mine, reference in zip(model.parameters(), alone.parameters(), strict=True):
    assert torch.allclose(mine.detach().cpu(), reference.detach().cpu(), rtol=1e-4, atol=1e-6)
dist.barrier()
dist.destroy_process_group()
if rank == 0:
    print("RESULT", json.dumps({"tolerance": 1e-5, "values": losses}))
