"""Every kernel in every dtype that CANN documents for its main input: it computes, or the first phase refuses.

A kernel that torch's CPU cannot run must not look like a device that faulted. Arguments are small and valid; of the
outputs' dtypes the first is taken that the operator accepts.
"""

from __future__ import annotations

import ctypes as c
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch

import npu_sim
from npu_cann.signatures import Operator, Param, load

if TYPE_CHECKING:
    from opapi.conftest import Cann

OPS = load()
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


class X(NamedTuple):
    """A tensor in the swept dtype, or in `dtype`, of ones; of zeros if it holds indices."""

    shape: tuple[int, ...]
    dtype: torch.dtype | None = None


class Out(NamedTuple):
    """An output of `shape`, of one of its dtypes."""

    shape: tuple[int, ...] = (2, 3)


class Main(NamedTuple):
    """An output in the swept dtype, where there is no input."""

    shape: tuple[int, ...]


DT = "the first output's dtype"
M, V, S = X((2, 3)), X((3,)), X(())
I64, U8, F32, BOOL = torch.int64, torch.uint8, torch.float32, torch.bool
IDX, MASK = X((2, 3), I64), X((2, 3), BOOL)
ROWS = X((2,), I64)
IMAGE, KERNEL, PLANES = X((1, 2, 4, 4)), X((2, 2, 2, 2)), X((1, 2, 3, 3))
WINDOW: list[Any] = [[2, 2], [2, 2], [0, 0]]
POOLED = Out((1, 2, 2, 2))
CONV: list[Any] = [[1, 1], [0, 0], [1, 1], False, [0, 0], 1]
SEED = X((1,), I64)
LINE, VOLUME, CUBE = X((1, 2, 4)), X((1, 2, 4, 4, 4)), X((1, 2, 2, 2, 2))
CUBES, EYE = Out((1, 2, 2, 2, 2)), X((1, 1))
WINDOW3: list[Any] = [[2, 2, 2], [2, 2, 2], [0, 0, 0]]
STATS = [X((2,))] * 2

