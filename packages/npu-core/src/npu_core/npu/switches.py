"""Switches of torch_npu that programs set. Those that name a mode which npu-core always has, or never has, say so."""

import enum
import warnings
from collections.abc import Mapping
from typing import Any

from npu_core import _binding
from npu_core.npu import deterministic
from npu_core.npu._utils import _lazy_init, not_there


class CubeMathType(enum.IntEnum):
    """How matrix products may compute: aclnn's cubeMathType."""

    KEEP_DTYPE = 0
    ALLOW_FP32_DOWN_PRECISION = 1
    USE_FP16 = 2
    USE_HF32 = 3
    FORCE_GRP_ACC_FOR_FP32 = 4


class _Config:
    """`torch.npu.config`."""

    @property
    def allow_internal_format(self) -> bool:
        """Whether `npu_format_cast` makes private storage formats, which matrix products read faster; else it warns and
        keeps the base format. False at first. Neither value changes a result."""
        return bool(_binding.C.private_formats())

    @allow_internal_format.setter
    def allow_internal_format(self, allowed: bool) -> None:
        _binding.C.set_private_formats(bool(allowed))


config = _Config()


def set_aoe(dump_path: str) -> None:
    """Would dump graphs for CANN's tuner, which works on graphs. Always NotImplementedError: npu-core runs operators
    one by one."""
    raise not_there("set_aoe", "CANN's tuner works on graphs, and npu-core runs operators one by one")


_SYNC_MODES = {"default": 0, "warn": 1, "error": 2}


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
    """What happens where Python waits for the device without saying so (`item()`, `nonzero()`, copies that block).

    0 or "default": nothing, 1 or "warn": a warning with the line, 2 or "error": RuntimeError. `synchronize()` and
    events are not meant. ValueError for another mode.
    """
    mode = _SYNC_MODES.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if mode not in (0, 1, 2):
        raise ValueError(f"debug_mode is 0, 1, 2, 'default', 'warn' or 'error', got {debug_mode!r}")
    _lazy_init()
    _binding.C.set_sync_debug_mode(mode)


def get_sync_debug_mode() -> int:
    """0, 1 or 2: see `set_sync_debug_mode`."""
    return int(_binding.C.sync_debug_mode())


_task_queue: int | None = None


def get_task_queue_enable() -> int:
    """0: launches run on the calling thread; 1 or 2: on the launch thread. TASK_QUEUE_ENABLE, or what was set since."""
    return int(_binding.C.task_queue()) if _task_queue is None else _task_queue


def set_task_queue_enable(mode: int) -> None:
    """Sets what `get_task_queue_enable` answers; work that is queued already is handed to CANN first.

    npu-core has one launch thread: 1 and 2 do the same. ValueError for another mode; RuntimeError for 1 and 2 under
    ASCEND_LAUNCH_BLOCKING=1, which asks for the opposite.
    """
    global _task_queue
    if isinstance(mode, bool) or mode not in (0, 1, 2):
        raise ValueError(f"mode is 0, 1 or 2, got {mode!r}")
    _binding.C.set_task_queue(mode != 0)
    _task_queue = mode


def set_mm_bmm_format_nd(is_nd: bool = True) -> None:
    """Products convert no operand to a private format: True is how it is, False warns and changes nothing."""
    if not is_nd:
        warnings.warn(
            "torch.npu.set_mm_bmm_format_nd(False) has no effect: only npu_format_cast makes private formats",
            stacklevel=2,
        )


def get_mm_bmm_format_nd() -> bool:
    """Always True: products convert no operand to a private format."""
    return True


def use_compatible_impl(is_enable: bool) -> None:
    """npu-ops computes every operator as torch defines it: True is how it is, False changes nothing.

    TypeError unless a bool.
    """
    if not isinstance(is_enable, bool):
        raise TypeError(f"is_enable must be a bool, got {type(is_enable).__name__}")


def are_compatible_impl_enabled() -> bool:
    """Always True: operators compute what torch's definition says."""
    return True


