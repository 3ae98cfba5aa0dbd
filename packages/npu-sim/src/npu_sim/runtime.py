"""The entry point ``npu.runtimes: sim``: where the simulated CANN is, without loading it."""

import os
from importlib.metadata import version
from typing import TypedDict

from . import LIBRARY_DIR
from .settings import NPU_SIM, NPU_SIM_SOC


class RuntimeInfo(TypedDict):
    """What a runtime provider answers. ``library_dir`` is None when the runtime is unusable; then ``reason`` says why
    and what to do."""

    name: str
    library_dir: str | None
    reason: str | None
    version: str
    simulated: bool
    env: dict[str, str]


def provider() -> RuntimeInfo:
    """The simulated runtime. Reads the environment and looks for the library's file; never loads it."""
    library = LIBRARY_DIR / "libascendcl.so"
    reason = None
    if os.environ.get(NPU_SIM, "").strip() == "0":
        reason = f"{NPU_SIM}=0 switches the simulator off: unset it, or set the number of devices to simulate"
    elif not library.is_file():
        reason = f"{library} is missing: pip install --force-reinstall npu-sim"
    return RuntimeInfo(
        name="sim",
        library_dir=None if reason else str(LIBRARY_DIR),
        reason=reason,
        version=version("npu-sim"),
        simulated=True,
        env={k: os.environ[k] for k in (NPU_SIM, NPU_SIM_SOC) if k in os.environ},
    )
