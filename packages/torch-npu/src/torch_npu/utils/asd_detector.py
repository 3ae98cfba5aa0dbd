"""Detection of silent faults, which NPU_ASD_ENABLE asks for."""

import os

import torch

NPU_ASD_ENABLE = "NPU_ASD_ENABLE"
"""0 or unset: off. 1 to 3: gradients are watched for silent faults, which torch-npu cannot do yet."""


def register_asd_hook(x: torch.Tensor, weight: torch.Tensor) -> None:
    """Would watch the gradient of `x`. Does nothing while NPU_ASD_ENABLE is off; NotImplementedError if it is on, since
    a run that believes itself watched is worse than none."""
    if os.environ.get(NPU_ASD_ENABLE, "0") not in ("", "0"):
        raise NotImplementedError(
            f"{NPU_ASD_ENABLE}={os.environ[NPU_ASD_ENABLE]}: torch-npu does not detect silent faults yet; unset it"
        )


def set_asd_loss_scale(loss_scale: float = 1.0) -> None:
    """The factor of the loss, for `register_asd_hook`, which does not need it while it watches nothing."""
