"""PyTorch's operators on Ascend NPUs. npu-core loads this plugin at ``import torch``; there is nothing to call."""

__version__ = "0.1.0"
