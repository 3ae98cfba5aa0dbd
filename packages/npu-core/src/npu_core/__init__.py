"""The Ascend runtime for PyTorch: device ``npu``, ``torch.npu``, and the loader of the other npu wheels.

Importing this package imports neither torch nor any library. ``import torch`` calls `_autoload` through the entry
point ``torch.backends``; with ``TORCH_DEVICE_BACKEND_AUTOLOAD=0`` call `register` yourself.
"""

from pathlib import Path

__version__ = "0.1.0"

#: Major and minor of the C table that plugin libraries get (``npu/core/abi.h``).
ABI = (1, 4)
#: The torch minor release that this wheel is built for.
TORCH = "2.13"
#: Folder to put on a compiler's include path: ``#include <npu/core/launch.h>``.
INCLUDE_DIR = Path(__file__).parent / "include"

__all__ = ["ABI", "INCLUDE_DIR", "TORCH", "__version__", "register"]


def register() -> None:
    """Registers device ``npu`` with torch and loads the plugins. Idempotent and re-entrant; never raises or prints.

    What went wrong is stored: `npu doctor` shows it, and the first use of the device raises it.
    """
    from npu_core import autoload

    autoload.run()


_autoload = register
