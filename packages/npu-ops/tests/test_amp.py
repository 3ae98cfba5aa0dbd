"""What GradScaler calls: unscaling gradients, and the update of the scale."""

from __future__ import annotations

import pytest
import torch

BAD = [float("inf"), float("-inf"), float("nan")]


def unscale(grads: list[torch.Tensor], scale: float, found: float = 0.0) -> tuple[list[torch.Tensor], float]:
    device = grads[0].device
    found_inf = torch.full((), found, device=device)
    torch._amp_foreach_non_finite_check_and_unscale_(grads, found_inf, torch.full((), scale, device=device))
    return grads, found_inf.item()


@pytest.mark.parametrize("n", [1, 48, 49, 120])
def test_gradients_are_multiplied_in_place(n: int) -> None:
    host = [torch.full((3,), float(i)) for i in range(n)]
    grads = [g.npu() for g in host]
    pointers = [g.data_ptr() for g in grads]
    got, found = unscale(grads, 0.25)
    assert found == 0
    assert [g.data_ptr() for g in got] == pointers
    for g, h in zip(got, host, strict=True):
        assert torch.equal(g.cpu(), h * 0.25)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("at", [0, 60])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_one_number_that_is_not_finite_is_found(bad: float, at: int, dtype: torch.dtype) -> None:
    grads = [torch.ones(4, dtype=dtype) for _ in range(61)]
    grads[at][2] = bad
    _, found = unscale([g.npu() for g in grads], 0.5)
    assert found == 1


def test_a_number_that_was_found_stays_found() -> None:
    assert unscale([torch.ones(2).npu()], 1.0, found=1.0)[1] == 1


def test_gradients_of_two_dtypes_with_strides_and_none_at_all() -> None:
    a, b = torch.ones(4, 4)[:, ::2].npu(), torch.full((2,), 8.0, dtype=torch.float16).npu()
    (x, y), found = unscale([a, b], 0.5)
    assert found == 0
    assert torch.equal(x.cpu(), torch.full((4, 2), 0.5))
    assert torch.equal(y.cpu(), torch.full((2,), 4.0, dtype=torch.float16))
    assert unscale([torch.ones(0).npu()], 0.5)[1] == 0


def test_wrong_flags_and_scales_are_refused() -> None:
    grads, one = [torch.ones(2).npu()], torch.ones(1).npu()
    with pytest.raises(RuntimeError, match="inv_scale must be a Float tensor of one element, got Double"):
        torch._amp_foreach_non_finite_check_and_unscale_(grads, one, one.double())
    with pytest.raises(RuntimeError, match="found_inf must be a Float tensor of one element"):
        torch._amp_foreach_non_finite_check_and_unscale_(grads, torch.ones(2).npu(), one)
    with pytest.raises(RuntimeError, match=r"npu:0.*cpu|cpu.*npu:0"):
        torch._amp_foreach_non_finite_check_and_unscale_(grads, one, torch.ones(1))
    with pytest.raises(RuntimeError, match="growth_tracker must be a Int tensor"):
        torch._amp_update_scale_(one, one, one, 2.0, 0.5, 10)


@pytest.mark.parametrize("found", [0.0, 1.0])
@pytest.mark.parametrize("tracker", [0, 3, 4])
@pytest.mark.parametrize("scale", [8.0, 3e38])
def test_the_scale_is_updated_as_on_the_cpu(found: float, tracker: int, scale: float) -> None:
    def update(device: str) -> tuple[float, int]:
        current = torch.full((), scale, device=device)
        steps = torch.full((), tracker, dtype=torch.int32, device=device)
        torch._amp_update_scale_(current, steps, torch.full((), found, device=device), 2.0, 0.5, 5)
        return current.item(), int(steps.item())

    assert update("npu") == update("cpu")
