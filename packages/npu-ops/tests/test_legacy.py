"""Operators that torch's own modules call by other names than users do: PyTorch's databases have no samples of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

close = torch.testing.assert_close
aten = torch.ops.aten


@pytest.fixture(autouse=True)
def nothing_on_the_cpu() -> Any:
    torch.npu.reset_fallback_report()
    yield
    assert not torch.npu.fallback_report()


def both(function: Any, *arguments: Any) -> None:
    """`function` gives on npu what it gives on cpu."""
    torch.manual_seed(0)
    on_npu = [a.to("npu") if isinstance(a, torch.Tensor | nn.Module) else a for a in arguments]
    found = function(*on_npu)
    on_cpu = [a.to("cpu") if isinstance(a, torch.Tensor | nn.Module) else a for a in arguments]
    expected = function(*on_cpu)
    close(found, expected, check_device=False)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_layer_infers_by_torchs_fast_path(norm_first: bool, activation: str) -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, activation=activation, batch_first=True, norm_first=norm_first)
    layer.eval()
    x = torch.randn(2, 5, 16)
    with torch.inference_mode():
        both(lambda m, t: m(t), layer, x)
        both(lambda m, t, mask: m(t, src_mask=mask), layer, x, torch.ones(5, 5).triu(1).bool())


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("norm_first", [False, True])
def test_an_encoder_infers_padded_sequences(norm_first: bool) -> None:
    """torch makes nested tensors of them, and zeros of what is padded."""
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=not norm_first).eval()
    padding = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]).bool()
    with torch.inference_mode():
        both(lambda m, t, p: m(t, src_key_padding_mask=p), encoder, torch.randn(2, 5, 16), padding)


def test_autocast_leaves_the_fast_path_in_its_dtype() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True).eval()
    with torch.inference_mode(), torch.autocast("npu", dtype=torch.float16):
        assert layer.to("npu")(torch.randn(2, 5, 16).npu()).dtype == torch.float32


@pytest.mark.parametrize("mask", ["none", "keys", "queries and keys"])
@pytest.mark.parametrize("average", [True, False])
def test_attention_infers_by_torchs_fast_path(mask: str, average: bool) -> None:
    layer = nn.MultiheadAttention(16, 2, batch_first=True).eval()
    x = torch.randn(2, 5, 16)
    padding = torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]]).bool() if mask == "keys" else None
    causal = torch.ones(5, 5).triu(1).bool() if mask == "queries and keys" else None

    def attend(m: nn.Module, t: torch.Tensor, padding: Any, causal: Any) -> Any:
        return m(t, t, t, key_padding_mask=padding, attn_mask=causal, average_attn_weights=average)

    with torch.inference_mode():
        both(attend, layer, x, padding, causal)


def test_attention_says_which_shapes_do_not_fit() -> None:
    x, w, b = torch.randn(2, 5, 16).npu(), torch.randn(48, 16).npu(), torch.randn(48).npu()
    with pytest.raises(RuntimeError, match="embed_dim 8 didn't match last dim of query 16"):
        aten._native_multi_head_attention(x, x, x, 8, 2, w, b, w[:16], b[:16])
    with pytest.raises(RuntimeError, match="shapes to match"):
        aten._native_multi_head_attention(x, x[:, :3], x, 16, 2, w, b, w[:16], b[:16])


def test_attention_is_composed() -> None:
    both(nn.functional.scaled_dot_product_attention, *(torch.randn(2, 2, 5, 4) for _ in range(3)))


def test_a_masked_softmax_ignores_what_is_masked() -> None:
    x, mask = torch.randn(2, 3, 4, 4), torch.rand(2, 4) > 0.5
    mask[:, 0] = False
    both(lambda t, m: torch._masked_softmax(t, m, 3, 1), x, mask)
    full = torch.rand(2, 3, 4, 4) > 0.5
    full[..., 0] = False
    both(lambda t, m: torch._masked_softmax(t, m, 3, 2), x, full)
    y = torch._masked_softmax(x, full, 3, 2)
    both(lambda g, o, m: aten._masked_softmax_backward(g, o, m, 3), torch.randn(2, 3, 4, 4), y, full)
    with pytest.raises(RuntimeError, match="Mask should be a boolean tensor"):
        torch._masked_softmax(x.npu(), x.npu(), 3, 2)


@pytest.mark.parametrize("dim", [0, 2])
def test_weight_norm_splits_length_and_direction(dim: int) -> None:
    def gradients(v: torch.Tensor, g: torch.Tensor) -> Any:
        v, g = v.clone().requires_grad_(), g.clone().requires_grad_()
        w = torch._weight_norm(v, g, dim)
        return w, *torch.autograd.grad(w.square().sum(), (v, g))

    v = torch.randn(4, 3, 5)
    both(gradients, v, torch.rand(4, 1, 1) if dim == 0 else torch.rand(1, 1, 5))
    half = torch.randn(4, 3, 300).bfloat16()
    both(gradients, half, torch.rand(4, 1, 1).bfloat16() if dim == 0 else torch.rand(1, 1, 300).bfloat16())
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    both(lambda m, x: m(x), layer, torch.randn(2, 3))


def convolutions() -> Any:
    plane, volume, w2, w3 = torch.randn(1, 2, 6, 6), torch.randn(1, 2, 6, 6, 6), (3, 2, 3, 3), (3, 2, 3, 3, 3)
    b = torch.randn(3)
    size2, size3 = [3, 3], [3, 3, 3]
    return {
        "thnn_conv2d": (aten.thnn_conv2d, plane, torch.randn(w2), size2, b, [1, 1], [0, 0]),
        "slow_conv3d": (aten.slow_conv3d, volume, torch.randn(w3), size3, b, [1, 1, 1], [0, 0, 0]),
        "slow_conv_dilated2d": (aten.slow_conv_dilated2d, plane, torch.randn(w2), size2, b, [1, 1], [0, 0], [2, 2]),
        "slow_conv_dilated3d": (aten.slow_conv_dilated3d, volume, torch.randn(w3), size3, b, [1] * 3, [0] * 3, [2] * 3),
        "slow_conv_transpose2d": (aten.slow_conv_transpose2d, plane, torch.randn(2, 3, 3, 3), size2, b),
        "slow_conv_transpose3d": (aten.slow_conv_transpose3d, volume, torch.randn(2, 3, 3, 3, 3), size3, b),
    }


@pytest.mark.parametrize("name", convolutions())
def test_convolutions_by_the_names_of_torchs_algorithms(name: str) -> None:
    both(*convolutions()[name])


def test_depthwise_convolutions_are_convolutions_by_groups() -> None:
    x, w, b = torch.randn(1, 2, 6, 6).npu(), torch.randn(2, 1, 3, 3).npu(), torch.randn(2).npu()
    found = aten._conv_depthwise2d(x, w, [3, 3], b, [1, 1], [0, 0], [1, 1])
    close(found.cpu(), nn.functional.conv2d(x.cpu(), w.cpu(), b.cpu(), groups=2))
    out = torch.empty(0).npu()
    aten._conv_depthwise2d.out(x, w, [3, 3], b, [1, 1], [0, 0], [1, 1], out=out)
    close(out, found)


def test_gradients_of_a_convolution_by_its_old_name() -> None:
    x, w = torch.randn(1, 2, 6, 6), torch.randn(3, 2, 3, 3)
    grad = torch.randn(1, 3, 4, 4)
    both(lambda *a: aten._slow_conv2d_backward(*a, [3, 3], [1, 1], [0, 0], [True] * 3), grad, x, w)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_products_of_halves_come_unrounded(dtype: torch.dtype) -> None:
    a, b, c = (torch.randn(s, dtype=dtype) for s in ((3, 4), (4, 5), (3, 5)))
    wide = torch.float32
    close(torch.mm(a.npu(), b.npu(), out_dtype=wide).cpu(), a.float() @ b.float())
    close(torch.bmm(a[None].npu(), b[None].npu(), out_dtype=wide).cpu(), (a.float() @ b.float())[None])
    close(torch.addmm(c.npu(), a.npu(), b.npu(), out_dtype=wide).cpu(), c.float() + a.float() @ b.float())
    batch = torch.baddbmm(c[None].npu(), a[None].npu(), b[None].npu(), out_dtype=wide)
    close(batch.cpu(), (c.float() + a.float() @ b.float())[None])
    with pytest.raises(RuntimeError, match="out_dtype must be the same as input dtype or fp32"):
        torch.mm(a.npu(), b.npu(), out_dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"cannot be multiplied \(\[3, 4\] and \[3, 4\]\)"):
        torch.mm(a.npu(), a.npu(), out_dtype=wide)


def test_products_with_an_activation_or_weights_of_8_bits() -> None:
    a, b, c = torch.randn(3, 4), torch.randn(4, 5), torch.randn(5)
    for use_gelu in (False, True):
        both(lambda *t: torch._addmm_activation(*t, use_gelu=use_gelu), c, a, b)  # noqa: B023
    x, w, scale = a.bfloat16(), torch.randint(-9, 9, (5, 4)).char(), torch.rand(5).bfloat16()
    expected = (x @ w.bfloat16().t()) * scale  # the CPU's own kernel crashes on rows this short
    close(torch._weight_int8pack_mm(x.npu(), w.npu(), scale.npu()).cpu(), expected)


@pytest.mark.filterwarnings("ignore:_aminmax is deprecated")
def test_old_forms_of_reductions_ranges_and_pools() -> None:
    x = torch.randn(3, 4)
    both(torch._aminmax, x)
    both(lambda t: torch._aminmax(t, 1, True), x)
    close(aten._masked_scale(x.npu(), (x > 0).byte().npu(), 2.0).cpu(), x * (x > 0) * 2)  # the CPU has none
    both(lambda t: aten._add_relu.Scalar(t, -0.5), x)
    both(lambda t: aten._add_relu_.Scalar(t.clone(), -0.5, 2), x)
    assert x.npu().is_set_to(x.npu()) is False
    y = x.npu()
    assert y.is_set_to(y.view(3, 4)) is True
    for bounds in ((0, 3), (0.0, 1.0, 0.1), (5, 1, -2), (0, 10, 3)):
        for dtype in (torch.float32, torch.int64, torch.float16):
            if dtype != torch.int64 or isinstance(bounds[0], int):
                with pytest.warns(UserWarning, match="torch.range is deprecated"):
                    found = torch.range(*bounds, dtype=dtype, device="npu")
                with pytest.warns(UserWarning, match="torch.range is deprecated"):
                    close(found.cpu(), torch.range(*bounds, dtype=dtype))
    planes = torch.randn(1, 2, 6, 6)
    out = torch.empty(0).npu()
    aten.adaptive_avg_pool2d.out(planes.npu(), [2, 2], out=out)
    close(out.cpu(), nn.functional.adaptive_avg_pool2d(planes, 2))
