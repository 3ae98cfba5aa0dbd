"""Makes ``npu`` the default backend of ``torch.compile``, on a machine that has a device.

torch has a setting for that, but in a module that takes 1.5 s to import, and `import torch` must not. So it is set when
torch imports that module itself.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from typing import TYPE_CHECKING

from npu_core import _binding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

REGISTRY = "torch._dynamo.backends.registry"


def _set(registry: ModuleType) -> None:
    """Sets the default, unless the user chose one before, or there is no device."""
    if registry.get_default_backend() == "inductor" and _binding.C.device_count():
        registry.set_default_backend("npu")


class _AfterImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets the other finders load the registry, then sets the default. Waits for one import and is gone."""

    def __init__(self) -> None:
        self._loader: importlib.abc.Loader | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != REGISTRY:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec) if self._loader else None

    def exec_module(self, module: ModuleType) -> None:
        if self._loader is not None:
            self._loader.exec_module(module)
        _set(module)


def arrange() -> None:
    """Sets the default now if torch's compiler is imported already, else when it is."""
    registry = sys.modules.get(REGISTRY)
    if registry is not None:
        _set(registry)
    else:
        sys.meta_path.insert(0, _AfterImport())
