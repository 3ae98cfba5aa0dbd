"""Mixed precision on Ascend NPUs: the rules of ``torch.autocast("npu")``, and ``torch.npu.amp``.

npu-core loads this plugin at ``import torch``; `policy` says what the rules are.
"""

__version__ = "0.1.0"

__all__ = ["__version__", "policy"]


def policy() -> dict[str, str]:
    """What autocast does on device npu, by operator (``"mm"``, ``"softmax.int"``).

    The values: ``lower_precision_fp`` (runs in the context's dtype), ``fp32``, ``fp32_set_opt_dtype`` and
    ``fp32_append_dtype`` (a float32 result where no dtype is named), ``promote`` (the widest dtype among the operands)
    and ``banned``. An operator that is not there runs in the dtypes that it gets.
    """
    from npu_amp import plugin

    return plugin.policy()
