"""PyTorch's operators, read from the installed torchgen and the ``native_functions.yaml`` that it packs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torchgen
from torchgen.api import meta as meta_api
from torchgen.api.types import DispatcherSignature
from torchgen.context import native_function_manager
from torchgen.gen import get_grouped_native_functions, parse_native_yaml
from torchgen.model import NativeFunction, NativeFunctionsGroup, SchemaKind

from .errors import TableError


@dataclass(frozen=True)
class Overload:
    """One overload of a group, as a kernel is registered for it."""

    function: NativeFunction

    @property
    def key(self) -> str:
        """``add.out``; the schema's name."""
        return str(self.function.func.name)

    @property
    def kind(self) -> str:
        """``functional``, ``inplace`` or ``out``."""
        return str(self.function.func.kind().name)

    @property
    def ident(self) -> str:
        """A C++ name that no function of PyTorch or ours has: ``npu_add_out``."""
        return "npu_" + self.key.replace(".", "_")

    def declaration(self) -> str:
        """The C++ signature that the dispatcher calls."""
        with native_function_manager(self.function):
            signature = DispatcherSignature.from_schema(self.function.func, symint=False)
            return str(signature.decl(name=self.ident))

    @cached_property
    def inputs(self) -> list[tuple[str, str, str]]:
        """Schema type, C++ type and name of every argument that is not a result."""
        results = {a.name for a in self.function.func.arguments.out}
        with native_function_manager(self.function):
            signature = DispatcherSignature.from_schema(self.function.func, symint=False)
            types = {a.name: str(a.argument.type) for a in signature.arguments()}
            return [(types[a.name], a.type, a.name) for a in signature.arguments() if a.name not in results]

    @property
    def results(self) -> list[str]:
        """The names of the results as the tables use them."""
        named = [a.name for a in self.function.func.arguments.out]
        if named:
            return named
        n = len(self.function.func.returns)
        return ["out"] if n == 1 else [r.name or f"out{i}" for i, r in enumerate(self.function.func.returns)]


@dataclass(frozen=True)
class Group:
    """The overloads that one entry makes kernels for."""

    overloads: tuple[Overload, ...]
    meta: str | None  # "at::meta::structured_add_Tensor"
    iterates: bool  # the meta is a TensorIterator: operands are promoted, CPU scalars may stand among them
    header: str | None  # "ATen/ops/add_meta.h"
    meta_arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The operator as messages name it: ``add``."""
        return str(self.overloads[0].function.func.name.name.base)

    @property
    def widest(self) -> Overload:
        """The overload whose arguments and results the table's names mean."""
        order = {"out": 0, "functional": 1, "inplace": 2}
        return min(self.overloads, key=lambda o: order[o.kind])


class Model:
    """All operators of the installed PyTorch."""

    def __init__(self) -> None:
        packed = Path(torchgen.__file__).parent / "packaged" / "ATen" / "native"
        parsed = parse_native_yaml(str(packed / "native_functions.yaml"), str(packed / "tags.yaml"))
        self.functions = parsed.native_functions
        self.kernels = parsed.backend_indices
        self._groups: dict[str, NativeFunctionsGroup | NativeFunction] = {}
        for g in get_grouped_native_functions(parsed.native_functions):
            for f in _members(g):
                self._groups[str(f.func.name)] = g

    def group(self, key: str, where: str) -> Group:
        """The group of overload `key`. Raises TableError if PyTorch has no such overload."""
        if key not in self._groups:
            base = key.split(".")[0].rstrip("_")
            near = sorted(k for k in self._groups if k.split(".")[0].rstrip("_") == base)
            raise TableError(f"{where}: PyTorch has no operator {key!r}; near: {near or 'nothing'}")
        g = self._groups[key]
        members = [f for f in _members(g) if f.func.kind() in _KINDS]
        if isinstance(g, NativeFunctionsGroup) and g.structured:
            overloads = tuple(Overload(f) for f in members)
            out = g.out
            with native_function_manager(out):
                arguments = tuple(str(a.name) for a in g.functional.func.arguments.flat_non_out)
                name = f"at::meta::structured_{meta_api.name(g)}"
            iterates = out.structured_inherits == "TensorIteratorBase"
            return Group(overloads, name, iterates, f"ATen/ops/{out.root_name}_meta.h", arguments)
        wanted = [f for f in members if str(f.func.name) == key or not _composite(f)]
        if key.startswith("_foreach_"):  # composites all; their out forms copy, and are PyTorch's
            wanted = [f for f in members if f.func.kind() is not SchemaKind.out]
        if next(f for f in members if str(f.func.name) == key).func.kind() is SchemaKind.inplace:
            wanted = [f for f in wanted if f.func.kind() is SchemaKind.inplace]
        return Group(tuple(Overload(f) for f in wanted), None, False, None)

    def fallbacks(self, key: str, where: str) -> tuple[Overload, ...]:
        """The overloads that one line of fallback.yaml declares: all of its group for which PyTorch has a kernel of
        the CPU, and none that it makes of others."""
        group = self._groups.get(key)
        if isinstance(group, NativeFunctionsGroup) and group.structured:
            return self.group(key, where).overloads
        if group is None:
            self.group(key, where)
        members = _members(group) if group else []
        return tuple(Overload(f) for f in members if str(f.func.name) == key or not _composite(f))


_KINDS = (SchemaKind.functional, SchemaKind.inplace, SchemaKind.out)


def _members(g: NativeFunctionsGroup | NativeFunction) -> list[NativeFunction]:
    return list(g.functions()) if isinstance(g, NativeFunctionsGroup) else [g]


def _composite(f: NativeFunction) -> bool:
    return bool(
        f.has_composite_implicit_autograd_kernel
        or f.has_composite_explicit_autograd_kernel
        or f.has_composite_explicit_autograd_non_functional_kernel
    )
