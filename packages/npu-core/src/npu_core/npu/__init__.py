"""`torch.npu`: Ascend devices, with the names and the behaviour of `torch.cuda`."""
# ruff: noqa: F401 - private names too are part of what torch and its users ask of a device module

from typing import Any

import torch  # runs autoload first, if this module is imported before torch
from torch import AcceleratorError, OutOfMemoryError

import npu_core
from npu_core import _binding, autoload, wheels
from npu_core.npu import (
    _utils,
    aclnn,
    autocast,
    backends,
    deterministic,
    fallback,
    graphs,
    legacy,
    memory,
    npu_config,
    random,
    streams,
    utils,
)
from npu_core.npu._utils import _lazy_call, _lazy_init
from npu_core.npu.autocast import get_amp_supported_dtype
from npu_core.npu.deterministic import (
    disable_deterministic_with_backward,
    enable_deterministic_with_backward,
    set_deterministic_level,
)
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
    get_soc_version,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    set_device,
    synchronize,
    temperature,
    utilization,
)
from npu_core.npu.dump import finalize_dump, init_dump, set_dump
from npu_core.npu.fallback import Fallback, fallback_report, reset_fallback_report
from npu_core.npu.graphs import (
    NPUGraph,
    graph,
    graph_task_group_begin,
    graph_task_group_end,
    graph_task_update_begin,
    graph_task_update_end,
    is_current_stream_capturing,
    make_graphed_callables,
)
from npu_core.npu.health import (
    check_uce_in_memory,
    clear_npu_overflow_flag,
    get_npu_overflow_flag,
    restart_device,
    stop_device,
    stress_detect,
)
from npu_core.npu.limits import (
    get_device_limit,
    get_stream_limit,
    reset_stream_limit,
    set_device_limit,
    set_op_timeout_ms,
    set_stream_limit,
)
from npu_core.npu.memory import (
    _set_allocator_settings,
    caching_allocator_alloc,
    caching_allocator_delete,
    empty_cache,
    empty_virt_addr_cache,
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
    reset_accumulated_host_memory_stats,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_host_memory_stats,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from npu_core.npu.pools import (
    MemPool,
    NPUPluggableAllocator,
    change_current_allocator,
    graph_pool_handle,
    use_mem_pool,
)
from npu_core.npu.random import (
    _get_rng_state_offset,
    _set_rng_state_offset,
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
from npu_core.npu.runtime_calls import npurt
from npu_core.npu.streams import (
    Event,
    ExternalEvent,
    ExternalStream,
    Stream,
    StreamContext,
    SyncLaunchStream,
    current_stream,
    default_stream,
    get_stream_from_external,
    set_stream,
    stream,
)
from npu_core.npu.switches import (
    CubeMathType,
    are_compatible_impl_enabled,
    config,
    conv,
    get_mm_bmm_format_nd,
    get_sync_debug_mode,
    get_task_queue_enable,
    is_jit_compile_false,
    matmul,
    set_aoe,
    set_compile_mode,
    set_mm_bmm_format_nd,
    set_option,
    set_sync_debug_mode,
    set_task_queue_enable,
    use_compatible_impl,
)
from npu_core.npu.utils import current_blas_handle

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
    "CubeMathType",
    "Event",
    "ExternalEvent",
    "ExternalStream",
    "Fallback",
    "MemPool",
    "NPUGraph",
    "NPUPluggableAllocator",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "SyncLaunchStream",
    "are_compatible_impl_enabled",
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "can_device_access_peer",
    "change_current_allocator",
    "check_uce_in_memory",
    "clear_npu_overflow_flag",
    "config",
    "conv",
    "current_blas_handle",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "disable_deterministic_with_backward",
    "empty_cache",
    "empty_virt_addr_cache",
    "enable_deterministic_with_backward",
    "fallback_report",
    "finalize_dump",
    "get_allocator_backend",
    "get_amp_supported_dtype",
    "get_default_generator",
    "get_device_capability",
    "get_device_limit",
    "get_device_name",
    "get_device_properties",
    "get_mm_bmm_format_nd",
    "get_npu_overflow_flag",
    "get_per_process_memory_fraction",
    "get_rng_state",
    "get_rng_state_all",
    "get_soc_version",
    "get_stream_from_external",
    "get_stream_limit",
    "get_sync_debug_mode",
    "get_task_queue_enable",
    "graph",
    "graph_pool_handle",
    "graph_task_group_begin",
    "graph_task_group_end",
    "graph_task_update_begin",
    "graph_task_update_end",
    "host_empty_cache",
    "host_memory_stats",
    "host_memory_stats_as_nested_dict",
    "init",
    "init_dump",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_current_stream_capturing",
    "is_initialized",
    "is_jit_compile_false",
    "make_graphed_callables",
    "manual_seed",
    "manual_seed_all",
    "matmul",
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
    "npurt",
    "reset_accumulated_host_memory_stats",
    "reset_accumulated_memory_stats",
    "reset_fallback_report",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_host_memory_stats",
    "reset_peak_memory_stats",
    "reset_stream_limit",
    "restart_device",
    "seed",
    "seed_all",
    "set_aoe",
    "set_compile_mode",
    "set_deterministic_level",
    "set_device",
    "set_device_limit",
    "set_dump",
    "set_mm_bmm_format_nd",
    "set_op_timeout_ms",
    "set_option",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "set_stream_limit",
    "set_sync_debug_mode",
    "set_task_queue_enable",
    "stop_device",
    "stream",
    "stress_detect",
    "synchronize",
    "temperature",
    "use_compatible_impl",
    "use_mem_pool",
    "utilization",
]

autoload.run(module_is_complete=True)
