"""The names that programs written for torch_npu import; what they name lives in npu-core and npu-ops.

`torch_npu.npu` is `torch.npu`. Any other name is looked up among the operators of `torch.ops.npu`; an AttributeError
names what is not there yet. Importing this before or after torch makes no difference, and nothing of torch is patched,
unless `torch_npu.contrib.transfer_to_npu` is imported.
"""

import sys
from typing import TYPE_CHECKING, Any

import torch

import npu_core
from torch_npu.dtypes import NUMBERS

__version__ = "2.13.0+modular.1"

#: Modules of the official torch_npu that have no counterpart yet, with the wheel that will bring them.
_LATER = {
    "distributed": "npu-dist",
    "optim": "torch-npu",
    "utils": "torch-npu",
    "onnx": "torch-npu",
    "dynamo": "npu-core",
}

if TYPE_CHECKING:
    npu: Any


def _adopt() -> None:
    """Makes `torch_npu.npu` and its modules the very objects of `torch.npu`."""
    npu_core.register()  # torch's autoload may be turned off
    for name, module in list(sys.modules.items()):
        if name == "torch.npu" or name.startswith("torch.npu."):
            sys.modules["torch_npu" + name.removeprefix("torch")] = module
    if "torch.npu" in sys.modules:
        globals()["npu"] = sys.modules["torch.npu"]
    if "torch.npu.profiler" in sys.modules:
        sys.modules["torch_npu.profiler"] = globals()["profiler"] = sys.modules["torch.npu.profiler"]


def __getattr__(name: str) -> Any:
    if name == "npu":
        from npu_core import autoload

        raise AttributeError(f"torch_npu.npu does not exist: {autoload.reason}")
    if name == "profiler":
        raise AttributeError("torch_npu.profiler comes with npu-profiler: pip install npu-profiler")
    if name in _LATER:
        raise AttributeError(f"torch_npu.{name} is not in torch-npu {__version__} yet; {_LATER[name]} will bring it")
    if name in NUMBERS:
        return NUMBERS[name]
    if not name.startswith("_"):
        try:
            return getattr(torch.ops.npu, name)
        except AttributeError:
            pass
    raise AttributeError(f"torch_npu.{name} is not in torch-npu {__version__}: npu-ops has no operator npu::{name} yet")


_adopt()
