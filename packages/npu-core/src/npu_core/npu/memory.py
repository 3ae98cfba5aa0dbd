"""The caching allocators of device and pinned memory: sizes, statistics, limits. All sizes are bytes."""
# ruff: noqa: F401 - what torch.cuda.memory has, torch.npu.memory has, wherever it lives

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch

from npu_core import _binding
from npu_core.npu import _probe, summary
from npu_core.npu._utils import Device, _get_device_index, _lazy_init, _query_index
from npu_core.npu.devices import is_initialized
from npu_core.npu.memory_history import (
    _attach_out_of_memory_observer,
    _dump_snapshot,
    _get_memory_metadata,
    _record_memory_history,
    _save_memory_usage,
    _save_segment_usage,
    _set_memory_metadata,
    _snapshot,
)
from npu_core.npu.pools import (
    MemPool,
    NPUPluggableAllocator,
    _get_current_allocator,
    _NPUAllocator,
    change_current_allocator,
    use_mem_pool,
)
from npu_core.npu.streams import current_stream


def empty_cache() -> None:
    """Returns cached memory that no tensor uses to the device. Does nothing before the first use."""
    if is_initialized():
        _binding.C.empty_cache()


def memory_stats_as_nested_dict(device: Device = None) -> dict[str, Any]:
    """`memory_stats` as nested dictionaries; empty before the first use of the device."""
    return dict(_binding.C.memory_stats(_query_index(device))) if is_initialized() else {}


def memory_stats(device: Device = None) -> "OrderedDict[str, Any]":
    """Counters of the allocator, keys as torch.cuda's: "allocated_bytes.all.peak", "num_ooms", …, sorted."""
    return OrderedDict(sorted(_flat(memory_stats_as_nested_dict(device))))


