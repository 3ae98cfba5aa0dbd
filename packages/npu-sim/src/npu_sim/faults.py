"""Faults on demand: what a program does when memory ends, a kernel fails or hangs, a copy or a link breaks.

The environment variable ``NPU_SIM_FAULTS`` and these functions take the same rules, separated by commas::

    oom@3                 the third allocation of device memory fails
    aicore:aclnnAdd@2     the second aclnnAdd raises an AI Core exception; without a name, the second kernel
    hang                  the first kernel does not end before its stream is aborted or the device reset
    copy@*                every asynchronous copy and set fails
    link                  the first collective loses its link
    slow=50@*/npu1        every collective of device 1 begins 50 ms late

Counting begins where the rules are set. Each answers the code of the device, and is mended as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

from . import _machine

__all__ = ["Rule", "clear", "fired", "inject", "rules", "set"]


class Rule(TypedDict):
    """A rule as it was written, how often its turn could have come and how often it did."""

    rule: str
    seen: int
    fired: int


def set(rules: str) -> None:
    """Replaces all rules. ValueError says what a rule looks like, if one does not."""
    _machine.put("npu_sim_set_faults", rules)


def clear() -> None:
    """Ends all faults. A device that is at fault stays so until it is reset."""
    set("")


def rules() -> list[Rule]:
    """The rules in force and how often each had its turn."""
    found: list[Rule] = _machine.ask("npu_sim_faults")
    return found


def fired() -> int:
    """How many faults the rules in force have caused."""
    return sum(rule["fired"] for rule in rules())


@contextmanager
def inject(rules: str) -> Iterator[None]:
    """The rules inside a ``with`` block; none after it."""
    set(rules)
    try:
        yield
    finally:
        clear()
