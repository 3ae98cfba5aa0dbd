"""Host µs of npu-sim's own calls, without kernels: what a comparison of two stacks on it has in both columns.

Compiles `calls.c`, which makes the calls. Prints JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import tempfile
from pathlib import Path

os.environ["NPU_SIM_KERNELS"] = "null"  # before the simulator reads it
os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"

import torch

import npu_sim

HEADERS = Path(__file__).parents[1] / "packages" / "npu-cann" / "src" / "npu_cann" / "include"
NAMES = ("aclnnAdd, first phase", "aclnnAdd, second phase", "aclrtRecordEvent")
FLOAT, ND, HUGE_FIRST, SYNC = 0, 2, 0, 1


def compiled(folder: str) -> ctypes.CDLL:
    library = str(Path(folder) / "calls.so")
    source = str(Path(__file__).with_suffix(".c"))
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{HEADERS}", source, "-o", library], check=True)
    return ctypes.CDLL(library)


def measure() -> dict[str, dict[str, float]]:
    torch.empty(0)  # libopapi finds torch's libraries in the process
    acl = ctypes.CDLL(str(npu_sim.LIBRARY_DIR / "libascendcl.so"))
    ops = ctypes.CDLL(str(npu_sim.LIBRARY_DIR / "libopapi.so"))
    ops.aclCreateTensor.restype = ops.aclCreateScalar.restype = ctypes.c_void_p
    memory, stream, event = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    for call, arguments in (
        (acl.aclInit, (None,)),
        (acl.aclrtSetDevice, (0,)),
        (acl.aclrtMalloc, (ctypes.byref(memory), ctypes.c_size_t(1 << 20), HUGE_FIRST)),
        (acl.aclrtCreateStream, (ctypes.byref(stream),)),
        (acl.aclrtCreateEventExWithFlag, (ctypes.byref(event), SYNC)),
    ):
        if code := call(*arguments):
            raise RuntimeError(f"{call.__name__} answered {code}")
    two = ctypes.c_int64 * 2
    sizes, strides = two(16, 16), two(16, 1)
    tensor = ops.aclCreateTensor(
        sizes, ctypes.c_uint64(2), FLOAT, strides, ctypes.c_int64(0), ND, sizes, ctypes.c_uint64(2), memory
    )
    alpha = ops.aclCreateScalar(ctypes.byref(ctypes.c_float(1)), FLOAT)
    us = (ctypes.c_double * len(NAMES))()
    handles = [ctypes.c_void_p(h) for h in (tensor, tensor, alpha, tensor)]
    with tempfile.TemporaryDirectory() as folder:
        code = compiled(folder).measure(
            ops.aclnnAddGetWorkspaceSize, ops.aclnnAdd, acl.aclrtRecordEvent, acl.aclrtSynchronizeStream,
            *handles, stream, event, us,
        )  # fmt: skip
    if code:
        raise RuntimeError(f"a call answered {code}")
    return {name: {"us": us[i]} for i, name in enumerate(NAMES)}


if __name__ == "__main__":
    print(json.dumps(measure()))
