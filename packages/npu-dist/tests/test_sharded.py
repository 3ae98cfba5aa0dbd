"""What torch builds on the collectives: fully sharded training, sharded optimizers, DTensor, functional collectives."""

from __future__ import annotations

from rank_processes import Agreed


def test_fully_sharded_training_equals_one_process(agreed: Agreed) -> None:
    out = agreed("""
        from torch import nn
        from torch.distributed.fsdp import fully_shard

        def train(part, parts, wrap):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)).npu()
            x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
            wrap(model)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            x, y = x.chunk(parts)[part].npu(), y.chunk(parts)[part].npu()
            for _ in range(5):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            return [p.detach() for p in model.parameters()]

        def sharded(model):
            for layer in model:
                if isinstance(layer, nn.Linear):
                    fully_shard(layer)
            fully_shard(model)

        join()
        alone = [p.cpu() for p in train(0, 1, lambda m: None)]
        ours = [p.full_tensor().cpu() for p in train(rank, size, sharded)]
        print(max((a - b).abs().max().item() for a, b in zip(ours, alone)) < 1e-6)
        dist.destroy_process_group()
        """)
    assert out == ["True", "True"]


def test_dtensors_and_functional_collectives_work(agreed: Agreed) -> None:
    out = agreed("""
        from torch.distributed._functional_collectives import all_reduce
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Replicate, Shard, distribute_tensor

        join()
        mesh = init_device_mesh("npu", (2,))
        x = distribute_tensor(torch.arange(8.0).reshape(4, 2).npu(), mesh, [Shard(0)])
        print(x.redistribute(mesh, [Shard(1)]).to_local().tolist(), (x * 2).full_tensor().sum().item())
        print(all_reduce(torch.ones(2).npu(), "sum", dist.group.WORLD).tolist())
        dist.destroy_process_group()
        """)
    assert [text.splitlines() for text in out] == [
        [f"{[[float(2 * row + rank)] for row in range(4)]} 56.0", "[2.0, 2.0]"] for rank in range(2)
    ]


def test_an_optimizer_with_sharded_state_keeps_the_ranks_alike(agreed: Agreed) -> None:
    out = agreed("""
        from torch.distributed.optim import ZeroRedundancyOptimizer
        from torch.nn.parallel import DistributedDataParallel

        join()
        torch.manual_seed(rank)
        model = DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2)).npu())
        optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.SGD, lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 4).npu()).square().mean().backward()
            optimizer.step()
        print([p.detach().cpu().tolist() for p in model.parameters()])
        dist.destroy_process_group()
        """)
    assert out[0] == out[1]
