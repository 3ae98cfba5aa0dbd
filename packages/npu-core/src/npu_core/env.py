"""Every environment variable that npu-core's Python reads, and the only place that reads them.

Those of its C++ are read in `csrc/src/env.cpp`. `DOCUMENTED` lists both, so that `npu info` can show which are set.
"""

import os
from collections.abc import Mapping

NPU_RUNTIME = "NPU_RUNTIME"
"""Which runtime serves the device: `auto` (default; a runtime with hardware first), `none`, or the name of an
installed one (`cann`, `sim`). Setting it also registers `npu` on a CUDA or XPU build that has its own device."""

NPU_PLUGINS = "NPU_PLUGINS"
"""Comma-separated names of the plugins to load, for example `core,ops`. Unset: all that are installed."""

ASCEND_HOME_PATH = "ASCEND_HOME_PATH"
"""Root of the CANN toolkit, set by its `set_env.sh`. Searched first."""

ASCEND_TOOLKIT_HOME = "ASCEND_TOOLKIT_HOME"
"""An older name of `ASCEND_HOME_PATH`. Searched second."""

LD_LIBRARY_PATH = "LD_LIBRARY_PATH"
"""Searched third for CANN's libraries."""

CUDA_VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
"""Empty or `-1` hides CUDA devices: npu-core then sees no conflict with them."""

TORCH_NPUGRAPH_GC = "TORCH_NPUGRAPH_GC"
"""`1`: Python's garbage is collected before each capture of a graph, for the memory that it may hold."""

DOCUMENTED = {
    NPU_RUNTIME: "which runtime serves the device: auto, none, or a name",
    NPU_PLUGINS: "which plugins to load; unset: all",
    ASCEND_HOME_PATH: "root of the CANN toolkit",
    ASCEND_TOOLKIT_HOME: "an older name of ASCEND_HOME_PATH",
    LD_LIBRARY_PATH: "folders that are searched for CANN's libraries",
    "ASCEND_RT_VISIBLE_DEVICES": "devices that this process may use (read by CANN, checked by npu-core)",
    "ASCEND_LAUNCH_BLOCKING": "1: wait for every kernel where it is launched",
    "TASK_QUEUE_ENABLE": "0: launch on the calling thread",
    "PYTORCH_NPU_ALLOC_CONF": "settings of the caching allocator",
    "PYTORCH_ALLOC_CONF": "the same for devices of any kind; PYTORCH_NPU_ALLOC_CONF comes after it",
    "NPU_FALLBACK": "error: a fallback to the CPU raises",
    "NPU_EXECUTOR_CACHE": "how many of CANN's executors a device keeps; 0: none; 1 or unset: 1024",
    "ASCEND_CUSTOM_OPP_PATH": "folders of custom operators, looked up before CANN's",
    "ASCEND_OPP_PATH": "folder whose vendors/ holds custom operators",
    TORCH_NPUGRAPH_GC: "1: collect Python's garbage before a graph is captured",
    "LD_PRELOAD": "if set, preloaded symbols come before those of CANN's libraries",
    CUDA_VISIBLE_DEVICES: "empty or -1: CUDA devices are no conflict",
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0: `import torch` loads no backend (read by torch)",
}


def runtime() -> str:
    """The wanted runtime, `auto` if unset."""
    return os.environ.get(NPU_RUNTIME, "").strip().lower() or "auto"


def runtime_is_explicit() -> bool:
    """Whether the user asked for a runtime by name or by `auto`."""
    return os.environ.get(NPU_RUNTIME, "").strip().lower() not in ("", "none")


def plugins() -> frozenset[str] | None:
    """Names of the plugins to load, or None for all."""
    names = frozenset(n.strip().lower() for n in os.environ.get(NPU_PLUGINS, "").split(",") if n.strip())
    return names or None


def cann_roots() -> list[tuple[str, str]]:
    """(variable, folder) of every toolkit root that the environment names."""
    return [(v, os.environ[v]) for v in (ASCEND_HOME_PATH, ASCEND_TOOLKIT_HOME) if os.environ.get(v)]


def library_path() -> list[str]:
    """The folders of `LD_LIBRARY_PATH`."""
    return [p for p in os.environ.get(LD_LIBRARY_PATH, "").split(os.pathsep) if p]


def cuda_is_hidden() -> bool:
    """Whether the user hides all CUDA devices."""
    return os.environ.get(CUDA_VISIBLE_DEVICES, "0").strip() in ("", "-1")


def collects_before_capture() -> bool:
    """Whether Python's garbage is collected before a graph is captured."""
    return os.environ.get(TORCH_NPUGRAPH_GC, "0").strip() == "1"


def apply_defaults(values: Mapping[str, str]) -> None:
    """Sets variables that a runtime asks for, where the user did not set them."""
    for name, value in values.items():
        os.environ.setdefault(name, value)


def documented() -> dict[str, str]:
    """Those of `DOCUMENTED` that are set, with their values."""
    return {name: os.environ[name] for name in DOCUMENTED if name in os.environ}
