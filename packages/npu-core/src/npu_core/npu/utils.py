"""`torch.npu.utils`: what torch_npu has there, from the modules where it lives."""
# ruff: noqa: F401

from npu_core import _binding
from npu_core.npu.devices import (
    current_device,
    device,
    device_of,
    get_soc_version,
    is_bf16_supported,
    set_device,
    synchronize,
)
from npu_core.npu.dump import finalize_dump, init_dump, set_dump
from npu_core.npu.health import (
    check_uce_in_memory,
    clear_npu_overflow_flag,
    get_npu_overflow_flag,
    is_force_overflow_check,
    is_support_inf_nan,
    npu_check_overflow,
    stress_detect,
)
from npu_core.npu.limits import set_op_timeout_ms
from npu_core.npu.memory import ipc_collect
from npu_core.npu.streams import StreamContext, current_stream, default_stream, set_stream, stream
from npu_core.npu.switches import (
    get_sync_debug_mode,
    get_task_queue_enable,
    set_sync_debug_mode,
    set_task_queue_enable,
)


def current_blas_handle() -> None:
    """None: CANN has no handle that libraries share."""


def get_cann_version(module: str = "CANN") -> str:
    """Version of CANN as it reports it, "" without a runtime.

    `module` is "CANN", or one of its packages ("RUNTIME", "COMPILER", "HCCL", "TOOLKIT", "OPP", "OPP_KERNEL",
    "DRIVER"), which all carry the version of the whole. ValueError for another one.
    """
    known = ("CANN", "RUNTIME", "COMPILER", "HCCL", "TOOLKIT", "OPP", "OPP_KERNEL", "DRIVER")
    if module not in known:
        raise ValueError(f"module is one of {', '.join(known)}, got {module!r}")
    _binding.choose_runtime()
    return str(_binding.C.runtime_version() or "")
