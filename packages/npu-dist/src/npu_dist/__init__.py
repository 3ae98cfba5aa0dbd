"""Collective communication on Ascend NPUs: ``torch.distributed.init_process_group("hccl")``.

npu-core loads this plugin at ``import torch``, which registers the backend; there is nothing to call here.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
