"""The hand-written kernels, on the samples of op_db."""

from __future__ import annotations

import pytest
import torch
from opinfo import Outcome, check, infos

NAMES = [
    "clone",
    "contiguous",
    "to",
    "as_strided",
    "view",
    "view_as",
    "reshape",
    "unfold_copy",
    "expand",
    "permute",
    "transpose",
    "select",
    "narrow",
    "squeeze",
    "unsqueeze",
    "split",
    "chunk",
    "diagonal",
    "movedim",
    "flatten",
    "view_as_real",
    "__getitem__",
    "index_put",
    "nonzero",
    "masked_select",
    "cat",
    "stack",
    "hstack",
    "vstack",
    "equal",
    "take_along_dim",
    "index_select",
    "repeat",
    "tile",
    "argmax",
    "argmin",
    "var",
    "std",
    "var_mean",
    "std_mean",
    "count_nonzero",
    "remainder",
    "matmul",
    "nn.functional.linear",
    "nn.functional.cross_entropy",
    "nn.functional.nll_loss",
    "nn.functional.l1_loss",
    "nn.functional.binary_cross_entropy_with_logits",
    "nn.functional.relu",
    "isfinite",
    "isinf",
    "isnan",
    "allclose",
    "outer",
    "meshgrid",
    "where",
    "sign",
    "sgn",
    "scatter_add",
    "masked_fill",
    "fmax",
    "fmin",
    "copysign",
    "heaviside",
    "hypot",
    "lcm",
    "special.xlog1py",
    "special.entr",
    "conj_physical",
    "nan_to_num",
    "isin",
    "searchsorted",
    "bucketize",
    "bincount",
    "unique",
    "unique_consecutive",
    "cummax",
    "cummin",
    "median",
    "nanmedian",
    "dot",
    "vdot",
    "cdist",
    "nn.functional.pdist",
    "index_copy",
    "index_reduce",
    "repeat_interleave",
    "nonzero_static",
    "narrow_copy",
    "tril_indices",
    "triu_indices",
]


@pytest.mark.parametrize("name", NAMES)
def test_results_and_gradients_are_those_of_the_cpu(name: str) -> None:
    outcome = Outcome()
    for info in infos(name):
        if info.variant_test_name == "partial_views":  # its samples end where their copies to a device end
            continue
        dtype = next(d for d in (torch.float32, torch.int64, torch.complex64) if d in info.dtypes)
        check(info, dtype, info.supports_autograd and dtype.is_floating_point, outcome)
    assert outcome.ran


@pytest.mark.parametrize("name", ["__getitem__", "index_put", "nonzero", "masked_select", "cat", "clone", "equal"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float64, torch.uint8], ids=str)
def test_moving_elements_works_in_every_dtype(name: str, dtype: torch.dtype) -> None:
    outcome = Outcome()
    for info in infos(name):
        if dtype in info.dtypes:
            check(info, dtype, backward=False, outcome=outcome)
    assert outcome.ran


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.int16, torch.uint8])
def test_remainder_takes_every_dtype(dtype: torch.dtype) -> None:
    a, b = torch.arange(12).to(dtype), torch.tensor([1, 2, 3, 5] * 3).to(dtype)
    if dtype.is_signed:
        a = a - 6
        b[::2] *= -1
    assert torch.equal((a.npu() % b.npu()).cpu(), a % b)
    assert torch.equal((a.npu() % 5).cpu(), a % 5)
    assert torch.equal(a.npu().remainder_(b.npu()).cpu(), a % b)


@pytest.mark.parametrize("name", ["all", "any"])
def test_a_reduction_over_no_dimension_asks_each_element(name: str) -> None:
    x = torch.tensor([[0.0, 0.5], [2.0, float("nan")]])
    for dim in ((), (0, 1), (1,), None):
        got, want = getattr(torch, name)(x.npu(), dim=dim), getattr(torch, name)(x, dim=dim)
        assert got.dtype == want.dtype
        assert torch.equal(got.cpu(), want)


def test_the_absolute_value_of_a_complex_number_is_real() -> None:
    x = torch.tensor([3 + 4j, -5j])
    for f in (torch.abs, lambda t: torch.abs(t, out=torch.empty(0, dtype=torch.complex64, device=t.device))):
        assert f(x.npu()).dtype == f(x).dtype
        assert torch.equal(f(x.npu()).cpu(), f(x))
    assert x.npu().abs().tolist() == [5.0, 5.0]


def test_one_number_is_among_others_or_not() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    for element in (3, 5.0):
        for invert in (False, True):
            got, want = torch.isin(element, x.npu(), invert=invert), torch.isin(element, x, invert=invert)
            assert got.shape == want.shape == ()
            assert got.item() == want.item()
    assert not torch.isin(3, x[:0].npu())
