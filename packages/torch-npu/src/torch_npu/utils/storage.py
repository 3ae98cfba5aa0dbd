"""How checkpoints that the official torch_npu wrote name their tensors."""

from typing import Any

import torch


def _rebuild_npu_tensor(
    storage: Any,
    storage_offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    backward_hooks: Any,
    npu_storage_info: Any = None,
) -> torch.Tensor:
    """The tensor of a checkpoint. Its private layout on the device it was saved from is not restored: values are
    saved in the plain one."""
    rebuild: Any = torch._utils._rebuild_tensor_v2
    tensor: torch.Tensor = rebuild(storage, storage_offset, size, stride, requires_grad, backward_hooks)
    return tensor


torch.serialization.add_safe_globals([_rebuild_npu_tensor])
