"""The entry point ``npu.runtimes: sim``: where the simulated CANN is, without loading it."""

import os
from importlib.metadata import version
from typing import TypedDict

from . import LIBRARY_DIR
from .settings import NPU_SIM, NPU_SIM_SOC


class RuntimeInfo(TypedDict):
    """What a runtime provider answers. ``library_dir`` is None when the runtime is unusable; then ``reason`` says why
    and ``remedy`` what to do. ``label`` and ``notice`` are what the user reads: after each device's name, and once."""

    name: str
    library_dir: str | None
    reason: str | None
    remedy: str | None
    version: str
    hardware: bool
    label: str
    notice: str
    env: dict[str, str]


def provider() -> RuntimeInfo:
    """The simulated runtime. Reads the environment and looks for the library's file; never loads it."""
    library = LIBRARY_DIR / "libascendcl.so"
    own = version("npu-sim")
    reason = remedy = None
    if os.environ.get(NPU_SIM, "").strip() == "0":
        reason = f"{NPU_SIM}=0 switches the simulator off"
        remedy = f"unset {NPU_SIM}, or set it to the number of devices to simulate"
    elif not library.is_file():
        reason, remedy = f"{library} is missing", "pip install --force-reinstall npu-sim"
    return RuntimeInfo(
        name="sim",
        library_dir=None if reason else str(LIBRARY_DIR),
        reason=reason,
        remedy=remedy,
        version=own,
        hardware=False,
        label=" (simulated)",
        notice=f"device npu is simulated on the CPU (npu-sim {own})",
        env={k: os.environ[k] for k in (NPU_SIM, NPU_SIM_SOC) if k in os.environ},
    )
