"""`torch.npu.npurt()`: calls of the runtime that programs make by themselves, as `torch.cuda.cudart()` has them."""

from npu_core import _binding
from npu_core.npu._utils import _lazy_init


class _Runtime:
    """Calls that return CANN's code, 0 if they succeeded."""

    def npuHostRegister(self, ptr: int, size: int, flags: int = 0) -> int:
        """Pins `size` bytes of the host at address `ptr` where they are, so that copies of tensors over them overlap
        with other work. `flags` are CUDA's, and change nothing. The memory has to stay until it is unregistered."""
        return int(_binding.C.register_host_memory(ptr, size))

    def npuHostUnregister(self, ptr: int) -> int:
        """Undoes it. Wait for the copies that use the memory first."""
        return int(_binding.C.unregister_host_memory(ptr))


_runtime = _Runtime()


def npurt() -> _Runtime:
    """The runtime's calls; initialises the device."""
    _lazy_init()
    return _runtime
