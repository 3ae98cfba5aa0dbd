"""What is saved comes back: shared storages, typed ones, other devices, pieces of torch's own machinery."""

import io
import types
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence


@pytest.fixture(autouse=True)
def device(npu: Any) -> None:
    npu.set_device(0)


def saved(thing: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return file


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_tensors_and_a_typed_storage_share_memory_after_a_load(npu: Any) -> None:
    x, y = torch.randn(5, 5, device="npu"), torch.zeros(2, 5, dtype=torch.int32, device="npu")
    a, b, c, storage = torch.load(saved([x, y, x, y.storage()]))
    assert isinstance(a, npu.FloatTensor)
    assert isinstance(b, npu.IntTensor)
    assert isinstance(storage, torch.storage.TypedStorage)
    assert a.cpu().equal(x.cpu())
    a.fill_(5)
    assert c.cpu().equal(a.cpu())
    b.fill_(10)
    assert storage.tolist() == [10] * 10
    assert storage.type() == "torch.npu.IntStorage"


def test_an_empty_tensor_keeps_its_type_and_device(npu: Any) -> None:
    full, empty = torch.load(saved([torch.randn(4, 4, device="npu"), npu.FloatTensor()]))
    assert full.device == empty.device == torch.device("npu:0")
    assert (empty.numel(), empty.dtype) == (0, torch.float32)


def test_a_function_moves_what_it_wants_to_move(npu: Any) -> None:
    x = [torch.randn(4, 4, device=f"npu:{d}") for d in (0, 1)]

    def move(storage: Any, place: str) -> Any:
        return storage.npu(0) if place == "npu:1" else None

    y = torch.load(saved(x), map_location=move)
    assert [t.get_device() for t in y] == [0, 0]
    assert all(a.cpu().equal(b.cpu()) for a, b in zip(x, y, strict=True))


def test_a_device_that_is_not_there_and_a_name_that_is_none_are_named() -> None:
    file = saved(torch.randn(2, device="npu"))
    elsewhere = io.BytesIO(file.getvalue().replace(b"npu:0", b"npu:9"))
    with pytest.raises(RuntimeError, match="9"):
        torch.load(elsewhere)
    with pytest.raises(RuntimeError, match="Invalid device string"):
        torch.load(file, "npu0")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_storages_know_their_place_and_move_to_it() -> None:
    for index in (0, 1):
        tag = torch.serialization.location_tag(torch.UntypedStorage(4, device=torch.device("npu", index)))
        assert tag == f"npu:{index}"
        restored: Any = torch.serialization.default_restore_location(torch.empty(4, 4).storage(), tag)
        assert restored.is_npu
        assert restored.get_device() == index
    x: Any = torch.randn(4, 4, device="npu:1").storage()
    assert x.clone().get_device() == 1
    for kind in ("byte", "char", "short", "int", "long", "half", "double"):
        assert getattr(x, kind)().get_device() == 1
    y: Any = torch.randn(5).storage()
    assert isinstance(y.npu().double(), torch.npu.DoubleStorage)
    assert isinstance(y.npu().float().cpu(), torch.FloatStorage)
    assert y.npu().size() == 5


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated", "ignore:The argument 'device'")
def test_pinned_storages_are_pinned_and_so_are_their_pieces() -> None:
    x = torch.randn(10)
    for storage in (x.storage(), x.untyped_storage()):
        assert not storage.is_pinned("npu")
        assert storage.pin_memory("npu").is_pinned("npu")
    pinned = x.pin_memory()
    assert pinned[2:5].is_pinned()
    piece = torch.empty(0).set_(pinned.untyped_storage()[2:], storage_offset=0, size=(5,), stride=(1,))
    assert piece.is_pinned()
    assert piece.data_ptr() != pinned.data_ptr()


def test_tensors_without_a_storage_are_saved_through_the_cpu_and_numpy() -> None:
    x = torch.arange(6.0, device="npu").view(2, 3)
    with mock.patch.object(torch._C, "_has_storage", return_value=False):
        file = saved({"x": x})
    y = torch.load(file, weights_only=True)["x"]
    assert y.is_npu
    file.seek(0)
    z = torch.load(file, weights_only=True, map_location="cpu")["x"]
    w = torch._utils._rebuild_device_tensor_from_numpy(np.arange(6.0).reshape(2, 3), torch.float32, "npu:0", False)
    assert w.device == torch.device("npu:0")
    assert y.tolist() == z.tolist() == w.tolist() == x.tolist()


def test_the_data_of_a_tensor_may_be_given_from_another_device() -> None:
    for x, y in ((torch.randn(4), torch.randn(4, device="npu")), (torch.randn(4, device="npu"), torch.randn(4))):
        x.data = y
        assert x.device == y.device
        assert x.data_ptr() == y.data_ptr()
    with pytest.raises(TypeError, match="npu"):
        torch.empty(1, device="npu").numpy()


def test_a_packed_sequence_moves_and_knows_where_it_is() -> None:
    packed: Any = PackedSequence(torch.rand(5, 3), torch.tensor([1, 1, 1, 1, 1]))
    assert not packed.is_npu
    assert packed.npu().is_npu
    assert packed.npu(1).data.get_device() == 1


def test_the_backend_is_registered_with_torch_once_and_under_one_name(npu: Any) -> None:
    from torch._C._autograd import DeviceType
    from torch._C._profiler import ProfilerActivity

    find = torch.utils.backend_registration._get_custom_mod_func
    torch.utils.rename_privateuse1_backend("npu")
    with pytest.raises(RuntimeError, match="already been set"):
        torch.utils.rename_privateuse1_backend("other")
    with pytest.raises(RuntimeError, match="The runtime module of"):
        torch._register_device_module("npu", types.ModuleType("other"))
    assert find("device_count")() == npu.device_count()
    with pytest.raises(RuntimeError, match=r"torch\.npu"):
        find("no_such_function")
    assert DeviceType.PrivateUse1 == DeviceType.NPU
    assert ProfilerActivity.PrivateUse1 == ProfilerActivity.NPU
