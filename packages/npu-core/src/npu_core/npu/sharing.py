"""Tensors and events on `npu` in messages of `torch.multiprocessing`: queues, pipes, arguments of processes.

torch pickles a tensor as its storage and how it lies in it, so all that is registered is how a storage crosses: for
`multiprocessing`'s pickler, by `multiprocessing.reduction.register`. The receiver uses the sender's memory.
"""

from collections.abc import Callable
from multiprocessing import reduction
from typing import Any

import torch
from torch.multiprocessing import reductions

from npu_core import _binding
from npu_core.npu._utils import _lazy_init
from npu_core.npu.streams import Event, ExternalEvent

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


def rebuild_storage(*shared: Any) -> torch.UntypedStorage:
    """The storage that another process sent."""
    _lazy_init()
    storage: torch.UntypedStorage = _binding.C.open_storage(shared)
    return storage


def reduce_storage(storage: torch.UntypedStorage) -> Reduced:
    """A storage on `npu` by its name for other processes; others as torch does."""
    if storage.device.type != "npu":
        return reductions.reduce_storage(storage)  # type: ignore[no-any-return]
    _lazy_init()
    return rebuild_storage, _binding.C.share_storage(storage)


def rebuild_event(device: int, handle: bytes) -> Event:
    """The event that another process sent."""
    return Event.from_ipc_handle(device, handle)


def reduce_event(event: Event) -> Reduced:
    """An event made with `interprocess=True`. ValueError for others."""
    handle = event.ipc_handle()
    return rebuild_event, (event.device.index, handle)


def register() -> None:
    """Once a process, after torch registered its own."""
    reduction.register(torch.UntypedStorage, reduce_storage)
    reduction.register(Event, reduce_event)
    reduction.register(ExternalEvent, reduce_event)
