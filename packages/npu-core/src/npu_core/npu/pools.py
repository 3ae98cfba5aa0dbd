"""Private pools of the caching allocator, and allocators from other libraries."""

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

from npu_core import _binding
from npu_core.npu._utils import Device, _get_device_index, _lazy_init


class _NPUAllocator:
    """What `change_current_allocator` and `MemPool` take: a wrapper of a compiled allocator."""

    def __init__(self, allocator: Any) -> None:
        self._allocator = allocator

    def allocator(self) -> Any:
        """The compiled allocator."""
        return self._allocator


class NPUPluggableAllocator(_NPUAllocator):
    """An allocator from a shared library.

    Args:
        path_to_so_file: the library.
        alloc_fn_name: `void* f(size_t nbytes, int device, aclrtStream stream)`; null: no memory.
        free_fn_name: `void f(void* ptr, size_t nbytes, int device, aclrtStream stream)`.

    OSError if the library does not load, AttributeError if it has no such function.
    """

    def __init__(self, path_to_so_file: str, alloc_fn_name: str, free_fn_name: str) -> None:
        library = ctypes.CDLL(path_to_so_file)
        functions = (
            ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in (alloc_fn_name, free_fn_name)
        )
        super().__init__(_binding.C.PluggableAllocator(*functions))
        self._library = library


def change_current_allocator(allocator: _NPUAllocator) -> None:
    """Replaces the caching allocator for all tensors of this process. RuntimeError after the first tensor was made."""
    _binding.C.change_current_allocator(allocator.allocator())


def _get_current_allocator() -> str:
    return "pluggable" if _binding.C.has_pluggable_allocator() else "native"


class MemPool:
    """A private pool of the caching allocator on the current device: `use_mem_pool` sends allocations to it.

    Its memory goes back to the device with this object; what tensors still hold then, with the next `empty_cache()`.

    Args:
        allocator: where its segments come from (`NPUPluggableAllocator.allocator()`); default: the device.
        use_on_oom: whether it also serves allocations outside of it that would fail otherwise.
        no_split: whether a block takes a whole segment, however small it is.
    """

    def __init__(self, allocator: Any = None, use_on_oom: bool = False, no_split: bool = False) -> None:
        _lazy_init()
        compiled = allocator.allocator() if isinstance(allocator, _NPUAllocator) else allocator
        self._pool = _binding.C.MemPool(compiled, use_on_oom, no_split)
        self._source = compiled

    @property
    def id(self) -> tuple[int, int]:
        """What names the pool in snapshots, and for `torch.npu.graph(pool=...)`."""
        first, second = self._pool.id
        return int(first), int(second)

    @property
    def allocator(self) -> Any:
        """Where its segments come from: what it was made with. None for the device."""
        return self._source

    def use_count(self) -> int:
        """How many owners and running `use_mem_pool` contexts the pool has."""
        return int(self._pool.use_count())

    def snapshot(self, include_traces: bool = True) -> list[dict[str, Any]]:
        """The segments of the pool, as `torch.npu.memory_snapshot()` has them."""
        return list(_binding.C.memory_snapshot(self.id, include_traces)["segments"])


@contextlib.contextmanager
def use_mem_pool(pool: MemPool, device: Device = None) -> Iterator[None]:
    """Sends the allocations of this thread on `device` (default: the current one) to `pool`.

    Threads that are started inside, those of a backward pass too, allocate as before.
    """
    _lazy_init()
    index = _get_device_index(device, optional=True)
    _binding.C.begin_pool(index, pool.id)
    try:
        yield
    finally:
        _binding.C.end_pool(index, pool.id)


def graph_pool_handle() -> tuple[int, int]:
    """A name for a pool that several graphs share: `torch.npu.graph(pool=...)`."""
    first, second = _binding.C.new_pool_id()
    return int(first), int(second)