#: Arguments of operators whose parameters do not fit `usual`; outputs are all (2, 3) there.
ARGUMENTS: dict[str, Sequence[Any]] = {
    **{n: (M, [0], False, Out((3,))) for n in ("Amax", "Amin", "All", "Any")},
    **{n: (M, [0], False, DT, Out((3,))) for n in ("ReduceSum", "Mean")},
    **{n: (M, [0], 1, False, Out((3,))) for n in ("VarCorrection", "Std")},
    **{n: (M, Out(())) for n in ("Max", "Min")},
    **{n: (M, 0, False, Out((3,)), Out((3,))) for n in ("MaxDim", "MinDim")},
    **{n: (M, 0, False, Out((3,))) for n in ("ArgMax", "ArgMin")},
    "VarMean": (M, [0], 1, False, Out((3,)), Out((3,))),
    "Prod": (M, DT, Out(())),
    "ProdDim": (M, 0, False, DT, Out((3,))),
    "Norm": (M, 2.0, [0], False, Out((3,))),
    "Equal": (M, M, Out((1,))),
    "Mm": (M, X((3, 2)), Out((2, 2)), 1),
    "Matmul": (M, X((3, 2)), Out((2, 2)), 1),
    "BatchMatMul": (X((1, 2, 3)), X((1, 3, 2)), Out((1, 2, 2)), 1),
    "Addmm": (X((2,)), M, X((3, 2)), 1, 1, Out((2, 2)), 1),
    "Addmv": (X((2,)), M, V, 1, 1, Out((2,)), 1),
    "Baddbmm": (X((1, 2, 2)), X((1, 2, 3)), X((1, 3, 2)), 1, 1, Out((1, 2, 2)), 1),
    "Dot": (V, V, Out(())),
    "Arange": (0, 4, 1, Main((4,))),
    "Range": (0, 3, 1, Main((4,))),
    "Linspace": (0, 3, 4, Main((4,))),
    "Eye": (2, 3, Main((2, 3))),
    "Randperm": (6, 1, 0, Main((6,))),
    "NormalFloatFloat": (0.0, 1.0, 1, 0, Main((2, 3))),
    "InplaceFillTensor": (M, S),
    "Index": (M, [ROWS], Out((2, 3))),
    "IndexPutImpl": (M, [ROWS], M, False, False),
    "IndexSelect": (M, 0, ROWS, Out()),
    "IndexAdd": (M, 0, ROWS, M, 1, Out()),
    "InplaceIndexFill": (M, 0, ROWS, 1),
    "Gather": (M, 0, IDX, Out()),
    "Scatter": (M, 0, IDX, M, 0, Out()),
    "ScatterValue": (M, 0, IDX, 1, 0, Out()),
    "InplaceScatter": (M, 0, IDX, M, 0),
    "InplaceScatterValue": (M, 0, IDX, 1, 0),
    "ScatterAdd": (M, 0, IDX, M, Out()),
    "InplaceMaskedFillTensor": (M, MASK, S),
    "MaskedSelect": (M, MASK, Out((6,))),
    "Nonzero": (M, Out((6, 2))),
    "NonzeroV2": (M, Out((2, 6))),
    "Embedding": (M, ROWS, Out((2, 3))),
    "EmbeddingDenseBackward": (M, ROWS, 4, -1, False, Out((4, 3))),
    "Cat": ([M, M], 0, Out((4, 3))),
    "Stack": ([M, M], 0, Out((2, 2, 3))),
    "Repeat": (M, [2, 1], Out((4, 3))),
    "Roll": (M, [1], [0], Out()),
    "Topk": (M, 2, 1, True, True, Out((2, 2)), Out((2, 2))),
    "NLLLoss": (M, ROWS, V, 1, -100, Out(()), Out(())),
    "NLLLossBackward": (S, M, ROWS, V, 1, -100, S, Out()),
    "NLLLoss2d": (PLANES, X((1, 3, 3), I64), X((2,)), 1, -100, Out(()), Out(())),
    "NLLLoss2dBackward": (S, PLANES, X((1, 3, 3), I64), X((2,)), 1, -100, S, Out((1, 2, 3, 3))),
    "BinaryCrossEntropyWithLogits": (M, M, None, None, 1, Out(())),
    **{n: (M, M, 1, Out(())) for n in ("MseLoss", "L1Loss")},
    "SmoothL1Loss": (M, M, 1, 1.0, Out(())),
    "BinaryCrossEntropy": (M, M, None, 1, Out(())),
    "MseLossBackward": (S, M, M, 1, Out()),
    "SmoothL1LossBackward": (S, M, M, 1, 1.0, Out()),
    "BinaryCrossEntropyBackward": (S, M, M, None, 1, Out()),
    "Convolution": (IMAGE, KERNEL, None, *CONV, Out((1, 2, 3, 3)), 1),
    "ConvolutionBackward": (PLANES, IMAGE, KERNEL, [2], *CONV, [True] * 3, 1,
                            Out((1, 2, 4, 4)), Out((2, 2, 2, 2)), Out((2,))),
    "BatchNorm": (IMAGE, *[X((2,))] * 4, True, 0.1, 1e-5, Out((1, 2, 4, 4)), Out((2,)), Out((2,))),
    "BatchNormBackward": (IMAGE, IMAGE, *[X((2,))] * 5, True, 1e-5, [True] * 3,
                          Out((1, 2, 4, 4)), Out((2,)), Out((2,))),
    "LayerNorm": (M, [3], V, V, 1e-5, Out(), Out((2, 1)), Out((2, 1))),
    "LayerNormBackward": (M, M, [3], X((2, 1)), X((2, 1)), V, V, [True] * 3, Out(), Out((3,)), Out((3,))),
    "GroupNorm": (IMAGE, X((2,)), X((2,)), 1, 2, 16, 1, 1e-5, Out((1, 2, 4, 4)), Out((1, 1)), Out((1, 1))),
    "GroupNormBackward": (IMAGE, IMAGE, X((1, 1)), X((1, 1)), X((2,)), 1, 2, 16, 1, [True] * 3,
                          Out((1, 2, 4, 4)), Out((2,)), Out((2,))),
    "MaxPool2dWithIndices": (IMAGE, *WINDOW, [1, 1], False, POOLED, POOLED),
    "MaxPool2dWithIndicesBackward": (X((1, 2, 2, 2)), IMAGE, X((1, 2, 2, 2), I64), *WINDOW, [1, 1], False,
                                     Out((1, 2, 4, 4))),
    "MaxPool2dWithMask": (IMAGE, *WINDOW, [1, 1], False, POOLED, Out((1, 2, 4, 64))),
    "MaxPool2dWithMaskBackward": (X((1, 2, 2, 2)), IMAGE, X((1, 2, 4, 64), torch.int8), *WINDOW, [1, 1], False,
                                  Out((1, 2, 4, 4))),
    "AvgPool2d": (IMAGE, *WINDOW, False, True, 0, 1, POOLED),
    "AvgPool2dBackward": (X((1, 2, 2, 2)), IMAGE, *WINDOW, False, True, 0, 1, Out((1, 2, 4, 4))),
    "AdaptiveAvgPool2d": (IMAGE, [2, 2], POOLED),
    "AdaptiveAvgPool2dBackward": (X((1, 2, 2, 2)), IMAGE, Out((1, 2, 4, 4))),
    "UpsampleNearest2d": (IMAGE, [8, 8], Out((1, 2, 8, 8))),
    "UpsampleNearest2dV2": (IMAGE, [8, 8], 2.0, 2.0, Out((1, 2, 8, 8))),
    "UpsampleNearest2dBackward": (X((1, 2, 8, 8)), [8, 8], [1, 2, 4, 4], 2.0, 2.0, Out((1, 2, 4, 4))),
    "UpsampleBilinear2d": (IMAGE, [8, 8], False, 2.0, 2.0, Out((1, 2, 8, 8))),
    "UpsampleBilinear2dBackwardV2": (X((1, 2, 8, 8)), [8, 8], [1, 2, 4, 4], False, 2.0, 2.0, Out((1, 2, 4, 4))),
    "AdaptiveMaxPool2d": (IMAGE, [2, 2], POOLED, POOLED),
    "AdaptiveMaxPool2dBackward": (X((1, 2, 2, 2)), IMAGE, X((1, 2, 2, 2), I64), Out((1, 2, 4, 4))),
    "Im2col": (IMAGE, [2, 2], [1, 1], [0, 0], [2, 2], Out((1, 8, 4))),
    "Im2colBackward": (X((1, 8, 4)), [4, 4], [2, 2], [1, 1], [0, 0], [2, 2], Out((1, 2, 4, 4))),
    "UnfoldGrad": (X((2, 2, 2)), [2, 3], 1, 2, 1, Out()),
    "ConstantPadNd": (M, [1, 1], 1, Out((2, 5))),
    "ReflectionPad1d": (X((1, 2, 4)), [1, 1], Out((1, 2, 6))),
    "ReflectionPad1dBackward": (X((1, 2, 6)), X((1, 2, 4)), [1, 1], Out((1, 2, 4))),
    "ReflectionPad2d": (IMAGE, [1, 1, 1, 1], Out((1, 2, 6, 6))),
    "ReflectionPad2dBackward": (X((1, 2, 6, 6)), IMAGE, [1, 1, 1, 1], Out((1, 2, 4, 4))),
    "ReplicationPad1d": (X((1, 2, 4)), [1, 1], Out((1, 2, 6))),
    "ReplicationPad1dBackward": (X((1, 2, 6)), X((1, 2, 4)), [1, 1], Out((1, 2, 4))),
    "ReplicationPad2d": (IMAGE, [1, 1, 1, 1], Out((1, 2, 6, 6))),
    "ReplicationPad2dBackward": (X((1, 2, 6, 6)), IMAGE, [1, 1, 1, 1], Out((1, 2, 4, 4))),
    "Glu": (X((2, 4)), 1, Out((2, 2))),
    "GluBackward": (X((2, 2)), X((2, 4)), 1, Out((2, 4))),
    "Multinomial": (M, 2, False, 1, 0, Out((2, 2))),
    "InplaceRandom": (M, 0, 2, 1, 0),
    "InplaceRandomTensor": (M, 0, 2, SEED, SEED, 0),
    "InplaceUniform": (M, 0.0, 1.0, 1, 0),
    "InplaceUniformTensor": (M, 0.0, 1.0, X((1,), torch.uint64), X((1,), torch.uint64), 0),
    "InplaceNormalTensor": (M, 0.0, 1.0, SEED, SEED, 0),
    "InplaceRandomWithoutFromToTensor": (M, SEED, SEED, 0),
    "DropoutGenMask": ([6], 0.5, 1, 0, Main((16,))),
    "DropoutGenMaskV2": ([6], 0.5, 1, 0, F32, Main((16,))),
    "DropoutGenMaskV2Tensor": ([6], 0.5, SEED, SEED, 0, F32, Main((16,))),
    "DropoutDoMask": (M, X((16,), U8), 0.5, Out()),
    "ApplyAdamWV2": (M, M, M, None, M, X((1,)), 0.1, 0.9, 0.99, 0.0, 1e-8, False, False),
    "Addr": (M, X((2,)), V, 1, 1, Out()),
    "InplaceFillDiagonal": (M, 1, False),
    "InplaceAddmm": (X((2, 2)), M, X((3, 2)), 1, 1, 1),
    "InplaceAddr": (M, X((2,)), V, 1, 1),
    "IsClose": (M, M, 1e-5, 1e-8, False, Out()),
    "Prelu": (M, V, Out()),
    "PreluBackward": (M, M, V, Out(), Out((3,))),
    **{n: (M, M, 1, Out(())) for n in ("SoftMarginLoss",)},
    "KlDiv": (M, M, 1, False, Out(())),
    "SoftMarginLossBackward": (S, M, M, 1, Out()),
    **{n: (S, M, M, 1, False, Out()) for n in ("KlDivBackward", "KlDivTargetBackward")},
    "MultilabelMarginLoss": (M, IDX, 1, Out(()), Out()),
    "CtcLoss": (X((4, 1, 3)), X((1, 2), I64), [4], [1], 1, False, Out((1,)), Out((1, 4, 8))),
    "CtcLossBackward": (X((1,)), X((4, 1, 3)), X((1, 2), I64), [4], [1], X((1,)), X((1, 4, 8)), 1, False,
                        Out((4, 1, 3))),
    **{n: (EYE, Out((1, 1))) for n in ("Inverse",)},
    "LinalgCholesky": (EYE, False, Out((1, 1))),
    "Slogdet": (EYE, Out(()), Out(())),
    "LinalgQr": (X((3, 2)), 0, Out((3, 2)), Out((2, 2))),
    "Svd": (X((3, 2)), False, True, Out((2,)), Out((3, 2)), Out((2, 2))),
    "TriangularSolve": (X((1, 2)), EYE, True, False, False, Out((1, 2)), Out((1, 1))),
    "LinalgCross": (M, M, 1, Out()),
    "Mv": (M, V, Out((2,)), 1),
    "Addbmm": (X((2,)), X((1, 2, 3)), X((1, 3, 2)), 1, 1, Out((2, 2)), 1),
    "Trace": (M, Out(())),
    "LinalgVectorNorm": (M, 2.0, [0], False, DT, Out((3,))),
    "StdMeanCorrection": (M, [0], 1, False, Out((3,)), Out((3,))),
    "LogSumExp": (M, [0], False, Out((3,))),
    "AvgPool3d": (VOLUME, *WINDOW3, False, True, 0, CUBES),
    "AvgPool3dBackward": (CUBE, VOLUME, *WINDOW3, False, True, 0, Out((1, 2, 4, 4, 4))),
    "MaxPool3dWithArgmax": (VOLUME, *WINDOW3, [1, 1, 1], False, CUBES, CUBES),
    "MaxPool3dWithArgmaxBackward": (CUBE, VOLUME, X((1, 2, 2, 2, 2), I64), *WINDOW3, [1, 1, 1], False,
                                    Out((1, 2, 4, 4, 4))),
    "AdaptiveAvgPool3d": (VOLUME, [2, 2, 2], CUBES),
    "AdaptiveAvgPool3dBackward": (CUBE, VOLUME, Out((1, 2, 4, 4, 4))),
    "AdaptiveMaxPool3d": (VOLUME, [2, 2, 2], CUBES, CUBES),
    "AdaptiveMaxPool3dBackward": (CUBE, VOLUME, X((1, 2, 2, 2, 2), I64), Out((1, 2, 4, 4, 4))),
    "MaxUnpool2d": (X((1, 2, 2, 2)), X((1, 2, 2, 2), I64), [4, 4], Out((1, 2, 4, 4))),
    "MaxUnpool3d": (CUBE, X((1, 2, 2, 2, 2), I64), [4, 4, 4], [2, 2, 2], [0, 0, 0], Out((1, 2, 4, 4, 4))),
    "ReflectionPad3d": (VOLUME, [1] * 6, Out((1, 2, 6, 6, 6))),
    "ReflectionPad3dBackward": (X((1, 2, 6, 6, 6)), VOLUME, [1] * 6, Out((1, 2, 4, 4, 4))),
    "ReplicationPad3d": (VOLUME, [1] * 6, Out((1, 2, 6, 6, 6))),
    "ReplicationPad3dBackward": (X((1, 2, 6, 6, 6)), VOLUME, [1] * 6, Out((1, 2, 4, 4, 4))),
    "UpsampleNearest1d": (LINE, [8], Out((1, 2, 8))),
    **{n: (LINE, [8], 2.0, Out((1, 2, 8))) for n in ("UpsampleNearest1dV2", "UpsampleNearestExact1d")},
    **{f"{n}1dBackward": (X((1, 2, 8)), [8], [1, 2, 4], 2.0, Out((1, 2, 4)))
       for n in ("UpsampleNearest", "UpsampleNearestExact")},
    "UpsampleLinear1d": (LINE, [8], False, 2.0, Out((1, 2, 8))),
    "UpsampleLinear1dBackward": (X((1, 2, 8)), [8], [1, 2, 4], False, 2.0, Out((1, 2, 4))),
    "UpsampleNearestExact2d": (IMAGE, [8, 8], 2.0, 2.0, Out((1, 2, 8, 8))),
    "UpsampleNearestExact2dBackward": (X((1, 2, 8, 8)), [8, 8], [1, 2, 4, 4], 2.0, 2.0, Out((1, 2, 4, 4))),
    **{f"Upsample{n}": (IMAGE, [8, 8], False, 2.0, 2.0, Out((1, 2, 8, 8)))
       for n in ("Bilinear2dAA", "Bicubic2d", "Bicubic2dAA")},
    **{f"Upsample{n}": (X((1, 2, 8, 8)), [8, 8], [1, 2, 4, 4], False, 2.0, 2.0, Out((1, 2, 4, 4)))
       for n in ("Bilinear2dBackward", "Bilinear2dAABackward", "Bicubic2dBackward", "Bicubic2dAAGrad")},
    **{f"Upsample{n}3d": (VOLUME, [8, 8, 8], 2.0, 2.0, 2.0, Out((1, 2, 8, 8, 8))) for n in ("Nearest", "NearestExact")},
    **{f"Upsample{n}3dBackward": (X((1, 2, 8, 8, 8)), [8, 8, 8], [1, 2, 4, 4, 4], 2.0, 2.0, 2.0, Out((1, 2, 4, 4, 4)))
       for n in ("Nearest", "NearestExact")},
    "UpsampleTrilinear3d": (VOLUME, [8, 8, 8], False, 2.0, 2.0, 2.0, Out((1, 2, 8, 8, 8))),
    "UpsampleTrilinear3dBackward": (X((1, 2, 8, 8, 8)), [8, 8, 8], [1, 2, 4, 4, 4], False, 2.0, 2.0, 2.0,
                                    Out((1, 2, 4, 4, 4))),
    "GridSampler2D": (IMAGE, X((1, 3, 3, 2)), 0, 0, False, Out((1, 2, 3, 3))),
    "GridSampler2DBackward": (PLANES, IMAGE, X((1, 3, 3, 2)), 0, 0, False, [True] * 2,
                              Out((1, 2, 4, 4)), Out((1, 3, 3, 2))),
    "GridSampler3D": (VOLUME, X((1, 2, 2, 2, 3)), 0, 0, False, CUBES),
    "GridSampler3DBackward": (CUBE, VOLUME, X((1, 2, 2, 2, 3)), 0, 0, False, [True] * 2,
                              Out((1, 2, 4, 4, 4)), Out((1, 2, 2, 2, 3))),
    "AffineGrid": (X((1, 2, 3)), [1, 2, 4, 4], False, Out((1, 4, 4, 2))),
    "BatchNormStats": (IMAGE, 1e-5, Out((2,)), Out((2,))),
    "BatchNormReduce": (IMAGE, Out((2,)), Out((2,))),
    "BatchNormElemt": (IMAGE, *STATS, *STATS, 1e-5, Out((1, 2, 4, 4))),
    "BatchNormGatherStatsWithCounts": (IMAGE, X((3, 2)), X((3, 2)), *STATS, 0.1, 1e-5, V, Out((2,)), Out((2,))),
    "BatchNormReduceBackward": (IMAGE, IMAGE, *STATS, X((2,)), True, True, True, *[Out((2,))] * 4),
    "BatchNormElemtBackward": (IMAGE, IMAGE, *STATS, X((2,)), *STATS, X((2,), torch.int32), Out((1, 2, 4, 4))),
    "EmbeddingBag": (M, X((4,), I64), ROWS, False, 1, False, None, False, -1,
                     Out(), Out((4,)), Out((2,)), Out((2,))),
    "ThnnFusedLstmCell": (X((2, 12)), X((2, 12)), M, X((12,)), X((12,)), Out(), Out(), Out((2, 12))),
    "ThnnFusedLstmCellBackward": (M, M, M, M, X((2, 12)), True, Out((2, 12)), Out(), Out((12,))),
    "ChannelShuffle": (IMAGE, 2, Out((1, 2, 4, 4))),
    "SplitWithSize": (M, [2], 0, [Out()]),
    "OneHot": (X((2,), I64), 3, X((1,)), X((1,)), -1, Out()),
    "ChunkCat": ([M], 0, 2, Out((2, 3))),
    "ScaledMaskedSoftmax": (IMAGE, X((1, 2, 4, 4), BOOL), 1.0, False, Out((1, 2, 4, 4))),
    "ScaledMaskedSoftmaxBackward": (IMAGE, IMAGE, X((1, 2, 4, 4), BOOL), 1.0, False, Out((1, 2, 4, 4))),
    "TransformBiasRescaleQkv": (X((1, 2, 12)), X((12,)), 2, *[Out((1, 2, 2, 2))] * 3),
    "FastLayerNorm": (M, [3], V, V, 1e-5, Out(), Out((2, 1)), Out((2, 1))),
    "ConvTbc": (X((4, 1, 2)), X((2, 2, 2)), X((2,)), 0, Out((3, 1, 2)), 1),
    "ConvTbcBackward": (X((3, 1, 2)), X((4, 1, 2)), X((2, 2, 2)), X((2,)), 0, 1,
                        Out((4, 1, 2)), Out((2, 2, 2)), Out((2,))),
    "ConvDepthwise2d": (IMAGE, X((2, 1, 2, 2)), [2, 2], None, [1, 1], [0, 0], [1, 1], Out((1, 2, 3, 3)), 1),
    "MultinomialTensor": (M, 2, False, SEED, SEED, 0, Out((2, 2))),
    "RReluWithNoise": (M, M, 0.1, 0.3, True, 1, 0, Out()),
    "AmpUpdateScale": (X((1,)), X((1,), torch.int32), X((1,)), 2.0, 0.5, 10, Out((1,)), Out((1,))),
    "FusedSgd": ([M], [M], [M], None, 0.1, 0.9, 0.1, 0.0, False, False, True),
    "Cdist": (M, M, 2.0, 0, Out((2, 2))),
    "Pdist": (M, 2.0, Out((1,))),
    "Aminmax": (M, [0], False, Out((3,)), Out((3,))),
    "AminmaxAll": (M, Out(()), Out(())),
    **{n: (M, 0, False, Out((3,)), Out((3,))) for n in ("AminmaxDim", "MedianDim", "NanMedianDim")},
    **{n: (M, Out(())) for n in ("Median", "NanMedian")},
    "Kthvalue": (M, 1, 0, False, Out((3,)), Out((3,))),
    "Histc": (M, 4, 0, 3, Out((4,))),
    "Bincount": (X((6,)), X((6,)), 0, Out((2,))),
    "IndexCopy": (M, 0, ROWS, M, M),
    "InplaceIndexCopy": (M, 0, ROWS, M),
    "LogSpace": (0, 3, 4, 2.0, Main((4,))),
    "ReduceNansum": (M, [0], False, DT, Out((3,))),
    "RepeatInterleaveTensor": (X((2,)), 2, Out((2,))),
    "RepeatInterleave": (M, X((1,)), 6, Out((6,))),
    "RepeatInterleaveInt": (M, 2, 12, Out((12,))),
    "RepeatInterleaveWithDim": (M, X((1,)), 0, 2, Out()),
    "RepeatInterleaveIntWithDim": (M, 2, 0, 4, Out((4, 3))),
    "IndexFill": (M, 0, ROWS, 1, Out()),
    "L1LossBackward": (S, M, M, 1, Out()),
    "BinaryCrossEntropyWithLogitsBackward": (S, M, M, None, None, 1, Out()),
    "RmsNorm": (M, V, 1e-5, Out(), Out((2, 1))),
    "AddRmsNorm": (M, M, V, 1e-5, Out(), Out((2, 1)), Out()),
    "RmsNormGrad": (M, M, X((2, 1)), V, Out(), Out((3,))),
    "SwiGlu": (X((2, 4)), 1, Out((2, 2))),
    "SwiGluGrad": (X((2, 2)), X((2, 4)), 1, Out((2, 4))),
    "RotaryPositionEmbedding": (IMAGE, IMAGE, IMAGE, 0, Out((1, 2, 4, 4))),
    "RotaryPositionEmbeddingGrad": (IMAGE, IMAGE, IMAGE, IMAGE, 0, *[Out((1, 2, 4, 4))] * 3),
    "IsInScalarTensor": (1, M, False, False, Out(())),
    "IsInTensorScalar": (M, 1, False, False, Out()),
    "SearchSorteds": (V, 1, False, False, None, Out(())),
    "ForeachRoundOffNumber": ([M], X((1,)), [Out()]),
    "ForeachNorm": ([M], 2.0, [Out(())]),
    "ForeachNonFiniteCheckAndUnscale": ([M], X((1,), F32), X((1,), F32)),
    **{f"Foreach{n}Scalar": ([M], X((1,)), [Out()]) for n in ("Add", "Sub", "Mul", "Div", "Pow", "Maximum", "Minimum")},
    **{f"Foreach{n}List": ([M], [M], X((1,)), [Out()]) for n in ("Add", "Sub")},
    **{f"Foreach{n}{k}": ([M], [M], [M], X((1,)), [Out()])
       for n in ("Addcmul", "Addcdiv") for k in ("Scalar", "ScalarList")},
}  # fmt: skip