#: Keys of `set_option`, each with the values that npu-core has already and the reason why another changes nothing.
_OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "ACL_PRECISION_MODE": (("must_keep_origin_dtype",), "operators compute in the dtype of their tensors"),
    "ACL_OP_SELECT_IMPL_MODE": ((), "aclnn operators have one implementation"),
    "ACL_AICORE_NUM": ((), "use torch.npu.set_device_limit"),
    "ACL_OPTYPELIST_FOR_IMPLMODE": ((), "aclnn operators have one implementation"),
    "ACL_OP_DEBUG_LEVEL": (("0",), "operators are never compiled at run time"),
    "ACL_DEBUG_DIR": ((), "operators are never compiled at run time"),
    "ACL_OP_COMPILER_CACHE_MODE": (("disable",), "operators are never compiled at run time"),
    "ACL_OP_COMPILER_CACHE_DIR": ((), "operators are never compiled at run time"),
    "ACL_OP_DEBUG_OPTION": ((), "operators are never compiled at run time"),
    "MM_BMM_ND_ENABLE": (("enable",), "only npu_format_cast makes private formats"),
    "ALLOW_INTERNAL_FORMAT": (("enable", "disable"), ""),
    "ALLOW_CONV_HF32": (("enable", "disable"), ""),
    "ALLOW_MATMUL_HF32": (("enable", "disable"), ""),
    "CUBE_MATH_TYPE": (("0", "1", "2", "3", "4"), ""),
    "jitCompile": (("disable",), "operators are never compiled at run time"),
    "NPU_FUZZY_COMPILE_BLACKLIST": ((), "operators are never compiled at run time"),
    "FORCE_ACLNN_OP_LIST": ((), "every operator is an aclnn one"),
    "OP_HOOK_ENABLE": (("disable",), "operators are hooked by torch.utils._python_dispatch"),
    "STRONG_CONSISTENCY": (("enable", "disable"), ""),
    "mdldumpswitch": ((), "use torch.npu.init_dump and set_dump"),
    "mdldumpconfigpath": ((), "use torch.npu.init_dump and set_dump"),
    "autotune": (("disable",), "operators are never compiled at run time"),
    "autotunegraphdumppath": ((), "operators are never compiled at run time"),
    "bmmv2_enable": ((), "every operator is an aclnn one"),
}


def set_option(option: Mapping[str, Any]) -> None:
    """Sets switches by name. One that changes nothing here warns with the reason; ValueError names an unknown one."""
    if not isinstance(option, Mapping):
        raise TypeError(f"option must be a dict, got {type(option).__name__}")
    for key, given in option.items():
        if key not in _OPTIONS:
            raise ValueError(f"set_option: unknown key {key!r}; known are {', '.join(sorted(_OPTIONS))}")
        _set_one(key, str(given))


def _set_one(key: str, value: str) -> None:
    kept, reason = _OPTIONS[key]
    if not reason and value not in kept:
        raise ValueError(f"set_option: {key} is one of {', '.join(kept)}, got {value!r}")
    if key == "ALLOW_CONV_HF32":
        conv.allow_hf32 = value == "enable"
    elif key == "ALLOW_MATMUL_HF32":
        matmul.allow_hf32 = value == "enable"
    elif key == "ALLOW_INTERNAL_FORMAT":
        config.allow_internal_format = value == "enable"
    elif key == "CUBE_MATH_TYPE":
        matmul.cube_math_type = CubeMathType(int(value))
    elif key == "STRONG_CONSISTENCY":
        deterministic.set_strong_consistency(value == "enable")
    elif value not in kept:
        warnings.warn(f"torch.npu.set_option({{{key!r}: {value!r}}}) has no effect: {reason}", stacklevel=4)


class _Matmul:
    """`torch.npu.matmul`: whether products of float32 may round their operands to hf32 (19 bits), which is faster.

    `torch.set_float32_matmul_precision("high")` and "medium" allow it too.
    """

    def __init__(self) -> None:
        self._type = CubeMathType.KEEP_DTYPE

    @property
    def allow_hf32(self) -> bool:
        return self._type == CubeMathType.USE_HF32

    @allow_hf32.setter
    def allow_hf32(self, allowed: bool) -> None:
        self.cube_math_type = CubeMathType.USE_HF32 if allowed else CubeMathType.KEEP_DTYPE

    @property
    def cube_math_type(self) -> CubeMathType:
        return self._type

    @cube_math_type.setter
    def cube_math_type(self, wanted: int) -> None:
        self._type = CubeMathType(wanted)
        _binding.C.set_cube_math(0, int(self._type))


class _Conv:
    """`torch.npu.conv`: whether convolutions of float32 may round their operands to hf32 (19 bits); see `_Matmul`."""

    def __init__(self) -> None:
        self._allowed = False

    @property
    def allow_hf32(self) -> bool:
        return self._allowed

    @allow_hf32.setter
    def allow_hf32(self, allowed: bool) -> None:
        self._allowed = bool(allowed)
        _binding.C.set_cube_math(1, int(CubeMathType.USE_HF32 if allowed else CubeMathType.KEEP_DTYPE))


matmul = _Matmul()
conv = _Conv()
