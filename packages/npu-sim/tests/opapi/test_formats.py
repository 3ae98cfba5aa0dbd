"""Private storage formats: the bytes that aclnnNpuFormatCast leaves, and who reads and who refuses them."""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Cann

from opapi.conftest import ACL, AclError, ints

ND, NCHW, NC1HWC0, FRACTAL_Z, NZ, NCDHW, NDC1HWC0 = 2, 0, 3, 4, 29, 30, 32
INVALID, UNSUPPORTED = 161002, 361001


class Laid:
    """A tensor of `view` and its memory of `storage`, as an aclTensor."""

    def __init__(self, cann: Cann, view: torch.Tensor, storage: torch.Tensor, layout: int) -> None:
        self.cann, self.memory = cann, storage.contiguous()
        self.bytes = storage.nbytes
        self.data = cann.malloc(self.bytes)
        cann.acl("aclrtMemcpy", self.data, self.bytes, self.memory.data_ptr(), self.bytes, 1)
        self.handle = c.c_void_p(
            cann.base.aclCreateTensor(
                ints(view.shape), c.c_uint64(view.dim()), ACL[view.dtype], ints(view.stride()), c.c_int64(0), layout,
                ints(storage.shape), c.c_uint64(storage.dim()), self.data,
            )
        )  # fmt: skip

    def read(self) -> torch.Tensor:
        self.cann.acl("aclrtSynchronizeDevice")
        self.cann.acl("aclrtMemcpy", self.memory.data_ptr(), self.bytes, self.data, self.bytes, 2)
        return self.memory


def run(cann: Cann, name: str, *arguments: Any) -> None:
    size, executor = c.c_uint64(), c.c_void_p()
    cann.check(name, getattr(cann.opapi, name + "GetWorkspaceSize")(*arguments, c.byref(size), c.byref(executor)))
    workspace = cann.malloc(size.value) if size.value else None
    cann.check(name, getattr(cann.opapi, name)(workspace, size, executor, None))


def dims_of(cann: Cann, x: torch.Tensor, layout: int, to: int) -> list[int]:
    source = Laid(cann, x, x, layout)
    dims, n, actual = c.POINTER(c.c_int64)(), c.c_uint64(), c.c_int()
    name = "aclnnNpuFormatCastCalculateSizeAndFormat"
    answer = getattr(cann.opapi, name)(source.handle, to, -1, c.byref(dims), c.byref(n), c.byref(actual))
    cann.check(name, answer)
    assert actual.value == to
    return list(dims[: n.value])


def cast(cann: Cann, x: torch.Tensor, layout: int, to: int) -> torch.Tensor:
    """The memory of `x` in format `to`."""
    source = Laid(cann, x, x, layout)
    result = Laid(cann, x, torch.full(dims_of(cann, x, layout, to), 7).to(x.dtype), to)
    run(cann, "aclnnNpuFormatCast", source.handle, result.handle)
    back = Laid(cann, x, torch.zeros_like(x), layout)
    run(cann, "aclnnNpuFormatCast", result.handle, back.handle)
    assert back.read().equal(x)
    return result.read()