#: Arguments of attention by their names, of each version those that it has; sequences of one length, or of many.
HEADS: dict[bool, Any] = {many: X((4, 2, 4) if many else (1, 2, 4, 4)) for many in (False, True)}
ATTENTION: dict[str, Any] = {
    "scaleValue": 0.5, "preTokens": 9, "nextTokens": 9, "headNum": 2, "innerPrecise": 0, "sparseMode": 0, "pseType": 1,
    "keepProb": 1.0, "softmaxOutLayout": "", "softmaxInLayout": "", "actualSeqQLenOptional": [1, 4],
    "actualSeqKvLenOptional": [2, 4], "softmaxOutOut": X((0,)),
}  # fmt: skip


def attention(op: Operator) -> list[Any]:
    """Queries, keys and values of two heads; no mask, shift or dropout."""
    many = any(p.name == "actualSeqQLenOptional" for p in op.params)
    rows = (4, 2, 8) if many else (1, 2, 4, 8)
    given = {
        **ATTENTION,
        "inputLayout": "TND" if many else "BNSD",
        **dict.fromkeys(("query", "key", "keyIn", "value", "dy"), HEADS[many]),
        **dict.fromkeys(("attentionOutOut", "dqOut", "dkOut", "dvOut"), Out(HEADS[many].shape)),
        **dict.fromkeys(("softmaxMaxOptional", "softmaxSumOptional"), X(rows, F32)),
        **dict.fromkeys(("softmaxMaxOut", "softmaxSumOut"), Out(rows)),
    }
    return [given.get(p.name) for p in op.params]


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


