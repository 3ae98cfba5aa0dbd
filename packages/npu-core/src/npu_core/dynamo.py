"""The dynamo backend ``npu``: what ``torch.compile`` does with a graph whose tensors are on the device.

AOTAutograd traces forward and backward, operators without a kernel on the device are decomposed into those that have
one, and the graphs run as PyTorch runs them, without Python's part between operators. Nothing is fused. With
``mode="reduce-overhead"`` they are captured and replayed, as by the backend ``npugraphs``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from torch._ops import OpOverload
    from torch.fx import GraphModule

DEVICE = "npu"


def npu(
    module: GraphModule, inputs: list[Any], *, mode: str | None = None, options: dict[str, Any] | None = None
) -> Callable[..., Any]:
    """Compiles `module`, called with `inputs`. A graph without a tensor on the device is left to TorchInductor.

    Args:
        module: what dynamo captured.
        inputs: example inputs, fake or real.
        mode: "reduce-overhead" replays; any other means nothing here.
        options: TorchInductor's; they mean nothing here.
    """
    from npu_core.dynamo_graphs import Replayed

    compiler = Replayed if mode == "reduce-overhead" else _run_as_is
    return compile_with(compiler, module, inputs, mode=mode, options=options)


def compile_with(
    compiler: Callable[[GraphModule, list[Any]], Callable[..., Any]],
    module: GraphModule,
    inputs: list[Any],
    mode: str | None = None,
    options: dict[str, Any] | None = None,
) -> Callable[..., Any]:
    """Has AOTAutograd trace `module`, and `compiler` make of each graph what is called; see `npu`."""
    if not _is_on_device(module, inputs):
        inductor: Callable[..., Any] = torch._TorchCompileInductorWrapper(mode, options, None)(module, inputs)
        return inductor
    from torch._dynamo.backends.common import aot_autograd
    from torch._functorch.partitioners import min_cut_rematerialization_partition

    backend = aot_autograd(
        fw_compiler=compiler, decompositions=decompositions(), partition_fn=min_cut_rematerialization_partition
    )
    compiled: Callable[..., Any] = backend(module, inputs)
    return compiled


def _run_as_is(graph: GraphModule, _: list[Any]) -> Callable[..., Any]:
    from torch._functorch._aot_autograd.utils import make_boxed_func

    boxed: Callable[..., Any] = make_boxed_func(graph.forward)
    return boxed


def decompositions() -> dict[OpOverload, Callable[..., Any]]:
    """torch's decompositions into core ATen, of the operators that have no kernel on the device."""
    from torch._decomp import core_aten_decompositions

    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    return {op: how for op, how in core_aten_decompositions().items() if not has_kernel(op.name(), "PrivateUse1")}


def _is_on_device(module: GraphModule, inputs: list[Any]) -> bool:
    made = [node.meta.get("example_value") for node in module.graph.nodes]
    held = [*module.parameters(), *module.buffers()]
    return any(isinstance(t, torch.Tensor) and t.device.type == DEVICE for t in tree_leaves([inputs, made, held]))
