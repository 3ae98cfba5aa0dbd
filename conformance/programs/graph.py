"""A graph: captured once, replayed with other inputs."""

import torch

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2)).to("npu").eval()
x = torch.randn(4, 8).npu()
with torch.no_grad():
    side = torch.npu.Stream()
    side.wait_stream(torch.npu.current_stream())
    with torch.npu.stream(side):
        for _ in range(3):
            model(x)
    torch.npu.current_stream().wait_stream(side)
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        y = model(x)
    for seed in range(3):
        fresh = torch.randn(4, 8, generator=torch.Generator().manual_seed(seed))
        x.copy_(fresh)
        graph.replay()
        torch.npu.synchronize()
        assert torch.allclose(y.cpu(), model(fresh.npu()).cpu()), "a replay differs from the same model run eagerly"
