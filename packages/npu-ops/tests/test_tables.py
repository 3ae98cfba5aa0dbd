"""Every entry of the tables against the CPU, with the samples that PyTorch's own tests use.

An entry of a table is tested by being there: nothing is added here for a new operator, unless no sample of op_db
reaches its overloads. That is an error here, and the answer a line in EXTRA.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from codegen.aten import Model
from codegen.tables import Entry, read_tables
from opinfo import Judge, Outcome, check, check_forms, compare, infos
from torch.testing._internal.opinfo.core import OpInfo

from npu_cann import signatures

#: Operators over lists of tensors are tested in test_foreach.py.
ENTRIES = {
    e.key: e
    for t in read_tables(Path(__file__).parents[1] / "tables")
    for e in t.entries
    if not e.key.startswith("_foreach_")
}
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's, of deprecated arguments and too few elements
#: CANN's names of the dtypes that every entry runs in, beside float32.
DTYPES = {
    torch.float16: "ACL_FLOAT16",
    torch.bfloat16: "ACL_BF16",
    torch.int64: "ACL_INT64",
    torch.bool: "ACL_BOOL",
    torch.complex64: "ACL_COMPLEX64",
}
#: CANN's name of a dtype by the name that messages give it.
ACL = {
    "Float": "ACL_FLOAT",
    "Half": "ACL_FLOAT16",
    "BFloat16": "ACL_BF16",
    "Double": "ACL_DOUBLE",
    "Long": "ACL_INT64",
    "Int": "ACL_INT32",
    "Short": "ACL_INT16",
    "Char": "ACL_INT8",
    "Byte": "ACL_UINT8",
    "Bool": "ACL_BOOL",
    "ComplexFloat": "ACL_COMPLEX64",
    "ComplexDouble": "ACL_COMPLEX128",
}


def volume(x: torch.Tensor) -> torch.Tensor:
    """The matrix's numbers as one of 2 by 3 by 2."""
    return x.reshape(1, 1, 2, 3, 2)


#: Calls that reach overloads which no sample of op_db reaches, on a matrix of 3 by 4 numbers.
def wide(product: Callable[..., torch.Tensor], *matrices: torch.Tensor) -> torch.Tensor:
    """A product by its overload with a dtype, which the CPU lacks."""
    return product(*matrices, out_dtype=torch.float32) if matrices[0].device.type == "npu" else product(*matrices)


