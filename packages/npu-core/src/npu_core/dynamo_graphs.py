"""The dynamo backend ``npugraphs``: compiled graphs that the device replays, so that the host launches none of them.

The first call of a compiled graph runs it, the second captures it into an ``NPUGraph``; from then on a call copies its
inputs to where the capture read them, replays, and copies the results out. Parameters and buffers are read where they
are, and a graph is captured anew when one of them has moved.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import torch

from npu_core import _binding
from npu_core.npu.devices import current_device, device
from npu_core.npu.graphs import NPUGraph
from npu_core.npu.graphs import graph as capture
from npu_core.npu.streams import Stream, current_stream

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node

#: How often a graph is captured anew because a parameter moved, before it is run as it is.
MOST_CAPTURES = 8


def npugraphs(module: GraphModule, inputs: list[Any], **ignored: Any) -> Callable[..., Any]:
    """Compiles `module`, called with `inputs`: as the backend ``npu`` does, and replays the result.

    What cannot be captured runs as it is, with a warning that gives the reason: tensors of the CPU or of several
    devices, sizes that vary (compile with ``dynamic=False``), operators that read the device or that the CPU computes.
    """
    from npu_core.dynamo import compile_with

    return compile_with(Replayed, module, inputs, **ignored)


def reason_against(graph: GraphModule) -> str | None:
    """Why `graph`, traced by AOTAutograd, cannot be captured; None if nothing is known against it."""
    devices = set()
    for node in graph.graph.nodes:
        if _reads_the_device(node):
            return f"{node.target} gives what only the device knows"
        value = node.meta.get("val")
        if isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            return "its sizes vary; torch.compile(dynamic=False) makes a graph for each"
        if isinstance(value, torch.Tensor):
            devices.add(value.device)
    others = sorted(str(d) for d in devices if d.type != "npu")
    if others:
        return f"it has tensors of {', '.join(others)}"
    return f"it is on {len(devices)} devices" if len(devices) != 1 else None


def _reads_the_device(node: Node) -> bool:
    """Whether the shape or the value of what it gives depends on data."""
    if node.target is torch.ops.aten.index.Tensor:  # tagged so, but only masks are counted
        masks = (index.meta.get("val") for index in node.args[1] if index is not None)  # type: ignore[union-attr]
        return any(mask is None or mask.dtype in (torch.bool, torch.uint8) for mask in masks)
    tags = getattr(node.target, "tags", ())
    return torch.Tag.data_dependent_output in tags or torch.Tag.dynamic_output_shape in tags


def fixed_inputs(graph: GraphModule) -> set[int]:
    """Which inputs of `graph` are parameters and buffers, which stay where they are.

    AOTAutograd says it of the forward graph by the place of its arguments. A graph without a backward takes these in
    order; the others name them, ``primals_1`` on, and the backward graph reads some under the same names.
    """
    context = torch._guards.TracingContext.try_get()
    metadata = context.fw_metadata if context else None
    fixed = set(metadata.static_input_indices or ()) if metadata else set()
    names = [node.name for node in graph.graph.nodes if node.op == "placeholder"]
    if not any(name.startswith(("primals_", "tangents_")) for name in names):
        return {place for place in fixed if place < len(names)}
    return {
        place
        for place, name in enumerate(names)
        if name.startswith("primals_") and int(name.removeprefix("primals_")) - 1 in fixed
    }


class Replayed:
    """A graph of AOTAutograd's: called with a list of its inputs, which is emptied; gives the list of its results."""

    def __init__(self, graph: GraphModule, _: Sequence[Any]) -> None:
        self._boxed_call = True  # for AOTAutograd: it takes a list; its wrappers copy an instance's attributes only
        self._run = graph.forward
        self._fixed = fixed_inputs(graph)
        self._against = reason_against(graph)
        if self._against:
            self._warn()
        self._capture: _Capture | None = None
        self._calls = self._captures = 0
        self._mutex = threading.Lock()  # one set of inputs serves every thread

    def __call__(self, inputs: list[Any]) -> Any:
        given = list(inputs)
        inputs.clear()
        self._calls += 1
        if self._against or self._calls == 1 or _binding.C.current_stream_is_capturing():
            return self._run(*given)
        with self._mutex, torch.no_grad():
            try:
                if self._capture is None or not self._capture.reads(given):
                    self._capture = None  # its memory may serve the next
                    self._capture = self._captured(given)
            except (RuntimeError, NotImplementedError) as error:
                self._against = str(error).splitlines()[0]
                self._warn()
                return self._run(*given)
            return self._capture.replay(given)

    def _captured(self, given: list[Any]) -> _Capture:
        self._captures += 1
        if self._captures > MOST_CAPTURES:
            raise RuntimeError(f"its parameters moved {MOST_CAPTURES} times")
        return _Capture(self._run, given, self._fixed)

    def _warn(self) -> None:
        warnings.warn(f"npugraphs runs a graph as it is: {self._against}", stacklevel=4)


