"""Operators that ran on the CPU because the device has no kernel."""

from typing import NamedTuple

from npu_core import _binding


class Fallback(NamedTuple):
    """One operator that fell back, with its declared reason."""

    operator: str
    reason: str
    calls: int
    nbytes: int
    seconds: float


def fallback_report() -> list[Fallback]:
    """Every operator that fell back to the CPU in this process, the most called first. Empty is what one wants."""
    return [Fallback(o, why, calls, size, ns / 1e9) for o, why, calls, size, ns in _binding.C.fallback_report()]


def reset_fallback_report() -> None:
    """Forgets the counts."""
    _binding.C.reset_fallback_report()
