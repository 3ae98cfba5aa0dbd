"""DLPack for tensors on `npu`, as kDLExtDev: `torch.from_dlpack(x)` and libraries that know this device.

torch converts both ways in C++ (`PrivateUse1` is kDLExtDev there). Only `Tensor.__dlpack_device__` lacks it: its list
of devices names this one "privateuse1", which no tensor's device is called. torch has no hook for it, so it is the one
attribute of torch that npu-core replaces; what it answers for other devices stays torch's.
"""

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType


def arrange(torch: "ModuleType") -> None:
    """Once a process."""
    stock = torch.Tensor.__dlpack_device__
    device_type = torch.utils.dlpack.DLDeviceType

    @functools.wraps(stock)
    def __dlpack_device__(self: Any) -> tuple[Any, int]:
        device = self.device
        if device.type == "npu":
            return device_type.kDLExtDev, device.index
        return stock(self)  # type: ignore[no-any-return]

    torch.Tensor.__dlpack_device__ = __dlpack_device__
