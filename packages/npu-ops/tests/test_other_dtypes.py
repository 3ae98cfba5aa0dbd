"""All first samples of op_db, in the dtypes and forms that a kernel of csrc/ takes a way of its own for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opinfo import Outcome, check, check_forms, compare, infos
from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore")
HALVES = (torch.float16, torch.bfloat16)
WHOLE, COMPLEX = (torch.int64,), (torch.complex64,)

ENTRIES: dict[str, tuple[torch.dtype, ...]] = {
    "addr": (*WHOLE, torch.bool, *COMPLEX),
    "conj_physical": COMPLEX,
    "linspace": (*WHOLE, torch.int32, *COMPLEX),
    "gradient": (*HALVES, *WHOLE, *COMPLEX),
    "cov": (*WHOLE, *COMPLEX),
    "corrcoef": COMPLEX,
    "nn.functional.poisson_nll_loss": WHOLE,
    "nn.functional.l1_loss": COMPLEX,
    "std_mean": HALVES,
    "hypot": HALVES,
}


@pytest.fixture(autouse=True)
def _nothing_is_the_cpus() -> Iterator[None]:
    torch.npu.reset_fallback_report()
    yield
    assert not list(torch.npu.fallback_report())


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n, dtypes in ENTRIES.items() for d in dtypes])
def test_samples_gradients_and_forms_are_those_of_the_cpu(name: str, dtype: torch.dtype) -> None:
    outcome = Outcome()
    for info in infos(name):
        check(info, dtype, info.supports_autograd and (dtype.is_floating_point or dtype.is_complex), outcome)
        check_forms(info, dtype, outcome)
    assert outcome.ran


def ulps(found: Tensor, exact: Tensor) -> Tensor:
    """How many units in the last place of its dtype the worst of `found` is from `exact`, of float64.

    What float32 may be off where numbers of the size of the largest cancel is not counted.
    """
    right = exact.to(found.dtype).double()
    unit = torch.finfo(found.dtype).eps * right.abs().clamp_min(torch.finfo(found.dtype).smallest_normal)
    cancelled = 8 * torch.finfo(torch.float32).eps * exact.abs().max()
    return (((found.cpu().double() - exact).abs() - cancelled).clamp_min(0) / unit).max()


PLACES = torch.arange(24).mul(1.5).add(torch.arange(24).remainder(2).mul(0.5))
ROUNDED_ONCE: dict[str, Callable[..., Tensor]] = {
    "addr": lambda x, y: torch.addr(x, y[0], y[1], beta=0.3, alpha=0.7),
    "std_mean": lambda x, y: torch.std_mean(x, 1, correction=1)[0],
    "std_mean of a fraction": lambda x, y: torch.std_mean(x, 1, correction=1.3)[0],
    "std": lambda x, y: torch.std(x, 1, correction=1.3),
    "hypot": torch.hypot,
    "gradient": lambda x, y: torch.gradient(x, spacing=2.1, dim=1, edge_order=2)[0],
    "gradient at places": lambda x, y: torch.gradient(x, spacing=(PLACES.to(x),), dim=1)[0],
}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ROUNDED_ONCE)
def test_halves_are_rounded_once(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, y = torch.rand(24, 24).add(1).to(dtype), torch.rand(24, 24).add(1).to(dtype)
    found = ROUNDED_ONCE[name](x.npu(), y.npu())
    assert found.dtype is dtype
    assert ulps(found, ROUNDED_ONCE[name](x.double(), y.double())) < 0.51


def test_sums_of_rows_of_halves_are_of_float32() -> None:
    weight = torch.rand(4, 8).bfloat16()
    bags = torch.randint(0, 4, (64, 32))
    grads = []
    for w, b in ((weight.npu(), bags.npu()), (weight.double(), bags)):
        w.requires_grad_()
        grads.append(torch.autograd.grad(F.embedding_bag(b, w, mode="mean").sum(), w)[0])
    assert ulps(grads[0], grads[1]) < 0.51


def test_conjugates_of_operands_that_are_read_conjugated() -> None:
    x = torch.randn(3, 5, dtype=torch.complex64)
    w = torch.rand(5)
    compare(torch.cov(x.npu().conj(), aweights=w.npu()), torch.cov(x.conj(), aweights=w), "cov")
    y = x.npu()
    assert y.conj_physical_() is y
    compare(y, x.conj().resolve_conj(), "conj_physical_")


MOVED: dict[str, Callable[[Tensor], Tensor]] = {
    "cat": lambda t: torch.cat([t, t[:1], t], 0),
    "cat along columns": lambda t: torch.cat([t, t.mT.contiguous().mT], -1),
    "index": lambda t: t[:, torch.tensor([2, 0, 2], device=t.device)],
    "indices": lambda t: t[torch.tensor([[0], [1]], device=t.device), torch.tensor([1, 3], device=t.device)],
    "index of a transpose": lambda t: t.mT[torch.tensor([3, 1], device=t.device)],
    "roll": lambda t: t.roll((1, -2), (0, -1)),
    "roll everything": lambda t: t.roll(3),
    "tril": lambda t: t.tril(-1),
    "triu": lambda t: t.mT.triu(1),
    "tril in place": lambda t: t.clone().tril_(),
    "tril of conjugates": lambda t: t.conj().tril(),
}


@pytest.mark.parametrize("dtype", [torch.complex128, torch.float64])
@pytest.mark.parametrize("name", MOVED)
def test_numbers_that_are_only_moved_need_no_cpu(name: str, dtype: torch.dtype) -> None:
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4).to(dtype)
    x = x * (1 - 2j) if dtype.is_complex else x
    compare(MOVED[name](x.npu()), MOVED[name](x), name)


def test_numbers_of_addr_that_do_not_fit_its_dtype_are_refused_as_on_the_cpu() -> None:
    x, v = torch.ones(2, 2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    for device in ("cpu", "npu"):
        with pytest.raises(RuntimeError, match="must not be a floating point number"):
            torch.addr(x.to(device), v.to(device), v.to(device), beta=0.5)
        with pytest.raises(RuntimeError, match="1-D"):
            torch.addr(x.to(device), x.to(device), v.to(device))


def test_covariance_without_freedom_warns_and_is_no_number() -> None:
    x = torch.randn(2, 3)
    with pytest.warns(UserWarning, match="degrees of freedom"):
        found = torch.cov(x.npu(), correction=3)
    with pytest.warns(UserWarning, match="degrees of freedom"):
        compare(found, torch.cov(x, correction=3), "cov")


@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
def test_attention_hides_the_future_and_gives_zeros_where_everything_is_hidden(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 8).to(dtype) for n in (4, 6, 6))
    mask = torch.ones(4, 6, dtype=torch.bool).tril()
    mask[2] = False
    choices: tuple[dict[str, Any], ...] = ({"is_causal": True}, {"attn_mask": mask})
    for arguments in choices:
        found = []
        for device in ("cpu", "npu"):
            at = [t.detach().to(device).requires_grad_() for t in (q, k, v)]
            there: dict[str, Any] = {n: a.to(device) if isinstance(a, Tensor) else a for n, a in arguments.items()}
            out = F.scaled_dot_product_attention(at[0], at[1], at[2], **there)
            found.append([out, *torch.autograd.grad(out.sum(), at)])
        compare(found[1], found[0], str(arguments))
