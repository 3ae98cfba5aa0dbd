"""Switches of torch_npu that programs set. Those that name a mode which npu-core always has, or never has, say so."""

import warnings

from npu_core.npu._utils import not_there


class _Config:
    """`torch.npu.config`."""

    #: Permission to keep weights in private formats. npu-core keeps every tensor in its plain layout, so neither value
    #: changes a result.
    allow_internal_format: bool = False


config = _Config()


def set_compile_mode(jit_compile: bool = False) -> None:
    """Operators always run as compiled ahead: False is how it is, True warns and changes nothing."""
    if jit_compile:
        warnings.warn(
            "torch.npu.set_compile_mode(jit_compile=True) has no effect: npu-core never compiles operators at run time",
            stacklevel=2,
        )


def is_jit_compile_false() -> bool:
    """Always True: operators are never compiled at run time."""
    return True


def set_sync_debug_mode(debug_mode: int | str) -> None:
    """ "default" or 0 only: warnings and errors on synchronising calls are not there yet."""
    if debug_mode not in (0, "default"):
        raise not_there(f"set_sync_debug_mode({debug_mode!r})")


def get_sync_debug_mode() -> int:
    """0, the default mode."""
    return 0
