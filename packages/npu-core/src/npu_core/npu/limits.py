"""How many cores of a device this process, or one stream, may use; how long an operator may take."""

import torch

from npu_core import _binding
from npu_core.npu._utils import Device, _get_device_index, _lazy_init

_CUBE, _VECTOR = 0, 1  # aclrtDevResLimitType


def set_device_limit(device: Device, cube_num: int = -1, vector_num: int = -1) -> None:
    """Caps the cube and vector cores that work on `device` may use; -1 leaves one as it is."""
    _lazy_init()
    index = _get_device_index(device, optional=True)
    for kind, number in ((_CUBE, cube_num), (_VECTOR, vector_num)):
        if number != -1:
            _binding.C.set_device_limit(index, kind, number)


def get_device_limit(device: Device) -> dict[str, int]:
    """`{"cube_core_num": n, "vector_core_num": n}`: what work on `device` may use."""
    _lazy_init()
    index = _get_device_index(device, optional=True)
    return {
        "cube_core_num": int(_binding.C.device_limit(index, _CUBE)),
        "vector_core_num": int(_binding.C.device_limit(index, _VECTOR)),
    }


def _triple(stream: torch.Stream) -> tuple[int, int, int]:
    return stream.stream_id, stream.device_index, stream.device_type


def set_stream_limit(stream: torch.Stream, cube_num: int = -1, vector_num: int = -1) -> None:
    """Caps the cube and vector cores that work on `stream` may use; -1 leaves one as it is."""
    for kind, number in ((_CUBE, cube_num), (_VECTOR, vector_num)):
        if number != -1:
            _binding.C.set_stream_limit(_triple(stream), kind, number)


def get_stream_limit(stream: torch.Stream) -> dict[str, int]:
    """As `get_device_limit`, of one stream."""
    return {
        "cube_core_num": int(_binding.C.stream_limit(_triple(stream), _CUBE)),
        "vector_core_num": int(_binding.C.stream_limit(_triple(stream), _VECTOR)),
    }


def reset_stream_limit(stream: torch.Stream) -> None:
    """Takes the caps of `stream` away."""
    _binding.C.reset_stream_limit(_triple(stream))


def set_op_timeout_ms(timeout: int) -> None:
    """How long an operator may run before the device ends it, in milliseconds. ValueError for a negative one.

    CANN rounds it to what the hardware counts in.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int):
        raise TypeError(f"timeout must be an int, got {type(timeout).__name__}")
    if timeout < 0:
        raise ValueError(f"timeout must be 0 or more, got {timeout}")
    _lazy_init()
    _binding.C.set_operator_timeout(timeout * 1000)
