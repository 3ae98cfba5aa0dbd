"""`torch.npu.profiler`: torch's own profiler under the names and the defaults of `torch_npu.profiler`.

`torch.profiler.profile` records the device as well; these names are for programs that were written for torch_npu. What
comes out is torch's: `key_averages()`, `events()`, and a Chrome trace for Perfetto. torch_npu's folders of CSV files
and databases are not written.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.profiler import ProfilerAction

from npu_profiler.config import AiCMetrics, ExportType, ProfilerLevel, _ExperimentalConfig


class ProfilerActivity:
    """What to record: torch's own values under torch_npu's names."""

    CPU = torch.profiler.ProfilerActivity.CPU
    NPU = torch.profiler.ProfilerActivity.PrivateUse1


def supported_activities() -> set[torch.profiler.ProfilerActivity]:
    """`ProfilerActivity.CPU` and `ProfilerActivity.NPU`."""
    return {ProfilerActivity.CPU, ProfilerActivity.NPU}


class schedule:
    """Tells a profile what to do at each step, with torch_npu's order of arguments.

    After `skip_first` steps (and `skip_first_wait`: 1 leaves out the first `wait`): `wait` steps of nothing, `warmup`
    steps whose records are thrown away, `active` recorded steps; `repeat` times, 0 for ever.
    """

    def __init__(
        self,
        wait: int,
        active: int,
        warmup: int = 0,
        repeat: int = 0,
        skip_first: int = 0,
        skip_first_wait: int = 0,
    ) -> None:
        self._action: Callable[[int], ProfilerAction] = torch.profiler.schedule(
            wait=wait,
            warmup=warmup,
            active=active,
            repeat=repeat,
            skip_first=skip_first,
            skip_first_wait=skip_first_wait,
        )

    def __call__(self, step: int) -> ProfilerAction:
        return self._action(step)


def tensorboard_trace_handler(
    dir_name: str | None = None,
    worker_name: str | None = None,
    analyse_flag: bool = True,
    async_mode: bool = False,
) -> Callable[[torch.profiler.profile], None]:
    """An `on_trace_ready` that writes each recording as a Chrome trace into `dir_name` (default: the current folder).

    `analyse_flag` and `async_mode` belong to torch_npu's reports, which are not made here, and are ignored.
    """
    handler: Callable[[torch.profiler.profile], None] = torch.profiler.tensorboard_trace_handler(
        dir_name or ".", worker_name
    )
    return handler


class profile(torch.profiler.profile):
    """`torch.profiler.profile` with torch_npu's defaults and options: CPU and NPU are recorded unless told otherwise.

    Options of `experimental_config` that have no effect here are named in a warning.
    """

    def __init__(
        self,
        *,
        activities: Iterable[torch.profiler.ProfilerActivity] | None = None,
        experimental_config: Any = None,
        **options: Any,
    ) -> None:
        if isinstance(experimental_config, _ExperimentalConfig):
            ignored = experimental_config.without_effect()
            if ignored:
                warnings.warn(f"npu-profiler records no {', '.join(ignored)}: ignored", UserWarning, stacklevel=2)
            experimental_config = None
        options.pop("use_cuda", None)
        super().__init__(
            activities=supported_activities() if activities is None else activities,
            experimental_config=experimental_config,
            **options,
        )


__all__ = [
    "AiCMetrics",
    "ExportType",
    "ProfilerAction",
    "ProfilerActivity",
    "ProfilerLevel",
    "_ExperimentalConfig",
    "profile",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
