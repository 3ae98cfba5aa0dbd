"""What a device was asked for: read from npu-sim's trace, whoever the client is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

DEVICE_TO_HOST = 2  # ACL_MEMCPY_DEVICE_TO_HOST


class Launches:
    """Counts the operators and copies to the host that npu-sim saw; `NPU_SIM_TRACE` must name the file."""

    def __init__(self) -> None:
        path = os.environ.get("NPU_SIM_TRACE", "")
        self.path = Path(path) if path else None
        self.reports_fallbacks = hasattr(torch.npu, "fallback_report")  # ours does, torch_npu does not

    def mark(self) -> None:
        """Counting begins here."""
        torch.npu.synchronize()
        if self.path and self.path.exists():
            os.truncate(self.path, 0)  # npu-sim appends: nothing of it is kept twice

    def since_mark(self) -> tuple[int, int]:
        """Operators launched and copies to the host since the mark."""
        torch.npu.synchronize()
        if not self.path or not self.path.exists():
            return 0, 0
        calls = [json.loads(line) for line in self.path.read_text().splitlines()]
        launches = sum(call.get("phase") == 2 for call in calls)
        copies = sum(call.get("arguments", {}).get("kind") == DEVICE_TO_HOST for call in calls)
        return launches, copies

    def fallbacks(self) -> dict[str, str]:
        """Operators that went to the CPU since the last time, with the reason that the tables declare; then forgets."""
        if not self.reports_fallbacks:
            return {}
        found = {str(use.operator): str(use.reason) for use in torch.npu.fallback_report()}
        torch.npu.reset_fallback_report()
        return found
