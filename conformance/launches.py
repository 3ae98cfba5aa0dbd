"""What a device was asked for: read from npu-sim's trace, whoever the client is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

#: What a trace says of a copy that the host may wait for.
TO_HOST = "device to host"


class Launches:
    """Counts what npu-sim saw of operators and copies to the host; `NPU_SIM_TRACE` must name the file."""

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
        """Operators launched since the mark, and copies from the device to the host."""
        torch.npu.synchronize()
        if not self.path or not self.path.exists():
            return 0, 0
        launches = copies = 0
        for line in self.path.read_text().splitlines():
            if '"phase":2' in line:
                launches += 1
            elif '"direction"' in line:
                went = json.loads(line)["direction"]
                copies += [went].count(TO_HOST) if isinstance(went, str) else went.count(TO_HOST)
        return launches, copies

    def fallbacks(self) -> dict[str, str]:
        """Operators that went to the CPU since the last time, with the reason that the tables declare; then forgets."""
        if not self.reports_fallbacks:
            return {}
        found = {str(use.operator): str(use.reason) for use in torch.npu.fallback_report()}
        torch.npu.reset_fallback_report()
        return found
