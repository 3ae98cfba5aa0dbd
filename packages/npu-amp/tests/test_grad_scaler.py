"""torch.amp.GradScaler("npu") and torch.npu.amp.GradScaler: what they do to the scale, the gradients and the steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn


def training(device: str, fused: bool = False) -> tuple[nn.Module, torch.optim.Optimizer, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, fused=fused)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(32, 8, generator=generator), torch.randint(0, 4, (32,), generator=generator)
    return model, optimizer, x.to(device), y.to(device)


def step(
    scaler: torch.amp.GradScaler, parts: tuple[nn.Module, torch.optim.Optimizer, torch.Tensor, torch.Tensor], bad: bool
) -> float:
    model, optimizer, x, y = parts
    optimizer.zero_grad()
    with torch.autocast("npu", enabled=x.device.type == "npu"):
        loss = nn.functional.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    if bad:
        next(model.parameters()).grad[0, 0] = float("inf")  # type: ignore[index]
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", ["torch.amp", "torch.npu.amp"])
def test_a_step_with_an_infinite_gradient_is_skipped_and_halves_the_scale(kind: str, fused: bool) -> None:
    """Then training goes on and learns."""
    scaler = torch.amp.GradScaler("npu", 1024.0) if kind == "torch.amp" else torch.npu.amp.GradScaler(1024.0)
    parts = training("npu", fused)
    first = step(scaler, parts, bad=False)
    assert scaler.get_scale() == 1024
    before = weights(parts[0])
    step(scaler, parts, bad=True)
    assert scaler.get_scale() == 512
    assert all(torch.equal(a, b) for a, b in zip(before, weights(parts[0]), strict=True))
    losses = [step(scaler, parts, bad=False) for _ in range(20)]
    assert not any(torch.equal(a, b) for a, b in zip(before, weights(parts[0]), strict=True))
    assert losses[-1] < 0.8 * first
    assert scaler.get_scale() == 512


def test_a_nan_is_found_as_well() -> None:
    scaler, parts = torch.amp.GradScaler("npu", 8.0), training("npu")
    model, optimizer, x, y = parts
    scaler.scale(nn.functional.cross_entropy(model(x), y)).backward()
    next(model.parameters()).grad[0, 0] = float("nan")  # type: ignore[index]
    before = weights(model)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 4
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model), strict=True))


def test_the_scale_grows_after_an_interval_of_good_steps() -> None:
    scaler, parts = torch.amp.GradScaler("npu", 4.0, growth_interval=3), training("npu")
    scales = []
    for _ in range(7):
        step(scaler, parts, bad=False)
        scales.append(scaler.get_scale())
    assert scales == [4, 4, 8, 8, 8, 16, 16]


def test_a_bad_step_starts_the_interval_anew() -> None:
    scaler, parts = torch.amp.GradScaler("npu", 4.0, growth_interval=2), training("npu")
    scales = []
    for bad in (False, True, False, False):
        step(scaler, parts, bad)
        scales.append(scaler.get_scale())
    assert scales == [4, 2, 2, 4]


@pytest.mark.parametrize("fused", [False, True])
def test_scaled_training_is_that_of_the_cpu_without_a_scaler(fused: bool) -> None:
    """In float32 a power of two as scale changes nothing."""
    scaler = torch.amp.GradScaler("npu", 256.0)
    ours, theirs = training("npu", fused), training("cpu")
    for _ in range(5):
        model, optimizer, x, y = ours
        optimizer.zero_grad()
        scaler.scale(nn.functional.cross_entropy(model(x), y)).backward()
        scaler.step(optimizer)
        scaler.update()
        step(torch.amp.GradScaler("cpu", enabled=False), theirs, bad=False)
    for a, b in zip(ours[0].parameters(), theirs[0].parameters(), strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_after_unscale() -> None:
    scaler, (model, optimizer, x, y) = torch.amp.GradScaler("npu", 2.0**10), training("npu")
    scaler.scale(100 * nn.functional.cross_entropy(model(x), y)).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()  # type: ignore[union-attr]
    assert float(norm) == pytest.approx(0.5, rel=1e-4)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)


def test_float16_gradients_are_refused_as_torch_does() -> None:
    scaler, model = torch.amp.GradScaler("npu"), nn.Linear(2, 2).half().to("npu")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler.scale(model(torch.ones(1, 2).half().npu()).float().sum()).backward()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(optimizer)


def test_a_disabled_scaler_changes_nothing() -> None:
    scaler, parts = torch.npu.amp.GradScaler(enabled=False), training("npu")
    before = weights(parts[0])
    step(scaler, parts, bad=False)
    assert scaler.get_scale() == 1
    assert not torch.equal(before[0], weights(parts[0])[0])


def test_a_static_scale_stays_and_bad_steps_are_skipped() -> None:
    scaler, parts = torch.npu.amp.GradScaler(64.0, growth_interval=1, dynamic=False), training("npu")
    step(scaler, parts, bad=False)
    before = weights(parts[0])
    step(scaler, parts, bad=True)
    assert scaler.get_scale() == 64
    assert torch.equal(before[0], weights(parts[0])[0])
    scaler.update(32.0)
    assert scaler.get_scale() == 32


def test_its_state_is_saved_and_restored() -> None:
    scaler, parts = torch.amp.GradScaler("npu", 16.0, growth_interval=5), training("npu")
    step(scaler, parts, bad=False)
    state: dict[str, Any] = scaler.state_dict()
    assert (state["scale"], state["_growth_tracker"]) == (16, 1)
    other = torch.npu.amp.GradScaler()
    other.load_state_dict(state)
    step(other, parts, bad=True)
    assert other.get_scale() == 8