class _Capture:
    """One capture: where it reads its inputs, and where it leaves its results."""

    def __init__(self, run: Callable[..., Any], given: Sequence[Any], fixed: Collection[int]) -> None:
        tensors = [i for i, value in enumerate(given) if isinstance(value, torch.Tensor)]
        self._device = next((given[i].device for i in tensors), torch.device("npu", current_device()))
        self._copied = [i for i in tensors if i not in fixed]
        self._addresses = {i: _place(given[i]) for i in tensors if i in fixed}
        self._inputs = list(given)
        with device(self._device):
            for i in self._copied:
                self._inputs[i] = torch.empty_strided(
                    given[i].shape, given[i].stride(), dtype=given[i].dtype, device=self._device
                )
            self._graph = NPUGraph()
            with capture(self._graph, stream=Stream(self._device)):
                self._results = list(run(*self._inputs))
            self._stream = current_stream()
        self._owners = {_storage(self._inputs[i]): i for i in tensors}

    def reads(self, given: Sequence[Any]) -> bool:
        """Whether the parameters among `given` are those that the capture reads."""
        return all(_place(given[i]) == place for i, place in self._addresses.items())

    def replay(self, given: Sequence[Any]) -> list[Any]:
        with device(self._device):
            stream = current_stream()
            if stream != self._stream:  # inputs and results are one place each, whatever the stream
                stream.wait_stream(self._stream)
                self._stream = stream
            for i in self._copied:
                _once(self._inputs[i]).copy_(_once(given[i]))
            self._graph.replay()
            copies: dict[int, torch.UntypedStorage] = {}  # results that share memory go on sharing it
            return [self._handed_out(value, given, copies) for value in self._results]

    def _handed_out(self, value: Any, given: Sequence[Any], copies: dict[int, torch.UntypedStorage]) -> Any:
        """The caller's own tensor of what the graph left in `value`."""
        if not isinstance(value, torch.Tensor):
            return value
        key = _storage(value)
        if key in self._owners:  # the memory of an input: the caller's has the same numbers
            mine, theirs = self._inputs[self._owners[key]], given[self._owners[key]]
            if value is mine:
                return theirs
            offset = value.storage_offset() - mine.storage_offset() + theirs.storage_offset()
            return theirs.as_strided(value.shape, value.stride(), offset)
        if key not in copies:
            whole = torch.empty(0, dtype=torch.uint8, device=self._device).set_(value.untyped_storage())
            copies[key] = whole.clone().untyped_storage()
        return torch.empty(0, dtype=value.dtype, device=self._device).set_(
            copies[key], value.storage_offset(), value.shape, value.stride()
        )


def _place(tensor: torch.Tensor) -> tuple[int, int]:
    """Where it begins: data_ptr() would put a storage of a private format into its base format."""
    return torch._C._data_address(tensor), int(tensor.storage_offset())  # type: ignore[attr-defined]


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _once(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor without the repetitions of an expanded dimension, which a copy may not write twice."""
    sizes = [1 if stride == 0 else size for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    return tensor.as_strided(sizes, tensor.stride())
