"""The state of the hardware: broken memory, devices that hang, overflow flags, self tests."""

import torch

from npu_core import _binding
from npu_core.npu._utils import _lazy_init, not_there
from npu_core.npu.devices import device_count
from npu_core.npu.memory import memory_snapshot

_INF_NAN = 0  # aclCannAttr


def check_uce_in_memory(device_id: int) -> int:
    """Where memory of `device_id` is broken beyond correction.

    0: nowhere. 1: in no memory of ours. 2: in cached memory that no tensor uses. 3: in memory of a tensor.
    """
    _lazy_init()
    broken = _binding.C.broken_memory(device_id)
    if not broken:
        return 0
    worst = 1
    for segment in memory_snapshot():
        if segment["device"] != device_id:
            continue
        for block in segment["blocks"]:
            begin, end = block["address"], block["address"] + block["size"]
            if any(address < end and begin < address + size for address, size in broken):
                worst = max(worst, 2 if block["state"] == "inactive" else 3)
    return worst


def stop_device(device_id: int) -> int:
    """Ends all work on a device that hangs; 0. The results of that work are lost: `restart_device` comes next."""
    _lazy_init()
    _checked(device_id)
    _binding.C.abort_tasks(device_id)
    return 0


def restart_device(
    device_id: int, rebuild_all_resources: bool = False, disable_tensor_unsafe_check: bool = False
) -> None:
    """Makes a device that `stop_device` stopped usable again, and forgets the error that was pending there.

    Args:
        rebuild_all_resources: NotImplementedError if set: streams and memory stay valid through a stop.
        disable_tensor_unsafe_check: changes nothing: tensors of before the stop are never refused.
    """
    _lazy_init()
    _checked(device_id)
    if rebuild_all_resources:
        raise not_there(
            "restart_device(rebuild_all_resources=True)", "streams and memory stay valid, restart without it"
        )
    _binding.C.forget_error(device_id)


def _checked(device_id: int) -> None:
    if isinstance(device_id, bool) or not isinstance(device_id, int):
        raise TypeError(f"device_id must be an int, got {type(device_id).__name__}")
    if not 0 <= device_id < device_count():
        raise ValueError(f"device {device_id} does not exist: torch.npu.device_count() is {device_count()}")


def stress_detect(detect_type: str = "aic") -> int:
    """CANN's self test of the cores ("aic") or links ("hccs"). ValueError for another type.

    Always NotImplementedError: CANN's runtime interface, the one that npu-core has, does not offer it.
    """
    if detect_type not in ("aic", "hccs"):
        raise ValueError(f"detect_type is 'aic' or 'hccs', got {detect_type!r}")
    raise not_there("stress_detect", "CANN's runtime does not offer it; `ascend-dmi` runs the same test")


def is_support_inf_nan() -> bool:
    """Whether arithmetic gives inf and nan, as IEEE says; older SoCs saturate and raise a flag instead."""
    _lazy_init()
    told = _binding.C.cann_attribute(_INF_NAN)
    return bool(told) if told is not None else bool(_binding.C.supports_dtype(27))


def is_force_overflow_check() -> bool:
    """Whether gradients are checked although arithmetic gives inf and nan: never."""
    return False


def npu_check_overflow(grad: "torch.Tensor | float") -> bool:
    """Whether a gradient holds inf or nan; on SoCs that saturate, whether the flag is raised."""
    if is_support_inf_nan():
        if isinstance(grad, torch.Tensor):
            return not bool(torch.isfinite(grad.float().sum()).item())
        return not bool(torch.isfinite(torch.tensor(float(grad))))
    raised = get_npu_overflow_flag()
    if raised:
        clear_npu_overflow_flag()
    return raised


def _status(name: str, operator: str) -> torch.Tensor:
    """The flag's words as `operator` leaves them."""
    if is_support_inf_nan():
        raise RuntimeError(
            f"torch.npu.{name}: this SoC has no overflow flag, its arithmetic gives inf and nan: "
            "use torch.npu.utils.npu_check_overflow(grad)"
        )
    call = getattr(torch.ops.npu, operator, None)
    if call is None:
        raise not_there(name, f"npu-ops brings the operator npu::{operator}, which reads the flag")
    status = torch.zeros(8, device="npu")
    call(status)
    return status


def get_npu_overflow_flag() -> bool:
    """Whether the overflow flag is raised. RuntimeError on SoCs without one, which give inf and nan."""
    return bool(_status("get_npu_overflow_flag", "npu_get_float_status").cpu()[0] != 0)


def clear_npu_overflow_flag() -> None:
    """Takes the overflow flag down. RuntimeError on SoCs without one, which give inf and nan."""
    _status("clear_npu_overflow_flag", "npu_clear_float_status")
