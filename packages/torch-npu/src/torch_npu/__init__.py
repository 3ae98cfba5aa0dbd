"""The names that programs written for torch_npu import; what they name lives in npu-core and npu-ops.

`torch_npu.npu` is `torch.npu`. Any other name is looked up among the operators of `torch.ops.npu`; an AttributeError
names what is not there yet. Importing this before or after torch makes no difference, and nothing of torch is patched,
unless `torch_npu.contrib.transfer_to_npu` is imported.
"""

import sys
from typing import TYPE_CHECKING, Any

import torch

import npu_core
from torch_npu.checksum import matmul_checksum as matmul_checksum
from torch_npu.dtypes import NUMBERS
from torch_npu.version import __version__

#: Modules of the official torch_npu that have no counterpart yet, with the wheel that will bring them.
_LATER = {
    "distributed": "npu-dist",
    "optim": "torch-npu",
    "onnx": "torch-npu",
    "dynamo": "npu-core",
}

#: Dtypes of torch that no operator of the device takes.
unsupported_dtype = [torch.quint8, torch.quint4x2, torch.quint2x4, torch.qint32, torch.qint8]

if TYPE_CHECKING:
    npu: Any


def erase_stream(tensor: torch.Tensor, stream: torch.Stream) -> None:
    """Undoes `tensor.record_stream(stream)`: the caller knows that the work there is done, so that the memory may be
    reused without waiting for it."""
    from npu_core import _binding

    _binding.C.erase_stream(tensor, (stream.stream_id, stream.device_index, stream.device_type))


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

from torch_npu import utils, version  # noqa: E402, F401 - they ask for torch.npu
