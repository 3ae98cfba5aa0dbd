"""`torch.npu.FloatTensor` and its kin, and the typed storages: names from before dtypes, kept for old programs."""

from typing import Any

import torch

_DTYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}


class _TensorType(type):
    """Metaclass: `isinstance` asks for device and dtype, and a call makes a tensor."""

    dtype: torch.dtype
    is_cuda = False
    is_sparse = False
    layout = torch.strided

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch.Tensor) and instance.device.type == "npu" and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, device: Any = "npu") -> torch.Tensor:
        """A tensor of the sizes, or with the data, in `args`; uninitialised if they are sizes."""
        device = "npu" if device is None else device
        if torch.device(device).type != "npu":
            raise RuntimeError(f"{cls.__name__} makes tensors on npu, got device={device}")
        if len(args) == 1 and not isinstance(args[0], int | torch.Size):
            return torch.as_tensor(args[0], dtype=cls.dtype, device=device)
        return torch.empty(*(args or (0,)), dtype=cls.dtype, device=device)


def tensor_types() -> dict[str, Any]:
    """Name in `torch.npu` to class. C++ knows the class by its full name (`tensor.type(torch.npu.FloatTensor)`)."""
    made = {}
    for name, dtype in _DTYPES.items():
        kind = _TensorType(f"torch.npu.{name}Tensor", (), {"dtype": dtype, "__module__": "torch.npu"})
        kind.__qualname__ = f"{name}Tensor"
        made[f"{name}Tensor"] = kind
    return made


def storage_types() -> dict[str, Any]:
    """Name in `torch.npu` to class; torch finds the device in `__module__`."""
    base = torch.storage._LegacyStorage
    return {
        f"{name}Storage": type(f"{name}Storage", (base,), {"dtype": dtype, "_dtype": dtype, "__module__": "torch.npu"})
        for name, dtype in _DTYPES.items()
    }
