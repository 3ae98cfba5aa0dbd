"""Mixed precision on Ascend NPUs: autocast rules and gradient scaling. Not there yet.

`torch.autocast("npu")` raises and names this wheel as long as no rules are registered; with ``enabled=False`` it works.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
