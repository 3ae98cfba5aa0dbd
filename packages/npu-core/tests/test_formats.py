"""Storage formats: where the elements of a private one lie is seen by no program, whatever it does with the tensor."""

import copy
import gc
import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

ND, NCHW, NC1HWC0, FRACTAL_Z, NZ, NCDHW, NDC1HWC0, FRACTAL_Z_3D = 2, 0, 3, 4, 29, 30, 32, 33


def format_of(x: torch.Tensor) -> int:
    return int(torch.ops.npu.get_npu_format(x))


def cast(x: torch.Tensor, to: int) -> torch.Tensor:
    result: torch.Tensor = torch.ops.npu.npu_format_cast(x, to)
    return result


@pytest.fixture
def allowed(npu: Any) -> Iterator[Any]:
    npu.set_option({"ALLOW_INTERNAL_FORMAT": "enable"})
    assert npu.config.allow_internal_format is True
    yield npu
    npu.config.allow_internal_format = False


@pytest.fixture
def weight() -> torch.Tensor:
    """Of no whole blocks in either direction."""
    return torch.randn(40, 50, generator=torch.Generator().manual_seed(1)).half()


@pytest.fixture
def nz(allowed: Any, weight: torch.Tensor) -> torch.Tensor:
    x = cast(weight.npu(), NZ)
    assert format_of(x) == NZ
    return x


def test_tensors_are_in_their_base_format(npu: Any) -> None:
    assert [format_of(torch.ones([2] * n, device="npu")) for n in (1, 2, 3, 4, 5)] == [2, 2, 2, 0, 30]
    with pytest.raises(RuntimeError, match="takes tensors of npu"):
        format_of(torch.ones(2))


def test_a_cast_between_base_formats_is_a_view(npu: Any) -> None:
    x = torch.arange(12.0, device="npu").view(3, 4).t().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = cast(x, NZ)
    assert (y.shape, y.stride(), y.data_ptr()) == (x.shape, x.stride(), x.data_ptr())
    (y * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.sum().item() == 24
    z = x.detach()
    assert torch.ops.npu.npu_format_cast_(z, 2) is z
    assert torch.ops.npu.npu_format_cast(z, z).tolist() == z.tolist()


def test_without_permission_a_private_format_warns_and_nonsense_is_refused(site: Any) -> None:
    code = """
import torch
x = torch.ones(2, 2, device="npu")
torch.ops.npu.npu_format_cast(x, 2)
print("so far quiet", file=__import__("sys").stderr, flush=True)
torch.ops.npu.npu_format_cast(x, 29)
refused = (ValueError, {"acl_format": 1234}), (NotImplementedError, {"acl_format": 29, "input_dtype": 1})
for error, arguments in refused:
    try:
        torch.ops.npu.npu_format_cast(x, **arguments)
    except error as e:
        print(e)
"""
    done = site.python(code, NPU_RUNTIME="sim")
    assert done.returncode == 0, done.stderr
    before, after = done.stderr.split("so far quiet")
    assert "npu_format_cast" not in before
    assert "FRACTAL_NZ keeps the base format" in after
    assert "no storage format 1234" in done.stdout
    assert "leave them out" in done.stdout


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int8, torch.int32], ids=str)
def test_every_dtype_comes_back_from_blocks(allowed: Any, dtype: torch.dtype) -> None:
    x = torch.randint(-100, 100, (3, 17, 33)).to(dtype)
    y = cast(x.npu(), NZ)
    assert (y.shape, y.stride(), y.dtype, format_of(y)) == (x.shape, x.stride(), dtype, NZ)
    back = cast(y, ND)
    assert format_of(back) == ND
    assert back.cpu().equal(x)
    assert y.cpu().equal(x)
    assert format_of(y) == NZ, "reading keeps the format"


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((2, 5, 3, 4), NC1HWC0),
        ((20, 5, 3, 4), FRACTAL_Z),
        ((2, 5, 3, 4, 2), NDC1HWC0),
        ((20, 5, 2, 3, 4), FRACTAL_Z_3D),
    ],
)
def test_images_have_blocks_of_their_own(allowed: Any, shape: tuple[int, ...], to: int) -> None:
    x = torch.randn(shape)
    y = cast(x.npu(), to)
    assert format_of(y) == to
    assert y.cpu().equal(x)
    assert (y * 2).cpu().equal(x * 2)
    with pytest.raises(RuntimeError, match="aclnnNpuFormatCastCalculateSizeAndFormat"):
        cast(torch.ones(2, 3, device="npu"), to)


