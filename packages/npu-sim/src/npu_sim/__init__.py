"""An Ascend NPU on the CPU. ``lib/`` holds the CANN libraries; nothing here loads them."""

from pathlib import Path

#: Folder of libascendcl.so and the other libraries.
LIBRARY_DIR = Path(__file__).parent / "lib"

__all__ = ["LIBRARY_DIR"]
