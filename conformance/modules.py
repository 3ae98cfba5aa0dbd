"""Entries of torch's module_db: a module in one dtype, trained and evaluated, on npu against cpu."""

from __future__ import annotations

import copy
from typing import Any

import torch
from launches import Launches
from row import DEVICE, Skip, Trial, same
from torch.testing._internal.common_modules import ModuleInfo, module_db
from torch.utils._pytree import tree_flatten, tree_map_only

#: Entries that in float32 may be so many times as far from what float64 gives as the CPU is, with the reason.
FURTHER = {
    "nn.TransformerDecoderLayer": (
        3,
        "its gradients, of 20 to 94, are sums that nearly cancel: in another order, 2.6 to 2.9 times the CPU's error",
    ),
}


def entries() -> dict[str, ModuleInfo]:
    """Every entry of module_db by name, as `nn.Linear`."""
    return {str(info.name): info for info in module_db}


class ModuleTrial(Trial):
    """An entry of module_db: forward, and the gradients of inputs and parameters."""

    def __init__(self, info: ModuleInfo, dtype: torch.dtype, launches: Launches) -> None:
        super().__init__(str(info.name), dtype, info.decorators, launches)
        self.info = info

    def samples(self, first: bool) -> None:
        for training in (True, False) if self.info.train_and_eval_differ else (True,):
            mode = "training" if training else "evaluating"
            inputs = self.info.module_inputs_func(
                self.info, device="cpu", dtype=self.dtype, requires_grad=True, training=training
            )
            for sample in inputs:
                if sample.forward_input is None:
                    continue
                self.row.samples += 1
                try:
                    module = self.made(sample, training)
                    self.sample(module, sample.forward_input, f"{mode}, {sample.desc or sample.constructor_input.args}")
                except Skip:
                    self.row.skipped += 1
                if first:
                    break

    def made(self, sample: Any, training: bool) -> torch.nn.Module:
        torch.manual_seed(1)
        given = sample.constructor_input
        try:
            module: torch.nn.Module = self.info.module_cls(*given.args, **given.kwargs)
            module.to(self.dtype).train(training)
            if self.info.is_lazy:
                module(*copies(sample.forward_input.args, "cpu"), **copies(sample.forward_input.kwargs, "cpu"))
        except Exception as error:
            raise Skip from error
        return module

    def sample(self, module: torch.nn.Module, given: Any, label: str) -> None:
        try:
            expected, slopes = results(module, given, "cpu", seed=1)
            self.random = not same(results(module, given, "cpu", seed=2)[0], expected)
        except Exception as error:
            raise Skip from error
        with self.attempt(label, (given.args, given.kwargs)):
            self.launches.mark()
            found, ours = results(module, given, DEVICE, seed=1)
            self.count()
            self.compare_further(module, given, (found, ours), (expected, slopes))

    def compare_further(self, module: torch.nn.Module, given: Any, found: Any, expected: Any) -> None:
        """The CPU's result, or for an entry of FURTHER one that is about as near to what the CPU gives in float64."""
        try:
            self.compare(found, expected)
        except AssertionError:
            if self.row.op not in FURTHER or self.dtype is not torch.float32:
                raise
            factor, _ = FURTHER[self.row.op]
            exact = results(copy.deepcopy(module).double(), doubled(given), "cpu", seed=1)
            self.compare_nearer(found, expected, exact, factor)


def doubled(given: Any) -> Any:
    """The same arguments in float64, where they are float32."""

    def one(tensor: torch.Tensor) -> torch.Tensor:
        wide = tensor.detach().double() if tensor.dtype is torch.float32 else tensor.detach()
        return wide.requires_grad_(tensor.requires_grad)

    there = copy.copy(given)
    there.args, there.kwargs = tree_map_only(torch.Tensor, one, (given.args, given.kwargs))
    return there


def copies(values: Any, device: str) -> Any:
    """The same values, their tensors copied to `device`; they ask for gradients as before."""

    def one(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(device, copy=True).requires_grad_(tensor.requires_grad)

    return tree_map_only(torch.Tensor, one, values)


def results(module: torch.nn.Module, given: Any, device: str, seed: int) -> tuple[Any, list[torch.Tensor | None]]:
    """What a copy of `module` on `device` returns, and the gradients of its inputs and parameters, buffers after it."""
    there = copy.deepcopy(module).to(device)
    args, kwargs = copies(given.args, device), copies(given.kwargs, device)
    torch.manual_seed(seed)
    result = there(*args, **kwargs)
    leaves = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor) and t.requires_grad]
    leaves += [p for p in there.parameters() if p.requires_grad]
    outputs = [t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor) and t.requires_grad]
    slopes: list[torch.Tensor | None] = []
    if leaves and outputs:
        generator = torch.Generator().manual_seed(7)
        weights = [torch.randn(t.shape, dtype=t.dtype, generator=generator).to(device) for t in outputs]
        slopes = list(torch.autograd.grad(outputs, leaves, weights, allow_unused=True))
    return result, slopes + list(there.buffers())
