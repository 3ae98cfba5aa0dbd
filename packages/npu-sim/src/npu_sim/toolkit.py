"""What a shell that sourced CANN's ``set_env.sh`` holds, with npu-sim as the CANN."""

from __future__ import annotations

import os
from collections.abc import Mapping

from . import HOME_DIR, LIBRARY_DIR

#: Variables that name the root of the toolkit, or a folder below it.
ROOTS = {
    "ASCEND_HOME_PATH": "",
    "ASCEND_TOOLKIT_HOME": "",
    "ASCEND_AICPU_PATH": "",
    "ASCEND_OPP_PATH": "opp",
    "TOOLCHAIN_HOME": "toolkit",
}
#: Searched paths, and what is put before what they hold.
SEARCHED = {
    "LD_LIBRARY_PATH": str(LIBRARY_DIR),
    "PYTHONPATH": str(HOME_DIR / "python"),
    "PATH": str(HOME_DIR / "bin"),
}
#: Operators of another CANN's installation are machine code for a device.
CLEARED = ("ASCEND_CUSTOM_OPP_PATH",)
#: npu-core's choice of a runtime: without it, a machine with an NPU would be taken to have a CANN here that drives it.
NPU_RUNTIME = "NPU_RUNTIME"


def environment(base: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that differ from `base` for a program that runs on the simulator; None: unset."""
    found: dict[str, str | None] = {
        name: str(HOME_DIR / below) if below else str(HOME_DIR) for name, below in ROOTS.items()
    }
    for name, first in SEARCHED.items():
        others = [p for p in base.get(name, "").split(os.pathsep) if p and p != first]
        found[name] = os.pathsep.join([first, *others])
    found |= {name: None for name in CLEARED if name in base}
    found[NPU_RUNTIME] = base.get(NPU_RUNTIME, "sim")
    return found


def apply(base: Mapping[str, str]) -> dict[str, str]:
    """`base` with the variables of `environment`."""
    changed = {**base, **environment(base)}
    return {name: value for name, value in changed.items() if value is not None}
