"""Entries of torch's optim_db: some steps of an optimizer in every implementation it has, on npu against cpu."""

from __future__ import annotations

from typing import Any

import torch
from launches import Launches
from row import DEVICE, Skip, Trial
from torch.testing._internal.common_optimizers import OptimizerInfo, optim_db

STEPS = 5


def entries() -> dict[str, OptimizerInfo]:
    """Every entry of optim_db by name, as `optim.Adam`."""
    return {f"optim.{info.name}": info for info in optim_db}


class OptimizerTrial(Trial):
    """An entry of optim_db: parameters and state after some steps."""

    def __init__(self, info: OptimizerInfo, dtype: torch.dtype, launches: Launches) -> None:
        super().__init__(f"optim.{info.name}", dtype, info.decorators, launches)
        self.info = info

    def samples(self, first: bool) -> None:
        # torch's list gives a GPU more settings than the CPU: capturable, and learning rates in tensors.
        for given in self.info.optim_inputs_func(device="cuda"):
            self.row.samples += 1
            for implementation in self.implementations(given.kwargs):
                try:
                    self.sample(given.kwargs, implementation, given.desc)
                except Skip:
                    self.row.skipped += 1
            if first:
                return

    def implementations(self, kwargs: dict[str, Any]) -> list[dict[str, bool]]:
        """The loop over parameters, and what the optimizer has beside it."""
        named = [{name: True} for name in self.info.supported_impls if name not in kwargs]
        loop = {"foreach": False} if "foreach" in self.info.supported_impls and "foreach" not in kwargs else {}
        return [loop, *named]

    def sample(self, kwargs: dict[str, Any], implementation: dict[str, bool], label: str) -> None:
        settings = {**kwargs, **implementation}
        try:
            # capturable is a promise about devices; the CPU has nothing to capture.
            plain = {k: v for k, v in settings.items() if k not in ("capturable", "fused", "foreach")}
            expected = self.after_steps("cpu", plain)
        except Exception as error:
            raise Skip from error
        with self.attempt(f"{label or 'default'} {implementation}", (settings,)):
            self.launches.mark()
            found = self.after_steps(DEVICE, settings)
            self.count()
            self.compare(found, expected)

    def after_steps(self, device: str, settings: dict[str, Any]) -> list[torch.Tensor]:
        """Parameters and moments after STEPS steps of a regression."""
        settings = {k: v.to(device) if isinstance(v, torch.Tensor) and v.ndim else v for k, v in settings.items()}
        generator = torch.Generator().manual_seed(3)

        def drawn(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator, dtype=self.dtype).to(device)

        parameters = [torch.nn.Parameter(drawn(8, 4))]
        if self.info.name != "Muon":  # matrices only
            parameters.append(torch.nn.Parameter(drawn(4)))
        x, y = drawn(16, 8), drawn(16, 4)
        make: Any = self.info.optim_cls  # torch types it as an instance
        optimizer = make(parameters, **settings)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(sum_of(x @ parameters[0], parameters[1:]), y)
            loss.backward()
            if self.info.only_supports_sparse_grads:
                for p in parameters:
                    p.grad = p.grad.to_sparse() if p.grad is not None else None
            return loss

        for _ in range(STEPS):
            if settings.get("differentiable"):
                closure()
                with torch.no_grad():
                    optimizer.step()
            else:
                optimizer.step(closure)
        state = [v for p in parameters for v in optimizer.state[p].values() if isinstance(v, torch.Tensor) and v.ndim]
        return [*(p.detach() for p in parameters), *state]


def sum_of(x: torch.Tensor, others: list[torch.nn.Parameter]) -> torch.Tensor:
    for other in others:
        x = x + other
    return x
