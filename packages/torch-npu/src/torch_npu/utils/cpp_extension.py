"""Building extensions in C++ against npu-core."""

import os
from importlib import util
from pathlib import Path
from typing import Any

import npu_core

#: Folder of the package whose headers and library an extension is built against.
PYTORCH_NPU_INSTALL_PATH = str(Path(npu_core.__file__).parent)


def NpuExtension(name: str, sources: list[str], *args: Any, **kwargs: Any) -> Any:
    """A `setuptools.Extension` that finds torch, npu-core and CANN's headers; for `torch.utils.cpp_extension`'s
    `BuildExtension`.

    Links `libnpu_core.so`, so the built extension fits this npu-core only. CANN's headers come from npu-cann if that is
    installed, and from ASCEND_HOME_PATH.
    """
    from torch.utils.cpp_extension import CppExtension

    root = Path(PYTORCH_NPU_INSTALL_PATH)
    kwargs["include_dirs"] = [*kwargs.get("include_dirs", []), str(root / "include"), *_cann_headers()]
    kwargs["library_dirs"] = [*kwargs.get("library_dirs", []), str(root / "lib")]
    kwargs["libraries"] = [*kwargs.get("libraries", []), "npu_core"]
    kwargs["runtime_library_dirs"] = [*kwargs.get("runtime_library_dirs", []), str(root / "lib")]
    flags = kwargs.get("extra_compile_args", [])
    if isinstance(flags, list):
        kwargs["extra_compile_args"] = ["-std=c++20", *flags]
    return CppExtension(name, sources, *args, **kwargs)


def _cann_headers() -> list[str]:
    found = []
    spec = util.find_spec("npu_cann")
    if spec is not None and spec.origin is not None:
        found.append(str(Path(spec.origin).parent / "include"))
    home = os.environ.get("ASCEND_HOME_PATH")
    if home:
        found.append(str(Path(home) / "include"))
    return found