def usual(p: Param) -> Any:
    """A valid value of a parameter by its kind and name."""
    match p.kind:
        case "tensor":
            return M if p.direction != "out" else Out()
        case "tensors":
            return [M] if p.direction != "out" else [Out()]
        case "scalar":
            return 1
        case "scalars":
            return [1]
        case "ints":
            return [0]
        case "string":
            return "none"
        case "bool":
            return False
        case "double" | "float":
            return 0.5 if p.name == "prob" else 1.0
        case "dtype":
            return DT
        case _:
            return 0


def twin_of(op: Operator) -> Operator | None:
    """The operator that computes the same into an output, if `op` is in place and takes what it takes."""
    twin = OPS.get(op.name.replace("aclnnInplace", "aclnn"), op)
    outputs = sum(p.direction == "out" for p in twin.params)
    return twin if twin is not op and outputs == 1 and len(twin.params) == len(op.params) + 1 else None


def arguments_of(op: Operator) -> Sequence[Any]:
    """What the operator is given; in place, what its twin is given but for the output."""
    name = op.name.removeprefix("aclnn")
    if name.startswith("FlashAttention"):
        return attention(op)
    if name not in ARGUMENTS and (twin := twin_of(op)):
        given = ARGUMENTS.get(twin.name.removeprefix("aclnn"), [usual(p) for p in twin.params])
        return [v for v in given if not isinstance(v, Out)]
    return ARGUMENTS.get(name) or [usual(p) for p in op.params]


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
