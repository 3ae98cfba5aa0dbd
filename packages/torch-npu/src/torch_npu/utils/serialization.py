"""Loading and saving: torch's own formats."""

import os
import pickle
import threading
from collections.abc import Callable
from typing import IO, Any

import torch

from torch_npu.utils import storage  # noqa: F401 - names that old checkpoints hold

DEFAULT_PROTOCOL = 2

_File = str | os.PathLike[str] | IO[bytes]


def load(
    f: _File,
    map_location: "Callable[[Any, str], Any] | torch.device | str | dict[str, str] | None" = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """`torch.load`, which reads checkpoints of npu tensors, those of the official torch_npu too."""
    return torch.load(
        f,
        map_location=map_location,
        pickle_module=pickle_module,
        weights_only=weights_only,
        mmap=mmap,
        **pickle_load_args,
    )


def save_async(
    obj: object,
    f: _File,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
    model: torch.nn.Module | None = None,
) -> None:
    """`torch.save` in a thread: returns once the tensors were copied to the host, so training may go on.

    The file holds host tensors: `load_state_dict` takes them, `torch.load(map_location="npu")` moves them. The process
    ends no earlier than the file is written. What fails in the thread is reported by `threading.excepthook`. `model`
    is not needed: the copy has ended when this returns.
    """
    snapshot = _on_host(obj, {})
    threading.Thread(
        target=torch.save,
        args=(snapshot, f, pickle_module, pickle_protocol, _use_new_zipfile_serialization, _disable_byteorder_record),
        name="torch_npu-save",
    ).start()


def _on_host(value: Any, seen: dict[int, Any]) -> Any:
    """A copy of a nest of containers whose tensors are on the host; a tensor that comes twice comes twice."""
    if id(value) in seen:
        return seen[id(value)]
    copy: Any = value
    if isinstance(value, torch.Tensor):
        copy = value.detach().to("cpu", copy=True)
        if isinstance(value, torch.nn.Parameter):
            copy = torch.nn.Parameter(copy, requires_grad=value.requires_grad)
    elif isinstance(value, dict):
        copy = value.__class__()
        copy.update((key, _on_host(item, seen)) for key, item in value.items())
        if hasattr(value, "__dict__"):  # a state_dict's version numbers
            vars(copy).update(vars(value))
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        copy = value.__class__(*(_on_host(item, seen) for item in value))
    elif isinstance(value, list | tuple):
        copy = value.__class__(_on_host(item, seen) for item in value)
    seen[id(value)] = copy
    return copy
