"""The runtime of an Ascend machine: where CANN's libraries are, or why there are none."""

import glob
import os
from typing import Any

from npu_core import env

#: Oldest CANN whose operator library this wheel is written for; each optional symbol is looked up besides.
OLDEST = (8, 0)
#: Where CANN's installers put it, newest layout first.
INSTALLED = (
    "/usr/local/Ascend/cann",
    "/usr/local/Ascend/ascend-toolkit/latest",
    "/usr/local/Ascend/nnae/latest",
    "/usr/local/Ascend/nnrt/latest",
)
#: Device nodes of the driver.
NODES = "/dev/davinci[0-9]*"
#: Without one of these the process cannot reach the runtime at all; a missing one is named.
LIBRARIES = ("libascendcl.so", "libnnopbase.so", "libopapi.so")

_DRIVER = "install the Ascend driver, or pass the devices into this container"
_TOOLKIT = "install the CANN toolkit and `source <CANN>/set_env.sh`"


def provider() -> dict[str, Any]:
    """The answer for this machine, in the form that `npu_core.runtimes` documents."""
    return find(INSTALLED, NODES)


def find(installed: tuple[str, ...], nodes: str) -> dict[str, Any]:
    """Searches the environment's roots, LD_LIBRARY_PATH, then `installed`; devices are files that match `nodes`."""
    hardware = bool(glob.glob(nodes))
    answer: dict[str, Any] = {"name": "cann", "library_dir": None, "version": None, "hardware": hardware}
    place = next((p for p in _places(installed) if os.path.isfile(os.path.join(p[1], LIBRARIES[0]))), None)
    if place is None:
        roots = dict(env.cann_roots())  # a root that does not exist is mostly a misspelt one: say its value
        names = dict.fromkeys(source for source, _ in _places(installed))
        searched = ", ".join(f"{name}={roots[name]}" if name in roots else name for name in names)
        return {**answer, "reason": f"libascendcl.so not found (searched {searched})", "remedy": _TOOLKIT}
    source, folder = place
    answer["version"] = version = _version(folder)
    if not hardware:
        return {**answer, "reason": f"CANN is in {folder} ({source}), but there is no {nodes}", "remedy": _DRIVER}
    missing = [name for name in LIBRARIES if not os.path.exists(os.path.join(folder, name))]
    if missing:
        lacks = f"{folder} ({source}) lacks {', '.join(missing)}"
        return {**answer, "reason": lacks, "remedy": "reinstall the CANN toolkit"}
    if version is not None and _numbers(version) < OLDEST:
        need = ".".join(map(str, OLDEST))
        old = f"CANN {version} in {folder} is too old: need {need} or newer"
        return {**answer, "reason": old, "remedy": _TOOLKIT}
    return {**answer, "library_dir": folder, "reason": f"CANN {version or '(version unknown)'} in {folder} ({source})"}


def _places(installed: tuple[str, ...]) -> list[tuple[str, str]]:
    """(where from, folder) in the order of the search."""
    found = [(variable, os.path.join(root, "lib64")) for variable, root in env.cann_roots()]
    found += [(env.LD_LIBRARY_PATH, folder) for folder in env.library_path()]
    return found + [(root, os.path.join(root, "lib64")) for root in installed]


def _version(folder: str) -> str | None:
    """CANN's version from the files that its installers leave beside `folder`."""
    root = os.path.dirname(os.path.abspath(folder))
    places = [
        *glob.glob(os.path.join(root, "*-linux", "ascend_toolkit_install.info")),
        os.path.join(root, "version.cfg"),
    ]
    places += [
        os.path.join(root, part, "version.info") for part in ("", "runtime", "compiler", "opp", "share/info/runtime")
    ]
    for path in places:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line.partition("=") for line in file]
        except OSError:
            continue
        for key, equals, value in lines:
            if equals and key.strip().lower() in ("version", "toolkit_installed_version"):
                return value.strip().strip('"')
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """Leading numbers of a version: 8.2.RC1 -> (8, 2)."""
    parts = []
    for part in version.split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts) or (0,)
