"""Writes what traces a library's C functions: ``traced_calls.py OUT.cpp RENAMED.h SOURCE...``.

Every function that a header of npu-cann declares and a source defines, or every one of a header that is itself given
instead of sources that define it by macro, is compiled as ``npu_sim_untraced_X`` (RENAMED.h, included before all
else), and OUT.cpp exports X: a branch and a call while nothing is traced, else X with a line of its arguments. No
exception leaves it: a client may be C. The parameters' names and types come from the headers; ``traced_arrays.yaml``
says which pointers are arrays.
A file is only touched when its content changes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import npu_cann
from npu_cann.signatures import load_yaml

PREFIX = "npu_sim_untraced_"
HEADERS = npu_cann.INCLUDE_DIR / "npu" / "cann"
#: Traced where they are defined, since a function of a variable number of arguments cannot be called on.
BY_HAND = {"aclAppLog"}
#: What a function of each type answers when memory for its own objects is short, or another exception got that far.
FAILURES = {
    "aclError": "ACL_ERROR_BAD_ALLOC",
    "rtError_t": "ACL_ERROR_BAD_ALLOC",
    "aclnnStatus": "ACLNN_ERR_INNER",
    "HcclResult": "HCCL_E_MEMORY",
    "msptiResult": "MSPTI_ERROR_INNER",
}
LENGTHS = {"length", "len", "msgLen", "configLength"}

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PROTOTYPE = re.compile(r"(?:^|[;{}]|\n)\s*((?:const )?[A-Za-z_]\w*(?:\s*\*)?)\s*\b([A-Za-z_]\w*)\(([^()]*)\)\s*;")
_PARAMETER = re.compile(r"^(.*?[\s*])(\w+)(\[\])?$", re.DOTALL)


@dataclass(frozen=True)
class Parameter:
    """One parameter as the header declares it."""

    name: str
    declaration: str
    type: str


@dataclass(frozen=True)
class Function:
    """One prototype of a header."""

    name: str
    answer: str
    parameters: tuple[Parameter, ...]
    header: str


def parameter(text: str) -> Parameter:
    text = " ".join(text.split())
    found = _PARAMETER.match(text)
    if not found:
        raise ValueError(f"expected a type and a name, found {text!r}")
    return Parameter(found[2], text, found[1].strip() + ("*" if found[3] else ""))


def prototypes(header: Path) -> Iterator[Function]:
    """The functions that a header declares, but for those of BY_HAND."""
    text = _COMMENT.sub("", header.read_text())
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("#", "typedef", "static const")))
    for answer, name, arguments in _PROTOTYPE.findall(text):
        given = [] if arguments.strip() in ("", "void") else arguments.split(",")
        if name not in BY_HAND and not name.startswith("NPU_CANN_"):
            yield Function(name, " ".join(answer.split()), tuple(map(parameter, given)), header.name)


def defined(sources: Iterable[Path]) -> set[str]:
    """Names of C functions that begin a line of the sources with their type."""
    pattern = re.compile(r"^(?!static)[A-Za-z_][\w *]*?\b(\w+)\([^;{}]*\) \{", re.MULTILINE)
    return {name for path in sources for name in pattern.findall(path.read_text())}


def argument(function: Function, index: int, arrays: dict[str, str]) -> str:
    """The C++ that adds one argument to a line."""
    p = function.parameters[index]
    after = function.parameters[index + 1] if index + 1 < len(function.parameters) else None
    if p.name in arrays:
        return f'.array("{p.name}", {p.name}, {arrays[p.name]})'
    if p.type.replace(" ", "") == "constchar*" and after and after.name in LENGTHS:
        return f'.text("{p.name}", {p.name}, {after.name})'
    return f'.add("{p.name}", {p.name})'


def traced(function: Function, arrays: dict[str, str]) -> Iterator[str]:
    """The exported function."""
    declared = ", ".join(p.declaration for p in function.parameters) or "void"
    names = ", ".join(p.name for p in function.parameters)
    call = f"{PREFIX}{function.name}({names})"
    chain = "".join(argument(function, i, arrays) for i in range(len(function.parameters)))
    kinds = {p.name: p.type for p in function.parameters}
    if kinds.get("kind") == "aclrtMemcpyKind":
        chain += ".copy(kind, dst, src)"
    elif {"dsts", "srcs"} <= kinds.keys():
        chain += f".copies(dsts, srcs, {arrays['dsts']})"
    yield f'extern "C" {function.answer} {PREFIX}{function.name}({declared});'
    yield f"{function.answer} {function.name}({declared}) try {{"
    yield f"  if (!tracing()) [[likely]] return {call};"
    if function.answer == "void":
        yield f"  {call};"
        yield f'  TracedCall("{function.name}"){chain};'
    else:
        yield f"  const auto answer = {call};"
        yield f'  TracedCall("{function.name}", answer){chain};'
        yield "  return answer;"
    yield "} catch (const std::exception& error) {"
    yield f'  fail(ACL_ERROR_BAD_ALLOC, std::string("{function.name}: ") + error.what());'
    if function.answer != "void":
        yield f"  return {FAILURES.get(function.answer, '{}')};"
    yield "}"


HEAD = """\
// Generated by traced_calls.py from npu-cann's headers.
#pragma GCC visibility push(default)
{includes}
#pragma GCC visibility pop

#include <exception>
#include <string>

#include "npu/cann/error.h"
#include "npu_sim/error.h"
#include "npu_sim/traced_call.h"

using namespace npu_sim;
"""


def generate(given: list[Path]) -> tuple[str, str]:
    """The exported functions, and the header that renames those that they call."""
    arrays: dict[str, Any] = load_yaml(Path(__file__).with_name("traced_arrays.yaml"))
    whole = {p.name for p in given if p.suffix == ".h"}
    names = defined(p for p in given if p.suffix == ".cpp")
    declared = [f for header in sorted(HEADERS.glob("*.h")) for f in prototypes(header)]
    chosen = sorted((f for f in declared if f.name in names or f.header in whole), key=lambda f: f.name)
    for name, counts in arrays.items():
        if wrong := [f.name for f in declared if f.name == name and not set(counts) <= {p.name for p in f.parameters}]:
            raise ValueError(f"traced_arrays.yaml: {wrong} has no such parameters, found {sorted(counts)}")
    includes = "\n".join(f"#include <npu/cann/{h}>" for h in sorted({f.header for f in chosen}))
    lines = [line for f in chosen for line in traced(f, arrays.get(f.name, {}))]
    renamed = [f"#define {f.name} {PREFIX}{f.name}" for f in chosen]
    guard = ["// Generated by traced_calls.py.", "#ifndef NPU_SIM_TRACED_CALLS", *renamed, "#endif"]
    return HEAD.format(includes=includes) + "\n".join(lines) + "\n", "\n".join(guard) + "\n"


def main(argv: list[str]) -> None:
    out, renamed, *given = map(Path, argv)
    for path, text in zip((out, renamed), generate(given), strict=True):
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
