"""Collectives that the ranks of a group "cpu:gloo,npu:hccl" run on both devices; the results must be equal.

Each case is a function of `on`, which makes a device's copy of a CPU tensor, and returns tensors. `rank` and `size` are
the group's. Cases that gloo has not are given with what they must equal.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

On = Callable[[torch.Tensor], torch.Tensor]
CASES: dict[str, Callable[[On, int, int], Any]] = {}
EXPECTED: dict[str, Callable[[int, int], Any]] = {}

#: More than one of npu-sim's rounds, and no whole number of them.
MANY = 700_001
OPS = {"sum": dist.ReduceOp.SUM, "product": dist.ReduceOp.PRODUCT, "min": dist.ReduceOp.MIN, "max": dist.ReduceOp.MAX}
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int8]


def values(shape: Any, rank: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Small numbers that differ between ranks and are exact in every dtype."""
    n = torch.Size(shape).numel()
    return ((torch.arange(n) * 7 + rank * 3) % 11 - 4).reshape(shape).to(dtype)


def total(shape: Any, size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The sum of all ranks' `values`."""
    return torch.stack([values(shape, r, dtype) for r in range(size)]).sum(0, dtype=dtype)


def case(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        assert name not in CASES
        CASES[name] = function
        return function

    return keep


def _all_reduce(dtype: torch.dtype, op: Any, shape: Any) -> Callable[..., Any]:
    def run(on: On, rank: int, size: int) -> Any:
        t = on(values(shape, rank, dtype))
        dist.all_reduce(t, op=op)
        return [t]

    return run


for _dtype in DTYPES:
    for _name, _op in OPS.items():
        CASES[f"all_reduce-{_name}-{str(_dtype).removeprefix('torch.')}"] = _all_reduce(_dtype, _op, (3, 5))
for _label, _shape in {"scalar": (), "empty": (0, 4), "many": (MANY,)}.items():
    CASES[f"all_reduce-{_label}"] = _all_reduce(torch.float32, dist.ReduceOp.SUM, _shape)
CASES["all_reduce-uint8"] = _all_reduce(torch.uint8, dist.ReduceOp.SUM, (6,))
CASES["all_reduce-int16"] = _all_reduce(torch.int16, dist.ReduceOp.SUM, (6,))
EXPECTED["all_reduce-int16"] = lambda rank, size: [total((6,), size, torch.int16)]
CASES["all_reduce-complex64"] = _all_reduce(torch.complex64, dist.ReduceOp.SUM, (6,))
CASES["all_reduce-average"] = _all_reduce(torch.float32, dist.ReduceOp.AVG, (6,))
EXPECTED["all_reduce-average"] = lambda rank, size: [total((6,), size) / size]


def _channels_last(on: On, rank: int, size: int) -> Any:
    t = on(values((2, 3, 4, 5), rank)).contiguous(memory_format=torch.channels_last)
    dist.all_reduce(t)
    return [t]


CASES["all_reduce-channels_last"] = _channels_last
EXPECTED["all_reduce-channels_last"] = lambda rank, size: [total((2, 3, 4, 5), size)]


def _bool_any(on: On, rank: int, size: int) -> Any:
    t = on(torch.tensor([rank == 0, False, True]))
    dist.all_reduce(t)
    return [t]


CASES["all_reduce-bool"] = _bool_any
EXPECTED["all_reduce-bool"] = lambda rank, size: [torch.tensor([True, False, True])]


@case("all_reduce_coalesced")
def _all_reduce_coalesced(on: On, rank: int, size: int) -> Any:
    ts = [on(values((4,), rank)), on(values((2, 3), rank + 1))]
    dist.all_reduce_coalesced(ts)
    return ts


@case("broadcast")
def _broadcast(on: On, rank: int, size: int) -> Any:
    ts = [on(values((MANY if d is torch.float32 else 9,), rank, d)) for d in [*DTYPES, torch.bool, torch.float64]]
    for i, t in enumerate(ts):
        dist.broadcast(t, src=i % size)
    return ts


@case("reduce")
def _reduce(on: On, rank: int, size: int) -> Any:
    t = on(values((4, 4), rank))
    dist.reduce(t, dst=1)
    return [t] if rank == 1 else []


@case("all_gather")
def _all_gather(on: On, rank: int, size: int) -> Any:
    outs = [on(torch.zeros(3, 2)) for _ in range(size)]
    dist.all_gather(outs, on(values((3, 2), rank)))
    return outs


@case("all_gather-uneven")
def _all_gather_uneven(on: On, rank: int, size: int) -> Any:
    outs = [on(torch.zeros(2 + r)) for r in range(size)]
    dist.all_gather(outs, on(values((2 + rank,), rank)))
    return outs


EXPECTED["all_gather-uneven"] = lambda rank, size: [values((2 + r,), r) for r in range(size)]


@case("all_gather_into_tensor")
def _all_gather_into_tensor(on: On, rank: int, size: int) -> Any:
    out = on(torch.zeros(size * MANY))
    dist.all_gather_into_tensor(out, on(values((MANY,), rank)))
    return [out]


@case("all_gather_object")
def _all_gather_object(on: On, rank: int, size: int) -> Any:
    found: list[Any] = [None] * size
    dist.all_gather_object(found, {"rank": rank, "text": "x" * (10 + rank)})
    assert found == [{"rank": r, "text": "x" * (10 + r)} for r in range(size)]
    return []


@case("reduce_scatter")
def _reduce_scatter(on: On, rank: int, size: int) -> Any:
    out = on(torch.zeros(3))
    dist.reduce_scatter(out, [on(values((3,), rank + r)) for r in range(size)])
    return [out]


EXPECTED["reduce_scatter"] = lambda rank, size: [sum(values((3,), r + rank) for r in range(size))]


@case("reduce_scatter-uneven")
def _reduce_scatter_uneven(on: On, rank: int, size: int) -> Any:
    out = on(torch.zeros(3 + rank))
    dist.reduce_scatter(out, [on(values((3 + r,), rank + r)) for r in range(size)], op=dist.ReduceOp.AVG)
    return [out]


EXPECTED["reduce_scatter-uneven"] = lambda rank, size: [sum(values((3 + rank,), r + rank) for r in range(size)) / size]


@case("reduce_scatter_tensor")
def _reduce_scatter_tensor(on: On, rank: int, size: int) -> Any:
    out = on(torch.zeros(MANY))
    dist.reduce_scatter_tensor(out, on(values((size * MANY,), rank)))
    return [out]


EXPECTED["reduce_scatter_tensor"] = lambda rank, size: [total((size * MANY,), size).chunk(size)[rank]]


@case("all_to_all_single")
def _all_to_all_single(on: On, rank: int, size: int) -> Any:
    out = on(torch.zeros(size * 2, 3))
    dist.all_to_all_single(out, on(values((size * 2, 3), rank)))
    return [out]


@case("all_to_all_single-uneven")
def _all_to_all_uneven(on: On, rank: int, size: int) -> Any:
    # Rank r sends r + k + 1 rows to rank k.
    sends, receives = [rank + k + 1 for k in range(size)], [k + rank + 1 for k in range(size)]
    out = on(torch.zeros(sum(receives), 2))
    dist.all_to_all_single(out, on(values((sum(sends), 2), rank)), receives, sends)
    return [out]


@case("all_to_all")
def _all_to_all(on: On, rank: int, size: int) -> Any:
    outs = [on(torch.zeros(r + rank + 1)) for r in range(size)]
    dist.all_to_all(outs, [on(values((rank + k + 1,), rank)) for k in range(size)])
    return outs


EXPECTED["all_to_all"] = lambda rank, size: [values((r + rank + 1,), r) for r in range(size)]


@case("gather")
def _gather(on: On, rank: int, size: int) -> Any:
    outs = [on(torch.zeros(4)) for _ in range(size)] if rank == 0 else None
    dist.gather(on(values((4,), rank)), outs, dst=0)
    return outs or []


@case("scatter")
def _scatter(on: On, rank: int, size: int) -> Any:
    out = on(torch.zeros(4))
    dist.scatter(out, [on(values((4,), r)) for r in range(size)] if rank == 1 else None, src=1)
    return [out]


@case("send-recv")
def _send_recv(on: On, rank: int, size: int) -> Any:
    t = on(values((MANY,), rank))
    if rank == 0:
        dist.send(t, dst=1)
    elif rank == 1:
        dist.recv(t, src=0)
    return [t]


@case("batch_isend_irecv")
def _batch(on: On, rank: int, size: int) -> Any:
    out, back = on(values((MANY,), rank)), on(torch.zeros(MANY))
    after, before = (rank + 1) % size, (rank - 1) % size
    for work in dist.batch_isend_irecv([dist.P2POp(dist.isend, out, after), dist.P2POp(dist.irecv, back, before)]):
        work.wait()
    return [back]


@case("asynchronous-many")
def _async_many(on: On, rank: int, size: int) -> Any:
    ts = [on(values((1000 + i,), rank)) for i in range(20)]
    works = [dist.all_reduce(t, async_op=True) for t in ts]
    for work in reversed(works):
        assert work.wait()
    return ts


@case("barrier")
def _barrier(on: On, rank: int, size: int) -> Any:
    dist.barrier()
    return []


def run_all(rank: int, size: int) -> dict[str, str]:
    """Runs every case on both devices; what went wrong by case, empty if nothing."""
    found = {}
    for name, function in CASES.items():
        try:
            got = [t.cpu() for t in function(lambda t: t.npu(), rank, size)]
            expected = EXPECTED[name](rank, size) if name in EXPECTED else function(lambda t: t.clone(), rank, size)
            assert len(got) == len(expected)
            for g, e in zip(got, expected, strict=True):
                torch.testing.assert_close(g, e, rtol=0, atol=0)
            found[name] = ""
        except Exception:
            found[name] = traceback.format_exc()
    return found
