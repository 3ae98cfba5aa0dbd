"""`torch.amp.GradScaler` for device npu."""

from __future__ import annotations

import torch
from torch.amp.grad_scaler import OptState

__all__ = ["GradScaler", "OptState"]


class GradScaler(torch.amp.GradScaler):
    """``torch.amp.GradScaler("npu", ...)``. With ``dynamic=False`` the scale stays what it is; steps with a gradient
    that is not finite are skipped all the same."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        dynamic: bool = True,
        enabled: bool = True,
    ) -> None:
        super().__init__("npu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
        self._dynamic = dynamic

    def update(self, new_scale: float | torch.Tensor | None = None) -> None:
        """Sets the scale to `new_scale`, or by what the steps since the last update found."""
        super().update(self._scale if new_scale is None and self._enabled and not self._dynamic else new_scale)
