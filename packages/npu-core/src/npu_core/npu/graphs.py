"""Graphs: device work that is captured once and replayed with one call."""

import contextlib
import gc
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import torch
from torch.utils import _pytree as pytree

from npu_core import _binding, env
from npu_core.npu._utils import _lazy_init, not_there
from npu_core.npu.devices import current_device, synchronize
from npu_core.npu.memory import empty_cache
from npu_core.npu.streams import Stream, StreamContext, current_stream

Pool = tuple[int, int]


class NPUGraph:
    """Work of the device, captured from a stream; `torch.npu.graph` is the usual way to fill it.

    What it computes is in the tensors that the captured code made; they, and what it read, keep their addresses. What
    it draws at random is new in every replay: the numbers that the same code would draw outside of a graph, from the
    same generators, which move on.

    Args:
        keep_graph: as torch.cuda's: accepted, and of no consequence.
    """

    def __init__(self, keep_graph: bool = False) -> None:
        _lazy_init()
        self._graph = _binding.C.NPUGraph()

    def capture_begin(self, pool: Pool | None = None, capture_error_mode: str = "global") -> None:
        """Records work of the current stream from now on instead of running it.

        Args:
            pool: whose memory to share: `torch.npu.graph_pool_handle()`, another graph's `pool()`, a `MemPool`'s `id`.
            capture_error_mode: which calls that act on the device at once fail meanwhile: of every thread ("global"),
                of the launching one ("thread_local"), or fewest ("relaxed").

        RuntimeError on the default stream, and during another capture.
        """
        self._graph.capture_begin(pool, capture_error_mode)

    def capture_end(self) -> None:
        """Ends the capture; raises what made it fail."""
        self._graph.capture_end()

    def instantiate(self) -> None:
        """Nothing: CANN's graphs can be replayed when their capture ends, `keep_graph` or not."""

    def raw_cuda_graph(self) -> int:
        """Would give CUDA's handle. Always NotImplementedError: there is none; `debug_dump` describes the graph."""
        raise not_there("NPUGraph.raw_cuda_graph", "debug_dump describes the graph")

    def replay(self) -> None:
        """Enqueues everything that was captured on the current stream."""
        self._graph.replay()

    def reset(self) -> None:
        """Waits for the device and gives everything back; the graph can be captured anew."""
        self._graph.reset()

    def pool(self) -> Pool:
        """Names the memory of this graph for others to share."""
        first, second = self._graph.pool()
        return int(first), int(second)

    def enable_debug_mode(self) -> None:
        """Nothing: a captured graph can always be dumped."""

    def debug_dump(self, debug_path: str) -> None:
        """Writes CANN's description of the graph, as JSON, to a file."""
        self._graph.debug_dump(debug_path)

    def register_generator_state(self, generator: torch.Generator) -> None:
        """Nothing that is needed: every generator of the device that captured code draws from belongs to the graph.
        ValueError for a generator of another device."""
        if generator.device.type != "npu":
            raise ValueError(f"a graph of npu draws from generators of npu, not of {generator.device}")

    def update(self, cpu_update_input: Any) -> None:
        """Would replace arguments of captured operators. Always NotImplementedError: use the functions
        `torch.npu.graph_task_update_begin` and `graph_task_update_end`."""
        raise not_there("NPUGraph.update", "use graph_task_update_begin and graph_task_update_end")

    def super_kernel_optimize(
        self, optimize_options: dict[str, Any] | None = None, debug_options: dict[str, Any] | None = None
    ) -> None:
        """Would fuse captured kernels. Always NotImplementedError: CANN's runtime does not offer it."""
        raise not_there("NPUGraph.super_kernel_optimize", "CANN's runtime does not offer it")


