"""`torch.npu`: Ascend devices, with the names and the behaviour of `torch.cuda`."""
# ruff: noqa: F401 - private names too are part of what torch and its users ask of a device module

from typing import Any

import torch  # runs autoload first, if this module is imported before torch
from torch import AcceleratorError, OutOfMemoryError

import npu_core
from npu_core import _binding, autoload, wheels
from npu_core.npu import _utils, autocast, fallback, legacy, memory, random, streams
from npu_core.npu._utils import _lazy_call, _lazy_init
from npu_core.npu.autocast import get_amp_supported_dtype
from npu_core.npu.devices import (
    _exchange_device,
    _is_in_bad_fork,
    _maybe_exchange_device,
    can_device_access_peer,
    current_device,
    device,
    device_count,
    device_of,
    get_device_capability,
    get_device_name,
    get_device_properties,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    set_device,
    synchronize,
    utilization,
)
from npu_core.npu.fallback import Fallback, fallback_report, reset_fallback_report
from npu_core.npu.memory import (
    MemPool,
    NPUPluggableAllocator,
    _set_allocator_settings,
    caching_allocator_alloc,
    caching_allocator_delete,
    change_current_allocator,
    empty_cache,
    get_allocator_backend,
    get_per_process_memory_fraction,
    host_empty_cache,
    host_memory_stats,
    host_memory_stats_as_nested_dict,
    ipc_collect,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
    use_mem_pool,
)
from npu_core.npu.random import (
    get_default_generator,
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from npu_core.npu.streams import (
    Event,
    ExternalStream,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    set_stream,
    stream,
)
from npu_core.npu.switches import (
    config,
    get_sync_debug_mode,
    is_jit_compile_false,
    set_compile_mode,
    set_sync_debug_mode,
)

globals().update(legacy.tensor_types())
globals().update(legacy.storage_types())

#: Names that another wheel brings, with what brings them.
_ELSEWHERE = {
    "amp": "npu-amp",
    "GradScaler": "npu-amp",
    "get_autocast_dtype": "npu-amp",
    "is_autocast_enabled": "npu-amp",
    "set_autocast_dtype": "npu-amp",
    "set_autocast_enabled": "npu-amp",
    "profiler": "npu-profiler",
    "profile": "npu-profiler",
    "mstx": "npu-profiler",
}


def __getattr__(name: str) -> Any:
    if name == "default_generators":
        _binding.choose_runtime()
        return _binding.C.default_generators()
    if name == "_initialized":  # torch.utils.checkpoint asks before it saves the device's random state
        return is_initialized()
    if name in _ELSEWHERE:
        wheel = _ELSEWHERE[name]
        have = wheels.version(wheel)
        installed = f"{wheel} {have} does not have it, or is not loaded: `npu info` says which"
        missing = f"pip install {wheel}" if have is None else installed
        raise AttributeError(f"torch.npu.{name} comes with {wheel}: {missing}")
    raise AttributeError(f"module 'torch.npu' (npu-core {npu_core.__version__}) has no attribute '{name}'")


__all__ = [
    "AcceleratorError",
    "OutOfMemoryError",
    "Event",
    "ExternalStream",
    "Fallback",
    "MemPool",
    "NPUPluggableAllocator",
    "Stream",
    "StreamContext",
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "can_device_access_peer",
    "change_current_allocator",
    "config",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "fallback_report",
    "get_allocator_backend",
    "get_amp_supported_dtype",
    "get_default_generator",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_per_process_memory_fraction",
    "get_rng_state",
    "get_rng_state_all",
    "get_sync_debug_mode",
    "host_empty_cache",
    "host_memory_stats",
    "host_memory_stats_as_nested_dict",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "is_jit_compile_false",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_fallback_report",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_compile_mode",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "set_sync_debug_mode",
    "stream",
    "synchronize",
    "use_mem_pool",
    "utilization",
]

autoload.run(module_is_complete=True)
