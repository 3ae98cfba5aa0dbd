"""`from torch_npu.contrib import transfer_to_npu` lets a program that was written for CUDA run on the NPU.

The import replaces the functions of `replaced()` by ones that read "cuda" as "npu" and "nccl" as "hccl", and each name
of `torch.cuda` that `torch.npu` has by that one. It is the only module of ours that patches torch; `restore()` undoes
it. A `torch.device("cuda")` stays one; the functions that are given it go to the NPU.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed
import torch.nn
import torch.utils.data

#: Functions that take a device, by where they live.
FACTORIES = [
    "arange", "as_tensor", "asarray", "bartlett_window", "blackman_window", "empty", "empty_like", "empty_permuted",
    "empty_strided", "eye", "full", "full_like", "hamming_window", "hann_window", "kaiser_window", "linspace",
    "logspace", "normal", "ones", "ones_like", "rand", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "randperm", "range", "scalar_tensor", "sparse_bsc_tensor", "sparse_bsr_tensor",
    "sparse_compressed_tensor", "sparse_coo_tensor", "sparse_csc_tensor", "sparse_csr_tensor", "tensor",
    "tril_indices", "triu_indices", "zeros", "zeros_like", "load", "set_default_device", "get_device_module",
]  # fmt: skip
TENSOR_METHODS = [
    "new_empty", "new_empty_strided", "new_full", "new_ones", "new_tensor", "new_zeros", "pin_memory", "is_pinned",
    "to",
]  # fmt: skip
MODULE_METHODS = ["to", "to_empty"]
#: Functions that take the name of a backend.
BACKENDS = ["init_process_group", "new_group", "is_backend_available"]

_originals: dict[tuple[Any, str], Any] = {}
_ABSENT = object()


def on_npu(value: Any) -> Any:
    """`value` with "cuda" read as "npu": a device, its name, or a map_location. Anything else as it is."""
    if isinstance(value, str):
        return "npu" + value[4:] if value == "cuda" or value.startswith("cuda:") else value
    if isinstance(value, torch.device):
        return torch.device(on_npu(str(value))) if value.type == "cuda" else value
    if isinstance(value, dict):
        return {on_npu(k): on_npu(v) for k, v in value.items()}
    return value


def over_hccl(value: Any) -> Any:
    """`value` with "nccl" read as "hccl" and devices as by `on_npu`: a backend's name or a list of `device:name`."""
    if not isinstance(value, str):
        return on_npu(value)
    parts = [on_npu(part.strip()) for part in value.split(",")]
    return ",".join(part[:-4] + "hccl" if part.lower().endswith("nccl") else part for part in parts)


_DEVICES = {"device", "device_type", "map_location", "device_id", "pin_memory_device"}


def _reading(convert: Callable[[Any], Any], function: Callable[..., Any], keywords: set[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        new = tuple(convert(a) if isinstance(a, str | torch.device) else a for a in args)
        for name in keywords & kwargs.keys():
            kwargs[name] = convert(kwargs[name])
        return function(*new, **kwargs)

    return replacement


def _replace(owner: Any, name: str, value: Any) -> None:
    if (owner, name) in _originals:
        return
    # What a class inherits must not stay behind as its own when it is put back.
    _originals[owner, name] = vars(owner).get(name, _ABSENT)
    setattr(owner, name, value)


def _replace_reading(owner: Any, names: list[str], convert: Callable[[Any], Any], keywords: set[str]) -> None:
    for name in names:
        if hasattr(owner, name):
            _replace(owner, name, _reading(convert, getattr(owner, name), keywords))


def _replace_cuda() -> None:
    npu: Any = torch.get_device_module("npu")
    for name, value in list(vars(torch.cuda).items()):
        counterpart = getattr(npu, name, None) if callable(value) and not name.startswith("_") else None
        if isinstance(counterpart, types.FunctionType | types.BuiltinFunctionType):
            _replace(torch.cuda, name, _reading(on_npu, counterpart, _DEVICES))
        elif isinstance(counterpart, type):
            _replace(torch.cuda, name, counterpart)
    amp = getattr(npu, "amp", None)
    for name in ("autocast", "GradScaler"):
        if hasattr(amp, name):
            _replace(torch.cuda.amp, name, getattr(amp, name))


def apply() -> None:
    """Replaces. Done by importing this module; a second call does nothing."""
    if _originals:
        return
    _replace_reading(torch, FACTORIES, on_npu, _DEVICES)
    _replace_reading(torch.Tensor, TENSOR_METHODS, on_npu, _DEVICES)
    _replace_reading(torch.nn.Module, MODULE_METHODS, on_npu, _DEVICES)
    for owner in (torch.Generator, torch.utils.data.DataLoader, torch.autocast, torch.amp.GradScaler):
        _replace_constructor(owner)
    if torch.distributed.is_available():
        _replace_reading(torch.distributed, BACKENDS, over_hccl, {"backend", "device_id"})
    for movable in (torch.Tensor, torch.nn.Module):
        _replace(movable, "cuda", vars(movable)["npu"])
    _replace(torch.Tensor, "is_cuda", property(lambda self: self.device.type in ("npu", "cuda")))
    _replace_cuda()


def _replace_constructor(owner: type) -> None:
    if owner is torch.Generator:  # cannot be given attributes; a subclass would not be one to isinstance()
        _replace(torch, "Generator", _Generator)
    else:
        _replace(owner, "__init__", _reading(on_npu, owner.__init__, _DEVICES))  # type: ignore[misc]


class _GeneratorMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch._C.Generator)


class _Generator(metaclass=_GeneratorMeta):
    """`torch.Generator` cannot be given attributes, and its metaclass cannot be extended."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return torch._C.Generator(device=on_npu(device))


def restore() -> None:
    """Puts back what `apply` replaced."""
    for (owner, name), value in _originals.items():
        if value is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
    _originals.clear()


def replaced() -> list[str]:
    """The names that are replaced now, as `torch.cuda.is_available`."""
    return sorted(f"{_path(owner)}.{name}" for owner, name in _originals)


def _path(owner: Any) -> str:
    return owner.__name__ if isinstance(owner, types.ModuleType) else f"{owner.__module__}.{owner.__qualname__}"


apply()