class graph:
    """Context manager that captures what its body does on the device into an `NPUGraph`.

    Args:
        npu_graph: where to.
        pool: whose memory to share, see `NPUGraph.capture_begin`.
        stream: where the body runs (default: a stream of the current device, the same for one capture after another).
        auto_dispatch_capture: NotImplementedError if set.
        capture_error_mode: see `NPUGraph.capture_begin`.
    """

    default_capture_stream: Stream | None = None

    def __init__(
        self,
        npu_graph: NPUGraph,
        pool: Pool | None = None,
        stream: torch.Stream | None = None,
        auto_dispatch_capture: bool = False,
        capture_error_mode: str = "global",
    ) -> None:
        if auto_dispatch_capture:
            raise not_there("graph(auto_dispatch_capture=True)", "update arguments with graph_task_update_begin")
        if stream is None:
            kept = graph.default_capture_stream
            if kept is None or kept.device.index != current_device():
                kept = graph.default_capture_stream = Stream()
            stream = kept
        self.npu_graph = npu_graph
        self.pool = pool
        self.capture_error_mode = capture_error_mode
        self.capture_stream = stream
        self._context = StreamContext(stream)

    def __enter__(self) -> None:
        synchronize()
        if env.collects_before_capture() or torch.compiler.config.force_cudagraph_gc:
            gc.collect()
        empty_cache()
        self._context.__enter__()
        try:
            self.npu_graph.capture_begin(self.pool, self.capture_error_mode)
        except BaseException:
            self._context.__exit__(None, None, None)
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None:
                self.npu_graph.capture_end()
            else:  # half a graph is of no use; what broke the capture is the body's error
                with contextlib.suppress(Exception):
                    self.npu_graph.reset()
        finally:
            self._context.__exit__(exc_type, exc_value, traceback)


def is_current_stream_capturing() -> bool:
    """Whether work of the current stream is being captured into a graph."""
    return bool(_binding.C.is_initialized()) and bool(_binding.C.current_stream_is_capturing())


def _triple(stream: torch.Stream) -> tuple[int, int, int]:
    return stream.stream_id, stream.device_index, stream.device_type


def graph_task_group_begin(stream: torch.Stream) -> None:
    """What is captured on `stream` from now on can be replaced later: see `graph_task_update_begin`."""
    _binding.C.begin_task_group(_triple(stream))


def graph_task_group_end(stream: torch.Stream) -> int:
    """Ends the group and names it."""
    return int(_binding.C.end_task_group(_triple(stream)))


def graph_task_update_begin(stream: torch.Stream, handle: int) -> None:
    """What `stream` is given until `graph_task_update_end`, the operators of the group with other arguments, replaces
    the group of that name."""
    _binding.C.begin_task_update(_triple(stream), handle)


def graph_task_update_end(stream: torch.Stream) -> None:
    """Ends the replacement."""
    _binding.C.end_task_update(_triple(stream))


def make_graphed_callables(
    callables: Any,
    sample_args: Any,
    num_warmup_iters: int = 3,
    allow_unused_input: bool = False,
    pool: Pool | None = None,
) -> Any:
    """Functions or modules whose forward and backward passes are replayed graphs.

    Args:
        callables: one, or several in the order in which they run. A module comes back as itself, with its `forward`
            replaced; it must have no hooks.
        sample_args: a tuple of tensors for it, or one for each: later calls must have the same shapes, dtypes, layouts
            and `requires_grad`.
        num_warmup_iters: how often each runs before it is captured.
        allow_unused_input: whether an input may be without a gradient.
        pool: whose memory to share.

    Results of a call are overwritten by the next.
    """
    single = not isinstance(callables, tuple | list)
    functions: Sequence[Any] = [callables] if single else callables
    samples: Sequence[tuple[Any, ...]] = [sample_args] if single else sample_args
    if torch.is_autocast_enabled("npu") and torch.is_autocast_cache_enabled():
        raise RuntimeError("make_graphed_callables needs torch.autocast without its cache: pass cache_enabled=False")
    pool = pool if pool is not None else tuple(_binding.C.new_pool_id())
    parts = [_Part(f, s, allow_unused_input) for f, s in zip(functions, samples, strict=True)]
    _warm_up(parts, num_warmup_iters)
    for part in parts:
        part.capture_forward(pool)
    for part in reversed(parts):
        part.capture_backward(pool)
    graphed = [part.callable() for part in parts]
    return graphed[0] if single else tuple(graphed)


