"""What each operator is given where every dtype is swept: small and valid arguments, by the operator's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from npu_cann.signatures import Operator, Param, load

OPS = load()


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
    "FakeQuantPerTensorAffineCachemask": (M, X((1,)), X((1,), torch.int32), 1.0, 0, 255, Out(), Out()),
    "FakeQuantPerChannelAffineCachemask": (M, V, X((3,), torch.int32), 1, 0, 255, Out(), Out()),
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
