"""Layers of networks: convolution, normalisation, pooling, losses and attention, against the CPU."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opinfo import Outcome, check, infos
from torch import nn
from torch.testing._internal.opinfo.core import OpInfo

NAMES = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "batch_norm",
    "instance_norm",
    "layer_norm",
    "group_norm",
    "max_pool1d",
    "max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "pad",
    "prelu",
    "celu",
    "hardtanh",
    "selu",
    "relu6",
    "tanhshrink",
    "softsign",
    "huber_loss",
    "kl_div",
    "soft_margin_loss",
    "cosine_similarity",
    "normalize",
    "embedding",
    "linear",
    "bilinear",
    "one_hot",
    "pixel_shuffle",
    "unfold",
]
#: Variants of OpInfos that want operators which are not there yet.
NOT_YET = {"pad": {"replicate_negative"}}


#: Whose CPU kernels round halves between their steps: a device that does not is nearer to what float32 gives.
ROUNDED_OFTEN = ("instance_norm", "bilinear")


def variants(name: str) -> list[OpInfo]:
    found = [i for i in infos(f"nn.functional.{name}") if i.variant_test_name not in NOT_YET.get(name, set())]
    assert found
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_results_and_gradients_are_those_of_the_cpu(name: str) -> None:
    outcome = Outcome()
    for info in variants(name):
        dtype = torch.float32 if torch.float32 in info.dtypes else torch.int64
        if dtype not in info.dtypes:  # a variant for another device
            continue
        check(info, dtype, info.supports_autograd and dtype.is_floating_point, outcome)
    assert outcome.ran


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("one_hot", *ROUNDED_OFTEN)])
def test_half_precision_agrees_with_the_cpu(name: str, dtype: torch.dtype) -> None:
    outcome = Outcome()
    for info in variants(name):
        if dtype in info.dtypes:
            check(info, dtype, backward=False, outcome=outcome)
    assert outcome.ran or not any(dtype in i.dtypes for i in variants(name))


def both(module: nn.Module, *inputs: torch.Tensor) -> None:
    """Results, gradients of inputs and parameters, and buffers of a module are those of the CPU."""
    there = copy.deepcopy(module).to("npu")
    here = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    moved = [x.npu().requires_grad_(x.is_floating_point()) for x in inputs]
    want, got = module(*here), there(*moved)
    assert got.device.type == "npu"
    torch.testing.assert_close(got.cpu(), want, rtol=1e-4, atol=1e-5)
    if want.requires_grad:
        weights = torch.linspace(-1, 1, want.numel()).reshape(want.shape)
        (want * weights).sum().backward()
        (got * weights.npu()).sum().backward()
        for a, b in zip(moved, here, strict=True):
            if b.grad is not None:
                assert a.grad is not None
                torch.testing.assert_close(a.grad.cpu(), b.grad, rtol=1e-4, atol=1e-4)
    for (name, p), (_, q) in zip(module.named_parameters(), there.named_parameters(), strict=True):
        assert q.grad is not None
        assert p.grad is not None
        torch.testing.assert_close(q.grad.cpu(), p.grad, rtol=1e-4, atol=1e-4, msg=name)
    for a, b in zip(there.buffers(), module.buffers(), strict=True):
        torch.testing.assert_close(a.cpu(), b)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 6, (3, 1), stride=(2, 1), padding="valid", bias=False),
        nn.Conv2d(4, 4, 3, padding="same", groups=4),
        nn.Conv2d(4, 6, 3, dilation=2, padding_mode="circular", padding=1),
        nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, groups=2),
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4, affine=False),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.BatchNorm2d(4).eval(),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.GroupNorm(2, 4),
        nn.LayerNorm([8, 8]),
        nn.LayerNorm(8, bias=False),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.MaxPool2d(2, dilation=2),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.AvgPool2d(2, divisor_override=3),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d((3, None)),
        nn.AdaptiveMaxPool2d(3),
        nn.Upsample(scale_factor=1.3),
        nn.Upsample(size=(5, 11)),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ZeroPad2d((1, -1, 0, 2)),
        nn.PReLU(4),
        nn.GLU(1),
    ],
    ids=str,
)
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "a view"])
def test_layers_of_images(module: nn.Module, layout: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 8, 8)
    if layout == "channels last":
        x = x.contiguous(memory_format=torch.channels_last)
    elif layout == "a view":
        x = torch.randn(2, 4, 8, 16)[..., ::2]
    module.zero_grad()
    both(copy.deepcopy(module), x)


@pytest.mark.parametrize("module", [nn.Conv1d(4, 6, 3), nn.BatchNorm1d(4), nn.MaxPool1d(2), nn.AvgPool1d(3)], ids=str)
def test_layers_of_sequences(module: nn.Module) -> None:
    both(module, torch.randn(3, 4, 9))


@pytest.mark.parametrize("module", [nn.Conv2d(4, 6, 3), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.GroupNorm(2, 4)], ids=str)
def test_a_batch_may_be_empty(module: nn.Module) -> None:
    x = torch.empty(0, 4, 8, 8)
    got = copy.deepcopy(module).to("npu")(x.npu())
    assert got.device.type == "npu"
    assert got.shape == module(x).shape


def test_batch_norm_in_half_precision_keeps_float_statistics() -> None:
    norm, x = nn.BatchNorm2d(4), torch.randn(8, 4, 5, 5)
    there = copy.deepcopy(norm).to("npu")
    got, want = there(x.half().npu()), norm(x)
    assert got.dtype == torch.float16
    torch.testing.assert_close(got.float().cpu(), want, rtol=1e-2, atol=1e-2)
    assert there.running_var is not None
    assert there.running_var.dtype == torch.float32
    torch.testing.assert_close(there.running_var.cpu(), norm.running_var, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.int8], ids=str)
def test_hardtanh_of_integers_cuts_at_whole_limits(dtype: torch.dtype) -> None:
    x = torch.arange(10).to(dtype)
    assert torch.equal(F.hardtanh(x.npu(), 1.5, 6.5).cpu(), F.hardtanh(x, 1.5, 6.5))
    with pytest.raises(RuntimeError, match="negative limits"):
        F.hardtanh(x.byte().npu(), -1, 1)


def test_max_pool_gives_indices_that_torch_knows() -> None:
    x = torch.randn(2, 3, 8, 8)
    got, want = (F.max_pool2d(t, 2, return_indices=True)[1] for t in (x.npu(), x))
    assert got.dtype == torch.int64
    assert torch.equal(got.cpu(), want)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("causal", [True, False])
def test_attention_by_hand_and_by_torch_agree(dtype: torch.dtype, causal: bool) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 7, 8, dtype=dtype, device="npu", requires_grad=True) for _ in range(3))
    got = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = (q @ k.transpose(-2, -1)) / 8**0.5
    if causal:
        scores = scores.masked_fill(torch.tril(torch.ones(7, 7, device="npu")) == 0, float("-inf"))
    want = F.softmax(scores, -1) @ v
    tolerance = 1e-5 if dtype == torch.float32 else 3e-2
    torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance)
    for a, b in zip(*(torch.autograd.grad(y.sum(), (q, k, v)) for y in (got, want)), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mask", [None, torch.bool, torch.float32], ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 5, 8), (4, 5, 8)])
def test_attention_is_that_of_the_cpu(mask: torch.dtype | None, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    q, k, v = here = [torch.randn(shape, requires_grad=True) for _ in range(3)]
    x, y, z = there = [t.detach().npu().requires_grad_() for t in here]
    bias = None if mask is None else (torch.randn(5, 5) if mask.is_floating_point else torch.rand(5, 5) > 0.3)
    want = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=0.3)
    got = F.scaled_dot_product_attention(x, y, z, attn_mask=None if bias is None else bias.npu(), scale=0.3)
    torch.testing.assert_close(got.cpu(), want, rtol=1e-4, atol=1e-5)
    for a, b in zip(torch.autograd.grad(got.sum(), there), torch.autograd.grad(want.sum(), here), strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": True}], ids=str)
def test_attention_lies_as_its_query_does(options: dict[str, bool]) -> None:
    """Heads that were made by a transpose are taken together by a view, and torch.compile knows where they lie."""
    torch.manual_seed(0)
    here = torch.randn(2, 5, 4, 8)
    given: dict[str, Any] = {k: torch.randn(5, 5).npu() if k == "attn_mask" else v for k, v in options.items()}

    def together(x: torch.Tensor) -> torch.Tensor:
        q = x.transpose(1, 2)
        return F.scaled_dot_product_attention(q, q, q, **given).transpose(1, 2).view(2, 5, 32)

    x = here.npu().requires_grad_()
    out = together(x)
    assert torch.equal(torch.compile(together, backend="aot_eager")(x), out)
    with torch.inference_mode():
        assert torch.equal(together(x), out)
    given = {k: v.cpu() if isinstance(v, torch.Tensor) else v for k, v in given.items()}
    y = here.requires_grad_()
    want = together(y)
    torch.testing.assert_close(out.cpu(), want, rtol=1e-4, atol=1e-5)
    (got,), (grad,) = (torch.autograd.grad(o.square().sum(), i) for o, i in ((out, x), (want, y)))
    torch.testing.assert_close(got.cpu(), grad, rtol=1e-4, atol=1e-5)
    q = here.npu()
    assert F.scaled_dot_product_attention(q, q, q).is_contiguous()


def test_moving_a_module_keeps_its_parameters() -> None:
    """An optimizer made before holds the same tensors after, as with every other device."""
    module = nn.Linear(3, 3)
    module.weight.grad = torch.ones(3, 3)
    weight = module.weight
    module.to("npu")
    assert module.weight is weight
    assert weight.device.type == "npu"
    assert weight.grad is not None
    assert weight.grad.device.type == "npu"
    module.cpu()
    assert module.weight is weight
    assert weight.device.type == "cpu"
    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        weight.data = torch.ones(3, 3).to_sparse()
    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        weight.npu().data = torch.ones(3, 3).to_sparse()


def test_tied_weights_get_the_sum_of_their_gradients() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 6, padding_idx=2)
            self.head = nn.Linear(6, 11, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, i: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(self.head(self.embedding(i)).view(-1, 11), i.flatten(), label_smoothing=0.1)

    both(Tied(), torch.randint(11, (3, 5)))
