"""torch.compile, torch.export and torch.func on the device: the same results as eager."""

from __future__ import annotations

from workspace import Environment

NETWORK = """
import sys, torch
assert "torch._dynamo" not in sys.modules, "import torch imported the compiler"
torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 10)
).to("npu")
x = torch.randn(8, 1, 8, 8).npu()

def gradients(f):
    network.zero_grad()
    f(x).square().mean().backward()
    return [p.grad.cpu() for p in network.parameters()]

eager = gradients(network)

def check(backend, **options):
    torch._dynamo.reset()
    compiled = gradients(torch.compile(network, backend=backend, **options))
    for mine, reference in zip(compiled, eager, strict=True):
        torch.testing.assert_close(mine, reference)
"""


def test_compiled_networks_train_as_eager_ones(full: Environment) -> None:
    code = """
for backend in ("eager", "aot_eager", "aot_eager_decomp_partition", "npu", None):
    check(backend)
check(None, mode="reduce-overhead", dynamic=True)
from torch._dynamo.backends.registry import get_default_backend
assert get_default_backend() == "npu"
assert "npu" in torch._dynamo.list_backends()
assert not torch.npu.fallback_report()
"""
    full.ok(NETWORK + code)


def test_exported_and_transformed_functions_compute_as_eager_ones(full: Environment) -> None:
    code = """
network.eval()
program = torch.export.export(network, (x,))
torch.testing.assert_close(program.module()(x).cpu(), network(x).cpu())
with torch._subclasses.FakeTensorMode():
    product = torch.empty(3, 4, device="npu") @ torch.empty(4, 5, device="npu")
assert (product.device.type, product.shape) == ("npu", (3, 5))
a = torch.randn(5, 3).npu()
torch.testing.assert_close(torch.vmap(lambda row: (row * 2).sum())(a).cpu(), (a.cpu() * 2).sum(1))
b = a[:, 0].contiguous()
_, tangent = torch.func.jvp(torch.sin, (b,), (torch.ones_like(b),))
torch.testing.assert_close(tangent.cpu(), b.cpu().cos())
torch.testing.assert_close(torch.func.jacrev(lambda z: z**2)(b).diagonal().cpu(), 2 * b.cpu())
torch.testing.assert_close(torch.func.hessian(lambda z: (z**3).sum())(b).diagonal().cpu(), 6 * b.cpu())
assert torch.func.functionalize(lambda z: z.clone().add_(1))(torch.ones(2).npu()).tolist() == [2.0, 2.0]
"""
    full.ok(NETWORK + code)


def test_without_a_device_the_default_backend_stays_torchs(full: Environment) -> None:
    code = "import torch; from torch._dynamo.backends.registry import get_default_backend; print(get_default_backend())"
    assert full.ok(code, NPU_RUNTIME="none") == "inductor"
