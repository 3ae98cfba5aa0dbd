"""What `import torch` runs: registers the device and loads the plugins, or remembers why not.

Never raises, prints, or touches a device; a failure costs nothing but the device. Warnings go through `warnings`, one
sentence each, and only for what the user must mend; the absence of a runtime is not such a thing.
"""

import atexit
import glob
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from npu_core import env, plugins, wheels
from npu_core.notices import say
from npu_core.reasons import Reason

if TYPE_CHECKING:
    from types import ModuleType

#: "no" before `run`, "running" inside it, "yes" if torch.npu is ours, "yielded" if it is left to another, "broken" if
#: the library could not be loaded: torch.npu then exists and raises `reason`.
state = "no"
#: Why it yielded or is broken, with the remedy.
reason: Reason | None = None

_lock = threading.RLock()


def run(module_is_complete: bool = False) -> None:
    """Registers once a process. A call from inside itself, or after it ended, does nothing.

    If ``npu_core.npu`` was imported before torch, torch runs this while that module is half made: it then waits for
    the module to call again with `module_is_complete`.
    """
    global state, reason
    with _lock:
        if state != "no" or (_is_importing("npu_core.npu") and not module_is_complete):
            return
        state = "running"
        try:
            state, reason = _register()
        except (Exception, SystemExit) as error:
            what = f"npu-core failed to register ({type(error).__name__}: {error})"
            state, reason = "broken", Reason(what, "pip install --force-reinstall npu-core")
            say(reason)


def _is_importing(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _register() -> tuple[str, Reason | None]:
    official = wheels.official_torch_npu()
    if official is not None:
        what = f"npu-core yields to torch-npu {official}, which is installed too"
        why = Reason(what, "pip uninstall torch-npu to use npu-core")
        say(why)
        return "yielded", why

    import torch

    other = _other_accelerator(torch)
    if other is not None and not env.runtime_is_explicit():
        remedy = f"set {env.NPU_RUNTIME}=auto to register npu beside it"
        return "yielded", Reason(f"this torch has its own {other} device", remedy)
    taken = torch._C._get_privateuse1_backend_name()
    if taken not in ("privateuseone", "npu"):
        why = Reason(f"torch's place for a device (PrivateUse1) is taken by '{taken}'", "uninstall the wheel behind it")
        say(why)
        return "broken", why

    from torch.utils import backend_registration

    from npu_core import _binding, compile_default, dlpack, runtimes

    backend_registration.rename_privateuse1_backend("npu")
    failure = _binding.load(torch.__version__)
    from npu_core import npu

    torch._register_device_module("npu", npu)
    for name, module in list(sys.modules.items()):
        if name.startswith("npu_core.npu."):  # `import torch.npu.memory` must find this module, not load a second one
            sys.modules["torch.npu." + name.removeprefix("npu_core.npu.")] = module
    backend_registration.generate_methods_for_privateuse1_backend(for_storage=True)
    if failure is not None:
        return "broken", failure

    from npu_core.npu import sharing

    sharing.register()
    dlpack.arrange(torch)
    runtimes.preload()
    _binding.C.set_runtime_selector(_binding.choose_runtime)
    atexit.register(_shutdown, _binding.C)
    for plugin in plugins.load(_binding.C.core_table):
        say(f"npu plugin '{plugin.name}' is not loaded: {plugin.reason}")
    _binding.C.set_ops_installed(any(p.name == "ops" and p.state == "loaded" for p in plugins.plugins()))
    compile_default.arrange()
    return "yes", None


def _shutdown(binding: "ModuleType") -> None:
    """The one ordered shutdown: no call reaches CANN afterwards."""
    binding.shutdown()
    if threading.active_count() > 1:
        # Daemon threads inside an operator get the GIL a last time and wait in their next one: Python would end them
        # inside torch's GIL guard, which aborts the process.
        time.sleep(0.02)


def _other_accelerator(torch: "ModuleType") -> str | None:
    """CUDA or XPU if this torch was built for it and a device is there. Looks at device nodes only: asking the driver
    would initialise it."""
    if torch.version.cuda or torch.version.hip:
        nodes = glob.glob("/dev/nvidia[0-9]*") or [n for n in ("/dev/dxg", "/dev/kfd") if os.path.exists(n)]
        if nodes and not env.cuda_is_hidden():
            return "CUDA"
    if getattr(torch.version, "xpu", None) and glob.glob("/dev/dri/renderD*"):
        return "XPU"
    return None