EXTRA: dict[str, Callable[[torch.Tensor], object]] = {
    "mm.dtype_out": lambda x: wide(torch.mm, x, x.t()),
    "bmm.dtype_out": lambda x: wide(torch.bmm, x[None], x.t()[None]),
    "addmm.dtype_out": lambda x: wide(torch.addmm, x[0, :3], x, x.t()),
    "baddbmm.dtype_out": lambda x: wide(torch.baddbmm, x[:1, :3], x[None], x.t()[None]),
    "pow.Tensor_Scalar_out": lambda x: (x.abs().pow(1.5), x.pow(3), x.clone().pow_(2)),
    "pow.Scalar_out": lambda x: (torch.pow(2, x), torch.pow(0.5, x)),
    "clamp.out": lambda x: (x.clamp(-1, 1), x.clamp(max=0.5), x.clone().clamp_(min=0)),
    "clamp_min.out": lambda x: (torch.clamp_min(x, 0.5), x.clone().clamp_min_(0.5)),
    "clamp_max.out": lambda x: (torch.clamp_max(x, 0.5), x.clone().clamp_max_(0.5)),
    "fill_.Tensor": lambda x: (x.clone().fill_(x[0, 0]), x.clone().fill_(torch.tensor(3.0))),
    "embedding_renorm_": lambda x: torch.embedding_renorm_(x.clone(), torch.tensor([0, 2], device=x.device), 1.0, 2.0),
    "upsample_nearest2d.out": lambda x: torch.ops.aten.upsample_nearest2d(x[None, None], [5, 6]),
    "upsample_bilinear2d.out": lambda x: torch.ops.aten.upsample_bilinear2d(x[None, None], [5, 6], False),
    **{
        f"{name}_pad3d.out": lambda x, name=name: getattr(torch.ops.aten, f"{name}_pad3d")(volume(x), [1] * 6)  # type: ignore[misc]
        for name in ("reflection", "replication")
    },
    **{
        f"{name}.out": lambda x, name=name: getattr(torch.ops.aten, name)(x[None], [7])  # type: ignore[misc]
        for name in ("upsample_nearest1d", "_upsample_nearest_exact1d")
    },
    "upsample_linear1d.out": lambda x: torch.ops.aten.upsample_linear1d(x[None], [7], True),
    "_upsample_nearest_exact2d.out": lambda x: torch.ops.aten._upsample_nearest_exact2d(x[None, None], [5, 6]),
    "upsample_bicubic2d.out": lambda x: torch.ops.aten.upsample_bicubic2d(x[None, None], [5, 6], False),
    **{
        f"{name}.out": lambda x, name=name: getattr(torch.ops.aten, name)(volume(x), [3, 2, 5])  # type: ignore[misc]
        for name in ("upsample_nearest3d", "_upsample_nearest_exact3d")
    },
    "upsample_trilinear3d.out": lambda x: torch.ops.aten.upsample_trilinear3d(volume(x), [3, 2, 5], False),
    **{
        f"{name}_backward.grad_input": lambda x, name=name: getattr(torch.ops.aten, f"{name}_backward")(  # type: ignore[misc]
            volume(x), [2, 3, 2], [1, 1, 4, 2, 3]
        )
        for name in ("upsample_nearest3d", "_upsample_nearest_exact3d")
    },
    "reflection_pad3d_backward.grad_input": lambda x: torch.ops.aten.reflection_pad3d_backward(
        torch.ones(1, 1, 4, 5, 4, device=x.device), volume(x), [1] * 6
    ),
    "replication_pad3d_backward": lambda x: torch.ops.aten.replication_pad3d_backward(
        torch.ones(1, 1, 4, 5, 4, device=x.device), volume(x), [1] * 6
    ),
    "_upsample_bicubic2d_aa.out": lambda x: torch.ops.aten._upsample_bicubic2d_aa(x[None, None], [2, 3], False),
    "_upsample_bicubic2d_aa_backward.grad_input": lambda x: torch.ops.aten._upsample_bicubic2d_aa_backward(
        x[None, None], [3, 4], [1, 1, 5, 6], False
    ),
    "_upsample_bilinear2d_aa_backward.grad_input": lambda x: torch.ops.aten._upsample_bilinear2d_aa_backward(
        x[None, None], [3, 4], [1, 1, 5, 6], False
    ),
    "_add_relu.out": lambda x: (torch.ops.aten._add_relu(x, x, alpha=2), torch.ops.aten._add_relu_(x.clone(), x)),
    "__lshift__.Tensor": lambda x: (x.int() << x.abs().int(), x.int().__ilshift__(x.abs().int())),
    "__lshift__.Scalar": lambda x: (x.int() << 3, x.int().__ilshift__(3)),
    "__rshift__.Tensor": lambda x: ((x * 9).int() >> x.abs().int(), (x * 9).int() >> 1, x.int().__irshift__(1)),
    "isin.Tensor_Scalar_out": lambda x: (torch.isin(x, 2.0), torch.isin(x, 2, invert=True)),
    "norm.out": lambda x: (torch.ops.aten.norm.ScalarOpt_dim(x, 3, [1]), torch.ops.aten.norm.Scalar(x, 1)),
    "norm.dtype_out": lambda x: torch.ops.aten.norm.ScalarOpt_dim_dtype(x, 2, [0], True, dtype=torch.float32),
    "scatter.value_reduce_out": lambda x: x.scatter(
        0, torch.zeros(1, 4, dtype=torch.int64, device=x.device), 2.5, reduce="multiply"
    ),
    **{
        f"{name}.Scalar_out": lambda x, name=name: (  # type: ignore[misc]
            getattr(torch, name)(x, 2),
            getattr(torch, name)(x, 0.5, out=torch.empty(0, dtype=torch.float32, device=x.device)),
            getattr(x.clone(), f"{name}_")(-2),
        )
        for name in ("eq", "ne", "gt", "ge", "lt", "le")
    },
}
#: Entries and dtypes of which no sample runs, with the reason.
NOTHING_RUNS: dict[tuple[str, torch.dtype], str] = {
    ("avg_pool2d_backward.grad_input", torch.int64): "the forward refuses it before",
}
#: Entries and dtypes in which the CPU itself is too far from what float32 gives to compare with.
CPU_ROUNDS: dict[tuple[str, torch.dtype], str] = {
    ("addbmm", torch.bfloat16): "it rounds the sum after every matrix",
}


