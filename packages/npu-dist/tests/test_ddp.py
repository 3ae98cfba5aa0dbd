"""DistributedDataParallel on two ranks learns what one process learns from the whole batch."""

from __future__ import annotations

from rank_processes import Agreed

MODEL = """
from torch import nn
from torch.nn.parallel import DistributedDataParallel

def train(part, parts, wrap):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
    model = wrap(model.npu())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x, y = x.chunk(parts)[part].npu(), y.chunk(parts)[part].npu()
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return [p.detach().cpu() for p in model.parameters()]
"""


def test_the_parameters_are_those_of_one_process(agreed: Agreed) -> None:
    out = agreed(
        MODEL
        + """
join()
alone = train(0, 1, lambda m: m)
for options in ({}, {"bucket_cap_mb": 0.0005}, {"gradient_as_bucket_view": True}, {"find_unused_parameters": True}):
    ours = train(rank, size, lambda m: DistributedDataParallel(m, device_ids=[rank], **options))
    print(max((a - b).abs().max().item() for a, b in zip(ours, alone)) < 1e-6, flush=True)
gathered = [torch.empty_like(ours[0]).npu() for _ in range(size)]
dist.all_gather(gathered, ours[0].npu())
print(all(torch.equal(g.cpu(), ours[0]) for g in gathered))
dist.destroy_process_group()
"""
    )
    assert out == ["\n".join(["True"] * 5)] * 2


def test_a_communication_hook_sees_futures(agreed: Agreed) -> None:
    out = agreed(
        MODEL
        + """
join()
def halved(state, bucket):
    work = dist.all_reduce(bucket.buffer().div_(size), async_op=True)
    return work.get_future().then(lambda f: f.value()[0])
def wrap(model):
    ddp = DistributedDataParallel(model, device_ids=[rank])
    ddp.register_comm_hook(None, halved)
    return ddp
alone, ours = train(0, 1, lambda m: m), train(rank, size, wrap)
print(max((a - b).abs().max().item() for a, b in zip(ours, alone)) < 1e-6)
dist.destroy_process_group()
"""
    )
    assert out == ["True", "True"]


def test_a_cnn_learns_what_one_process_learns_and_ddp_times_its_steps(agreed: Agreed) -> None:
    out = agreed("""
        from torch import nn
        from torch.nn.parallel import DistributedDataParallel

        def train(part, parts, wrap):
            torch.manual_seed(0)
            model = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
                nn.Flatten(), nn.Linear(16 * 16, 10))
            x, y = torch.randn(64, 1, 8, 8), torch.randint(0, 10, (64,))
            model = wrap(model.npu())
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
            x, y = x.chunk(parts)[part].npu(), y.chunk(parts)[part].npu()
            for _ in range(20):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            return model, [p.detach().cpu() for p in model.parameters()]

        join()
        (_, alone), (model, ours) = train(0, 1, lambda m: m), train(rank, size, DistributedDataParallel)
        print(max((a - b).abs().max().item() for a, b in zip(ours, alone)) < 1e-6)
        times = model._get_ddp_logging_data()
        print(times["avg_forward_compute_time"] > 0, times["avg_backward_comm_time"] > 0)
        dist.destroy_process_group()
        """)
    assert out == ["True\nTrue True"] * 2
