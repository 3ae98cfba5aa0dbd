"""Gathers what `npu info` prints and `npu doctor` judges: a dict of plain values, ready for JSON."""

import platform
import sys
from typing import Any

import npu_core
from npu_core import _binding, autoload, env, plugins, runtimes, wheels
from npu_core.reasons import reason


def gather() -> dict[str, Any]:
    """Everything about this installation. Imports torch, which registers the device; initialises nothing."""
    torch = _torch()
    npu_core.register()
    selection = runtimes.select()
    chosen = selection.chosen
    _binding.choose_runtime()
    usable = chosen is not None and not isinstance(_binding.C, _binding.Absent)
    error = reason(_binding.C.runtime_reason() or "") if usable else reason("")
    return {
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "torch": torch,
        "wheels": {name: wheels.version(name) for name in wheels.OURS},
        "core": {
            "version": npu_core.__version__,
            "abi": ".".join(map(str, npu_core.ABI)),
            "torch": npu_core.TORCH,
            "state": autoload.state,
            "reason": autoload.reason,
            "remedy": autoload.reason.remedy if autoload.reason else "",
        },
        "runtime": {
            "wanted": selection.wanted,
            "chosen": chosen.name if chosen else None,
            "reason": selection.reason,
            "remedy": error.remedy or selection.reason.remedy,
            "library_dir": chosen.library_dir if chosen else None,
            "version": (chosen.version if chosen else None) or (_binding.C.runtime_version() if usable else None),
            "error": error or None,
            "candidates": [
                {"name": c.name, "from": c.provided_by, "usable": c.library_dir is not None, "reason": c.reason}
                for c in selection.candidates
            ],
        },
        "plugins": [plugin.as_dict() for plugin in plugins.plugins()],
        "devices": _devices() if usable and autoload.state == "yes" else [],
        "environment": env.documented(),
    }


def _torch() -> dict[str, Any]:
    try:
        import torch
    except Exception as error:
        return {"version": None, "error": f"{type(error).__name__}: {error}"}
    return {"version": torch.__version__, "error": None}


def _devices() -> list[dict[str, Any]]:
    from npu_core import npu

    found = []
    for index in range(npu.device_count()):
        try:
            free, total = npu.mem_get_info(index)
            found.append({"index": index, "name": npu.get_device_name(index), "free": free, "total": total})
        except Exception as error:
            why = reason(str(error))
            found.append({"index": index, "name": None, "error": why, "remedy": why.remedy})
    return found
