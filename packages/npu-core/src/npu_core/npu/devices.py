"""Devices: counting, choosing, describing, waiting."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal
from uuid import UUID

import torch

from npu_core import _binding, runtimes
from npu_core.notices import say
from npu_core.npu import _probe
from npu_core.npu._utils import Device, _get_device_index, _lazy_init, _query_index, not_there

#: aclDataType of bfloat16.
_ACL_BF16 = 27


def device_count() -> int:
    """Number of devices, 0 without a usable runtime. Never raises, never initialises, does not poison fork."""
    _binding.choose_runtime()
    if isinstance(_binding.C, _binding.Absent):
        say(f"torch.npu has no devices: {_binding.C.runtime_reason()}")
    return int(_binding.C.device_count())


def is_available() -> bool:
    """Whether there is a device. Never raises, never initialises, does not poison fork."""
    return device_count() > 0


def init() -> None:
    """Initialises the device now instead of on first use. RuntimeError if there is none, with the remedy."""
    _lazy_init()


def is_initialized() -> bool:
    """Whether this process has initialised the device. False in a forked child."""
    return bool(_binding.C.is_initialized())


def _is_in_bad_fork() -> bool:
    return bool(_binding.C.is_in_bad_fork())


def current_device() -> int:
    """Index of this thread's current device."""
    _lazy_init()
    return int(_binding.C.current_device())


def set_device(device: Device) -> None:
    """Makes `device` current for this thread; a negative index does nothing. `torch.npu.device` is usually better."""
    index = _get_device_index(device, optional=True)
    if index >= 0:
        _lazy_init()
        _binding.C.set_device(index)


def _exchange_device(device: int) -> int:
    if device < 0:
        return -1
    _lazy_init()
    return int(_binding.C.exchange_device(device))


_maybe_exchange_device = _exchange_device  # torch.cuda's second one creates no context; ours never does


def synchronize(device: Device = None) -> None:
    """Waits for all work on `device` (default: current), and raises the first error that happened there.

    Where no device was started there is nothing to wait for, and none is started for it: torch's profiler calls this at
    the end of every program that it records, also where there is no device.
    """
    if device is None and not is_initialized() and not _is_in_bad_fork():
        return
    index = _get_device_index(device, optional=True)
    _lazy_init()
    _binding.C.synchronize(index)


class device:
    """Context manager that makes a device current. A negative index or None does nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else _get_device_index(device, optional=True)
        self.prev_idx = -1

    def __enter__(self) -> None:
        self.prev_idx = _exchange_device(self.idx)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self.idx = _maybe_exchange_device(self.prev_idx)
        return False


class device_of(device):
    """Context manager that makes the device of a tensor or storage current; does nothing for one on another device."""

    def __init__(self, obj: "torch.Tensor | torch.UntypedStorage") -> None:
        super().__init__(obj.get_device() if obj.device.type == "npu" else -1)


@dataclass(frozen=True)
class DeviceProperties:
    """What CANN tells of a device; 0 or None where it does not tell. Sizes are bytes.

    `major` and `minor` are its architecture, 2201 as (22, 1); `multi_processor_count` counts AI cores. `uuid` is known
    once the process has initialised CANN, and counts for nothing when properties are compared.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    cube_core_num: int
    vector_core_num: int
    multi_processor_count: int
    L2_cache_size: int
    uuid: UUID | None = field(compare=False)


def get_device_properties(device_name: Device = None, *, device: Device = None) -> DeviceProperties:
    """Name, memory and core counts of a device, by torch_npu's keyword or torch's. RuntimeError without a runtime, with
    the remedy."""
    index = _query_index(device if device_name is None else device_name)
    told = _properties(index)
    total = told.total_memory
    if total == 0:  # CANN tells it only within a context, and this process may have none
        total = (_binding.C.mem_get_info if is_initialized() else _probe.memory_info)(index)[1]
    return DeviceProperties(
        name=_name(told),
        major=told.major,
        minor=told.minor,
        total_memory=total,
        cube_core_num=told.cube_core_num,
        vector_core_num=told.vector_core_num,
        multi_processor_count=told.multi_processor_count,
        L2_cache_size=told.L2_cache_size,
        uuid=UUID(bytes=told.uuid) if told.uuid else None,
    )


def get_device_name(device_name: Device = None, *, device: Device = None) -> str:
    """CANN's name of a device, "Ascend910B2", and after it what the runtime says of its devices."""
    return _name(_properties(_query_index(device if device_name is None else device_name)))


def get_device_capability(device: Device = None) -> tuple[int, int]:
    """(major, minor) of `device`, as its properties have them."""
    told = _properties(_query_index(device))
    return int(told.major), int(told.minor)


def _properties(index: int) -> Any:
    _binding.choose_runtime()
    return _binding.C.device_properties(index)


def _name(told: Any) -> str:
    chosen = runtimes.select().chosen
    return f"{told.name}{chosen.label if chosen else ''}"


def can_device_access_peer(device_id: Device, peer_device_id: Device) -> bool:
    """Whether `device_id` can read the memory of `peer_device_id`."""
    _lazy_init()
    return bool(_binding.C.can_device_access_peer(_get_device_index(device_id), _get_device_index(peer_device_id)))


def utilization(device: Device = None) -> int:
    """Percent of the last sample period in which AI Cores of `device` were busy."""
    _binding.choose_runtime()
    return int(_binding.C.utilization(_query_index(device)))


def temperature(device: Device = None) -> int:
    """Degrees Celsius. Always NotImplementedError: CANN's runtime does not tell."""
    raise not_there(
        "temperature", f"CANN's runtime does not tell; run `npu-smi info -t temp -i {_query_index(device)}`"
    )


#: torch_npu's numbers of SoCs.
_SOC_VERSIONS = {
    name: first + place
    for first, names in {
        100: ("Ascend910PremiumA", "Ascend910ProA", "Ascend910A", "Ascend910ProB", "Ascend910B"),
        200: ("Ascend310P1", "Ascend310P2", "Ascend310P3", "Ascend310P4", "Ascend310P5", "Ascend310P6", "Ascend310P7"),
        220: ("Ascend910B1", "Ascend910B2", "Ascend910B2C", "Ascend910B3", "Ascend910B4", "Ascend910B4-1"),
        240: ("Ascend310B1", "Ascend310B2", "Ascend310B3", "Ascend310B4"),
        250: (
            "Ascend910_9391",
            "Ascend910_9392",
            "Ascend910_9381",
            "Ascend910_9382",
            "Ascend910_9372",
            "Ascend910_9362",
        ),
    }.items()
    for place, name in enumerate(names)
}


def get_soc_version() -> int:
    """torch_npu's number of the SoC: 221 for Ascend910B2; -1 for one without a number."""
    _binding.choose_runtime()
    name = str(_binding.C.soc_name())
    return 260 if name.startswith("Ascend950") else _SOC_VERSIONS.get(name, -1)


def is_bf16_supported(including_emulation: bool = False) -> bool:
    """Whether the SoC computes in bfloat16. It emulates none, so `including_emulation` changes nothing."""
    _binding.choose_runtime()
    return device_count() > 0 and bool(_binding.C.supports_dtype(_ACL_BF16))
