"""The checker: accesses that nothing orders, memory that is freed in use, reads of what nothing wrote.

The environment variable ``NPU_SIM_CHECK=race,lifetime,init`` turns it on for a process; so do these functions, from
where they are called. Each finding is also one line on stderr. One of a kind between the same two operators is told
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from . import _machine

__all__ = ["ALL", "Finding", "disable", "enable", "findings", "recording"]

#: Everything that there is to check.
ALL = "race,lifetime,init"


class Finding(NamedTuple):
    """What was found. A stream of -1 is the host; `other_*` is the earlier access, where there are two."""

    kind: str
    message: str
    address: int
    bytes: int
    operator: str
    operand: str
    stream: int
    other_operator: str | None = None
    other_operand: str | None = None
    other_stream: int | None = None


def enable(checks: str = ALL) -> None:
    """Turns the named checks on, and the others off. ValueError for a name that is none."""
    _machine.put("npu_sim_set_checks", checks)


def disable() -> None:
    """Ends checking. What was found stays."""
    enable("")


def findings(clear: bool = False) -> list[Finding]:
    """What was found so far; with `clear`, it is forgotten and may be found again."""
    found: list[dict[str, Any]] = _machine.ask("npu_sim_findings", int(clear))
    return [Finding(**one) for one in found]


@contextmanager
def recording(checks: str = ALL) -> Iterator[list[Finding]]:
    """Checks a ``with`` block. The list has the findings when the block has ended; synchronise the device inside it."""
    findings(clear=True)
    enable(checks)
    found: list[Finding] = []
    try:
        yield found
    finally:
        disable()
        found += findings(clear=True)
