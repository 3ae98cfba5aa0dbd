"""What a profile saw of the device."""

from __future__ import annotations

from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

BOTH = (ProfilerActivity.CPU, ProfilerActivity.PrivateUse1)


def device_events(p: profile) -> list[Any]:
    """What the device did, without the ranges of record_function."""
    npu = torch.autograd.DeviceType.PrivateUse1
    return [e for e in p.events() if e.device_type == npu and not e.is_user_annotation]


def kernels(p: profile) -> list[str]:
    """Names of the device's events, without CANN's prefix: the same from either source."""
    events = sorted(device_events(p), key=lambda e: e.time_range.start)
    return [e.name.removeprefix("aclnn") for e in events]
