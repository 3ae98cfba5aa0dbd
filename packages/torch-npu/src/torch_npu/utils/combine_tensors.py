"""Several tensors in one piece of memory, as fused optimizers want them."""

from collections.abc import Sequence

import torch


def npu_combine_tensors(
    list_of_tensor: Sequence[torch.Tensor], require_copy_value: bool = True
) -> "torch.Tensor | None":
    """One flat tensor that holds `list_of_tensor` end to end; they become views of it. None for an empty list.

    Args:
        list_of_tensor: of one dtype, on one device.
        require_copy_value: whether they keep their values; else they are 0.

    ValueError for tensors that differ in dtype or device.
    """
    if not list_of_tensor:
        return None
    first = list_of_tensor[0]
    for tensor in list_of_tensor:
        if tensor.dtype != first.dtype or tensor.device != first.device:
            raise ValueError(
                f"tensors of one dtype and device can be combined, got {first.dtype} on {first.device} and "
                f"{tensor.dtype} on {tensor.device}"
            )
    combined = torch.zeros(sum(t.numel() for t in list_of_tensor), dtype=first.dtype, device=first.device)
    begin = 0
    with torch.no_grad():
        for tensor in list_of_tensor:
            part = combined[begin : begin + tensor.numel()].view(tensor.shape)
            if require_copy_value:
                part.copy_(tensor)
            tensor.data = part
            begin += tensor.numel()
    return combined


def get_part_combined_tensor(combined_tensor: "torch.Tensor | None", index: int, size: int) -> "torch.Tensor | None":
    """`size` elements of a combined tensor from `index` on, as a view. ValueError if it has not so many."""
    if combined_tensor is None:
        return None
    if index < 0 or size < 0 or index + size > combined_tensor.numel():
        raise ValueError(f"elements {index} to {index + size} of a combined tensor of {combined_tensor.numel()}")
    return combined_tensor[index : index + size]


def is_combined_tensor_valid(combined_tensor: "torch.Tensor | None", list_of_tensor: Sequence[torch.Tensor]) -> bool:
    """Whether each tensor still is a view of `combined_tensor`."""
    if combined_tensor is None:
        return not list_of_tensor
    storage = combined_tensor.untyped_storage()
    begin, end = storage.data_ptr(), storage.data_ptr() + storage.nbytes()
    return all(begin <= t.data_ptr() and t.data_ptr() + t.numel() * t.element_size() <= end for t in list_of_tensor)
