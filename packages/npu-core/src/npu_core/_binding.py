"""The one place that imports the compiled half, and that tells it which runtime serves the device."""

import threading
from typing import Any

import npu_core
from npu_core import runtimes
from npu_core.reasons import Reason


class Absent:
    """Stands for the compiled half when it cannot be loaded: queries say that there is nothing, the rest raises why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def runtime_reason(self) -> str:
        return self._reason

    def device_count(self) -> int:
        return 0

    def is_initialized(self) -> bool:
        return False

    def is_in_bad_fork(self) -> bool:
        return False

    def default_generators(self) -> tuple[()]:
        return ()

    def fallback_report(self) -> list[Any]:
        return []

    def __getattr__(self, name: str) -> Any:
        def raise_reason(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError(self._reason)

        return raise_reason


#: `npu_core._C`, or an `Absent`. Modules use it as `_binding.C`, never by copying the name.
C: Any = Absent("npu-core is not registered: import torch, or call npu_core.register()")

_chosen = False
_lock = threading.RLock()


def load(torch_version: str) -> Reason | None:
    """Loads the compiled half for this torch. Returns None, or what is wrong and the remedy."""
    global C
    failure = _load(torch_version)
    if failure is not None:
        C = Absent(failure)
    return failure


def _load(torch_version: str) -> Reason | None:
    global C
    core = f"npu-core {npu_core.__version__}"
    if ".".join(torch_version.split(".")[:2]) != npu_core.TORCH:
        need = npu_core.TORCH
        return Reason(f"{core} is built for torch {need}, found {torch_version}", f"pip install 'torch=={need}.*'")
    try:
        from npu_core import _C
    except ImportError as error:
        return Reason(f"{core} cannot load its library ({error})", "pip install --force-reinstall npu-core")
    C = _C
    return None


def choose_runtime() -> None:
    """Chooses the runtime, once, and hands it to the compiled half. Never raises."""
    if not _chosen:
        with _lock:
            _choose()


def _choose() -> None:
    global _chosen
    if _chosen or isinstance(C, Absent):
        return
    try:
        selection = runtimes.select()
        directory = selection.chosen.library_dir if selection.chosen else None
        C.set_runtime(directory, selection.reason)
    except Exception as error:
        what = f"choosing the NPU runtime failed ({type(error).__name__}: {error})"
        C.set_runtime(None, Reason(what, "pip install --force-reinstall npu-core"))
    _chosen = True
