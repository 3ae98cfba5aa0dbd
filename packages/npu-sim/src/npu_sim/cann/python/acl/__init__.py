"""The part of CANN's Python interface that finds devices, over npu-sim's libraries.

It is on the path of programs that ``npu-sim run`` starts, and nowhere else, as ``acl`` is there where CANN is set up.
Every function answers as CANN's does: the values first, then a status, which is 0 for success.
"""

from . import rt
from ._library import function

__all__ = ["finalize", "get_soc_name", "init", "rt"]


def init(config: str | None = None) -> int:
    """Status of aclInit with the path of a JSON file. 100002 if it was called before."""
    return int(function("aclInit")(config.encode() if config else None))


def finalize() -> int:
    """Status of aclFinalize."""
    return int(function("aclFinalize")())


def get_soc_name() -> str | None:
    """The SoC, such as ``"Ascend910B2"``; None where the settings are wrong."""
    return rt.get_soc_name()