def test_products_read_the_blocks_as_they_are(nz: torch.Tensor, weight: torch.Tensor, npu: Any) -> None:
    x, y, bias = torch.randn(7, 40).half(), torch.randn(7, 50).half(), torch.randn(40).half()
    left, right, added = x.npu(), y.npu(), bias.npu()
    products: list[tuple[Callable[[], torch.Tensor], torch.Tensor]] = [
        (lambda: left @ nz, x @ weight),
        (lambda: right @ nz.t(), y @ weight.t()),
        (lambda: torch.nn.functional.linear(right, nz, added), y @ weight.t() + bias),
    ]
    for product, expected in products:
        before = npu.memory_allocated()
        npu.reset_peak_memory_stats()
        result = product()
        assert npu.max_memory_allocated() - before < nz.nbytes, "no copy in base format was made"
        torch.testing.assert_close(result.cpu().float(), expected.float(), rtol=1e-2, atol=1e-2)
    assert format_of(nz) == NZ
    batch = torch.randn(2, 40, 50).half()
    blocks = cast(batch.npu(), NZ)
    torch.testing.assert_close(torch.bmm(torch.stack([left] * 2), blocks).cpu(), torch.bmm(torch.stack([x] * 2), batch))


def test_what_reads_no_blocks_gets_a_copy_in_base_format(nz: torch.Tensor, weight: torch.Tensor) -> None:
    assert (nz + 1).cpu().equal(weight + 1)
    assert nz[3:, 5].cpu().equal(weight[3:, 5])
    assert nz.t().contiguous().cpu().equal(weight.t())
    assert nz.view(2000)[7::3].cpu().equal(weight.view(2000)[7::3])
    assert nz.view(torch.int16).cpu().equal(weight.view(torch.int16))
    assert torch.cat([nz, nz]).cpu().equal(torch.cat([weight, weight]))
    assert nz[1, 2].item() == weight[1, 2].item()
    wide = cast(weight.float().npu(), NZ)
    torch.testing.assert_close((torch.ones(2, 40, device="npu") @ wide).cpu(), torch.ones(2, 40) @ weight.float())
    assert format_of(nz) == NZ
    assert nz.clone().untyped_storage().nbytes() == nz.untyped_storage().nbytes() == 4000


def test_what_writes_puts_the_storage_into_base_format_under_every_view(nz: torch.Tensor, weight: torch.Tensor) -> None:
    row, expected = nz[3], weight.clone()
    address = nz.untyped_storage()
    row.fill_(5)
    expected[3] = 5
    assert format_of(nz) == format_of(row) == ND
    assert nz.cpu().equal(expected)
    nz.t().add_(1)
    assert nz.cpu().equal(expected + 1)
    assert address.data_ptr() == nz.data_ptr()


def test_a_copy_into_blocks_leaves_rows(nz: torch.Tensor, weight: torch.Tensor) -> None:
    nz.copy_(weight + 1)
    assert nz.cpu().equal(weight + 1)
    assert format_of(nz) == ND


def test_the_address_of_a_tensor_is_that_of_its_base_format(nz: torch.Tensor, weight: torch.Tensor) -> None:
    assert nz.data_ptr() == nz.untyped_storage().data_ptr()
    assert format_of(nz) == ND
    assert nz.cpu().equal(weight)


def test_saved_and_pickled_and_copied_tensors_are_in_base_format(nz: torch.Tensor, weight: torch.Tensor) -> None:
    file = io.BytesIO()
    torch.save({"w": nz, "rows": nz[:2]}, file)
    file.seek(0)
    read = torch.load(file, weights_only=True)
    assert read["w"].cpu().equal(weight)
    assert read["rows"].cpu().equal(weight[:2])
    again = cast(read["w"], NZ)
    assert pickle.loads(pickle.dumps(again)).cpu().equal(weight)
    assert copy.deepcopy(cast(read["rows"].clone(), NZ)).cpu().equal(weight[:2])


def test_other_libraries_and_processes_see_base_format(nz: torch.Tensor, weight: torch.Tensor) -> None:
    from multiprocessing.reduction import ForkingPickler

    assert torch.from_dlpack(nz).cpu().equal(weight)
    blocks = cast(weight.npu(), NZ)
    received = pickle.loads(bytes(ForkingPickler.dumps(blocks)))
    assert received.cpu().equal(weight)
    assert format_of(blocks) == ND
    with pytest.raises(RuntimeError, match="shared"):
        torch.ops.npu.npu_format_cast_(received, NZ)


def test_a_cast_in_place_changes_the_storage_of_every_view(allowed: Any, weight: torch.Tensor) -> None:
    p = torch.nn.Parameter(weight.npu())
    rows = p.data[2:4]
    assert torch.ops.npu.npu_format_cast_(p.data, NZ).shape == p.shape
    assert format_of(p) == format_of(rows) == NZ
    assert rows.cpu().equal(weight[2:4])
    with pytest.raises(ValueError, match="part of its storage"):
        torch.ops.npu.npu_format_cast_(torch.ones(4, 4, device="npu")[1:], NZ)
    torch.ops.npu.npu_format_cast_(p.data, ND)
    assert format_of(rows) == ND
    assert p.cpu().equal(weight)


