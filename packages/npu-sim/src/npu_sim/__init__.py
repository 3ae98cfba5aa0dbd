"""An Ascend NPU on the CPU. ``cann/`` has the layout of an installed CANN; nothing here loads its libraries."""

from pathlib import Path

#: What ASCEND_HOME_PATH names for a program that runs on the simulator.
HOME_DIR = Path(__file__).parent / "cann"
#: Folder of libascendcl.so and the other libraries.
LIBRARY_DIR = HOME_DIR / "lib64"

__all__ = ["HOME_DIR", "LIBRARY_DIR"]
