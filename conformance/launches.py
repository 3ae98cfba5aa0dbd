"""What a device was asked for: read from npu-sim's trace, whoever the client is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch


class Launches:
    """Counts the operators that npu-sim saw; `NPU_SIM_TRACE` must name the file. It does not tell of copies yet."""

    def __init__(self) -> None:
        path = os.environ.get("NPU_SIM_TRACE", "")
        self.path = Path(path) if path else None
        self.reports_fallbacks = hasattr(torch.npu, "fallback_report")  # ours does, torch_npu does not

    def mark(self) -> None:
        """Counting begins here."""
        torch.npu.synchronize()
        if self.path and self.path.exists():
            os.truncate(self.path, 0)  # npu-sim appends: nothing of it is kept twice

    def since_mark(self) -> int:
        """Operators launched since the mark."""
        torch.npu.synchronize()
        if not self.path or not self.path.exists():
            return 0
        calls = [json.loads(line) for line in self.path.read_text().splitlines()]
        return sum(call.get("phase") == 2 for call in calls)

    def fallbacks(self) -> dict[str, str]:
        """Operators that went to the CPU since the last time, with the reason that the tables declare; then forgets."""
        if not self.reports_fallbacks:
            return {}
        found = {str(use.operator): str(use.reason) for use in torch.npu.fallback_report()}
        torch.npu.reset_fallback_report()
        return found
