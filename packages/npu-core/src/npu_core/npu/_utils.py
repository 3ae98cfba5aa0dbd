"""Lazy initialisation and device arguments, shared by the modules of `torch.npu`."""

import os
import threading
import traceback
from collections.abc import Callable
from typing import Any

import torch

from npu_core import _binding, runtimes
from npu_core.notices import say

Device = torch.device | int | str | None

_ready = False
_lock = threading.RLock()
_queued: list[tuple[Callable[[], object], str]] = []
_queued_seeds: dict[str, tuple[Callable[[], object], str]] = {}


def not_there(what: str, remedy: str = "it comes with a later npu-core") -> NotImplementedError:
    """The error of a name that exists so that programs import, and does not work yet."""
    import npu_core

    return NotImplementedError(f"torch.npu.{what} is not in npu-core {npu_core.__version__}: {remedy}")


def _lazy_init() -> None:
    """Initialises the device on first use. RuntimeError says what is missing and what to run."""
    if not _ready:
        with _lock:
            _start()


def _start() -> None:
    global _ready
    if _ready:
        return
    _binding.choose_runtime()
    _binding.C.init()
    _ready = True  # before the queued calls, which come back here
    _notice()
    _run_queued()


def _after_fork() -> None:
    global _ready, _lock
    _ready, _lock = False, threading.RLock()  # `init` raises in the child if the parent had initialised


os.register_at_fork(after_in_child=_after_fork)


def _notice() -> None:
    """Says once what the runtime wants its users to know."""
    chosen = runtimes.select().chosen
    if chosen is not None and chosen.notice:
        say(chosen.notice)


def _run_queued() -> None:
    queue = [*_queued_seeds.values(), *_queued]
    _queued_seeds.clear()
    _queued.clear()
    for call, where in queue:
        try:
            call()
        except Exception as error:
            raise RuntimeError(
                f"a torch.npu call made before initialisation failed: {error}; made at\n{where}"
            ) from error


def _lazy_call(call: Callable[[], object], *, seed: str | None = None) -> None:
    """Runs `call` now if the device is in use, else on first use. Of calls with the same `seed` only the last runs."""
    if _ready:
        call()
        return
    where = "".join(traceback.format_stack(limit=4)[:-1])
    if seed is None:
        _queued.append((call, where))
    else:
        _queued_seeds.pop(seed, None)  # the later of manual_seed and manual_seed_all runs last
        _queued_seeds[seed] = (call, where)


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """Index of an npu device; of None, or of a device without an index, the current one if `optional`.

    -1 for a CPU device if `allow_cpu`. ValueError for a device of another type.
    """
    if isinstance(device, int) and not isinstance(device, bool):
        return device
    if isinstance(device, str):
        device = torch.device(device)
    if isinstance(device, torch.device):
        if device.type == "cpu" and allow_cpu:
            return -1
        if device.type != "npu":
            raise ValueError(f"expected a device of type npu, got {device}")
        device = device.index
    elif hasattr(device, "idx"):  # torch.npu.device
        device = device.idx
    elif device is not None:
        raise TypeError(f"expected a torch.device, str, int or None, got {type(device).__name__}")
    if device is not None:
        return int(device)
    if not optional:
        raise ValueError("expected a device with an index, or an int")
    _lazy_init()
    return int(_binding.C.current_device())


def _query_index(device: Any) -> int:
    """As `_get_device_index(device, True)`, but 0 instead of initialising for the sake of the current device."""
    if not _ready:
        if device is None:
            return 0
        if isinstance(device, torch.device | str) and torch.device(device) == torch.device("npu"):
            return 0
    return _get_device_index(device, optional=True)
