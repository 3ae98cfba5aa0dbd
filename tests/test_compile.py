"""torch.compile, torch.export and torch.func on the device: the same results as eager."""

from __future__ import annotations

from workspace import ROOT, Environment

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
for backend in ("eager", "aot_eager", "aot_eager_decomp_partition", "npu", "npugraphs", None):
    check(backend)
check(None, mode="reduce-overhead", dynamic=True)
from torch._dynamo.backends.registry import get_default_backend
assert get_default_backend() == "npu"
assert {"npu", "npugraphs"} <= set(torch._dynamo.list_backends())
assert not torch.npu.fallback_report()
"""
    full.ok(NETWORK + code)


DEMO = f"""
import sys, copy, warnings, torch
sys.path.insert(0, {str(ROOT / "demo")!r})
import digits, learning, stdlib_gpt
warnings.filterwarnings("error", message="npugraphs runs a graph as it is")
"""


def test_replayed_graphs_train_the_demos_models_as_eager_ones(full: Environment) -> None:
    """To the bit: the graphs hold the operators that eager mode launches, and their draws are the generator's."""
    code = """
stdlib_gpt.LAYERS, stdlib_gpt.BATCH = 2, 4

def losses(task, compile):
    torch.npu.manual_seed(0)
    model = copy.deepcopy(task.model).npu().train()
    run = compile(model)
    optimizer, found = task.optimizer(model), []
    for x, y in task.batches(5):
        loss = task.loss(run, (x.npu(), y.npu()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.detach())
    return torch.stack(found).tolist()

for task in (digits.perceptron(), digits.cnn(), stdlib_gpt.task()):
    task.model.append(torch.nn.Dropout(0.1)) if isinstance(task.model, torch.nn.Sequential) else None
    eager = losses(task, lambda model: model)
    for options in ({"backend": "npugraphs"}, {"backend": "npu", "mode": "reduce-overhead"}):
        torch._dynamo.reset()
        found = losses(task, lambda model: torch.compile(model, **options))
        torch.testing.assert_close(found, eager, rtol=1e-6, atol=0, msg=lambda m: f"{task.name} {options}: {m}")
assert torch.npu.memory_stats()["allocation.all.allocated"] > 0
assert not torch.npu.fallback_report()
"""
    full.ok(DEMO + code)


def test_a_replay_reads_what_it_is_given_and_writes_what_the_function_writes(full: Environment) -> None:
    code = """
import torch, warnings
warnings.filterwarnings("error", message="npugraphs runs a graph as it is")
layer = torch.nn.Linear(3, 3).npu()
state = torch.zeros(3).npu()

@torch.compile(backend="npugraphs", dynamic=False)
def step(x):
    state.add_(1)
    return x, layer(x) + state, x.view(-1)

kept = []
with torch.no_grad():
    for turn in range(6):
        x = torch.full((2, 3), float(turn)).npu()
        same, y, flat = step(x)
        assert same is x
        kept.append((y, layer(x) + turn + 1))
        if turn == 3:  # elsewhere in memory, with other numbers
            layer.weight.data = torch.ones(3, 3).npu()
for found, expected in kept:  # a later replay leaves earlier results alone
    torch.testing.assert_close(found, expected)
assert state.tolist() == [6.0] * 3
side = torch.npu.Stream()
side.wait_stream(torch.npu.current_stream())
with torch.npu.stream(side), torch.no_grad():
    y = step(torch.ones(2, 3).npu())[1]
torch.npu.synchronize()
torch.testing.assert_close(y, torch.ones(2, 3).npu() @ layer.weight.T + layer.bias + 7)
"""
    full.ok(code)


def test_replays_keep_aliases_repetitions_devices_and_parameters(full: Environment) -> None:
    code = """
import gc, torch, warnings
from npu_core.dynamo_graphs import Replayed
warnings.filterwarnings("error", message="npugraphs runs a graph as it is")

def thrice(function, *arguments):
    torch._dynamo.reset()
    compiled = torch.compile(function, backend="npugraphs", dynamic=False)
    return [compiled(*arguments) for _ in range(3)][-1]

x = torch.randn(4, 3).npu()
whole, row = thrice(lambda t: (y := t + 1, y[0]), x)
whole.zero_()
assert row.tolist() == [0.0] * 3, "results that share memory go on sharing it"
assert thrice(lambda t: (t + 1).expand(2, 4, 3), x).stride() == (0, 3, 1)
torch.testing.assert_close(thrice(lambda t: t * 2, x[:1].expand(4, 3)), x[:1].expand(4, 3) * 2)
torch.testing.assert_close(thrice(lambda t, i: t[i], x, torch.tensor([2, 0]).npu()), x[[2, 0]])
w = x.clone().requires_grad_()
for turn in range(3):
    torch.compile(lambda t: t.sum(), backend="npugraphs")(w).backward()
assert w.grad.tolist() == [[3.0] * 3] * 4

for index, grad in ((0, False), (1, False), (0, True)):
    with torch.set_grad_enabled(grad):
        layer = torch.nn.Linear(3, 2).to(f"npu:{index}")
        given = x.to(f"npu:{index}")
        found = thrice(layer, given)
        torch.testing.assert_close(found, layer(given))
        assert found.device.index == index and torch.npu.current_device() == 0
        assert {2} <= {len(o._fixed) for o in gc.get_objects() if type(o) is Replayed}, "weights are read in place"

torch.npu.config.allow_internal_format = True
layer = torch.nn.Linear(16, 32, bias=False).half().npu().requires_grad_(False)
torch.ops.npu.npu_format_cast_(layer.weight, 29)
given = torch.randn(4, 16).half().npu()
torch.testing.assert_close(thrice(layer, given), layer(given))
assert torch.ops.npu.get_npu_format(layer.weight) == 29, "a weight stays in the format it was put into"
"""
    full.ok(code)


def test_what_cannot_be_captured_runs_as_it_is_and_says_why(full: Environment) -> None:
    code = """
import torch, warnings

def reason_of(function, *arguments, **options):
    torch._dynamo.reset()
    compiled = torch.compile(function, backend="npugraphs", **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            torch.testing.assert_close(compiled(*arguments), function(*arguments))
    messages = [str(w.message) for w in caught if "npugraphs" in str(w.message)]
    assert len(messages) == 1, messages
    return messages[0]

x = torch.randn(4, 4).npu()
torch._dynamo.config.capture_dynamic_output_shape_ops = True
assert "nonzero" in reason_of(lambda t: t.nonzero(), x)
assert "tensors of cpu" in reason_of(lambda t, u: (t + 1, u + 1), x, torch.ones(2))
assert "sizes vary" in reason_of(lambda t: t * 2, x, dynamic=True)
refused = reason_of(lambda t: torch.special.zeta(t.abs() + 2, t.abs() + 1), x.double())
assert "cannot happen while a graph is captured" in refused
"""
    full.ok(code)


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
