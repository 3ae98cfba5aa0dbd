"""`torch_npu.utils`: helpers that programs for torch_npu call."""

from npu_core.npu.utils import get_cann_version
from torch_npu.utils import collect_env, cpp_extension, serialization, storage
from torch_npu.utils.affinity import reset_thread_affinity, set_thread_affinity
from torch_npu.utils.asd_detector import register_asd_hook, set_asd_loss_scale
from torch_npu.utils.combine_tensors import get_part_combined_tensor, is_combined_tensor_valid, npu_combine_tensors
from torch_npu.utils.serialization import save_async

__all__ = [
    "collect_env",
    "cpp_extension",
    "get_cann_version",
    "get_part_combined_tensor",
    "is_combined_tensor_valid",
    "npu_combine_tensors",
    "register_asd_hook",
    "reset_thread_affinity",
    "save_async",
    "serialization",
    "set_asd_loss_scale",
    "set_thread_affinity",
    "storage",
]
