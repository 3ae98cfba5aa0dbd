"""Nested tensors on the device against the CPU: of strided parts, and jagged ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's: the API may change


def parts() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(n, 4) for n in (2, 5, 3)]


def nested(layout: torch.layout, device: str) -> torch.Tensor:
    made: torch.Tensor = torch.nested.nested_tensor(parts(), layout=layout, device=device)
    return made


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert found.device.type == "npu"
    if not expected.is_nested:
        torch.testing.assert_close(found.cpu(), expected)
        return
    for mine, theirs in zip(found.unbind(), expected.unbind(), strict=True):
        assert mine.device.type == "npu"
        torch.testing.assert_close(mine.cpu(), theirs)


EITHER: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "as it is": lambda t: t,
    "pointwise": lambda t: (t * 2 + t).relu().tanh(),
    "unary": lambda t: t.sin().neg().abs(),
    "padded": lambda t: torch.nested.to_padded_tensor(t, 0.5),
    "linear": lambda t: F.linear(t, torch.ones(3, 4, device=t.device), torch.ones(3, device=t.device)),
    "softmax": lambda t: t.softmax(-1),
    "part": lambda t: t.unbind()[1],
    "clone": lambda t: t.clone(),
    "half and back": lambda t: t.to(torch.float16).to(torch.float32),
}


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
@pytest.mark.parametrize("name", EITHER)
def test_a_call_gives_what_the_cpu_gives(name: str, layout: torch.layout) -> None:
    same(EITHER[name](nested(layout, "npu")), EITHER[name](nested(layout, "cpu")))


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_they_move_to_the_device_and_back(layout: torch.layout) -> None:
    here = nested(layout, "cpu")
    there = here.to("npu")
    same(there, here)
    for back, part in zip(there.cpu().unbind(), parts(), strict=True):
        assert torch.equal(back, part)


def test_layer_norm_of_jagged_parts_is_the_cpus() -> None:
    here, there = (F.layer_norm(nested(torch.jagged, device), (4,)) for device in ("cpu", "npu"))
    same(there, here)


def test_products_of_strided_parts_are_the_cpus() -> None:
    here, there = (nested(torch.strided, device) for device in ("cpu", "npu"))
    same(there @ there.transpose(-2, -1), here @ here.transpose(-2, -1))
    same(torch.bmm(there.transpose(-2, -1), there), torch.bmm(here.transpose(-2, -1), here))


def test_sizes_and_values_of_strided_parts_are_the_cpus() -> None:
    here, there = (nested(torch.strided, device) for device in ("cpu", "npu"))
    assert torch.equal(there._nested_tensor_size(), here._nested_tensor_size())
    torch.testing.assert_close(there.values().cpu(), here.values())


@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_gradients_reach_the_parts_and_the_weights(layout: torch.layout) -> None:
    found = []
    for device in ("cpu", "npu"):
        torch.manual_seed(1)
        linear = nn.Linear(4, 3).to(device)
        leaves = [p.to(device).requires_grad_() for p in parts()]
        out = linear(torch.nested.as_nested_tensor(leaves, layout=layout)).relu()
        torch.nested.to_padded_tensor(out, 0.0).square().sum().backward()
        assert linear.weight.grad is not None
        found.append([linear.weight.grad.cpu(), *(p.grad.cpu() for p in leaves if p.grad is not None)])
    assert len(found[0]) == 4
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_attention_over_jagged_batches_is_the_cpus(backward: bool) -> None:
    found = []
    for device in ("cpu", "npu"):
        x = torch.nested.nested_tensor(parts(), layout=torch.jagged, device=device, requires_grad=True)
        heads = x.unflatten(-1, [2, 2]).transpose(1, 2)
        out = F.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2)
        if backward:
            out.values().square().sum().backward()
            assert x.grad is not None
            out = x.grad
        found.append([t.detach().cpu() for t in out.unbind()])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_sums_of_rows_of_strided_parts_are_the_cpus() -> None:
    uneven = [torch.randn(2, 3), torch.randn(4, 5)]
    for rows in (parts(), uneven):
        found = []
        for device in ("cpu", "npu"):
            leaves = [p.detach().to(device).requires_grad_() for p in rows]
            sums = torch.nested.as_nested_tensor(leaves).sum(-1, keepdim=True)
            torch.nested.to_padded_tensor(sums, 0.0).square().sum().backward()
            found.append([t.detach().cpu() for t in (*sums.unbind(), *(p.grad for p in leaves if p.grad is not None))])
        assert len(found[0]) == 2 * len(rows)
        torch.testing.assert_close(*found)


def test_layer_norm_of_strided_parts_and_its_gradients_are_the_cpus() -> None:
    found = []
    for device in ("cpu", "npu"):
        leaves = [p.to(device).requires_grad_() for p in parts()]
        norm = nn.LayerNorm(4).to(device)
        with torch.no_grad():
            norm.weight.copy_(torch.arange(4.0) + 1)
        out = norm(torch.nested.as_nested_tensor(leaves))
        torch.nested.to_padded_tensor(out, 0.0).square().sum().backward()
        grads = [p.grad for p in (*leaves, norm.weight, norm.bias) if p.grad is not None]
        found.append([t.detach().cpu() for t in (*out.unbind(), *grads)])
    assert len(found[0]) == 8
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.sum(1, keepdim=True),
        lambda t: t.sum(1),
        lambda t: t.sum(-1),
        lambda t: t.sum((-1,), keepdim=True, dtype=torch.float64),
        lambda t: F.layer_norm(t, (4,)),
        lambda t: F.layer_norm(t, (4,), torch.ones(4, device=t.device)),
        lambda t: F.layer_norm(t, (3,), torch.ones(3, device=t.device), torch.ones(3, device=t.device)),
    ],
)
def test_what_strided_parts_do_not_allow_is_refused_as_on_the_cpu(call: Callable[[torch.Tensor], torch.Tensor]) -> None:
    errors = []
    for device in ("cpu", "npu"):
        with pytest.raises((RuntimeError, ValueError)) as error:
            call(nested(torch.strided, device))
        errors.append((error.type, str(error.value).splitlines()[0]))
    assert errors[1] == errors[0]
