"""A check of matrix products for silent faults of the hardware."""

import torch


def matmul_checksum(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """Whether `c` cannot be `a @ b`: a bool tensor of one element, on their device.

    Compares the sums of c's rows with a product that costs one column, within what rounding explains. A wrong element
    that is smaller than the rounding of its row goes unseen.

    Args:
        a: (..., m, k).
        b: (..., k, n).
        c: (..., m, n).
    """
    if c.shape[-1] != b.shape[-1] or c.shape[-2] != a.shape[-2] or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"c cannot be a @ b: a is {tuple(a.shape)}, b {tuple(b.shape)}, c {tuple(c.shape)}")
    sums = c.float().sum(-1)
    expected = (a.float() @ b.float().sum(-1, keepdim=True)).squeeze(-1)
    scale = (a.float().abs() @ b.float().abs().sum(-1, keepdim=True)).squeeze(-1)
    # Each element of c was rounded to its dtype; the sums of float32 round with every term.
    rounding = torch.finfo(c.dtype).eps + torch.finfo(torch.float32).eps * (a.shape[-1] + b.shape[-1])
    wrong = (sums - expected).abs() > scale * rounding
    return (wrong | ~torch.isfinite(sums)).any()
