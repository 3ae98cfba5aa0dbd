"""The operator tables: reading ``tables/*.yaml`` into entries, with every error naming file and entry.

One entry a line, keyed by an ATen overload; for a group of overloads (functional, in-place, out) the key is the
one that PyTorch describes by a structured meta (``add.out``), else any one of them::

    add.out: aclnnAdd(self, other, alpha, out)

or, where the line has to say more::

    add.out:
      call: aclnnAdd(self, other, alpha, out)
      scalar: aclnnAdds(self, other, alpha, out)   # used when `other` is a number or a CPU scalar
    relu:
      call: aclnnRelu(self, out)
      shape: like(self)                            # for operators that have no structured meta
    mm.out:
      call: aclnnMm(self, mat2, out, cube_math)
      otherwise: mm                                # csrc/otherwise.h, for dtypes that the call does not take
      check: matrices(self, mat2)                  # csrc/checks.h, what torch refuses beyond its shape rule
      overlap: both                                # csrc/kernel.h, where result and operands share memory
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from npu_cann.signatures import SignatureError, load_yaml

from .errors import TableError
from .expressions import Apply, parse_call

_FIELDS = {"call", "scalar", "shape", "otherwise", "check", "overlap"}
#: In ``fallback.yaml``: every operator that has a kernel, for the dtypes that the kernel does not take.
EVERY = "*"


@dataclass(frozen=True)
class Entry:
    """One line of a table."""

    key: str  # the ATen overload, "add.out"
    call: Apply
    scalars: tuple[Apply, ...]  # variants for operands that are CPU scalars
    shape: Apply | None
    otherwise: str | None  # the function of csrc/otherwise.h for dtypes that `call` does not take
    where: str  # "pointwise.yaml: add.out"
    check: Apply | None = None  # the function of csrc/checks.h that refuses operands
    overlap: str | None = None  # the constant of Overlap in csrc/kernel.h


@dataclass(frozen=True)
class Table:
    """One file: a family of operators, and one translation unit of the output."""

    family: str
    entries: tuple[Entry, ...]


def read_tables(folder: Path) -> tuple[Table, ...]:
    """All tables but ``fallback.yaml``, in sorted order. Raises TableError."""
    tables = tuple(read_table(p) for p in sorted(folder.glob("*.yaml")) if p.stem != "fallback")
    seen: dict[str, str] = {}
    for table in tables:
        for e in table.entries:
            if e.key in seen:
                raise TableError(f"{e.where}: also in {seen[e.key]}; an overload has one entry")
            seen[e.key] = e.where
    return tables


def read_table(path: Path) -> Table:
    """One table."""
    return Table(path.stem, tuple(_entry(k, v, f"{path.name}: {k}") for k, v in _load(path).items()))


def read_fallbacks(path: Path) -> dict[str, str]:
    """``fallback.yaml``: reason by overload. The file lists the overloads under each reason."""
    out: dict[str, str] = {}
    for reason, keys in _load(path).items():
        if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys):
            raise TableError(f"{path.name}: {reason!r}: write 'why the CPU computes them: [OVERLOAD, ...]'")
        for key in keys:
            if key in out:
                raise TableError(f"{path.name}: {key} is there twice: {out[key]!r} and {reason!r}")
            out[key] = reason
    return out


def _load(path: Path) -> dict[str, object]:
    try:
        return load_yaml(path)
    except SignatureError as error:
        raise TableError(str(error)) from error


def _entry(key: str, value: object, where: str) -> Entry:
    if isinstance(value, str):
        value = {"call": value}
    if not isinstance(value, dict) or "call" not in value:
        raise TableError(f"{where}: must be 'aclnnX(...)' or a mapping with 'call'")
    if unknown := set(value) - _FIELDS:
        raise TableError(f"{where}: unknown fields {sorted(unknown)}; known: {sorted(_FIELDS)}")
    otherwise = value.get("otherwise")
    if otherwise is not None and not re.fullmatch(r"[a-z]\w*", str(otherwise)):
        raise TableError(f"{where}.otherwise: {otherwise!r} is no name of a function of csrc/otherwise.h")
    scalars = value.get("scalar", [])
    scalars = [scalars] if isinstance(scalars, str) else scalars
    return Entry(
        key,
        parse_call(value["call"], where),
        tuple(parse_call(s, f"{where}.scalar") for s in scalars),
        parse_call(value["shape"], f"{where}.shape") if "shape" in value else None,
        None if otherwise is None else str(otherwise),
        where,
        parse_call(value["check"], f"{where}.check") if "check" in value else None,
        str(value["overlap"]) if "overlap" in value else None,
    )