def _warm_up(parts: "Sequence[_Part]", times: int) -> None:
    synchronize()
    stream = Stream()
    stream.wait_stream(current_stream())
    with StreamContext(stream):
        for part in parts:
            for _ in range(times):
                part.run_once()
    current_stream().wait_stream(stream)
    synchronize()


class _Part:
    """One callable, its static tensors and its two graphs."""

    def __init__(self, function: Callable[..., Any], sample: tuple[Any, ...], allow_unused: bool) -> None:
        self.function, self.sample, self.allow_unused = function, sample, allow_unused
        inputs, self.spec = pytree.tree_flatten(sample)
        if not all(isinstance(x, torch.Tensor) for x in inputs):
            raise TypeError("sample_args of make_graphed_callables hold tensors only")
        self.inputs: list[torch.Tensor] = inputs
        self.parameters: list[torch.Tensor] = []
        if isinstance(function, torch.nn.Module):
            if function._backward_hooks or function._forward_hooks or function._forward_pre_hooks:
                raise RuntimeError("a module that make_graphed_callables gets has no hooks: register them afterwards")
            if any(b.requires_grad for b in function.buffers()):
                raise RuntimeError("buffers of a module that make_graphed_callables gets need no gradient")
            self.parameters = list(function.parameters())
        self.leaves = [x for x in (*self.inputs, *self.parameters) if x.requires_grad]
        self.forward_graph, self.backward_graph = NPUGraph(), NPUGraph()
        self.outputs: list[torch.Tensor] = []
        self.output_spec: Any = None
        self.grad_outputs: list[torch.Tensor | None] = []
        self.grad_inputs: list[torch.Tensor | None] = []

    def run_once(self) -> None:
        outputs = [x for x in pytree.tree_leaves(self.function(*self.sample)) if x.requires_grad]
        if outputs and self.leaves:
            ones = [torch.ones_like(x) for x in outputs]
            torch.autograd.grad(outputs, self.leaves, ones, allow_unused=self.allow_unused)

    def capture_forward(self, pool: Pool) -> None:
        with graph(self.forward_graph, pool=pool):
            outputs = self.function(*self.sample)
        self.outputs, self.output_spec = pytree.tree_flatten(outputs)

    def capture_backward(self, pool: Pool) -> None:
        wanting = [x for x in self.outputs if x.requires_grad]
        self.grad_outputs = [torch.empty_like(x) if x.requires_grad else None for x in self.outputs]
        found: list[torch.Tensor | None] = []
        if wanting and self.leaves:
            given = [g for g in self.grad_outputs if g is not None]
            with graph(self.backward_graph, pool=pool):
                found = list(torch.autograd.grad(wanting, self.leaves, given, allow_unused=self.allow_unused))
        rest = iter(found)
        self.grad_inputs = [next(rest, None) if x.requires_grad else None for x in (*self.inputs, *self.parameters)]
        self.outputs = [x.detach().requires_grad_(x.requires_grad) for x in self.outputs]

    def callable(self) -> Any:
        part = self

        class Replayed(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
                for static, given in zip(part.inputs, tensors[: len(part.inputs)], strict=True):
                    if static.data_ptr() != given.data_ptr():
                        static.detach().copy_(given)
                part.forward_graph.replay()
                return tuple(x.detach() for x in part.outputs)

            @staticmethod
            def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
                for static, given in zip(part.grad_outputs, gradients, strict=True):
                    if static is not None and static.data_ptr() != given.data_ptr():
                        static.copy_(given)
                if any(g is not None for g in part.grad_inputs):
                    part.backward_graph.replay()
                return tuple(None if g is None else g.detach() for g in part.grad_inputs)

        def replayed(*args: Any) -> Any:
            flat = pytree.tree_leaves(args)
            return pytree.tree_unflatten(Replayed.apply(*flat, *part.parameters), part.output_spec)  # type: ignore[no-untyped-call]

        module = part.function
        if not isinstance(module, torch.nn.Module):
            return replayed
        was_training, eager = module.training, module.forward
        # In the other mode the module does something else than what was captured.
        module.forward = lambda *args, **kw: (
            replayed(*args) if module.training == was_training and not kw else eager(*args, **kw)
        )
        return module
