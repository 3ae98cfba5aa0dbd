"""Fake quantisation on the device against the CPU, and that nothing of it is the CPU's or waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from opinfo import nothing_is_the_cpus
from torch import Tensor

aten = torch.ops.aten
X = torch.tensor([[-3.0, -1.5, -0.5, 0.25], [0.5, 1.5, 2.5, 9.0], [-9.0, 6.6, 7.0, 3.1]])
ONE, ROWS = torch.tensor([0.5]), torch.tensor([0.5, 1.0, 0.3])


_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


def on(device: str, values: Any) -> Any:
    if isinstance(values, Tensor):
        return values.to(device)
    return type(values)(on(device, v) for v in values) if isinstance(values, (tuple, list)) else values


def same(call: Callable[..., Any], *arguments: Any) -> None:
    found, expected = call(*on("npu", arguments)), call(*arguments)
    for f, e in zip(*((r,) if isinstance(r, Tensor) else r for r in (found, expected)), strict=True):
        assert f.dtype is e.dtype
        assert f.stride() == e.stride()
        torch.testing.assert_close(f.cpu(), e)


def whole(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("x", [X, X.t()], ids=["rows", "columns"])
def test_numbers_and_masks_are_those_of_the_cpu(x: Tensor, dtype: torch.dtype) -> None:
    x = x.to(dtype)
    axis = 0 if x.is_contiguous() else 1
    same(aten.fake_quantize_per_tensor_affine_cachemask, x, 0.3, 2, 0, 7)
    for enabled in (0, 1):
        switch = torch.tensor([enabled])
        same(aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams, x, ONE, whole(3), switch, -8, 7)
    same(aten.fake_quantize_per_channel_affine_cachemask, x, ROWS, whole(0, 3, -1), axis, -8, 7)
    same(aten.fake_quantize_per_channel_affine_cachemask, x, ROWS, torch.tensor([0.4, 3.5, -1.0]), axis, -8, 7)


@pytest.mark.parametrize("zero", [0.5, 1.5, 2.5, -3.0, 9.0])
def test_learnt_scales_have_the_cpus_numbers_and_gradients(zero: float) -> None:
    for arguments in ((ONE, torch.tensor([zero]), 0, 7), (ROWS, torch.tensor([zero, 1.0, 2.0]), 0, 0, 7)):
        kind = "tensor" if len(arguments) == 4 else "channel"
        same(getattr(aten, f"_fake_quantize_learnable_per_{kind}_affine"), X, *arguments)
        backward = getattr(aten, f"_fake_quantize_learnable_per_{kind}_affine_backward")
        same(backward, X.sin(), X, *arguments, 0.5)


def test_gradients_pass_where_numbers_are_in_range() -> None:
    grads = []
    for device in ("cpu", "npu"):
        x = X.clone().to(device).requires_grad_()
        torch.fake_quantize_per_tensor_affine(x, 0.5, 1, 0, 7).square().sum().backward()
        assert x.grad is not None
        grads.append(x.grad.cpu())
    torch.testing.assert_close(grads[1], grads[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda d: torch.fake_quantize_per_tensor_affine(X.to(d), 0.5, 9, 0, 7),
        lambda d: torch.fake_quantize_per_channel_affine(X.to(d), ROWS.to(d), whole(0, 9, 0).to(d), 0, 0, 7),
        lambda d: torch.fake_quantize_per_channel_affine(X.to(d), ROWS.to(d), whole(0).to(d), 0, 0, 7),
        lambda d: torch.fake_quantize_per_channel_affine(X.to(d), ROWS.to(d), whole(0, 0, 0).to(d), 1, 0, 7),
        lambda d: torch.fake_quantize_per_channel_affine(X.to(d), ROWS.double().to(d), whole(0, 0, 0).to(d), 0, 0, 7),
        lambda d: torch.fake_quantize_per_channel_affine(X.to(d), ROWS.to(d), whole(0, 0, 0).long().to(d), 0, 0, 7),
        lambda d: torch.fake_quantize_per_channel_affine(X.to(d), ROWS.to(d), whole(0, 0, 0).to(d), -1, 0, 7),
    ],
)
def test_what_the_cpu_refuses_is_refused_in_its_words(call: Callable[[str], Tensor]) -> None:
    with pytest.raises(RuntimeError) as here:
        call("cpu")
    with pytest.raises(RuntimeError) as there:
        call("npu")
    assert str(there.value).splitlines()[0] == str(here.value).splitlines()[0]


STATES = {"on": (1, 1), "observing": (1, 0), "quantising": (0, 1), "off": (0, 0)}


@pytest.mark.parametrize("per_row", [False, True], ids=["tensor", "rows"])
@pytest.mark.parametrize("symmetric", [False, True], ids=["affine", "symmetric"])
def test_an_observer_moves_and_quantises_as_the_cpus(per_row: bool, symmetric: bool) -> None:
    state = [torch.empty(0), torch.empty(0), torch.empty(0), whole()]
    if not per_row:
        state = [torch.tensor(torch.inf), torch.tensor(-torch.inf), torch.ones(1), whole(0)]
    here, there = state, [t.clone().npu() for t in state]
    for step, (observe, quantise) in enumerate([*STATES.values()] * 2):
        x = X.roll(step).mul(step + 1)
        switches = torch.tensor([observe]), torch.tensor([quantise])
        how = (0.1, -128, 127, 0, per_row, symmetric)
        found = aten._fused_moving_avg_obs_fq_helper(x.npu(), *on("npu", switches), *there, *how)
        expected = aten._fused_moving_avg_obs_fq_helper(x, *switches, *here, *how)
        for f, e in zip((*found, *there), (*expected, *here), strict=True):
            assert (f.dtype, f.shape) == (e.dtype, e.shape)
            torch.testing.assert_close(f.cpu(), e)


def test_zero_points_between_two_integers_are_the_cpus() -> None:
    for high in torch.arange(1, 60).mul(0.37).tolist():
        found = []
        for device in ("cpu", "npu"):
            state = [torch.tensor(torch.inf), torch.tensor(-torch.inf), torch.ones(1), whole(0)]
            there = [t.to(device) for t in state]
            x, yes = torch.tensor([-high, high, 0.1]).to(device), torch.ones(1, dtype=torch.int64, device=device)
            aten._fused_moving_avg_obs_fq_helper(x, yes, yes, *there, 0.01, 0, 255, 0, False, False)
            found.append([t.cpu() for t in there])
        assert torch.equal(found[1][3], found[0][3])
        torch.testing.assert_close(found[1][2], found[0][2])


def test_an_observer_never_waits_for_the_device() -> None:
    x, yes = X.npu(), torch.ones(1, dtype=torch.int64).npu()
    state = [torch.tensor(torch.inf), torch.tensor(-torch.inf), torch.ones(1), whole(0)]
    there = [t.npu() for t in state]

    def run() -> Tensor:
        out: Tensor = aten._fused_moving_avg_obs_fq_helper(x, yes, yes, *there, 0.1, 0, 255, 0, False, False)[0]
        return out

    run()
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        out = run()
    graph.replay()
    torch.testing.assert_close(out.cpu(), run().cpu())
