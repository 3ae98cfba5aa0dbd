"""Compares the operators that two stacks ask CANN for, from npu-sim's traces of one program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

#: An operator with the dtypes and shapes of its tensors: `aclnnAdd(float32[2, 2], float32[2, 2], float32[2, 2])`.
Signature = str


def tensors(argument: Any) -> list[str]:
    if isinstance(argument, dict) and "shape" in argument:
        return [f"{argument['dtype']}{argument['shape']}"]
    return [text for one in argument for text in tensors(one)] if isinstance(argument, list) else []


def signatures(files: Iterable[Path]) -> set[Signature]:
    """Every operator that a first phase accepted, once a shape: later calls come from executor caches."""
    found = set()
    for file in files:
        for line in file.read_text().splitlines():
            call = json.loads(line)
            if call.get("phase") == 1 and call["answer"] == 0:
                shapes = ", ".join(t for a in call["arguments"].values() for t in tensors(a))
                found.add(f"{call['call']}({shapes})")
    return found


def compare(program: str, ours: set[Signature], theirs: set[Signature]) -> tuple[str, int]:
    """The differences for people, and how many operators have no reason for `program` in reasons.yaml.

    Traces with nothing in common count as one more: one of them was not written, or is of something else.
    """
    reasons: dict[str, str] = yaml.safe_load((Path(__file__).parent / "reasons.yaml").read_text()).get(program, {})
    lines = [f"{len(ours & theirs)} operators with the same shapes in both"]
    unexplained = int(not ours & theirs)
    for who, only in (("ours", ours - theirs), ("torch-npu", theirs - ours)):
        by_name: dict[str, list[str]] = {}
        for signature in sorted(only):
            by_name.setdefault(signature.split("(")[0], []).append(signature)
        for name, found in by_name.items():
            reason = reasons.get(f"{who}: {name}")
            unexplained += reason is None
            lines.append(f"  only {who}: {len(found)} x {name}, such as {found[0]}: {reason or 'NO REASON IS KNOWN'}")
    return "\n".join(lines), unexplained
