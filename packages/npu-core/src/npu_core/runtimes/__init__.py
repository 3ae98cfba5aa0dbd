"""Which CANN serves the device: asks every provider of the entry-point group ``npu.runtimes``, and chooses.

A provider is a function without arguments that returns a dict and loads nothing:

====================  =================================================================================================
``name``              what ``NPU_RUNTIME`` calls it
``library_dir``       folder of its libascendcl.so, "" for the loader's own search path, or None if it cannot serve
``reason``            why it can, or why not, with the remedy
``version``           version of its libraries, or None
``simulated``         True if there is no hardware behind it (default False)
``hardware``          True if devices of its kind are on this machine, usable or not (default False)
``notice``            sentence to say once, on first use (default None)
``env``               environment variables that its libraries want, where the user set none (default {})
====================  =================================================================================================
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from npu_core import env, wheels

GROUP = "npu.runtimes"


class Candidate(NamedTuple):
    """One provider's answer."""

    name: str
    library_dir: str | None
    reason: str
    version: str | None = None
    simulated: bool = False
    hardware: bool = False
    notice: str | None = None
    env: Mapping[str, str] = MappingProxyType({})
    provided_by: str = ""


class Selection(NamedTuple):
    """The choice: `chosen` is None without a usable runtime, and `reason` then says why and what to run."""

    wanted: str
    chosen: Candidate | None
    reason: str
    candidates: tuple[Candidate, ...]

    @property
    def simulated(self) -> bool:
        return self.chosen is not None and self.chosen.simulated


def candidates() -> tuple[Candidate, ...]:
    """Every provider's answer, sorted by name. A provider that raises becomes a candidate that cannot serve."""
    found = []
    for entry in wheels.entry_points(GROUP):
        source = wheels.normalized(wheels.headers(entry.dist).get("name", [entry.value])[0])
        try:
            provider: Callable[[], dict[str, Any]] = entry.load()
            answer = {k: v for k, v in provider().items() if k in Candidate._fields and v is not None}
            default = {"library_dir": None, "reason": f"found by {source}"}
            answer = {**default, **answer, "name": entry.name, "provided_by": source}
            found.append(Candidate(**answer))
        except (Exception, SystemExit) as error:
            reason = f"the runtime '{entry.name}' of {source} is broken ({type(error).__name__}: {error}): "
            reason += f"pip install --force-reinstall {source}"
            found.append(Candidate(entry.name, None, reason, provided_by=source))
    return tuple(found)


def choose(wanted: str, found: tuple[Candidate, ...]) -> Selection:
    """Chooses among `found` as ``NPU_RUNTIME=wanted`` says.

    ``auto`` takes a real runtime before a simulated one. Where the hardware is present but its runtime cannot serve,
    it takes none: training on a simulator by accident is worse than an error.
    """
    if wanted == "none":
        return Selection(wanted, None, "NPU_RUNTIME=none turns the device off: unset NPU_RUNTIME", found)
    if wanted != "auto":
        named = [c for c in found if c.name == wanted]
        if not named:
            have = ", ".join(c.name for c in found) or "none"
            reason = f"NPU_RUNTIME={wanted} names no installed runtime (have: {have}): pip install npu-{wanted}"
            return Selection(wanted, None, reason, found)
        return _take(wanted, named[0], f"NPU_RUNTIME={wanted}; ", found)
    usable = sorted((c for c in found if c.library_dir is not None), key=lambda c: c.simulated)
    broken = [c for c in found if c.library_dir is None and c.hardware]
    if broken and not any(not c.simulated for c in usable):
        instead = "".join(f"; to simulate instead: NPU_RUNTIME={c.name}" for c in usable)
        return Selection(wanted, None, f"{broken[0].name}: {broken[0].reason}{instead}", found)
    if usable:
        return _take(wanted, usable[0], "", found)
    reasons = "; ".join(f"{c.name}: {c.reason}" for c in found)
    if not any(c.simulated for c in found):
        reasons += "; without an NPU: pip install npu-sim"
    return Selection(wanted, None, reasons or "no installed wheel provides an NPU runtime", found)


def _take(wanted: str, one: Candidate, why: str, found: tuple[Candidate, ...]) -> Selection:
    chosen = one if one.library_dir is not None else None
    return Selection(wanted, chosen, f"{why}{one.name}: {one.reason}", found)


@cache
def select() -> Selection:
    """This process's choice, made on the first call."""
    selection = choose(env.runtime(), candidates())
    if selection.chosen is not None:
        env.apply_defaults(selection.chosen.env)
    return selection
