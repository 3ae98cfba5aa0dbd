"""Results given by the caller: memory of their own or refused as on the CPU, and dtypes that results cast to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

Tensor = torch.Tensor


def both(make: Callable[[str], object]) -> tuple[object, object]:
    """What `make` gives or raises on the CPU and on the device; errors as their type and first line."""
    found: list[object] = []
    for device in ("cpu", "npu"):
        try:
            result = make(device)
            found.append(result.cpu() if isinstance(result, Tensor) else result)
        except (RuntimeError, IndexError) as e:
            found.append((type(e), str(e).splitlines()[0]))
    return found[0], found[1]


def numbers(device: str, *shape: int) -> Tensor:
    return torch.linspace(0.5, 2.0, torch.Size(shape).numel()).reshape(shape).to(device)


SHARED: dict[str, Callable[[Tensor, Tensor], object]] = {
    "mm": lambda x, o: torch.mm(x, x, out=o),
    "addmm": lambda x, o: torch.addmm(x, x, x, out=o),
    "mean": lambda x, o: torch.mean(x.expand(2, 3, 3), 0, out=o),
    "cumsum": lambda x, o: torch.cumsum(x, 0, out=o),
    "cumsum_": lambda x, o: o.cumsum_(0),
    "where": lambda x, o: torch.where(x > 1, x, x, out=o),
    "take": lambda x, o: torch.take(x, torch.zeros(3, 3, dtype=torch.long, device=x.device), out=o),
    "solve": lambda x, o: torch.linalg.solve(x + torch.eye(3, device=x.device), x, out=o),
    "renorm": lambda x, o: torch.renorm(x, 2, 0, 1, out=o),
    "renorm_": lambda x, o: o.renorm_(2, 0, 1),
    "masked_scatter_": lambda x, o: o.masked_scatter_(x > 1, x),
    "normal_": lambda x, o: o.normal_(),
    "uniform_": lambda x, o: o.uniform_(),
    "bernoulli_": lambda x, o: o.bernoulli_(),
    "bernoulli": lambda x, o: torch.bernoulli(x / 4, out=o),
    "normal": lambda x, o: torch.normal(x, 1.0, out=o),
    "add": lambda x, o: torch.add(x, x, out=o),
    "mul_": lambda x, o: o.mul_(x),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_result_with_one_place_for_several_elements_is_refused_as_on_the_cpu(name: str) -> None:
    cpu, npu = both(lambda d: SHARED[name](numbers(d, 3, 3), torch.zeros(1, 3).to(d).expand(3, 3)))
    assert npu == cpu
    assert cpu[0] is RuntimeError  # type: ignore[index]


@pytest.mark.parametrize("name", ["tril", "amax", "all", "prod", "nansum"])
def test_what_the_cpu_writes_to_one_place_several_times_is_refused(name: str) -> None:
    x, out = numbers("npu", 3, 3), torch.zeros(1).npu().expand(3)
    wide, truth = torch.zeros(1, 3).npu().expand(3, 3), torch.zeros(1).npu().bool().expand(3)
    call = getattr(torch, name)
    args = (x,) if name == "tril" else (x, 0)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        call(*args, out={"tril": wide, "all": truth}.get(name, out))
    assert torch.equal((x + 0).cpu(), x.cpu())  # the device still works


def test_one_number_is_written_to_one_place_several_times() -> None:
    x = torch.zeros(1).npu().expand(3)
    assert x.fill_(2).tolist() == [2] * 3
    assert x.zero_().tolist() == [0] * 3


PARTLY: dict[str, Callable[[Tensor], object]] = {
    "where": lambda x: torch.where(x[1:] > 1, x[1:], x[1:], out=x[:-1]),
    "cumsum": lambda x: torch.cumsum(x[:-1], 0, out=x[1:]),
    "addr_": lambda x: x.addr_(x[0], x[1]),
    "add": lambda x: torch.add(x[1:], 1, out=x[:-1]),
    "gather": lambda x: torch.gather(x[1:], 0, torch.zeros(2, 3, dtype=torch.long, device=x.device), out=x[:-1]),
}


@pytest.mark.parametrize("name", PARTLY)
def test_a_result_that_shares_part_of_an_operand_is_refused_as_on_the_cpu(name: str) -> None:
    cpu, npu = both(lambda d: PARTLY[name](numbers(d, 3, 3)))
    assert npu == cpu
    assert cpu[0] is RuntimeError  # type: ignore[index]


READ_FIRST: dict[str, tuple[Callable[[Tensor], object], Callable[[Tensor], Tensor]]] = {
    "addbmm_": (lambda x: x[0].addbmm_(x, x), lambda x: x[0].addbmm(x, x)),
    "baddbmm_": (lambda x: x[:2].baddbmm_(x[1:], x[1:]), lambda x: x[:2].baddbmm(x[1:], x[1:])),
    "tril": (lambda x: torch.tril(x[:2], out=x[1:]), lambda x: torch.tril(x[:2])),
    "mm": (lambda x: torch.mm(x[0], x[0], out=x[0]), lambda x: torch.mm(x[0], x[0])),
    "bmm": (lambda x: torch.bmm(x[:2], x[:2], out=x[1:]), lambda x: torch.bmm(x[:2], x[:2])),
    "softmax": (lambda x: torch.softmax(x[:2], -1, out=x[1:]), lambda x: torch.softmax(x[:2], -1)),
    "exp": (lambda x: torch.exp(x, out=x), torch.exp),
    "where": (lambda x: torch.where(x > 1, x, -x, out=x), lambda x: torch.where(x > 1, x, -x)),
}


@pytest.mark.parametrize("name", READ_FIRST)
def test_operators_that_read_all_first_may_share_memory(name: str) -> None:
    shared, alone = READ_FIRST[name]
    x = numbers("npu", 3, 3, 3)
    expected = alone(x.clone()).cpu()
    torch.testing.assert_close(shared(x).cpu(), expected)


def symmetric(x: Tensor) -> Tensor:
    return x @ x.mT + torch.eye(3, device=x.device)


def info(*sizes: int, device: torch.device) -> Tensor:
    return torch.zeros(sizes, dtype=torch.int32, device=device)


SEVERAL: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, ...]]] = {
    "inv_ex": lambda x, o: torch.linalg.inv_ex(x, out=(o, info(2, device=x.device))),
    "qr": lambda x, o: torch.linalg.qr(x, out=(torch.empty_like(x), o)),
    "svd": lambda x, o: torch.linalg.svd(x, out=(torch.empty_like(x), torch.empty_like(x[:, 0]), o))[1:2],
    "slogdet": lambda x, o: torch.linalg.slogdet(x, out=(torch.empty_like(x[:, 0, 0]), o[:, 0, 0])),
    "solve_ex": lambda x, o: torch.linalg.solve_ex(x, x + 1, out=(o, info(2, device=x.device))),
    "kthvalue": lambda x, o: torch.kthvalue(x, 2, -1, out=(o[..., 0], torch.empty_like(x[..., 0], dtype=torch.int64))),
}


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("place", [0, 1], ids=["whole", "part"])
def test_several_results_may_share_what_is_read(name: str, place: int) -> None:
    x = symmetric(numbers("cpu", 3, 3, 3).sin())
    alone = SEVERAL[name](x[:2].npu(), torch.empty_like(x[:2]).npu())
    there = x.npu()
    for found, expected in zip(
        SEVERAL[name](there[:2], there[place : place + 2]), (t.cpu() for t in alone), strict=True
    ):
        torch.testing.assert_close(found.cpu(), expected)


@pytest.mark.parametrize("name", ["sort", "topk"])
def test_numbers_are_sorted_where_they_are_and_nowhere_near(name: str) -> None:
    x = numbers("npu", 4, 3).sin()
    places = torch.empty(3, 3, dtype=torch.int64).npu()
    call: Callable[..., tuple[Tensor, Tensor]] = torch.sort if name == "sort" else partial(torch.topk, k=3)
    expected = tuple(t.cpu() for t in call(x[:3].clone(), dim=-1, out=(torch.empty_like(x[:3]), places.clone())))
    with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to tensor"):
        call(x[:3], dim=-1, out=(x[1:], places))
    found = call(x[:3], dim=-1, out=(x[:3], places))
    for f, e in zip(found, expected, strict=True):
        assert torch.equal(f.cpu(), e)


CASTS: dict[str, Callable[[Tensor, Tensor], object]] = {
    "var": lambda x, o: torch.var(x, -1, out=o),
    "std": lambda x, o: torch.std(x, -1, out=o),
    "nansum": lambda x, o: torch.nansum(x, -1, out=o),
    "abs": lambda x, o: torch.abs(torch.complex(x[:, 0], x[:, 1]), out=o),
    "angle": lambda x, o: torch.angle(x[:, 0], out=o),
    "mean": lambda x, o: torch.mean(x, -1, out=o),
    "mean in a dtype": lambda x, o: torch.mean(x, -1, dtype=torch.float32, out=o),
    "cumsum": lambda x, o: torch.cumsum(x[:, 0], 0, out=o),
    "where": lambda x, o: torch.where(x[:, 0] > 1, x[:, 0], x[:, 1], out=o),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.bool], ids=str)
@pytest.mark.parametrize("name", CASTS)
def test_results_are_cast_to_the_dtype_of_out_where_torch_casts(name: str, dtype: torch.dtype) -> None:
    cpu, npu = both(lambda d: CASTS[name](numbers(d, 3, 4), torch.zeros(3, dtype=dtype, device=d)))
    if isinstance(cpu, Tensor):
        torch.testing.assert_close(npu, cpu, rtol=4e-3, atol=1e-5)
    else:
        assert isinstance(npu, tuple)
        assert issubclass(npu[0], RuntimeError)
        if "can't be cast" in cpu[1]:  # type: ignore[index]
            assert npu == cpu


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@pytest.mark.parametrize("shape", [(2, 3), (3,), (1, 3), (4, 2, 3), (5,)], ids=str)
def test_the_shape_that_normal_numbers_have_in_out_is_the_cpus(shape: tuple[int, ...]) -> None:
    cpu, npu = both(lambda d: torch.normal(numbers(d, 2, 3), 1.0, out=torch.zeros(shape, device=d)))
    if isinstance(cpu, Tensor):
        assert isinstance(npu, Tensor)
        assert npu.shape == cpu.shape
    else:
        assert npu == cpu
    half = torch.normal(numbers("npu", 2, 3), 0.0, out=torch.zeros(2, 3, dtype=torch.float16).npu())
    torch.testing.assert_close(half.float().cpu(), numbers("cpu", 2, 3), rtol=2e-3, atol=0)


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.index_put_((t[:2],), torch.tensor(1, device=t.device)),
        lambda t: (b := t > 0)[1:].masked_fill_(b[:-1], True),
    ],
    ids=["index_put_", "masked_fill_"],
)
def test_places_to_write_to_that_share_memory_with_what_is_written_are_refused_as_on_the_cpu(write: Any) -> None:
    for device in ("cpu", "npu"):
        with pytest.raises(RuntimeError, match=r"written-to tensor|some elements of the input tensor"):
            write(torch.tensor([0, 1, 1, 0], device=device))
