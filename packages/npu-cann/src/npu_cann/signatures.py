"""aclnn operators: parameters, dtypes and products, read from ``data/aclnn``.

The data is one entry an operator. Its ``params`` line lists the parameters in the order of the first phase
(``aclnnXGetWorkspaceSize``), each ``[out|inout] KIND NAME``; the trailing workspace size and executor, and the
second phase, are the same for all operators and not listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

#: Every parameter kind and the C type that carries it in the ABI.
C_TYPES = {
    "tensor": "const aclTensor*",
    "tensors": "const aclTensorList*",
    "scalar": "const aclScalar*",
    "scalars": "const aclScalarList*",
    "ints": "const aclIntArray*",
    "bools": "const aclBoolArray*",
    "floats": "const aclFloatArray*",
    "string": "const char*",
    "dtype": "aclDataType",
    "int64": "int64_t",
    "int32": "int32_t",
    "int8": "int8_t",
    "uint64": "uint64_t",
    "bool": "bool",
    "double": "double",
    "float": "float",
}

#: dtype names of the data and the suffix of the ``ACL_`` enumerator, where the two differ.
_ACL_NAMES = {"BFLOAT16": "BF16"}

_PARAM = re.compile(r"(?:(out|inout) )?(\w+) (\w+)$")


class SignatureError(ValueError):
    """An entry of the signature data is malformed; the message names the entry."""


@dataclass(frozen=True)
class Param:
    """One parameter of an operator's first phase."""

    name: str
    kind: str
    direction: str  # "in", "out" or "inout"

    @property
    def c_type(self) -> str:
        """The parameter's C type; constness is not part of the ABI, so outputs drop it."""
        c = C_TYPES[self.kind]
        return c.removeprefix("const ") if self.direction != "in" else c


@dataclass(frozen=True)
class Operator:
    """One aclnn operator as CANN exports it."""

    name: str
    params: tuple[Param, ...]
    #: accepted dtypes by parameter name, as ``ACL_`` enumerators; a missing name means that nothing is known
    dtypes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: product families that have it (``A2``, ``A3``, ``910``, ``310P``, ``310B``, ``Ascend950``); empty: unknown
    products: tuple[str, ...] = ()
    #: an ``aclnnInplaceX`` of the same kernel exists
    inplace: bool = False
    #: the output's shape is known only after it ran (read back with ``aclGetViewShape``)
    data_dependent_shape: bool = False
    #: "header", "doc" or "call-site": how the parameter list is known, best first
    source: str = "header"

    def param(self, name: str) -> Param:
        for p in self.params:
            if p.name == name:
                return p
        raise SignatureError(f"{self.name} has no parameter {name!r}; it has {[p.name for p in self.params]}")


def parse_params(op: str, text: str) -> tuple[Param, ...]:
    """``"tensor self, out tensor out"`` as parameters. Raises SignatureError naming `op`."""
    out = []
    for part in text.split(", ") if text else []:
        m = _PARAM.match(part)
        if not m or m[2] not in C_TYPES:
            raise SignatureError(f"{op}: {part!r} is not '[out|inout] KIND NAME' with a KIND of {sorted(C_TYPES)}")
        out.append(Param(m[3], m[2], m[1] or "in"))
    return tuple(out)


def _operator(name: str, entry: object) -> Operator:
    if not isinstance(entry, dict) or "params" not in entry:
        raise SignatureError(f"{name}: an entry is a mapping with at least 'params', this one is {entry!r}")
    known = {"params", "dtypes", "products", "inplace", "data_dependent_shape", "source"}
    if unknown := set(entry) - known:
        raise SignatureError(f"{name}: unknown fields {sorted(unknown)}; known: {sorted(known)}")
    params = parse_params(name, str(entry["params"]))
    dtypes: dict[str, tuple[str, ...]] = {}
    for group, accepted in (entry.get("dtypes") or {}).items():
        for p in group.split():
            dtypes[p] = tuple(f"ACL_{_ACL_NAMES.get(d, d)}" for d in accepted.split())
    return Operator(
        name,
        params,
        dtypes,
        tuple(str(entry.get("products", "")).split()),
        bool(entry.get("inplace", False)),
        bool(entry.get("data_dependent_shape", False)),
        str(entry.get("source", "header")),
    )


class _UniqueLoader(yaml.CSafeLoader):
    """YAML with duplicate keys refused: PyYAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise SignatureError(f"{key.start_mark}: duplicate entry {key.value!r}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> dict[str, object]:
    """A YAML mapping with duplicate keys refused; the operator tables of the other wheels use it too."""
    with path.open(encoding="utf-8") as stream:  # a stream, so that an error names the file
        return yaml.load(stream, Loader=_UniqueLoader) or {}


def _files() -> Iterator[Path]:
    return iter(sorted((Path(__file__).parent / "data" / "aclnn").glob("*.yaml")))


@cache
def load() -> dict[str, Operator]:
    """All operators by name. Raises SignatureError for a malformed or duplicate entry."""
    ops: dict[str, Operator] = {}
    for path in _files():
        for name, entry in load_yaml(path).items():
            if name in ops:
                raise SignatureError(f"{path.name}: {name} is listed in another file too")
            ops[name] = _operator(name, entry)
    return ops
