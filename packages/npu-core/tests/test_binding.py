"""`_C.pyi` is the contract of the compiled module: both must have the same names and parameters."""

import ast
import re
from pathlib import Path

import torch  # noqa: F401 - its libraries, which may lie in another folder, are loaded first

import npu_core
from npu_core import _C


def declared() -> dict[str, list[str]]:
    """Functions of the stub with the names of their parameters."""
    tree = ast.parse((Path(npu_core.__file__).parent / "_C.pyi").read_text())
    return {n.name: [a.arg for a in n.args.args] for n in tree.body if isinstance(n, ast.FunctionDef)}


def parameters(function: object) -> list[str]:
    signature = (function.__doc__ or "").splitlines()[0]
    inside = signature[signature.index("(") + 1 : signature.rindex(") ->")]
    return re.findall(r"(\w+): ", inside)


def test_the_module_has_what_the_stub_declares_and_nothing_else() -> None:
    public = {name for name in dir(_C) if not name.startswith("_")}
    assert public == set(declared()) | {"DeviceProperties", "MemPool", "NPUGraph", "PluggableAllocator"}


def test_parameters_have_the_names_of_the_stub() -> None:
    for name, expected in declared().items():
        assert parameters(getattr(_C, name)) == expected, name


def test_the_properties_of_a_device_are_those_of_the_stub() -> None:
    tree = ast.parse((Path(npu_core.__file__).parent / "_C.pyi").read_text())
    stub = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "DeviceProperties")
    names = {n.name for n in stub.body if isinstance(n, ast.FunctionDef)}
    assert names == {name for name in vars(_C.DeviceProperties) if not name.startswith("_")}
