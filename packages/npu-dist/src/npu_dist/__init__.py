"""Collective communication on Ascend NPUs: the torch.distributed backend ``hccl``. Not there yet: see `create`."""

__version__ = "0.1.0"

__all__ = ["__version__"]