@cache
def model() -> Model:
    return Model()


def base(entry: Entry) -> str:
    name = str(entry.key).split(".")[0]
    return name if name.startswith("__") else name.rstrip("_")


def variants(entry: Entry) -> list[OpInfo]:
    found = infos(base(entry))
    assert found, f"no OpInfo reaches {entry.key}: add its name to REACHED_BY in opinfo.py"
    return found


def lacks(entry: Entry, dtype: str) -> bool:
    """Whether CANN's operators of this entry do not all take the dtype at every tensor."""
    operators = [signatures.load()[c.rule] for c in (entry.call, *entry.scalars)]
    lists = [o.dtypes.get(p.name) for o in operators for p in o.params if p.kind in ("tensor", "tensors")]
    return any(known and dtype not in known for known in lists)


def direct(entry: Entry, dtype: str) -> bool:
    """Whether CANN has an operator for the dtype by the facts: its first operand may have it."""
    operator = signatures.load()[entry.call.rule]
    operands = (p for p in operator.params if p.kind == "tensor" and p.direction != "out" and p.name in operator.dtypes)
    return any(dtype in operator.dtypes[p.name] for p in list(operands)[:1])


def judge(entry: Entry) -> Judge:
    """Our own operator may refuse what CANN's facts lack, and nothing else."""

    def verdict(error: NotImplementedError) -> str:
        if refused := re.search(r'"(\w+)" not implemented for \'(\w+)\'', str(error)):
            if refused[1].rstrip("_") != base(entry):
                return "elsewhere"
            if lacks(entry, ACL[refused[2]]):
                return "refused"
        missing = re.search(r"aten::(\w+)\S*\(.* has no kernel", str(error))
        if missing is None or missing[1].rstrip("_") == base(entry):
            raise error
        return "elsewhere"

    return verdict


@pytest.mark.parametrize("key", ENTRIES)
def test_results_gradients_out_and_inplace_forms_are_those_of_the_cpu(key: str) -> None:
    entry, outcome = ENTRIES[key], Outcome()
    for info in variants(entry):
        dtype = next(d for d in (torch.float32, torch.int64, torch.bool, torch.complex64) if d in info.dtypes)
        check(info, dtype, info.supports_autograd and dtype == torch.float32, outcome, judge(entry))
        check_forms(info, dtype, outcome, judge(entry))
    if key in EXTRA:
        x = torch.linspace(-2, 2, 12).reshape(3, 4)
        with outcome.recorded():
            got = EXTRA[key](x.npu())
        compare(got, EXTRA[key](x), key)
    assert outcome.ran, f"{key} has no samples"
    overloads = {o.key for o in model().group(key, entry.where).overloads}
    assert outcome.reached & overloads, f"nothing calls {sorted(overloads)}: add a call to EXTRA"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("key", ENTRIES)
def test_other_dtypes_agree_or_are_refused_by_name(key: str, dtype: torch.dtype) -> None:
    outcome = Outcome()
    fitting = [i for i in variants(ENTRIES[key]) if dtype in i.dtypes and (key, dtype) not in CPU_ROUNDS]
    torch.npu.reset_fallback_report()
    for info in fitting:
        check(info, dtype, backward=False, outcome=outcome, judge=judge(ENTRIES[key]))
    if direct(ENTRIES[key], DTYPES[dtype]):
        used = {f.operator.removeprefix("aten::").split(".")[0].rstrip("_") for f in torch.npu.fallback_report()}
        assert base(ENTRIES[key]) not in used, "the CPU computes what CANN has an operator for"
    assert outcome.ran or outcome.refused or not fitting or (key, dtype) in NOTHING_RUNS
