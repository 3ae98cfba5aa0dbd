"""The order of results in memory is what torch's fake tensors promise torch.compile, and channels_last stays."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_leaves, tree_map

Tensor = torch.Tensor
Layout = list[tuple[tuple[int, ...], tuple[int, ...]]]


def layout(of: object) -> Layout:
    """Shapes and strides of what has elements."""
    return [(tuple(t.shape), t.stride()) for t in tree_leaves(of) if isinstance(t, Tensor) and t.numel()]


def channels_last(t: object) -> object:
    return t.to(memory_format=torch.channels_last) if isinstance(t, Tensor) and t.dim() == 4 else t


def turned(t: object) -> object:
    return t.mT.contiguous().mT if isinstance(t, Tensor) and t.dim() >= 2 else t


def real_and_fake(f: Callable[..., object], *args: object) -> tuple[Layout, Layout]:
    with torch.no_grad():
        real = layout(f(*args))
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            fake = layout(f(*tree_map(lambda t: mode.from_tensor(t) if isinstance(t, Tensor) else t, args)))
    return real, fake


NAMES = [
    "abs",
    "add",
    "cat",
    "clamp",
    "complex",
    "polar",
    "cumsum",
    "flip",
    "max",
    "mean",
    "sum",
    "softmax",
    "sort",
    "topk",
    "where",
    "tril",
    "index_select",
    "masked_fill",
    "nn.functional.batch_norm",
    "nn.functional.group_norm",
    "nn.functional.prelu",
    "nn.functional.pad",
    "nn.functional.pixel_shuffle",
    "nn.functional.pixel_unshuffle",
    "nn.functional.conv2d",
    "nn.functional.conv_transpose2d",
    "nn.functional.interpolate",
    "nn.functional.max_pool2d",
    "nn.functional.avg_pool2d",
    "nn.functional.gelu",
    "nn.functional.binary_cross_entropy",
    "nn.functional.hinge_embedding_loss",
    "nn.functional.instance_norm",
    "cholesky_inverse",
    "linalg.solve",
    "linalg.inv",
    "matmul",
]
ENTRIES = [op for op in op_db if op.name in NAMES]


@pytest.mark.parametrize("op", ENTRIES, ids=lambda op: f"{op.name}{op.variant_test_name and '.'}{op.variant_test_name}")
def test_operators_give_the_strides_that_fake_tensors_promise(op: object) -> None:
    compared = 0
    for sample in list(op.sample_inputs("cpu", torch.float32))[:6]:
        for order in (channels_last, turned):
            args = tree_map(order, (sample.input, *sample.args))
            args = tree_map(lambda t: t.npu() if isinstance(t, Tensor) else t, args)
            kwargs = tree_map(lambda t: t.npu() if isinstance(t, Tensor) else t, sample.kwargs)
            real, fake = real_and_fake(lambda *a, k=kwargs: op(*a, **k), *args)  # type: ignore[operator]
            assert real == fake, (sample, order.__name__)
            compared += 1
    assert compared


#: What keeps channels_last on the CPU and in fake tensors.
KEEPS: list[nn.Module | Callable[[Tensor], Tensor]] = [
    nn.BatchNorm2d(8),
    nn.BatchNorm2d(8).eval(),
    nn.GroupNorm(2, 8),
    nn.PReLU(),
    nn.PReLU(8),
    nn.ReLU(),
    nn.GELU(),
    nn.ReflectionPad2d(1),
    nn.ReplicationPad2d(1),
    nn.ZeroPad2d(1),
    nn.PixelUnshuffle(2),
    nn.MaxPool2d(2),
    nn.AvgPool2d(2),
    nn.AdaptiveAvgPool2d(2),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=2, mode="bilinear"),
    nn.Dropout(0.5),
    nn.Hardtanh(),
    lambda t: torch.where(t > 0, t, 0.0),
    lambda t: t[torch.tensor([1, 0], device=t.device)],
    lambda t: torch.complex(t, t).abs(),
    lambda t: torch.frexp(t)[0],
    lambda t: F.binary_cross_entropy(t, t, reduction="none"),
    lambda t: F.hinge_embedding_loss(t, t, reduction="none"),
]


@pytest.mark.parametrize("of", KEEPS, ids=lambda of: str(of) if isinstance(of, nn.Module) else None)
def test_channels_last_stays(of: nn.Module | Callable[[Tensor], Tensor]) -> None:
    x = torch.rand(2, 8, 6, 6).npu().to(memory_format=torch.channels_last)
    f = copy.deepcopy(of).to("npu") if isinstance(of, nn.Module) else of
    real, fake = real_and_fake(f, x)
    assert real == fake
    assert f(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("module", [nn.BatchNorm2d(8), nn.PReLU(8), nn.MaxPool2d(2), nn.ReLU()], ids=str)
def test_gradients_keep_channels_last(module: nn.Module) -> None:
    x = torch.rand(2, 8, 6, 6).npu().to(memory_format=torch.channels_last).requires_grad_()
    module.to("npu")(x).sum().backward()
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


def test_volumes_with_channels_last_stay_so() -> None:
    x = torch.rand(2, 4, 4, 4, 4).npu().to(memory_format=torch.channels_last_3d)
    for module in (nn.BatchNorm3d(4), nn.MaxPool3d(2), nn.GroupNorm(2, 4), nn.PReLU()):
        real, fake = real_and_fake(module.to("npu"), x)
        assert real == fake, module


def test_pixels_made_channels_lie_side_by_side_with_the_same_values() -> None:
    x = torch.rand(2, 3, 4, 6).to(memory_format=torch.channels_last)
    assert torch.equal(F.pixel_unshuffle(x.npu(), 2).cpu(), F.pixel_unshuffle(x, 2))


def test_what_is_chosen_by_a_condition_is_viewed_in_a_compiled_function() -> None:
    x = torch.rand(2, 3, 4, 5).npu().to(memory_format=torch.channels_last)

    def rows(t: Tensor) -> Tensor:
        return torch.where(t > 0.5, t, 0.0).permute(0, 2, 3, 1).view(-1, 3)

    compiled = torch.compile(rows, backend="aot_eager")
    torch.testing.assert_close(compiled(x), rows(x))
