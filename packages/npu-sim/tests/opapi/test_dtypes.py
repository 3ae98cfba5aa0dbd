"""Every kernel in every dtype that CANN documents for its main input: it computes, or the first phase refuses.

A kernel that torch's CPU cannot run must not look like a device that faulted. Arguments are small and valid; of the
outputs' dtypes the first is taken that the operator accepts.
"""

from __future__ import annotations

import ctypes as c
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import npu_sim
from npu_cann.signatures import Operator, Param

from .dtype_arguments import ARGUMENTS, BOOL, DT, I64, OPS, U8, Main, Out, X, arguments_of, twin_of

if TYPE_CHECKING:
    from opapi.conftest import Cann

NAMES = {
    "FLOAT": torch.float32, "FLOAT16": torch.float16, "BF16": torch.bfloat16, "DOUBLE": torch.float64,
    "INT64": torch.int64, "INT32": torch.int32, "INT16": torch.int16, "INT8": torch.int8, "UINT8": torch.uint8,
    "BOOL": torch.bool, "UINT16": torch.uint16, "UINT32": torch.uint32, "UINT64": torch.uint64,
    "COMPLEX64": torch.complex64, "COMPLEX128": torch.complex128, "COMPLEX32": torch.complex32,
    "FLOAT8_E5M2": torch.float8_e5m2, "FLOAT8_E4M3FN": torch.float8_e4m3fn,
}  # fmt: skip
#: dtypes of CANN that torch has no tensors of: nothing can be given to the operator
NO_TENSORS = {"HIFLOAT8", "FLOAT8_E8M0", "FLOAT4_E1M2", "FLOAT4_E2M1", "INT4"}
NOT_SIMULATED = 207000
#: What the first phase refuses although npu-cann's data lists the dtype, and why CANN does too.
REFUSED: dict[tuple[str, str], str] = {
    ("PowTensorTensor", "bool"): "the list is of each side alone: CANN refuses bool to the power of bool",
    **{
        ("InplaceAtan2", dtype): "the list is of the inputs: an integer holds no angle"
        for dtype in ("bool", "uint8", "int8", "int16", "int32", "int64")
    },
    **{
        ("InplaceSinc", dtype): "the facts name no dtypes, and an integer holds no sine"
        for dtype in ("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
    },
    **{
        (form, f"complex{bits}"): "the facts name no dtypes, and x * log(y) is defined for real numbers"
        for form in ("XLogYTensor", "XLogYScalarOther", "XLogYScalarSelf", "InplaceXLogYScalarOther")
        for bits in (32, 64, 128)
    },
}
#: What only the simulator lacks, and why.
LACKS: dict[tuple[str, str], str] = {
    **{("Cumprod", f"uint{bits}"): "torch has no cumulative product of them" for bits in (16, 32, 64)},
    **{("UniqueConsecutive", f"complex{bits}"): "torch has no order of them" for bits in (64, 128)},
}
#: The product of the device that the tests run on.
PRODUCT = "A2"
#: Their tensors lie in private formats, which these arguments do not: test_formats.py has them in every dtype.
IN_BLOCKS = {"aclnnNpuFormatCast", "aclnnMatmulWeightNz", "aclnnAddmmWeightNz", "aclnnBatchMatMulWeightNz"}


def accepted(op: Operator, name: str) -> list[torch.dtype]:
    """The dtypes of a parameter that torch has; all of them if nothing is known, also not of the twin."""
    known_of = op.dtypes.get(name)
    if not any(p.kind == "tensor" and p.name in op.dtypes for p in op.params) and (twin := twin_of(op)):
        inputs = [p for p in twin.params if p.direction != "out"]
        known_of = twin.dtypes.get(inputs[[p.name for p in op.params].index(name)].name)
    known = [d.removeprefix("ACL_") for d in known_of or NAMES]
    return [NAMES[d] for d in known if d not in NO_TENSORS]


def main_of(op: Operator) -> Param:
    """The first tensor that is read, or else the first that is written."""
    tensors = [p for p in op.params if p.kind in ("tensor", "tensors")]
    read = [p for p in tensors if p.direction != "out" and p.name in op.dtypes]
    if any(isinstance(v, Main) for v in ARGUMENTS.get(op.name.removeprefix("aclnn"), ())):
        read = []
    return (read or tensors[-1:])[0]


def tensor(x: X, of: list[torch.dtype], dtype: torch.dtype) -> torch.Tensor:
    if x.dtype is not None:
        return torch.zeros(x.shape, dtype=x.dtype)
    alike = [d for d in of if d.is_floating_point == dtype.is_floating_point]
    return torch.ones(x.shape).to(dtype if dtype in of else (alike or of)[0])


def calls(op: Operator, dtype: torch.dtype) -> Iterator[list[Any]]:
    """Argument lists that differ in the outputs' dtypes: first the swept one, then what is accepted."""
    given = arguments_of(op)
    assert len(given) == len(op.params), f"{op.name} takes {[p.name for p in op.params]}"
    outputs = [
        sorted(accepted(op, p.name), key=lambda d: d != dtype)
        for p, v in zip(op.params, given, strict=True)
        if isinstance(v, Out) or (isinstance(v, list) and v and isinstance(v[0], Out))
    ]
    for chosen in product(*outputs):
        left = list(chosen)
        first = left[0] if left else dtype

        def value(p: Param, v: Any, left: list[torch.dtype] = left) -> Any:
            of = accepted(op, p.name)
            if isinstance(v, X):
                return tensor(v, of, dtype)
            if isinstance(v, Out):
                return torch.zeros(v.shape, dtype=left.pop(0))
            if isinstance(v, Main):
                return torch.zeros(v.shape, dtype=dtype)
            if isinstance(v, list) and v and isinstance(v[0], (X, Out)):
                return [value(p, e) for e in v]
            if p.kind == "scalar" and dtype == BOOL and v == 1:
                return True  # an integer would raise the result's dtype
            return v

        values = [value(p, v) for p, v in zip(op.params, given, strict=True)]
        yield [first if isinstance(v, str) and v == DT else v for v in values]


def outcome(cann: Cann, op: Operator, dtype: torch.dtype) -> str:
    """ "computed", "refused: why" by the first phase in every output dtype, or what the second phase answered."""
    why = "no arguments"
    for values in calls(op, dtype):
        with cann.arguments(op.name, *values) as call:
            try:
                size, executor = call.prepare()
            except Exception as e:
                why = f"refused: {e}"
                continue
            workspace = cann.malloc(size) if size else None
            try:
                call.launch(executor, workspace, size)
                call.finish()
            except Exception as e:
                cann.acl("aclrtDeviceTaskAbort", 0, 0)  # a fault is sticky
                return str(e)
            finally:
                if workspace:
                    cann.acl("aclrtFree", workspace)
            return "computed"
    return why


def exported() -> list[str]:
    nm = shutil.which("nm")
    assert nm is not None, "nm (binutils) is needed"
    library = Path(npu_sim.LIBRARY_DIR) / "libopapi.so"
    out = subprocess.run([nm, "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r" T (aclnn\w+)GetWorkspaceSize$", out, re.MULTILINE)))


@pytest.mark.filterwarnings("ignore:ComplexHalf support")
@pytest.mark.parametrize("name", [name for name in exported() if name not in IN_BLOCKS])
def test_every_documented_dtype_computes_or_is_refused_in_the_first_phase(cann: Cann, name: str) -> None:
    op = OPS[name]
    wrong = []
    for dtype in accepted(op, main_of(op).name):
        key = (name.removeprefix("aclnn"), str(dtype).removeprefix("torch."))
        found = outcome(cann, op, dtype)
        if op.products and PRODUCT not in op.products:
            fits = "does not exist on" in found
        elif key in REFUSED:
            fits = found.startswith("refused: ")
        elif key in LACKS:
            fits = f": {NOT_SIMULATED}: " in found and "npu-sim does not simulate this" in found
        else:
            fits = found == "computed"
        if not fits:
            wrong.append(f"{key}: {found}")
    assert not wrong, "\n".join(wrong)


TOP, BOTTOM = 2**31 - 1, -(2**31)
N = torch.tensor([7, -7, 0], dtype=torch.int32)
ZERO = torch.zeros(3, dtype=torch.int32)


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("DivMod", (N, ZERO, 1), [TOP, BOTTOM, 0]),
        ("DivMods", (N, 0, 2), [TOP, BOTTOM, 0]),
        ("FloorDivide", (N, ZERO), [TOP, BOTTOM, 0]),
        ("FloorDivide", (N, ZERO + 2), [3, -4, 0]),
        ("RemainderTensorTensor", (N, ZERO), [0, 0, 0]),
        ("FmodScalar", (N, 0), [0, 0, 0]),
    ],
)
def test_integers_divided_by_zero_are_no_fault(cann: Cann, op: str, args: tuple[Any, ...], expected: list[int]) -> None:
    out = torch.empty_like(N)
    cann.run(f"aclnn{op}", *args, out)
    assert out.tolist() == expected


def test_integers_divided_by_zero_in_place_lose_nothing(cann: Cann) -> None:
    x = torch.arange(1, 1001, dtype=torch.int32)
    by = torch.ones_like(x) * 2
    by[-1] = 0
    expected = torch.div(x, by.clamp(min=1), rounding_mode="floor")
    expected[:-1] = x[:-1] // 2
    expected[-1] = TOP
    cann.run("aclnnInplaceDivMod", x, by, 2)
    assert torch.equal(x, expected)


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("Abs", (torch.tensor([True, False]),), torch.tensor([True, False])),
        ("Frac", (torch.tensor([7, -7]),), torch.tensor([0, 0])),
        ("Sub", (torch.tensor([True, True]), torch.tensor([True, False]), 1), torch.tensor([False, True])),
        ("PowTensorScalar", (torch.tensor([2, 1]), -1), torch.tensor([0, 1])),
        ("GtScalar", (torch.tensor([1, 9], dtype=torch.uint16), 3), torch.tensor([False, True])),
        ("Div", (torch.tensor([7, -7]), torch.tensor([2, 2])), torch.tensor([3, -3])),
        ("Mean", (torch.tensor([[1, 2], [2, 3]]), [1], False, I64), torch.tensor([1, 2])),
    ],
)
def test_what_torch_has_not_in_a_dtype_is_computed_in_a_wider_one(
    cann: Cann, op: str, args: tuple[Any, ...], expected: torch.Tensor
) -> None:
    out = torch.empty_like(expected)
    cann.run(f"aclnn{op}", *args, out)
    assert torch.equal(out, expected)


def test_what_only_the_simulator_lacks_says_so_and_leaves_the_device_working(cann: Cann) -> None:
    hifloat8, x = 34, torch.zeros(4, dtype=U8)
    with cann.arguments("aclnnInplaceZero", x) as call:
        size, data = c.c_int64 * 1, call.buffers["selfRef"][0].data
        made = cann.base.aclCreateTensor(
            size(4), c.c_uint64(1), hifloat8, size(1), c.c_int64(0), 2, size(4), c.c_uint64(1), data
        )
        call.words[0] = c.c_void_p(made)
        call.launch(call.prepare()[1], None, 0)
        with pytest.raises(
            Exception, match=r"npu-sim does not simulate this .*hifloat8.*the device is not at fault"
        ) as e:
            call.finish()
        cann.check("aclDestroyTensor", cann.base.aclDestroyTensor(c.c_void_p(made)))
    assert e.value.code == NOT_SIMULATED
    cann.run("aclnnInplaceOne", x)
    assert x.tolist() == [1] * 4