@pytest.mark.parametrize(
    ("dtype", "c0"),
    [
        (torch.float16, 16),
        (torch.bfloat16, 16),
        (torch.float32, 8),
        (torch.int32, 8),
        (torch.uint32, 8),
        (torch.int8, 32),
        (torch.uint8, 32),
    ],
    ids=str,
)
def test_fractal_nz_is_blocks_of_16_rows_and_32_bytes(cann: Cann, dtype: torch.dtype, c0: int) -> None:
    x = torch.arange(1, 20 * 50 + 1).remainder(100).view(20, 50).to(dtype)
    memory = cast(cann, x, ND, NZ)
    columns = -(-50 // c0)
    assert memory.shape == (columns, 2, 16, c0)
    for i, j in ((0, 0), (3, 17), (15, 49), (16, 0), (19, 33)):
        assert memory[j // c0, i // 16, i % 16, j % c0] == x[i, j]
    assert not memory[:, 1, 4:].bool().any(), "padding is 0"
    assert not memory[-1, :, :, 50 - (columns - 1) * c0 :].bool().any()


def test_leading_dims_of_fractal_nz_stay(cann: Cann) -> None:
    x = torch.randn(2, 3, 20, 20).half()
    memory = cast(cann, x, NCHW, NZ)
    assert memory.shape == (2, 3, 2, 2, 16, 16)
    assert memory[1, 2, 1, 1, 3, 2] == x[1, 2, 19, 18]


def test_channels_in_blocks(cann: Cann) -> None:
    x = torch.randn(2, 20, 3, 4).half()
    memory = cast(cann, x, NCHW, NC1HWC0)
    assert memory.shape == (2, 2, 3, 4, 16)
    assert memory[1, 1, 2, 3, 2] == x[1, 18, 2, 3]
    memory = cast(cann, x, NCHW, FRACTAL_Z)
    assert memory.shape == (2 * 3 * 4, 1, 16, 16)
    assert memory[1 * 12 + 2 * 4 + 3, 0, 1, 2] == x[1, 18, 2, 3]
    x = torch.randn(2, 20, 2, 3, 4).half()
    memory = cast(cann, x, NCDHW, NDC1HWC0)
    assert memory.shape == (2, 2, 2, 3, 4, 16)
    assert memory[1, 0, 1, 2, 3, 2] == x[1, 18, 0, 2, 3]
    memory = cast(cann, x, NCDHW, 33)
    assert memory.shape == (2 * 2 * 3 * 4, 1, 16, 16)
    assert memory[((1 * 2 + 1) * 3 + 2) * 4 + 3, 0, 1, 2] == x[1, 18, 1, 2, 3]


def blocks(cann: Cann, x: torch.Tensor) -> torch.Tensor:
    return cast(cann, x.contiguous(), ND, NZ)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_products_read_the_second_factor_in_blocks(cann: Cann, dtype: torch.dtype) -> None:
    x, w = torch.randn(5, 20).to(dtype), torch.randn(20, 40).to(dtype)
    for view, memory in ((w, blocks(cann, w)), (w.t().contiguous().t(), blocks(cann, w.t()))):
        left, right = Laid(cann, x, x, ND), Laid(cann, view, memory, NZ)
        out = Laid(cann, torch.empty(5, 40).to(dtype), torch.zeros(5, 40).to(dtype), ND)
        run(cann, "aclnnMatmulWeightNz", left.handle, right.handle, out.handle, c.c_int8(0))
        torch.testing.assert_close(out.read(), x @ w, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_batches_and_sums_of_products_do_too(cann: Cann, dtype: torch.dtype) -> None:
    x, w, bias = torch.randn(2, 5, 20).to(dtype), torch.randn(2, 20, 40).to(dtype), torch.randn(40).to(dtype)
    out = Laid(cann, torch.empty(2, 5, 40).to(dtype), torch.zeros(2, 5, 40).to(dtype), ND)
    left, right = Laid(cann, x, x, ND), Laid(cann, w, cast(cann, w, ND, NZ), NZ)
    run(cann, "aclnnBatchMatMulWeightNz", left.handle, right.handle, out.handle, c.c_int8(0))
    torch.testing.assert_close(out.read(), x @ w, rtol=2e-2, atol=5e-2)
    out = Laid(cann, torch.empty(5, 40).to(dtype), torch.zeros(5, 40).to(dtype), ND)
    left, right = Laid(cann, x[0], x[0], ND), Laid(cann, w[0], blocks(cann, w[0]), NZ)
    added, one = Laid(cann, bias, bias, ND), c.c_float(1)
    scalars = [c.c_void_p(cann.base.aclCreateScalar(c.byref(one), 0)) for _ in range(2)]
    run(cann, "aclnnAddmmWeightNz", added.handle, left.handle, right.handle, *scalars, out.handle, c.c_int8(0))
    torch.testing.assert_close(out.read(), x[0] @ w[0] + bias, rtol=2e-2, atol=5e-2)


def refusal(cann: Cann, name: str, *arguments: Any) -> AclError:
    with pytest.raises(AclError) as caught:
        run(cann, name, *arguments)
    return caught.value


def test_other_operators_refuse_blocks_and_these_refuse_rows(cann: Cann) -> None:
    x, w = torch.randn(5, 20).half(), torch.randn(20, 40).half()
    left, rows = Laid(cann, x, x, ND), Laid(cann, w, w, ND)
    right = Laid(cann, w, blocks(cann, w), NZ)
    out = Laid(cann, torch.empty(5, 40).half(), torch.zeros(5, 40).half(), ND)
    error = refusal(cann, "aclnnMm", left.handle, right.handle, out.handle, c.c_int8(0))
    assert error.code == INVALID
    assert "'mat2' has the private format FRACTAL_NZ" in error.message
    error = refusal(cann, "aclnnMatmulWeightNz", left.handle, rows.handle, out.handle, c.c_int8(0))
    assert error.code == INVALID
    wrong = Laid(cann, w, torch.zeros(4, 2, 16, 16).half(), NZ)
    error = refusal(cann, "aclnnMatmulWeightNz", left.handle, wrong.handle, out.handle, c.c_int8(0))
    assert "no such storage" in error.message


def test_formats_that_cann_does_not_convert_are_refused(cann: Cann) -> None:
    for x, layout, to, code in (
        (torch.ones(2, 2), ND, NC1HWC0, UNSUPPORTED),
        (torch.ones(2, 2), ND, ND, UNSUPPORTED),
        (torch.ones(2), ND, NZ, INVALID),
        (torch.ones(2, 2, dtype=torch.int64), ND, NZ, INVALID),
    ):
        with pytest.raises(AclError) as caught:
            dims_of(cann, x, layout, to)
        assert caught.value.code == code, caught.value
