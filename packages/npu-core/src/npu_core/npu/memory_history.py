"""History and snapshots of the caching allocator, in the format that torch's viewers read (pytorch.org/memory_viz)."""

import pickle
import sys
from collections.abc import Callable
from typing import Any, Literal

from npu_core import _binding
from npu_core.npu._utils import Device
from npu_core.npu.devices import is_initialized


def _record_memory_history(
    enabled: Literal["state", "all"] | bool | None = "all",
    context: Literal["state", "alloc", "all"] | None = "all",
    stacks: Literal["python", "all"] = "all",
    max_entries: int = sys.maxsize,
    device: Device = None,
    clear_history: bool = False,
    compile_context: bool = False,
    global_record_annotations: bool = False,
    skip_actions: list[str] | None = None,
) -> None:
    """Starts or stops to record what the allocator does; `_snapshot()` shows it.

    Args:
        enabled: None stops and forgets. "state" keeps the stacks of live blocks, "all" every allocation and free too.
        context: whose stacks to keep: None, of live blocks, of allocations, or also of frees.
        stacks: "python" frames (with those of scripts), or "all", with C++.
        max_entries: of the history; later ones push out the oldest.
        device: all devices record; taken as torch.cuda takes it.
        clear_history: forget what was recorded before.
        compile_context, global_record_annotations: not recorded; taken as torch.cuda takes them.
        skip_actions: kinds of entries to leave out, "free_requested" for example.
    """
    if isinstance(enabled, bool):
        enabled = "all" if enabled else None
    _binding.C.record_memory_history(enabled, context, stacks, max_entries, clear_history, skip_actions or [])


def _empty() -> dict[str, Any]:
    return {"segments": [], "device_traces": [], "allocator_settings": {}, "external_annotations": []}


def _snapshot(device: Device = None, augment_with_fx_traces: bool = False) -> dict[str, Any]:
    """Segments with their blocks of all devices, and the history of each device."""
    found: dict[str, Any] = dict(_binding.C.memory_snapshot()) if is_initialized() else _empty()
    if augment_with_fx_traces:
        from torch._utils import _augment_memory_snapshot_stack_traces as augment

        return dict(augment(found))  # type: ignore[arg-type]
    return found


def _dump_snapshot(filename: str = "dump_snapshot.pickle", augment_with_fx_traces: bool = False) -> None:
    """Pickles `_snapshot()` into a file for pytorch.org/memory_viz."""
    with open(filename, "wb") as file:
        pickle.dump(_snapshot(augment_with_fx_traces=augment_with_fx_traces), file)


def _save_segment_usage(filename: str = "output.svg", snapshot: dict[str, Any] | None = None) -> None:
    """A flame graph of the segments as SVG. Downloads a script, as torch.cuda's does."""
    from torch.cuda import _memory_viz

    with open(filename, "w") as file:
        file.write(_memory_viz.segments(_snapshot() if snapshot is None else snapshot))


def _save_memory_usage(filename: str = "output.svg", snapshot: dict[str, Any] | None = None) -> None:
    """A flame graph of the blocks as SVG. Downloads a script, as torch.cuda's does."""
    from torch.cuda import _memory_viz

    with open(filename, "w") as file:
        file.write(_memory_viz.memory(_snapshot() if snapshot is None else snapshot))


def _set_memory_metadata(metadata: str) -> None:
    """What later entries of this thread carry as `user_metadata`; "" for nothing."""
    _binding.C.set_memory_metadata(metadata)


def _get_memory_metadata() -> str:
    """What `_set_memory_metadata` set in this thread."""
    return str(_binding.C.memory_metadata())


def _attach_out_of_memory_observer(observer: Callable[[int, int, int, int], object]) -> None:
    """Calls `observer(device, nbytes_asked, nbytes_of_device, nbytes_free)` before each torch.OutOfMemoryError.

    The same observers as torch._C._cuda_attach_out_of_memory_observer takes. What one raises is printed.
    """
    _binding.C.attach_out_of_memory_observer(observer)
