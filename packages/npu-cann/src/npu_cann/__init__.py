"""The C ABI of CANN as headers (``include/npu/cann``) and data (``data/aclnn``), for building wheels only."""

from pathlib import Path

#: Folder to put on a compiler's include path: ``#include <npu/cann/acl.h>``.
INCLUDE_DIR = Path(__file__).parent / "include"
#: Folder of the CMake modules that the wheels of this project share.
CMAKE_DIR = Path(__file__).parent / "cmake"

__all__ = ["CMAKE_DIR", "INCLUDE_DIR"]
