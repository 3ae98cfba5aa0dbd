"""Every in-place operator gives what its functional twin gives; every list operator what it gives a single tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Cann

torch.manual_seed(2)
# between 0 and 1, where every function is defined but acosh
X, Y, Z = (torch.rand(3, 4) * 0.9 + 0.05 for _ in range(3))

UNARY = [
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Erfc", "Exp", "Exp2", "Expm1",
    "Floor", "Log", "Log10", "Log1p", "Log2", "Reciprocal", "Relu", "Rsqrt", "Sigmoid", "Sin", "Sinh", "Sqrt", "Tan",
    "Tanh",
]  # fmt: skip
IN_PLACE: list[tuple[str, tuple[Any, ...]]] = [
    *((name, ()) for name in UNARY),
    *((f"{c}Tensor", (Y,)) for c in ("Eq", "Ne", "Gt", "Ge", "Lt", "Le")),
    *((f"{c}Scalar", (0.5,)) for c in ("Eq", "Ne", "Gt", "Ge", "Lt", "Le")),
    ("Addcmul", (Y, Z, 2.0)),
    ("Addcdiv", (Y, Z, 2.0)),
    ("DivMod", (Y, 2)),
    ("DivMods", (0.3, 1)),
    ("LeakyRelu", (0.1,)),
    ("Lerp", (Y, Z)),
    ("Lerps", (Y, 0.25)),
    ("PowTensorScalar", (2.5,)),
    ("PowTensorTensor", (Y,)),
    ("Scatter", (1, torch.tensor([[1], [0], [3]]), Y, 0)),
    ("ScatterValue", (1, torch.tensor([[1], [0], [3]]), 2.0, 0)),
    ("Addmm", (torch.rand(3, 5), torch.rand(5, 4), 2.0, 0.5, 0)),
    ("Celu", (0.7,)),
    ("FmodTensor", (Y,)),
    ("Hardtanh", (0.2, 0.6)),
    ("LogicalAnd", (Y,)),
    ("Mish", ()),
    ("RoundDecimals", (2,)),
    ("Subs", (0.5, 2.0)),
    ("Tril", (0,)),
    ("Triu", (1,)),
]


@pytest.mark.parametrize(("op", "args"), IN_PLACE, ids=[op for op, _ in IN_PLACE])
def test_in_place_gives_what_its_functional_twin_gives(cann: Cann, op: str, args: tuple[Any, ...]) -> None:
    functional, changed = torch.empty_like(X), X.clone()
    trailing = args[-1:] if op == "Addmm" else ()  # cubeMathType, after the output
    cann.run(f"aclnn{op}", X, *args[: len(args) - len(trailing)], functional, *trailing)
    cann.run(f"aclnnInplace{op}", changed, *args)
    torch.testing.assert_close(changed, functional, equal_nan=True)
    if op in UNARY and hasattr(torch, op.lower()):
        torch.testing.assert_close(functional, getattr(torch, op.lower())(X), equal_nan=True)


HALF = torch.tensor([0.5])
LISTS: list[tuple[str, tuple[Any, ...], torch.Tensor]] = [
    *((n, (), getattr(torch, n.lower())(X)) for n in ("Acos", "Asin", "Atan", "Cosh", "Erfc", "Sinh", "Tan", "Sign")),
    *((f"{n}List", ([Y],), f(X, Y)) for n, f in (("Div", torch.div), ("Minimum", torch.minimum), ("Pow", torch.pow))),
    ("SubList", ([Y], HALF), X - 0.5 * Y),
    ("SubListV2", ([Y], 0.5), X - 0.5 * Y),
    *(
        (f"{n}{kind}", (value,), f(X, HALF))
        for n, f in (
            ("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div), ("Pow", torch.pow),
            ("Maximum", torch.maximum), ("Minimum", torch.minimum),
        )
        for kind, value in (("Scalar", HALF), ("ScalarV2", 0.5), ("ScalarList", [0.5]))
    ),
    *(
        (f"Add{f}{kind}", ([Y], [Z], value), result)
        for f, result in (("cmul", X + 0.5 * Y * Z), ("cdiv", X + 0.5 * Y / Z))
        for kind, value in (("Scalar", HALF), ("ScalarV2", 0.5), ("ScalarList", HALF))
    ),
    ("LerpList", ([Y], [Z]), torch.lerp(X, Y, Z)),
    ("Copy", (), X),
]  # fmt: skip


@pytest.mark.parametrize(("op", "args", "expected"), LISTS, ids=[op for op, *_ in LISTS])
def test_a_list_operator_gives_what_the_operator_gives_each_tensor(
    cann: Cann, op: str, args: tuple[Any, ...], expected: torch.Tensor
) -> None:
    out = torch.empty_like(X)
    cann.run(f"aclnnForeach{op}", [X], *args, [out])
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(
    ("op", "args", "dtype"),
    [
        ("Uniform", (0.0, 1.0), torch.uint64),
        ("Normal", (0.0, 1.0), torch.int64),
        ("Random", (0, 9), torch.int64),
    ],
)
def test_a_seed_in_device_memory_draws_what_a_seed_by_value_draws(
    cann: Cann, op: str, args: tuple[Any, ...], dtype: torch.dtype
) -> None:
    by_value, in_memory = torch.empty(50), torch.empty(50)
    seed, offset = torch.tensor([7], dtype=dtype), torch.tensor([8], dtype=dtype)
    cann.run(f"aclnnInplace{op}", by_value, *args, 7, 12)
    cann.run(f"aclnnInplace{op}Tensor", in_memory, *args, seed, offset, 4)
    assert torch.equal(by_value, in_memory)
