"""The hand-written kernels, on the samples of op_db."""

from __future__ import annotations

import pytest
import torch
from opinfo import check, infos

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
]


@pytest.mark.parametrize("name", NAMES)
def test_results_and_gradients_are_those_of_the_cpu(name: str) -> None:
    count = 0
    for info in infos(name):
        if info.variant_test_name == "partial_views":  # its samples end where their copies to a device end
            continue
        dtype = torch.float32 if torch.float32 in info.dtypes else torch.complex64
        count += check(info, dtype, info.supports_autograd and dtype.is_floating_point)
    assert count


@pytest.mark.parametrize("name", ["__getitem__", "index_put", "nonzero", "masked_select", "cat", "clone", "equal"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float64, torch.uint8], ids=str)
def test_moving_elements_works_in_every_dtype(name: str, dtype: torch.dtype) -> None:
    assert sum(check(i, dtype, backward=False) for i in infos(name) if dtype in i.dtypes)
