"""torch.optim on npu against the CPU: every implementation that torch has of SGD, Adam and AdamW, and clipping."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

STEPS = 6
IMPLEMENTATIONS: dict[str, dict[str, bool]] = {
    "default": {},
    "plain": {"foreach": False, "fused": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "sgd-momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.1}),
    "sgd-nesterov": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "sgd-maximize": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "maximize": True}),
    "sgd-decay": (torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.01}),
    "adam": (torch.optim.Adam, {"lr": 0.01}),
    "adam-decay": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1}),
    "adam-decay-maximize": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    "adam-amsgrad": (torch.optim.Adam, {"lr": 0.01, "amsgrad": True, "betas": (0.8, 0.9)}),
    "adam-maximize": (torch.optim.Adam, {"lr": 0.01, "maximize": True}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01}),
    "adamw-decay": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-6}),
    "adamw-amsgrad": (torch.optim.AdamW, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    "adamw-maximize": (torch.optim.AdamW, {"lr": 0.01, "maximize": True}),
}


@pytest.fixture(autouse=True)
def no_fallback() -> Iterator[None]:
    before = torch.npu.fallback_report()
    yield
    assert torch.npu.fallback_report() == before


def model(device: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Linear(6, 10), nn.Tanh(), *(nn.Linear(10, 10) for _ in range(14)), nn.LayerNorm(10), nn.Linear(10, 3)]
    return nn.Sequential(*layers).to(device=device, dtype=dtype)


def set_gradients(m: nn.Module, step: int, late: bool = False) -> None:
    """The same numbers on every device: what is compared is the optimizer, not the backward pass. `late`: one
    parameter joins in the third step, so that step counts differ."""
    generator = torch.Generator().manual_seed(step)
    for i, p in enumerate(m.parameters()):
        g = torch.randn(p.shape, generator=generator)
        p.grad = None if late and i == 1 and step < 2 else g.to(device=p.device, dtype=p.dtype)


def trained(
    device: str,
    make: Any,
    options: dict[str, Any],
    dtype: torch.dtype = torch.float32,
    prepare: Callable[[torch.optim.Optimizer], None] | None = None,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    m = model(device, dtype)
    optimizer = make(m.parameters(), **options)
    for step in range(STEPS):
        set_gradients(m, step, late=make is not torch.optim.SGD)  # torch's own fused SGD takes no late ones
        if prepare:
            prepare(optimizer)
        optimizer.step()
    return m, optimizer


def compare(
    ours: tuple[nn.Module, torch.optim.Optimizer],
    theirs: tuple[nn.Module, torch.optim.Optimizer],
    rtol: float,
    atol: float,
) -> None:
    for (name, a), b in zip(ours[0].named_parameters(), theirs[0].parameters(), strict=True):
        assert a.device.type == "npu"
        torch.testing.assert_close(a.detach().cpu(), b.detach(), rtol=rtol, atol=atol, msg=name)
    for a, b in zip(ours[1].state.values(), theirs[1].state.values(), strict=True):
        assert a.keys() == b.keys()
        for key in a:
            if isinstance(a[key], torch.Tensor):
                torch.testing.assert_close(a[key].cpu(), b[key], rtol=rtol, atol=atol)


@pytest.mark.parametrize("how", IMPLEMENTATIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_cpu(name: str, how: str) -> None:
    make, options = OPTIMIZERS[name]
    ours = trained("npu", make, options | IMPLEMENTATIONS[how])
    theirs = trained("cpu", make, options | {"foreach": False, "fused": False})
    compare(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["sgd-nesterov", "adam-decay", "adamw"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_fused_steps_of_half_parameters_are_those_of_the_cpu(name: str, dtype: torch.dtype) -> None:
    make, options = OPTIMIZERS[name]
    tolerance = {torch.float16: 4e-3, torch.bfloat16: 4e-2}[dtype]
    # The CPU's fused SGD in half precision loses Nesterov's term (torch 2.13).
    theirs = trained("cpu", make, options | {"fused": make is not torch.optim.SGD}, dtype)
    compare(trained("npu", make, options | {"fused": True}, dtype), theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_torch_chooses_lists_on_npu_by_itself(make: Any) -> None:
    from torch.utils._foreach_utils import _get_foreach_kernels_supported_devices, _get_fused_kernels_supported_devices

    assert "npu" in _get_foreach_kernels_supported_devices()
    assert "npu" in _get_fused_kernels_supported_devices()
    m = model("npu")
    optimizer = make(m.parameters(), lr=0.1)
    set_gradients(m, 2)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        optimizer.step()
    seen = {e.name for e in profile.events() if e.name.startswith("aten::")}
    assert "aten::_foreach_add_" in seen
    # Nothing goes parameter by parameter; the step counts are of the CPU.
    assert not seen & {"aten::mul_", "aten::addcdiv_", "aten::addcmul_", "aten::lerp_"}


@pytest.mark.parametrize("where", ["cpu", "npu"])
@pytest.mark.parametrize("name", ["sgd-momentum", "adam-decay", "adamw"])
def test_a_learning_rate_may_be_a_tensor(name: str, where: str) -> None:
    make, options = OPTIMIZERS[name]
    rate = {"lr": torch.tensor(options["lr"], device=where), "fused": True}
    compare(trained("npu", make, options | rate), trained("cpu", make, options), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["sgd-nesterov", "adam-decay-maximize", "adamw-amsgrad"])
def test_a_fused_step_unscales_gradients(name: str) -> None:
    make, options = OPTIMIZERS[name]

    def scale(optimizer: torch.optim.Optimizer) -> None:
        parameters = optimizer.param_groups[0]["params"]
        for p in parameters:
            if p.grad is not None:
                p.grad.mul_(8)
        optimizer.grad_scale = torch.tensor(8.0, device=parameters[0].device)
        optimizer.found_inf = torch.zeros((), device=parameters[0].device)

    ours = trained("npu", make, options | {"fused": True}, prepare=scale)
    compare(ours, trained("cpu", make, options | {"foreach": False}), rtol=2e-5, atol=2e-6)
    for p in ours[0].parameters():
        unscaled = torch.Generator().manual_seed(STEPS - 1)
        assert p.grad is not None
        torch.testing.assert_close(p.grad.cpu(), torch.randn(p.shape, generator=unscaled))
        break


@pytest.mark.parametrize("name", ["sgd-momentum", "adam", "adamw"])
def test_a_fused_step_with_an_infinite_gradient_changes_nothing(name: str) -> None:
    make, options = OPTIMIZERS[name]
    m, optimizer = trained("npu", make, options | {"fused": True})
    before = [p.detach().clone() for p in m.parameters()]
    state = {k: v.clone() for s in optimizer.state.values() for k, v in s.items() if isinstance(v, torch.Tensor)}
    set_gradients(m, 3)
    optimizer.found_inf = torch.ones((), device="npu")
    optimizer.grad_scale = torch.ones((), device="npu")
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, m.parameters(), strict=True))
    after = {k: v for s in optimizer.state.values() for k, v in s.items() if isinstance(v, torch.Tensor)}
    assert all(torch.equal(state[k], after[k]) for k in state)


def test_fused_states_of_another_dtype_are_stepped_one_by_one() -> None:
    """float64 is no dtype of aclnnApplyAdamWV2, nor are moments of another dtype than the parameter."""
    p, g = torch.linspace(-1, 1, 12), torch.linspace(2, -1, 12)

    def step(device: str, dtype: torch.dtype, moments: torch.dtype) -> torch.Tensor:
        one = p.to(device=device, dtype=dtype, copy=True)
        m, v, most = (torch.full_like(one, 0.1, dtype=moments) for _ in range(3))
        torch._fused_adamw_(
            [one], [g.to(one)], [m], [v], [most], [torch.full((), 3.0, device=device)],
            lr=0.1, beta1=0.9, beta2=0.99, weight_decay=0.1, eps=1e-8, amsgrad=True, maximize=False,
        )  # fmt: skip
        return one.cpu()

    want = step("cpu", torch.float32, torch.float32)
    torch.testing.assert_close(step("npu", torch.float32, torch.float32), want)
    torch.testing.assert_close(step("npu", torch.float64, torch.float64).float(), want)
    torch.testing.assert_close(step("npu", torch.float32, torch.bfloat16), want, rtol=1e-2, atol=1e-2)


def test_fused_lists_of_different_lengths_are_refused_by_name() -> None:
    one = [torch.ones(2).npu()]
    with pytest.raises(RuntimeError, match="_fused_sgd_: lists of 1 and 0 tensors"):
        torch._fused_sgd_(
            one, [], [], weight_decay=0.0, momentum=0.0, lr=0.1, dampening=0.0, nesterov=False, maximize=False,
            is_first_step=True,
        )  # fmt: skip


@pytest.mark.parametrize("fused", [False, True])
def test_a_saved_optimizer_goes_on_where_it_was(fused: bool) -> None:
    make, options = OPTIMIZERS["adamw-amsgrad"]
    options = options | {"fused": fused}
    m, optimizer = trained("npu", make, options)
    other = model("npu")
    other.load_state_dict(m.state_dict())
    again = make(other.parameters(), **options)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for x, o in ((m, optimizer), (other, again)):
        set_gradients(x, 7)
        o.step()
    for a, b in zip(m.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("foreach", [None, True, False])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
def test_gradients_are_clipped_by_norm_as_on_the_cpu(norm_type: float, foreach: bool | None) -> None:
    ours, theirs = model("npu"), model("cpu")
    for m in (ours, theirs):
        set_gradients(m, 2)
    totals = [nn.utils.clip_grad_norm_(m.parameters(), 0.5, norm_type, foreach=foreach) for m in (ours, theirs)]
    torch.testing.assert_close(totals[0].cpu(), totals[1])
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad.cpu(), b.grad)  # type: ignore[union-attr]


def test_a_norm_that_is_not_finite_raises_if_asked_to() -> None:
    m = model("npu")
    set_gradients(m, 2)
    next(m.parameters()).grad[0, 0] = float("nan")  # type: ignore[index]
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_(m.parameters(), 0.5, error_if_nonfinite=True)


@pytest.mark.parametrize("foreach", [None, True, False])
def test_gradients_are_clipped_by_value_as_on_the_cpu(foreach: bool | None) -> None:
    ours, theirs = model("npu"), model("cpu")
    for m in (ours, theirs):
        set_gradients(m, 2)
        nn.utils.clip_grad_value_(m.parameters(), 0.3, foreach=foreach)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a.grad.cpu(), b.grad)  # type: ignore[union-attr, arg-type]


def test_gradients_are_zeroed_in_place() -> None:
    m = model("npu")
    optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
    set_gradients(m, 2)
    pointers = [p.grad.data_ptr() for p in m.parameters()]  # type: ignore[union-attr]
    optimizer.zero_grad(set_to_none=False)
    assert all(not p.grad.any() for p in m.parameters())  # type: ignore[union-attr]
    assert [p.grad.data_ptr() for p in m.parameters()] == pointers  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["foreach", "fused"])
@pytest.mark.parametrize("name", ["sgd-nesterov", "adam-decay-maximize", "adamw-amsgrad"])
def test_a_soc_without_operators_over_lists_takes_the_same_steps(name: str, how: str) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_optim as t
make, options = t.OPTIMIZERS[{name!r}]
ours = t.trained("npu", make, options | t.IMPLEMENTATIONS[{how!r}])
t.compare(ours, t.trained("cpu", make, options | t.IMPLEMENTATIONS["plain"]), rtol=2e-5, atol=2e-6)
print(t.torch.npu.get_device_name())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"NPU_SIM_SOC": "Ascend910A", "NPU_SIM_HBM": "1G", "NPU_FALLBACK": "error"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Ascend910A" in done.stdout


@pytest.mark.parametrize(
    "options",
    [{}, {"lr_decay": 0.2, "weight_decay": 0.1}, {"maximize": True, "weight_decay": 0.1}, {"lr_decay": 0.2}],
    ids=str,
)
def test_adagrad_in_one_call_is_the_cpus(options: dict[str, Any]) -> None:
    rates = {"lr": 0.1, "lr_decay": 0.0, "weight_decay": 0.0, "eps": 1e-10, "maximize": False} | options
    torch.manual_seed(0)
    lists = [[torch.rand(4, 3) for _ in range(3)] for _ in range(3)] + [[torch.tensor(float(i + 1)) for i in range(3)]]
    there = [[t.npu() for t in tensors] for tensors in lists]
    torch._fused_adagrad_(*lists, **rates)
    torch._fused_adagrad_(*there, **rates)
    for ours, theirs in zip(there, lists, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=1e-5, atol=1e-6)
