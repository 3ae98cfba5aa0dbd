"""DLPack: tensors of npu cross as the device kDLExtDev, and share their memory."""

import gc
from typing import Any

import pytest
import torch
from torch.utils.dlpack import DLDeviceType, to_dlpack


class Foreign:
    """A tensor of another library that keeps its data on npu."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **asked: Any) -> object:
        return self.tensor.__dlpack__(**asked)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_a_tensor_comes_back_as_the_same_memory(npu: Any, dtype: torch.dtype) -> None:
    x = torch.arange(12, device="npu").view(3, 4)[:, 1:].to(dtype)
    for y in (torch.from_dlpack(x), torch.from_dlpack(Foreign(x)), torch.from_dlpack(to_dlpack(x))):
        assert (y.device, y.dtype, y.shape, y.stride()) == (x.device, x.dtype, x.shape, x.stride())
        y.zero_()
        assert not x.any()


def test_the_device_is_named_by_its_index(npu: Any) -> None:
    x = torch.ones(2, device="npu:1")
    assert x.__dlpack_device__() == (DLDeviceType.kDLExtDev, 1)
    assert torch.from_dlpack(x).device == torch.device("npu", 1)
    assert torch.nn.Parameter(x, requires_grad=False).__dlpack_device__() == (DLDeviceType.kDLExtDev, 1)
    assert torch.ones(2).__dlpack_device__() == (DLDeviceType.kDLCPU, 0)


def test_a_copy_and_another_device_are_given_on_request(npu: Any) -> None:
    x = torch.arange(3.0, device="npu")
    copied = torch.from_dlpack(x, copy=True)
    assert copied.data_ptr() != x.data_ptr()
    assert copied.tolist() == [0.0, 1.0, 2.0]
    assert torch.from_dlpack(x, device="cpu").tolist() == [0.0, 1.0, 2.0]
    assert torch.from_dlpack(torch.ones(2), device="npu").device.type == "npu"


def test_memory_stays_as_long_as_what_was_made_of_it(npu: Any) -> None:
    gc.collect()  # of earlier tests
    npu.synchronize()
    before = npu.memory_allocated()
    y = torch.from_dlpack(torch.full((1 << 16,), 3.0, device="npu"))
    torch.zeros(1 << 16, device="npu")
    assert y.sum().item() == 3.0 * (1 << 16)
    del y
    assert npu.memory_allocated() == before


def test_gradients_are_refused(npu: Any) -> None:
    with pytest.raises(BufferError, match="require gradient"):
        torch.from_dlpack(torch.ones(2, device="npu", requires_grad=True))
