"""Fourier transforms against the CPU: every way that a length is done, every normalisation, out= and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

#: One matrix; two; factors of which one is long; a prime that no matrix does; the same inside a product.
LENGTHS = (1, 2, 7, 100, 1024, 1025, 2048, 4099, 2 * 2053, 65536)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal to 4e-6 of the largest magnitude, which a sum in another order costs."""
    assert found.device.type == "npu"
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert (found.cpu() - expected).abs().max() <= 4e-6 * expected.abs().max()


@pytest.mark.parametrize("n", LENGTHS)
def test_a_transform_of_any_length_is_that_of_the_cpu(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    x = torch.randn(2, n, generator=generator)
    c = torch.complex(x, torch.randn(2, n, generator=generator))
    close(torch.fft.fft(c.npu()), torch.fft.fft(c))
    close(torch.fft.ifft(c.npu()), torch.fft.ifft(c))
    close(torch.fft.rfft(x.npu()), torch.fft.rfft(x))
    close(torch.fft.irfft(c.npu(), n=n), torch.fft.irfft(c, n=n))


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 40),
    m=st.integers(1, 40),
    norm=st.sampled_from(["forward", "backward", "ortho"]),
    dims=st.permutations([0, 1, 2]).flatmap(lambda d: st.integers(1, 3).map(lambda k: tuple(d[:k]))),
    call=st.sampled_from([torch.fft.fftn, torch.fft.ifftn, torch.fft.rfftn, torch.fft.irfftn]),
)
def test_any_dimensions_and_normalisation(
    n: int, m: int, norm: str, dims: tuple[int, ...], call: Callable[..., torch.Tensor]
) -> None:
    x = torch.randn(n, m, 3, generator=torch.Generator().manual_seed(n * 41 + m))
    if call is torch.fft.irfftn:
        if x.shape[dims[-1]] == 1:
            return  # torch asks for a last dimension of at least one element, and half of one is none
        x = x.to(torch.complex64)
    close(call(x.npu(), dim=dims, norm=norm), call(x, dim=dims, norm=norm))


def test_gradients_and_out() -> None:
    x = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    here, there = x.clone().requires_grad_(), x.npu().requires_grad_()
    for leaf in (here, there):
        torch.fft.irfft(torch.fft.rfft(leaf) * torch.fft.rfft(leaf).conj()).square().sum().backward()
    assert there.grad is not None
    assert here.grad is not None
    close(there.grad, here.grad)
    out = torch.empty(0, dtype=torch.complex64, device="npu")
    assert torch.fft.fft(there.detach(), out=out) is out
    close(out, torch.fft.fft(x))


def test_what_the_matrix_unit_has_not_is_left_to_the_cpu() -> None:
    x = torch.randn(4, 9, dtype=torch.float64)
    torch.npu.reset_fallback_report()
    close(torch.fft.rfft(x.npu()), torch.fft.rfft(x))
    assert [f.operator for f in torch.npu.fallback_report()] == ["aten::_fft_r2c"]


def test_a_graph_keeps_the_matrices_that_it_reads() -> None:
    x = torch.randn(4, 300).npu()
    with pytest.raises(RuntimeError, match="run the transform once before"), torch.npu.graph(torch.npu.NPUGraph()):
        torch.fft.rfft(x)
    expected = torch.fft.rfft(x).cpu()
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        found = torch.fft.rfft(x)
    for n in range(800, 830):  # 10 MB each: more than is kept
        torch.fft.fft(torch.randn(1, n, dtype=torch.complex64).npu())
    found.zero_()
    graph.replay()
    assert found.cpu().equal(expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_leaves_transforms_alone(dtype: torch.dtype) -> None:
    x = torch.randn(2, 20)
    with torch.autocast("npu", dtype=dtype):
        close(torch.fft.fft(x.npu()), torch.fft.fft(x))
