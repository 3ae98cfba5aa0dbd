"""What a report of a problem should say of its machine: `python -m torch_npu.utils.collect_env`."""

import os
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils import collect_env as torch_env

import npu_core
from npu_core.npu import utils as npu_utils

TORCH_AVAILABLE = True
TORCH_NPU_AVAILABLE = True


class SystemEnv(NamedTuple):
    """One report. What could not be found out is None."""

    torch_version: Any
    torch_npu_version: Any
    is_debug_build: Any
    gcc_version: Any
    clang_version: Any
    cmake_version: Any
    os: Any
    libc_version: Any
    python_version: Any
    python_platform: Any
    pip_version: Any
    pip_packages: Any
    conda_packages: Any
    caching_allocator_config: Any
    is_xnnpack_available: Any
    cpu_info: Any
    cann_version: Any


def get_torch_npu_version() -> str:
    """Version of torch-npu, and of the npu-core that it is a name for."""
    return f"{metadata.version('torch-npu')} (npu-core {npu_core.__version__})"


def get_torch_npu_install_path() -> str:
    """Folder of the package `torch_npu`."""
    return str(Path(__file__).parents[1])


def check_path_owner_consistent(path: str) -> None:
    """RuntimeError if `path` is missing or belongs to another user."""
    if not os.path.exists(path):
        raise RuntimeError(f"the path {path} does not exist")
    owner = os.stat(path).st_uid
    if owner not in (os.getuid(), 0):
        raise RuntimeError(f"the path {path} belongs to user {owner}, and this process to {os.getuid()}")


def check_directory_path_readable(path: str) -> None:
    """RuntimeError if `path` is missing, a symbolic link, or not readable."""
    check_path_owner_consistent(path)
    if os.path.islink(path):
        raise RuntimeError(f"the path {path} is a symbolic link")
    if not os.access(path, os.R_OK):
        raise RuntimeError(f"the path {path} is not readable")


def get_cann_version() -> str:
    """Version of the CANN in use, "not known" without one."""
    return npu_utils.get_cann_version() or "not known"


def get_env_info() -> SystemEnv:
    """A report of this machine. Starts no device."""
    told = torch_env.get_env_info()
    taken = {name: getattr(told, name, None) for name in SystemEnv._fields}
    taken["caching_allocator_config"] = os.environ.get("PYTORCH_NPU_ALLOC_CONF", "N/A")
    taken["torch_version"] = torch.__version__
    return SystemEnv(**{**taken, "torch_npu_version": get_torch_npu_version(), "cann_version": get_cann_version()})


#: The text of a report; `pretty_str` fills it in.
env_info_fmt = """
PyTorch version: {torch_version}
torch-npu version: {torch_npu_version}
CANN version: {cann_version}
Is debug build: {is_debug_build}

OS: {os}
GCC version: {gcc_version}
Clang version: {clang_version}
CMake version: {cmake_version}
Libc version: {libc_version}

Python version: {python_version}
Python platform: {python_platform}
Allocator settings: {caching_allocator_config}
Is XNNPACK available: {is_xnnpack_available}

CPU:
{cpu_info}

Versions of relevant libraries:
{pip_packages}
{conda_packages}
""".strip()


def pretty_str(envinfo: SystemEnv) -> str:
    """A report as text."""
    return env_info_fmt.format(**{k: "not known" if v is None else v for k, v in envinfo._asdict().items()})


def get_pretty_env_info() -> str:
    """A report of this machine as text."""
    return pretty_str(get_env_info())


def main() -> None:
    """Prints a report of this machine."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