def _flat(stats: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in stats.items():
        if isinstance(key, tuple):  # the id of a private pool
            key = "_".join(map(str, key))
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _stat(key: str, device: Device) -> int:
    return int(memory_stats(device).get(key, 0))


def memory_allocated(device: Device = None) -> int:
    """What tensors hold now."""
    return _stat("allocated_bytes.all.current", device)


def max_memory_allocated(device: Device = None) -> int:
    """The most that tensors held since the start or the last reset."""
    return _stat("allocated_bytes.all.peak", device)


def memory_reserved(device: Device = None) -> int:
    """What the allocator holds now: tensors and cache."""
    return _stat("reserved_bytes.all.current", device)


def max_memory_reserved(device: Device = None) -> int:
    """The most that the allocator held since the start or the last reset."""
    return _stat("reserved_bytes.all.peak", device)


def memory_cached(device: Device = None) -> int:
    """Deprecated name of `memory_reserved`."""
    return memory_reserved(device)


def max_memory_cached(device: Device = None) -> int:
    """Deprecated name of `max_memory_reserved`."""
    return max_memory_reserved(device)


def reset_peak_memory_stats(device: Device = None) -> None:
    """Sets every peak to the current value."""
    if is_initialized():
        _binding.C.reset_peak_memory_stats(_query_index(device))


def reset_accumulated_memory_stats(device: Device = None) -> None:
    """Sets every historical count to zero."""
    if is_initialized():
        _binding.C.reset_accumulated_memory_stats(_query_index(device))


def reset_max_memory_allocated(device: Device = None) -> None:
    """`reset_peak_memory_stats`, which resets all peaks."""
    reset_peak_memory_stats(device)


def reset_max_memory_cached(device: Device = None) -> None:
    """`reset_peak_memory_stats`, which resets all peaks."""
    reset_peak_memory_stats(device)


def mem_get_info(device: Device = None) -> tuple[int, int]:
    """(free, total) of the whole device. Does not initialise this process. RuntimeError without a runtime."""
    index = _query_index(device)
    if not is_initialized():
        _binding.choose_runtime()
        _binding.C.device_properties(index)  # raises without a runtime, or without this device
        return _probe.memory_info(index)
    free, total = _binding.C.mem_get_info(index)
    return int(free), int(total)


def memory_snapshot(mempool_id: tuple[int, int] | None = None, include_traces: bool = True) -> list[dict[str, Any]]:
    """Every segment of every device, or of one private pool, in the format of `torch.cuda.memory_snapshot()`."""
    return list(_binding.C.memory_snapshot(mempool_id, include_traces)["segments"]) if is_initialized() else []


def memory_summary(device: Device = None, abbreviated: bool = False) -> str:
    """The statistics as a table; `abbreviated` leaves out the pools."""
    return summary.render(memory_stats(device), _query_index(device), abbreviated)


def set_per_process_memory_fraction(fraction: float, device: Device = None) -> None:
    """Caps this process at `fraction` (0 to 1) of the device's memory. ValueError outside."""
    _lazy_init()
    if isinstance(fraction, bool) or not isinstance(fraction, float | int):
        raise TypeError(f"fraction must be a float from 0 to 1, got {type(fraction).__name__}")
    _binding.C.set_memory_fraction(float(fraction), _get_device_index(device, optional=True))


def get_per_process_memory_fraction(device: Device = None) -> float:
    """The cap that `set_per_process_memory_fraction` set, 1.0 without."""
    _lazy_init()
    return float(_binding.C.get_memory_fraction(_get_device_index(device, optional=True)))


def caching_allocator_alloc(size: int, device: Device = None, stream: "torch.Stream | int | None" = None) -> int:
    """Address of `size` bytes from the allocator; for other libraries. Free with `caching_allocator_delete`."""
    _lazy_init()
    if isinstance(stream, int):
        raise TypeError("stream must be a torch.npu.Stream: wrap a raw handle in torch.npu.ExternalStream")
    stream = current_stream(device) if stream is None else stream
    return int(_binding.C.caching_allocator_alloc(size, (stream.stream_id, stream.device_index, stream.device_type)))


def caching_allocator_delete(mem_ptr: int) -> None:
    """Frees what `caching_allocator_alloc` gave. ValueError for any other address."""
    _binding.C.caching_allocator_delete(mem_ptr)


def get_allocator_backend() -> str:
    """Name of the allocator in use: "native", or "pluggable" after `change_current_allocator`."""
    return _get_current_allocator()


def _set_allocator_settings(settings: str) -> None:
    """As PYTORCH_NPU_ALLOC_CONF, at run time. ValueError names an unknown key or a bad value."""
    _binding.C.set_allocator_settings(settings)


def host_memory_stats_as_nested_dict() -> dict[str, Any]:
    """`host_memory_stats` as nested dictionaries."""
    return dict(_binding.C.host_memory_stats()) if is_initialized() else {}


def host_memory_stats() -> "OrderedDict[str, Any]":
    """Counters of the pinned host allocator, sorted by key."""
    return OrderedDict(sorted(_flat(host_memory_stats_as_nested_dict())))


def reset_accumulated_host_memory_stats() -> None:
    """Sets every historical count of the pinned host allocator to zero."""
    if is_initialized():
        _binding.C.reset_accumulated_host_memory_stats()


def reset_peak_host_memory_stats() -> None:
    """Sets every peak of the pinned host allocator to the current value."""
    if is_initialized():
        _binding.C.reset_peak_host_memory_stats()


def host_empty_cache() -> None:
    """Returns cached pinned memory that nothing uses."""
    if is_initialized():
        _binding.C.host_empty_cache()


def empty_virt_addr_cache() -> None:
    """Returns addresses that no memory is behind. A segment that loses its last memory gives them up by itself, in
    `empty_cache()`, so that is what this calls."""
    empty_cache()


def ipc_collect() -> None:
    """Gives memory back that was sent to other processes, freed here, and let go there. Sending, `empty_cache()` and
    running out of memory do so too."""
    _lazy_init()
    _binding.C.ipc_collect()
