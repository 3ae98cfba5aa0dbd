"""Which CANN serves the device: asks every provider of the entry-point group ``npu.runtimes``, and chooses.

A provider is a function without arguments that returns a dict and loads nothing:

====================  =================================================================================================
``name``              what ``NPU_RUNTIME`` calls it
``library_dir``       folder of its libascendcl.so, "" for the loader's own search path, or None if it cannot serve
``reason``            why it can, or why not
``remedy``            what to do if it cannot serve (default: the end of `reason` after its last colon)
``version``           version of its libraries, or None
``hardware``          True if devices of its kind are on this machine, usable or not (default False)
``label``             what stands after the name of each of its devices: " (simulated)" (default "")
``notice``            sentence to say once, on first use (default None)
``env``               environment variables that its libraries want, where the user set none (default {})
====================  =================================================================================================
"""

import contextlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from npu_core import env, wheels
from npu_core.reasons import Reason, reason

GROUP = "npu.runtimes"


class Candidate(NamedTuple):
    """One provider's answer."""

    name: str
    library_dir: str | None
    reason: str
    version: str | None = None
    hardware: bool = False
    label: str = ""
    notice: str | None = None
    env: Mapping[str, str] = MappingProxyType({})
    provided_by: str = ""


class Selection(NamedTuple):
    """The choice: `chosen` is None without a usable runtime, and `reason` then says why and what to run."""

    wanted: str
    chosen: Candidate | None
    reason: Reason
    candidates: tuple[Candidate, ...]


def preload() -> None:
    """Imports every provider and asks none. What fails here is said by `candidates`.

    torch's profiler loses the names of modules that are imported while it records stacks, and then cannot decode them.
    So the first question about devices, which a backward pass on the CPU asks too, must import nothing.
    """
    for entry in wheels.entry_points(GROUP):
        with contextlib.suppress(Exception, SystemExit):
            entry.load()


def candidates() -> tuple[Candidate, ...]:
    """Every provider's answer, sorted by name. A provider that raises becomes a candidate that cannot serve."""
    found = []
    for entry in wheels.entry_points(GROUP):
        source = wheels.normalized(wheels.headers(entry.dist).get("name", [entry.value])[0])
        try:
            provider: Callable[[], dict[str, Any]] = entry.load()
            given = {k: v for k, v in provider().items() if v is not None}
            answer = {k: v for k, v in given.items() if k in Candidate._fields}
            why = given.get("reason", f"found by {source}")
            remedy = given.get("remedy")
            own = {"name": entry.name, "provided_by": source, "reason": Reason(why, remedy) if remedy else reason(why)}
            found.append(Candidate(**{"library_dir": None, **answer, **own}))
        except (Exception, SystemExit) as error:
            what = f"the runtime '{entry.name}' of {source} is broken ({type(error).__name__}: {error})"
            why = Reason(what, f"pip install --force-reinstall {source}")
            found.append(Candidate(entry.name, None, why, provided_by=source))
    return tuple(found)


def choose(wanted: str, found: tuple[Candidate, ...]) -> Selection:
    """Chooses among `found` as ``NPU_RUNTIME=wanted`` says.

    ``auto`` takes a runtime with hardware before one without. Where hardware is present but its runtime cannot serve,
    it takes none: training on something else by accident is worse than an error.
    """
    if wanted == "none":
        return Selection(wanted, None, Reason("NPU_RUNTIME=none turns the device off", "unset NPU_RUNTIME"), found)
    if wanted != "auto":
        named = [c for c in found if c.name == wanted]
        if not named:
            have = ", ".join(c.name for c in found) or "none"
            what = f"NPU_RUNTIME={wanted} names no installed runtime (have: {have})"
            known = "pip install npu-sim" if wanted == "sim" else "set it to auto or unset it"
            return Selection(wanted, None, Reason(what, known), found)
        return _take(wanted, named[0], f"NPU_RUNTIME={wanted}; ", found)
    usable = sorted((c for c in found if c.library_dir is not None), key=lambda c: not c.hardware)
    broken = [c for c in found if c.library_dir is None and c.hardware]
    if broken and not any(c.hardware for c in usable):
        why = reason(broken[0].reason)
        instead = "".join(f"; or choose without it: set NPU_RUNTIME={c.name}" for c in usable)
        return Selection(wanted, None, Reason(f"{broken[0].name}: {why.what}", f"{why.remedy}{instead}"), found)
    if usable:
        return _take(wanted, usable[0], "", found)
    parts = [(c.name, reason(c.reason)) for c in found]
    what = "; ".join(f"{name}: {why.what}" for name, why in parts) or "no installed wheel provides an NPU runtime"
    remedies = [why.remedy for _, why in parts if why.remedy]
    if all(c.name == "cann" for c in found):
        remedies.append("without an NPU: pip install npu-sim")
    return Selection(wanted, None, Reason(what, "; ".join(remedies)), found)


def _take(wanted: str, one: Candidate, why: str, found: tuple[Candidate, ...]) -> Selection:
    if one.library_dir is not None:
        return Selection(wanted, one, Reason(f"{why}{one.name}: {one.reason}"), found)
    parts = reason(one.reason)
    return Selection(wanted, None, Reason(f"{why}{one.name}: {parts.what}", parts.remedy), found)


@cache
def select() -> Selection:
    """This process's choice, made on the first call."""
    selection = choose(env.runtime(), candidates())
    if selection.chosen is not None:
        env.apply_defaults(selection.chosen.env)
    return selection
