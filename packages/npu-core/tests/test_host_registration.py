"""Memory of the program's own that is pinned where it is."""

import mmap
from typing import Any

import pytest
import torch


@pytest.fixture
def buffer() -> Any:
    with mmap.mmap(-1, 1 << 20) as memory:
        yield memory


def test_registered_memory_is_pinned_until_it_is_unregistered(npu: Any, buffer: mmap.mmap) -> None:
    host = torch.frombuffer(buffer, dtype=torch.float32)
    runtime = npu.npurt()
    assert not host.is_pinned()
    assert runtime.npuHostRegister(host.data_ptr(), host.nbytes, 0) == 0
    assert host.is_pinned()
    assert host[100:].is_pinned()
    x = torch.arange(host.numel(), dtype=torch.float32, device="npu")
    npu.set_sync_debug_mode("error")  # a copy that does not wait is none of its business
    try:
        host.copy_(x, non_blocking=True)
    finally:
        npu.set_sync_debug_mode("default")
    npu.synchronize()
    assert host[-1] == host.numel() - 1
    assert runtime.npuHostRegister(host.data_ptr(), host.nbytes, 0) != 0  # it is registered already
    assert runtime.npuHostUnregister(host.data_ptr()) == 0
    assert not host.is_pinned()
    assert runtime.npuHostUnregister(host.data_ptr()) != 0
    del host
