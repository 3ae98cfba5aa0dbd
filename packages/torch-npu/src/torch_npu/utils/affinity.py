"""Which CPU cores the calling thread runs on."""

import os
import threading
from collections.abc import Iterable, Sequence

_before: dict[int, set[int]] = {}


def set_thread_affinity(core_range: "Sequence[int] | Sequence[Sequence[int]] | None" = None) -> None:
    """Keeps the calling thread on some cores.

    Args:
        core_range: `[first, last]`, or several such pairs; None: every core that the process may use.

    ValueError names a range that is none, or has no core of this machine.
    """
    allowed = os.sched_getaffinity(os.getpid())
    cores = set(allowed) if core_range is None else set(_cores(core_range)) & allowed
    if not cores:
        raise ValueError(f"core_range {core_range} has none of the cores that this process may use: {sorted(allowed)}")
    _before.setdefault(threading.get_native_id(), set(os.sched_getaffinity(0)))
    os.sched_setaffinity(0, cores)


def reset_thread_affinity() -> None:
    """Undoes what `set_thread_affinity` did to the calling thread."""
    before = _before.pop(threading.get_native_id(), None)
    if before is not None:
        os.sched_setaffinity(0, before)


def _cores(core_range: "Sequence[int] | Sequence[Sequence[int]]") -> Iterable[int]:
    pairs: list[object] = [core_range] if all(isinstance(c, int) for c in core_range) else list(core_range)
    for pair in pairs:
        if not isinstance(pair, Sequence) or len(pair) != 2 or not 0 <= pair[0] <= pair[1]:
            raise ValueError(f"core_range is [first, last] or a list of such pairs, got {core_range}")
        yield from range(pair[0], pair[1] + 1)
