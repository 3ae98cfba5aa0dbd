"""The dynamo backend ``npugraphs``: compiled graphs that the device replays, so that the host launches nothing.

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
from npu_core.npu.graphs import NPUGraph
from npu_core.npu.graphs import graph as capture
from npu_core.npu.streams import current_stream

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
        tags = getattr(node.target, "tags", ())
        if torch.Tag.data_dependent_output in tags or torch.Tag.dynamic_output_shape in tags:
            return f"{node.target} gives what only the device knows"
        value = node.meta.get("val")
        if isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            return "its sizes vary; torch.compile(dynamic=False) makes a graph for each"
        if isinstance(value, torch.Tensor):
            devices.add(value.device)
    others = sorted(str(d) for d in devices if d.type != "npu")
    if others:
        return f"it has tensors of {', '.join(others)}"
    return f"it spans {len(devices)} devices" if len(devices) > 1 else None


def fixed_inputs(graph: GraphModule) -> set[int]:
    """Which inputs of `graph` are parameters and buffers, which stay where they are.

    AOTAutograd says it of the forward graph; the backward graph reads the same placeholders under the same names.
    """
    context = torch._guards.TracingContext.try_get()
    metadata = context.fw_metadata if context else None
    fixed = set(metadata.static_input_indices) if metadata and metadata.static_input_indices else set()
    return {
        position
        for position, node in enumerate(_placeholders(graph))
        if node.name.startswith("primals_") and int(node.name.removeprefix("primals_")) - 1 in fixed
    }


def written_inputs(graph: GraphModule) -> set[int]:
    """Which inputs `graph` writes."""
    position_of = {node: position for position, node in enumerate(_placeholders(graph))}
    written = set()
    for node in graph.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        for parameter, given in zip(schema.arguments if schema else (), node.args, strict=False):
            if parameter.alias_info and parameter.alias_info.is_write and given in position_of:
                written.add(position_of[given])
    return written


def _placeholders(graph: GraphModule) -> list[Node]:
    return [node for node in graph.graph.nodes if node.op == "placeholder"]


class Replayed:
    """A graph of AOTAutograd's: called with a list of its inputs, which is emptied; gives the list of its results."""

    def __init__(self, graph: GraphModule, _: Sequence[Any]) -> None:
        self._boxed_call = True  # for AOTAutograd: it takes a list; its wrappers copy an instance's attributes only
        self._run = graph.forward
        self._fixed = fixed_inputs(graph)
        self._written = written_inputs(graph) - self._fixed
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
        with self._mutex:
            if self._capture is None or not self._capture.reads(given):
                self._capture = None  # its memory may serve the next
                try:
                    self._capture = self._captured(given)
                except (RuntimeError, NotImplementedError) as error:
                    self._against = str(error).splitlines()[0]
                    self._warn()
                    return self._run(*given)
            return self._capture.replay(given, self._written)

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
        self._copied = [i for i in tensors if i not in fixed]
        self._addresses = {i: given[i].data_ptr() for i in tensors if i in fixed}
        self._inputs = list(given)
        for i in self._copied:
            self._inputs[i] = _like(given[i])
        self._graph = NPUGraph()
        with capture(self._graph):
            self._results = list(run(*self._inputs))
        # A result that is an input is not copied: the caller gets the input that they gave.
        places = {id(value): i for i, value in enumerate(self._inputs) if isinstance(value, torch.Tensor)}
        self._passed = {r: places[id(value)] for r, value in enumerate(self._results) if id(value) in places}
        self._made = [
            r for r, value in enumerate(self._results) if isinstance(value, torch.Tensor) and r not in self._passed
        ]
        self._stream = current_stream()

    def reads(self, given: Sequence[Any]) -> bool:
        """Whether the parameters among `given` are those that the capture reads."""
        return all(given[i].data_ptr() == address for i, address in self._addresses.items())

    def replay(self, given: Sequence[Any], written: Collection[int]) -> list[Any]:
        stream = current_stream()
        if stream != self._stream:  # inputs and results are one place each, whatever the stream
            stream.wait_stream(self._stream)
            self._stream = stream
        with torch.no_grad():
            if self._copied:
                torch._foreach_copy_([self._inputs[i] for i in self._copied], [given[i] for i in self._copied])
            self._graph.replay()
            for i in written:
                given[i].copy_(self._inputs[i])
            results = list(self._results)
            for r, i in self._passed.items():
                results[r] = given[i]
            if self._made:
                for r in self._made:
                    results[r] = _like(self._results[r])
                torch._foreach_copy_([results[r] for r in self._made], [self._results[r] for r in self._made])
        return results


def _like(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of its shape and strides, with memory of its own."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
