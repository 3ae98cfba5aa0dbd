"""Every operator against torch on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from opapi.conftest import Cann

torch.manual_seed(0)
X, Y = torch.randn(3, 4), torch.randn(3, 4)
POS = X.abs() + 0.5
ROW = torch.randn(4)
INT, INT2 = torch.randint(-5, 9, (3, 4)), torch.randint(1, 5, (3, 4))
BOOL, BOOL2 = X > 0, Y > 0
HALF = X.half()
COMPLEX = torch.complex(X, Y)
M, N = torch.randn(4, 5), torch.randn(5, 6)
BATCH = torch.randn(2, 4, 5)
WEIRD = torch.tensor([1.0, float("inf"), float("-inf"), float("nan")])
INDEX = torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2], [2, 0, 2, 1]])
F32, I64 = torch.float32, torch.int64


class Out:
    """Stands for an output of the shape and dtype of the expected tensor, or of `dtype`."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        self.dtype = dtype


class Ref:
    """A tensor that the operator changes: the expected result is compared with it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.clone()


class Case(NamedTuple):
    op: str
    args: tuple[Any, ...]
    expected: Tensor | tuple[Tensor, ...]

    def __str__(self) -> str:
        return self.op


OUT = Out()


def case(op: str, *args: Any, is_: Tensor | tuple[Tensor, ...]) -> Any:
    return pytest.param(Case(f"aclnn{op}", args, is_), id=op)


def unary(op: str, f: Callable[[Tensor], Tensor], x: Tensor = X) -> Any:
    return case(op, x, OUT, is_=f(x))


def binary(op: str, f: Callable[[Tensor, Any], Tensor], x: Tensor = X, y: Any = Y) -> Any:
    return case(op, x, y, OUT, is_=f(x, y))


def grad(f: Callable[..., Tensor], x: Tensor, g: Tensor = Y) -> Tensor:
    x = x.detach().clone().requires_grad_()
    f(x).backward(g if g.dim() else torch.tensor(1.0))
    assert x.grad is not None
    return x.grad


POINTWISE = [
    case("Add", X, Y, 2.5, OUT, is_=X + 2.5 * Y),
    case("Add", X, ROW, 1, OUT, is_=X + ROW),
    case("Add", INT, X, 1, OUT, is_=INT + X),
    case("Add", INT, INT2, 3, OUT, is_=INT + 3 * INT2),
    case("Add", HALF, HALF, 1.0, OUT, is_=HALF + HALF),
    case("Add", X.bfloat16(), Y.bfloat16(), 1.0, OUT, is_=X.bfloat16() + Y.bfloat16()),
    case("Add", COMPLEX, X, 1j, OUT, is_=COMPLEX + 1j * X),
    case("Add", X.t(), Y.t(), 1.0, OUT, is_=X.t() + Y.t()),
    case("Add", X[1:, ::2], Y[:2, 1::2], 1.0, OUT, is_=X[1:, ::2] + Y[:2, 1::2]),
    case("Add", torch.tensor(2.0), torch.tensor(3.0), 1.0, OUT, is_=torch.tensor(5.0)),
    case("Add", X[:0], Y[:0], 1.0, OUT, is_=X[:0]),
    case("Add", HALF, HALF, 1.0, Out(F32), is_=HALF + HALF),
    case("Adds", X, 2.5, 2.0, OUT, is_=X + 5),
    case("Adds", INT, 2, 1, OUT, is_=INT + 2),
    case("Adds", HALF, 1.5, 1.0, OUT, is_=HALF + 1.5),
    case("Sub", X, Y, 2.0, OUT, is_=X - 2 * Y),
    case("Subs", X, 2.5, 1.0, OUT, is_=X - 2.5),
    binary("Mul", torch.mul),
    binary("Muls", torch.mul, y=2.5),
    binary("Div", torch.div),
    binary("Div", torch.div, INT, INT2),
    binary("Divs", torch.div, y=2.5),
    case("DivMod", X, Y, 2, OUT, is_=torch.div(X, Y, rounding_mode="floor")),
    case("DivMod", INT, INT2, 1, OUT, is_=torch.div(INT, INT2, rounding_mode="trunc")),
    case("DivMods", X, 0.7, 1, OUT, is_=torch.div(X, 0.7, rounding_mode="trunc")),
    binary("FloorDivide", torch.floor_divide, INT, INT2),
    binary("FloorDivides", torch.floor_divide, INT, 3),
    case("InplaceAdd", Ref(X), ROW, 2.0, is_=X + 2 * ROW),
    case("InplaceAdds", Ref(X), 1.5, 1.0, is_=X + 1.5),
    case("InplaceSub", Ref(X), ROW, 1.0, is_=X - ROW),
    case("InplaceMul", Ref(X), Y, is_=X * Y),
    case("InplaceMuls", Ref(X), 3.0, is_=X * 3),
    case("InplaceDiv", Ref(X), Y, is_=X / Y),
    case("InplaceDivs", Ref(X), 3.0, is_=X / 3),
    case("InplaceAdd", Ref(X.t()), Y.t(), 1.0, is_=(X + Y).t()),
    binary("PowTensorScalar", torch.pow, POS, 2.5),
    binary("PowTensorTensor", torch.pow, POS, Y),
    case("PowScalarTensor", 2.0, X, OUT, is_=torch.pow(2.0, X)),
    binary("Maximum", torch.maximum),
    binary("Minimum", torch.minimum, INT, INT2),
    binary("RemainderTensorTensor", torch.remainder),
    binary("RemainderTensorScalar", torch.remainder, y=0.7),
    binary("FmodTensor", torch.fmod),
    binary("FmodScalar", torch.fmod, y=0.7),
    binary("BitwiseAndTensor", torch.bitwise_and, INT, INT2),
    binary("BitwiseAndScalar", torch.bitwise_and, INT, 3),
    binary("BitwiseOrTensor", torch.bitwise_or, BOOL, BOOL2),
    binary("BitwiseOrScalar", torch.bitwise_or, INT, 3),
    binary("BitwiseXorTensor", torch.bitwise_xor, INT, INT2),
    binary("BitwiseXorScalar", torch.bitwise_xor, INT, 3),
    unary("BitwiseNot", torch.bitwise_not, INT),
    case("Addcmul", X, Y, ROW, 0.5, OUT, is_=torch.addcmul(X, Y, ROW, value=0.5)),
    case("Addcdiv", X, Y, POS, 0.5, OUT, is_=torch.addcdiv(X, Y, POS, value=0.5)),
    case("Lerp", X, Y, POS, OUT, is_=torch.lerp(X, Y, POS)),
    case("Lerps", X, Y, 0.3, OUT, is_=torch.lerp(X, Y, 0.3)),
]

UNARY = [
    unary("Abs", torch.abs),
    unary("Abs", torch.abs, COMPLEX),
    unary("Neg", torch.neg),
    unary("Sqrt", torch.sqrt, POS),
    unary("Rsqrt", torch.rsqrt, POS),
    unary("Exp", torch.exp),
    unary("Exp", torch.exp, INT),
    unary("Exp2", torch.exp2),
    unary("Expm1", torch.expm1),
    unary("Log", torch.log, POS),
    unary("Log2", torch.log2, POS),
    unary("Log10", torch.log10, POS),
    unary("Log1p", torch.log1p, POS),
    unary("Tanh", torch.tanh),
    unary("Sigmoid", torch.sigmoid),
    unary("Sin", torch.sin),
    unary("Cos", torch.cos),
    unary("Reciprocal", torch.reciprocal),
    unary("Sign", torch.sign),
    unary("Ceil", torch.ceil),
    unary("Floor", torch.floor),
    unary("Round", torch.round),
    unary("Trunc", torch.trunc),
    unary("Erf", torch.erf),
    case("RoundDecimals", X, 1, OUT, is_=torch.round(X, decimals=1)),
    unary("Frac", torch.frac),
    case("InplaceExp", Ref(X), is_=torch.exp(X)),
    case("InplaceSqrt", Ref(POS), is_=torch.sqrt(POS)),
]

COMPARE = [
    *(binary(f"{n}Tensor", getattr(torch, n.lower()), INT, INT2) for n in ("Eq", "Ne", "Gt", "Ge", "Lt", "Le")),
    *(binary(f"{n}Scalar", getattr(torch, n.lower()), INT, 2) for n in ("Eq", "Ne", "Gt", "Ge", "Lt", "Le")),
    case("EqTensor", INT, INT2, Out(F32), is_=INT == INT2),
    case("InplaceGtScalar", Ref(X), 0.0, is_=(X > 0).float()),
    binary("LogicalAnd", torch.logical_and),
    binary("LogicalOr", torch.logical_or, BOOL, BOOL2),
    binary("LogicalXor", torch.logical_xor, BOOL, BOOL2),
    unary("LogicalNot", torch.logical_not, BOOL),
    unary("IsFinite", torch.isfinite, WEIRD),
    unary("IsPosInf", torch.isposinf, WEIRD),
    unary("IsNegInf", torch.isneginf, WEIRD),
    case("Equal", X, X.clone(), OUT, is_=torch.tensor([True])),
    case("Equal", X, Y, OUT, is_=torch.tensor([False])),
    case("SWhere", BOOL, X, Y, OUT, is_=torch.where(BOOL, X, Y)),
    case("SWhere", BOOL, X, ROW, OUT, is_=torch.where(BOOL, X, ROW)),
]

ACTIVATION = [
    unary("Relu", torch.relu),
    unary("Silu", F.silu),
    unary("Gelu", lambda x: F.gelu(x, approximate="tanh")),
    case("GeluV2", X, 0, OUT, is_=F.gelu(X)),
    case("LeakyRelu", X, 0.1, OUT, is_=F.leaky_relu(X, 0.1)),
    case("ThresholdBackward", Y, X, 0.0, OUT, is_=grad(torch.relu, X)),
    case("TanhBackward", Y, X.tanh(), OUT, is_=grad(torch.tanh, X)),
    case("SigmoidBackward", Y, X.sigmoid(), OUT, is_=grad(torch.sigmoid, X)),
    case("SiluBackward", Y, X, OUT, is_=grad(F.silu, X)),
    case("GeluBackwardV2", Y, X, "none", OUT, is_=grad(F.gelu, X)),
    case("GeluBackward", Y, X, OUT, is_=grad(lambda x: F.gelu(x, approximate="tanh"), X)),
    case("LeakyReluBackward", Y, X, 0.1, False, OUT, is_=grad(lambda x: F.leaky_relu(x, 0.1), X)),
    case("Clamp", X, -0.5, 0.5, OUT, is_=X.clamp(-0.5, 0.5)),
    case("Clamp", X, None, 0.5, OUT, is_=X.clamp(max=0.5)),
    case("ClampTensor", X, Y - 1, Y + 1, OUT, is_=torch.clamp(X, Y - 1, Y + 1)),
    case("ClampMin", X, 0.0, OUT, is_=X.clamp(min=0)),
    case("ClampMax", X, 0.0, OUT, is_=X.clamp(max=0)),
]

REDUCE = [
    case("ReduceSum", X, [1], False, F32, OUT, is_=X.sum(1)),
    case("ReduceSum", X, [0, 1], True, F32, OUT, is_=X.sum((0, 1), keepdim=True)),
    case("ReduceSum", X, [], False, F32, OUT, is_=X.sum()),
    case("ReduceSum", BOOL, [0], False, I64, OUT, is_=BOOL.sum(0)),
    case("ReduceSum", X[:0], [0], False, F32, OUT, is_=X[:0].sum(0)),
    case("Mean", X, [-1], True, F32, OUT, is_=X.mean(-1, keepdim=True)),
    case("Amax", X, [0], False, OUT, is_=X.amax(0)),
    case("Amin", X, [1], True, OUT, is_=X.amin(1, keepdim=True)),
    case("Max", X, OUT, is_=X.max()),
    case("Min", INT, OUT, is_=INT.min()),
    case("MaxDim", X, 1, False, OUT, OUT, is_=tuple(X.max(1))),
    case("MinDim", X, 0, True, OUT, Out(torch.int32), is_=tuple(X.min(0, keepdim=True))),
    case("All", BOOL, [1], False, OUT, is_=BOOL.all(1)),
    case("Any", BOOL, [0], True, OUT, is_=BOOL.any(0, keepdim=True)),
    case("Any", BOOL, [], False, OUT, is_=BOOL.any()),
    case("ArgMax", X, 1, False, OUT, is_=X.argmax(1)),
    case("ArgMin", X, 0, True, OUT, is_=X.argmin(0, keepdim=True)),
    case("Prod", X, F32, OUT, is_=X.prod()),
    case("ProdDim", X, 1, False, F32, OUT, is_=X.prod(1)),
    case("VarCorrection", X, [1], 1, False, OUT, is_=X.var(1)),
    case("VarMean", X, [0], 0, True, OUT, OUT, is_=torch.var_mean(X, 0, correction=0, keepdim=True)),
    case("Std", X, [0, 1], 1, False, OUT, is_=X.std()),
    case("Norm", X, 2.0, [1], False, OUT, is_=torch.linalg.vector_norm(X, 2, 1)),
    case("Cumsum", X, 1, F32, OUT, is_=X.cumsum(1)),
]

MATMUL = [
    case("Mm", M, N, OUT, 0, is_=M @ N),
    case("Mm", M.t().contiguous().t(), N, OUT, 1, is_=M @ N),
    case("Mm", M.half(), N.half(), OUT, 0, is_=M.half() @ N.half()),
    case("Mm", M.bfloat16(), N.bfloat16(), OUT, 0, is_=M.bfloat16() @ N.bfloat16()),
    # CANN multiplies in what the inputs promote to, and casts
    case("Mm", M, N.half(), Out(torch.bfloat16), 0, is_=M @ N.half().float()),
    case("Matmul", BATCH, N, OUT, 0, is_=BATCH @ N),
    case("Matmul", N.t(), N[:, 0], OUT, 0, is_=N.t() @ N[:, 0]),
    case("BatchMatMul", BATCH, BATCH.transpose(1, 2), OUT, 0, is_=BATCH @ BATCH.transpose(1, 2)),
    case("Addmm", N[0], M, N, 0.5, 2.0, OUT, 0, is_=torch.addmm(N[0], M, N, beta=0.5, alpha=2)),
    case("Addmv", M[:, 0], M, N[:, 0], 2.0, 0.5, OUT, 0, is_=torch.addmv(M[:, 0], M, N[:, 0], beta=0.5, alpha=2)),
    case("Baddbmm", BATCH @ N, BATCH, N.expand(2, 5, 6), 1.0, 1.0, OUT, 0, is_=2 * (BATCH @ N)),
    case("Dot", ROW, X[0], OUT, is_=ROW @ X[0]),
]

COPY = [
    case("InplaceCopy", Ref(X), ROW, is_=ROW.expand(3, 4)),
    case("InplaceCopy", Ref(X.t()), INT.t(), is_=INT.t().float()),
    case("InplaceCopy", Ref(INT), X, is_=X.long()),
    case("InplaceCopy", Ref(BOOL), X, is_=X.bool()),
    case("Cast", X, torch.float16, OUT, is_=X.half()),
    case("Cast", X, I64, OUT, is_=X.long()),
    case("Cast", BOOL, F32, OUT, is_=BOOL.float()),
    case("InplaceZero", Ref(X), is_=torch.zeros(3, 4)),
    case("InplaceOne", Ref(X), is_=torch.ones(3, 4)),
    case("InplaceFillScalar", Ref(INT), 7, is_=torch.full((3, 4), 7)),
    case("InplaceFillTensor", Ref(X), torch.tensor(2.0), is_=torch.full((3, 4), 2.0)),
    case("Arange", 0, 10, 3, OUT, is_=torch.arange(0, 10, 3)),
    case("Range", 0.0, 3.0, 0.5, OUT, is_=torch.arange(0, 3.1, 0.5)),
    case("Linspace", 0.0, 1.0, 5, OUT, is_=torch.linspace(0, 1, 5)),
    case("Eye", 3, 4, OUT, is_=torch.eye(3, 4)),
    case("Tril", X, 1, OUT, is_=X.tril(1)),
    case("Triu", X, 0, OUT, is_=X.triu()),
]

NONE = torch.empty(0, dtype=I64)
INDEXING = [
    case("Index", X, [torch.tensor([2, 0])], OUT, is_=X[[2, 0]]),
    case("Index", X, [NONE, torch.tensor([1, 1, 3])], OUT, is_=X[:, [1, 1, 3]]),
    case("Index", X, [torch.tensor([2, 0]), torch.tensor([-1, 1])], OUT, is_=X[[2, 0], [-1, 1]]),
    case("IndexPutImpl", Ref(X), [torch.tensor([2, 0])], ROW, False, False,
         is_=X.index_put((torch.tensor([2, 0]),), ROW)),
    case("IndexPutImpl", Ref(X), [torch.tensor([1, 1])], ROW, True, False,
         is_=X.index_put((torch.tensor([1, 1]),), ROW, accumulate=True)),
    case("IndexSelect", X, 1, torch.tensor([3, 0, 3]), OUT, is_=X[:, [3, 0, 3]]),
    case("Gather", X, 0, INDEX, OUT, is_=X.gather(0, INDEX)),
    case("Gather", X, -1, INDEX.int(), OUT, is_=X.gather(1, INDEX)),
    case("Scatter", X, 1, INDEX[:, :1], Y, 0, OUT, is_=X.scatter(1, INDEX[:, :1], Y)),
    case("Scatter", X, 0, INDEX, Y, 1, OUT, is_=X.scatter_add(0, INDEX, Y)),
    case("Scatter", X, 0, INDEX, Y, 2, OUT, is_=X.scatter_reduce(0, INDEX, Y, "prod")),
    case("Scatter", X, 0, INDEX, Y, 3, OUT, is_=X.scatter_reduce(0, INDEX, Y, "amax")),
    case("Scatter", X, 0, INDEX, Y, 4, OUT, is_=X.scatter_reduce(0, INDEX, Y, "amin")),
    case("ScatterValue", X, 0, INDEX[:, :1], 2.0, 2, OUT,
         is_=X.scatter_reduce(0, INDEX[:, :1], torch.full((3, 1), 2.0), "prod")),
    case("ScatterValue", X, 1, INDEX[:, :1], 5.0, 0, OUT, is_=X.scatter(1, INDEX[:, :1], 5.0)),
    case("ScatterAdd", X, 0, INDEX, Y, OUT, is_=X.scatter_add(0, INDEX, Y)),
    case("InplaceMaskedScatter", Ref(X), BOOL, Y, is_=X.masked_scatter(BOOL, Y)),
    case("IndexAdd", X, 0, torch.tensor([0, 2]), Y[:2], 2.0, OUT,
         is_=X.index_add(0, torch.tensor([0, 2]), Y[:2], alpha=2)),
    case("InplaceIndexFill", Ref(X), 1, torch.tensor([0, 2]), 3.0, is_=X.index_fill(1, torch.tensor([0, 2]), 3)),
    case("InplaceMaskedFillScalar", Ref(X), BOOL, -1.0, is_=X.masked_fill(BOOL, -1)),
    case("InplaceMaskedFillTensor", Ref(X), BOOL, torch.tensor(-1.0), is_=X.masked_fill(BOOL, -1)),
    case("Embedding", M, INDEX, OUT, is_=F.embedding(INDEX, M)),
    case("EmbeddingDenseBackward", torch.ones(3, 4, 5), INDEX, 4, 1, False, OUT,
         is_=torch.ops.aten.embedding_dense_backward(torch.ones(3, 4, 5), INDEX, 4, 1, False)),
    case("Cat", [X, Y[:1]], 0, OUT, is_=torch.cat([X, Y[:1]])),
    case("Cat", [X.t(), torch.empty(0), Y.t()], -1, OUT, is_=torch.cat([X.t(), Y.t()], -1)),
    case("Stack", [X, Y], 1, OUT, is_=torch.stack([X, Y], 1)),
    case("Repeat", X, [2, 1, 3], OUT, is_=X.repeat(2, 1, 3)),
    case("Flip", X, [0, 1], OUT, is_=X.flip(0, 1)),
    case("Roll", X, [1, -1], [0, 1], OUT, is_=X.roll((1, -1), (0, 1))),
    case("Topk", X, 2, 1, True, True, OUT, OUT, is_=tuple(X.topk(2, 1))),
    case("Sort", X, True, 0, True, OUT, OUT, is_=tuple(X.sort(0, True))),
]  # fmt: skip

TARGET = torch.tensor([1, 3, 0])
LOGP = X.log_softmax(1)
ONES = torch.ones(4)
PLANES, CLASSES = torch.randn(2, 4, 2, 3).log_softmax(1), torch.randint(0, 4, (2, 2, 3))
LOSS = [
    case("Softmax", X, -1, OUT, is_=X.softmax(-1)),
    case("Softmax", X, -1, Out(torch.float16), is_=X.softmax(-1)),
    case("LogSoftmax", X, 1, OUT, is_=LOGP),
    case("SoftmaxBackward", Y, X.softmax(1), 1, OUT, is_=grad(lambda x: x.softmax(1), X)),
    case("LogSoftmaxBackward", Y, LOGP, 1, OUT, is_=grad(lambda x: x.log_softmax(1), X)),
    case("NLLLoss", LOGP, TARGET, ONES, 1, -100, OUT, OUT, is_=(F.nll_loss(LOGP, TARGET), torch.tensor(3.0))),
    case("NLLLoss", LOGP, TARGET, ROW, 2, 3, OUT, OUT,
         is_=(F.nll_loss(LOGP, TARGET, ROW, ignore_index=3, reduction="sum"), ROW[1] + ROW[0])),
    case("NLLLossBackward", torch.tensor([1.0]), LOGP, TARGET, ONES, 1, -100, torch.tensor([3.0]), OUT,
         is_=grad(lambda x: F.nll_loss(x, TARGET), LOGP, torch.tensor(1.0))),
    case("MseLoss", X, Y, 1, OUT, is_=F.mse_loss(X, Y)),
    case("MseLoss", X, Y, 0, OUT, is_=F.mse_loss(X, Y, reduction="none")),
    case("MseLossBackward", torch.tensor(1.0), X, Y, 1, OUT,
         is_=grad(lambda x: F.mse_loss(x, Y), X, torch.tensor(1.0))),
    case("BinaryCrossEntropyBackward", torch.tensor(1.0), X.sigmoid(), BOOL.float(), None, 1, OUT,
         is_=grad(lambda x: F.binary_cross_entropy(x, BOOL.float()), X.sigmoid(), torch.tensor(1.0))),
    case("L1Loss", X, Y, 2, OUT, is_=F.l1_loss(X, Y, reduction="sum")),
    case("SmoothL1Loss", X, Y, 1, 1.0, OUT, is_=F.smooth_l1_loss(X, Y)),
    case("SmoothL1LossBackward", torch.tensor(1.0), X, Y, 1, 1.0, OUT,
         is_=grad(lambda x: F.smooth_l1_loss(x, Y), X, torch.tensor(1.0))),
    case("NLLLoss2d", PLANES, CLASSES, ONES, 1, -100, OUT, OUT, is_=(F.nll_loss(PLANES, CLASSES), torch.tensor(12.0))),
    case("NLLLoss2dBackward", torch.tensor(1.0), PLANES, CLASSES, ONES, 1, -100, torch.tensor(12.0), OUT,
         is_=grad(lambda x: F.nll_loss(x, CLASSES), PLANES, torch.tensor(1.0))),
    case("BinaryCrossEntropy", X.sigmoid(), BOOL.float(), None, 1, OUT,
         is_=F.binary_cross_entropy(X.sigmoid(), BOOL.float())),
]  # fmt: skip


@pytest.mark.parametrize("c", [*POINTWISE, *UNARY, *COMPARE, *ACTIVATION, *REDUCE, *MATMUL, *COPY, *INDEXING, *LOSS])
def test_operator_computes_what_torch_does(cann: Cann, c: Case) -> None:
    expected = list(c.expected) if isinstance(c.expected, tuple) else [c.expected]
    results: list[Tensor] = []
    args: list[Any] = []
    for a in c.args:
        if isinstance(a, Out):
            like = expected[len(results)]
            args.append(torch.empty(like.shape, dtype=a.dtype or like.dtype))
            results.append(args[-1])
        elif isinstance(a, Ref):
            results.append(a.tensor.clone(memory_format=torch.preserve_format))
            args.append(results[-1])
        else:
            args.append(a)
    cann.run(c.op, *args)
    assert len(results) == len(expected)
    for got, want in zip(results, expected, strict=True):
        torch.testing.assert_close(got, want.to(got.dtype), equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_products_of_halves_are_added_in_float32_and_rounded_once(cann: Cann, dtype: torch.dtype) -> None:
    a, b, c = (torch.randn(*shape).to(dtype) for shape in ((4, 700), (700, 5), (4, 5)))
    exact = a.float() @ b.float()
    for op, args, expected in (
        ("aclnnMm", (a, b), exact),
        ("aclnnMatmul", (a, b), exact),
        ("aclnnBatchMatMul", (a[None], b[None]), exact[None]),
        ("aclnnAddmm", (c, a, b, 1.0, 1.0), c.float() + exact),
        ("aclnnAddmv", (c[:, 0], a, b[:, 0], 1.0, 1.0), c[:, 0].float() + exact[:, 0]),
        ("aclnnBaddbmm", (c[None], a[None], b[None], 1.0, 1.0), (c.float() + exact)[None]),
    ):
        out = torch.empty(expected.shape, dtype=dtype)
        cann.run(op, *args, out, 0)
        # One unit in the last place: float32 sums of another order may fall on the other side of a rounding.
        torch.testing.assert_close(out, expected.to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-4, msg=op)


def test_an_output_may_be_the_input(cann: Cann) -> None:
    x = X.clone()
    with cann.arguments("aclnnAdd", x, Y, 1.0, x) as call:
        call.words[3] = call.words[0]  # the very tensor, as out= of an in-place operator
        _, executor = call.prepare()
        call.launch(executor, None, 0)
        cann.acl("aclrtSynchronizeDevice")
        call.buffers["self"][0].download()
    torch.testing.assert_close(x, X + Y)


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("aclnnNonzero", (BOOL,), BOOL.nonzero()),
        ("aclnnNonzeroV2", (BOOL,), BOOL.nonzero().t()),
        ("aclnnMaskedSelect", (X, BOOL), X[BOOL]),
    ],
)
def test_a_shape_found_while_running_is_read_from_the_output(
    cann: Cann, op: str, args: tuple[Tensor, ...], expected: Tensor
) -> None:
    room = {"aclnnNonzero": (12, 2), "aclnnNonzeroV2": (2, 12), "aclnnMaskedSelect": (12,)}[op]
    out = torch.empty(room, dtype=expected.dtype)
    shape = cann.run(op, *args, out)["out"]
    assert shape == tuple(expected.shape)
    assert torch.equal(out.flatten()[: expected.numel()].view(shape), expected)
