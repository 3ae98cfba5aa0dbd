"""CANN's own dump of operators' inputs and outputs; which, and where to, a JSON file says."""

import os

from npu_core import _binding
from npu_core.npu._utils import _lazy_init


def init_dump() -> None:
    """Makes dumps possible in this process."""
    _lazy_init()
    _binding.C.init_dump()


def set_dump(cfg_file: str) -> None:
    """Dumps as `cfg_file`, CANN's JSON, says. FileNotFoundError if there is no such file."""
    if not os.path.isfile(cfg_file):
        raise FileNotFoundError(f"the dump's settings {cfg_file!r} are not a file")
    _lazy_init()
    _binding.C.set_dump(os.path.realpath(cfg_file))


def finalize_dump() -> None:
    """Ends the dumps."""
    _lazy_init()
    _binding.C.finalize_dump()
