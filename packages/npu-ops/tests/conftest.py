"""What the tests of npu-ops share. They need a runtime: NPU_RUNTIME=sim, or a device."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
os.environ.setdefault("NPU_RUNTIME", "sim")
# The generator is not installed; its tests import it from the source tree. pytest's importlib mode adds no folder.
sys.path[:0] = [str(PACKAGE), str(PACKAGE / "tests")]