def test_gradients_pass_a_cast_and_an_optimizer_takes_over(allowed: Any, weight: torch.Tensor) -> None:
    x = weight.npu().requires_grad_()
    (cast(x, NZ) * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.unique().tolist() == [2.0]
    layer = torch.nn.Linear(50, 40).half()
    twin = copy.deepcopy(layer).to("npu")
    twin.weight.data = cast(twin.weight.data, NZ)
    data = torch.randn(4, 50).half()
    both: list[tuple[torch.nn.Module, torch.Tensor]] = [(layer, data), (twin, data.npu())]
    for module, batch in both:
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        module(batch).sum().backward()
        optimizer.step()
    assert format_of(twin.weight) == ND
    torch.testing.assert_close(twin.weight.cpu(), layer.weight, rtol=1e-2, atol=1e-2)


def test_a_storage_in_blocks_that_is_resized_has_rows(nz: torch.Tensor, weight: torch.Tensor) -> None:
    nz.resize_(50, 50)
    assert nz[:40].cpu().equal(weight)
    assert format_of(nz) == ND


def test_graphs_read_blocks_and_refuse_what_would_change_them(nz: torch.Tensor, weight: torch.Tensor, npu: Any) -> None:
    x = torch.ones(2, 40, dtype=torch.float16, device="npu")
    x @ nz, nz + 1
    graph = npu.NPUGraph()
    with npu.graph(graph):
        product, plus = x @ nz, nz + 1
        with pytest.raises(RuntimeError, match="private format"):
            nz.data_ptr()
    x.fill_(2)
    graph.replay()
    torch.testing.assert_close(product.cpu().float(), 2 * weight.float().sum(0).expand(2, 50), rtol=1e-2, atol=1e-1)
    assert plus.cpu().equal(weight + 1)
    with pytest.raises(RuntimeError, match="a captured graph reads this tensor in its private format"):
        nz.data_ptr()  # the next replay would read rows for blocks
    assert cast(nz, ND).cpu().equal(weight)
    assert format_of(nz) == NZ


@pytest.mark.parametrize("shape", [(1, 16), (16, 1), (1, 1)])
def test_a_single_row_is_not_taken_for_a_column(allowed: Any, shape: tuple[int, int]) -> None:
    matrix = torch.arange(1.0, 1 + shape[0] * shape[1]).view(shape).half()
    blocks = cast(matrix.npu(), NZ)
    for factor, x in ((blocks, matrix), (blocks.t(), matrix.t())):
        left = torch.ones(2, x.shape[0], dtype=torch.float16)
        torch.testing.assert_close((left.npu() @ factor).cpu(), left @ x)


def test_a_product_in_a_wider_dtype_reads_a_copy(nz: torch.Tensor, weight: torch.Tensor) -> None:
    x = torch.ones(2, 40, dtype=torch.float16, device="npu")
    found = torch.mm(x, nz, out_dtype=torch.float32)
    torch.testing.assert_close(found.cpu(), torch.ones(2, 40) @ weight.float())


def test_a_cast_in_place_is_refused_by_the_tensors_device_that_is_captured(allowed: Any, weight: torch.Tensor) -> None:
    x, y = weight.to("npu:0"), weight.to("npu:1")
    graph = allowed.NPUGraph()
    with allowed.graph(graph, capture_error_mode="relaxed"):
        z = x + 1
        with allowed.device(1), pytest.raises(RuntimeError, match=r"npu_format_cast_.*cannot happen while a graph"):
            torch.ops.npu.npu_format_cast_(x, NZ)
        torch.ops.npu.npu_format_cast_(y, NZ)
    graph.replay()
    assert torch.equal(x.cpu(), weight)
    assert torch.equal(y.cpu(), weight)
    assert torch.equal(z.cpu(), weight + 1)


def test_a_compiler_traces_casts_with_tensors_that_have_no_memory(allowed: Any, weight: torch.Tensor) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    real = weight.npu()
    with FakeTensorMode() as mode:
        traced = mode.from_tensor(real)
        y = cast(traced, NZ)
        assert (y.shape, y.stride(), y.device.type) == (weight.shape, weight.stride(), "npu")
        assert torch.ops.npu.npu_format_cast_(traced, NZ) is traced


def test_memory_in_blocks_goes_back(allowed: Any, weight: torch.Tensor) -> None:
    gc.collect()
    base = weight.npu()
    before = allowed.memory_allocated()
    side = allowed.Stream()
    for _ in range(20):
        blocks = cast(base, NZ)
        blocks.record_stream(side)
        blocks + 1
        del blocks
    allowed.synchronize()
    torch.ones(1, device="npu")
    allowed.synchronize()
    assert allowed.memory_allocated() == before
