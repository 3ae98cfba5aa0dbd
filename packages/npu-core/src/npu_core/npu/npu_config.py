"""`torch.npu.npu_config`: another place where programs look for the switches."""
# ruff: noqa: F401

from npu_core.npu.dump import finalize_dump, init_dump, set_dump
from npu_core.npu.limits import (
    get_device_limit,
    get_stream_limit,
    reset_stream_limit,
    set_device_limit,
    set_stream_limit,
)
from npu_core.npu.switches import (
    get_mm_bmm_format_nd,
    is_jit_compile_false,
    set_aoe,
    set_compile_mode,
    set_mm_bmm_format_nd,
    set_option,
)
