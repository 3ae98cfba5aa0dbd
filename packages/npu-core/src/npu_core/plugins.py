"""Finds the other npu wheels, reads their needs from metadata, and activates those that fit.

A plugin is an entry point of the group ``npu.plugins``; its object is ``activate(table_address: int) -> None``. The
needs stand in the wheel's core metadata, so that a misfit is refused before any of its code runs::

    keywords = ["npu-core-abi=1.0", "npu-torch=2.13"]

Rules. 1. Order is by dependency (``Requires-Dist`` on another plugin's wheel), then by name: the same everywhere.
2. A refused plugin is named with what it needs, what there is, and the command that mends it; the others load.
3. A plugin whose dependency was refused is refused. 4. Two wheels with one plugin name are both refused.
"""

import re
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint

import npu_core
from npu_core import env, wheels
from npu_core.reasons import Reason

GROUP = "npu.plugins"


class Plugin:
    """One plugin and what became of it. `state` is "found", "loaded", "refused" or "off" (not in NPU_PLUGINS)."""

    def __init__(self, entry: EntryPoint) -> None:
        self.state = "found"
        self.reason = Reason("")
        try:
            headers = wheels.headers(entry.dist)
        except Exception as error:
            headers = {}
            self.refuse(f"the metadata of its wheel cannot be read ({type(error).__name__}: {error})", "reinstall it")
        self.entry = entry
        self.name = entry.name
        self.wheel = wheels.normalized(headers.get("name", [entry.value])[0])
        self.version = headers.get("version", ["?"])[0]
        words = re.split(r"[,\s]+", " ".join(headers.get("keywords", [])))
        needs = dict(word.split("=", 1) for word in words if word.count("=") == 1)
        self.abi = needs.get("npu-core-abi")
        self.torch = needs.get("npu-torch")
        self.requires = frozenset(
            wheels.normalized(re.split(r"[^\w.-]", line, maxsplit=1)[0])
            for line in headers.get("requires-dist", [])
            if "extra ==" not in line
        )

    def refuse(self, what: str, remedy: str = "") -> None:
        self.state, self.reason = "refused", Reason(what, remedy)

    def as_dict(self) -> dict[str, str | None]:
        keys = ("name", "wheel", "version", "state", "reason", "abi", "torch")
        return {key: getattr(self, key) for key in keys} | {"remedy": self.reason.remedy}


_plugins: list[Plugin] = []


def plugins() -> list[Plugin]:
    """Every plugin in the order of loading, with its state. Empty before `load`."""
    return list(_plugins)


def discover(entries: Iterable[EntryPoint]) -> list[Plugin]:
    """Plugins of `entries` in loading order, the misfits already refused; nothing is imported."""
    found = [Plugin(entry) for entry in entries]
    wanted = env.plugins()
    for plugin in found:
        twins = [p for p in found if p.name == plugin.name]
        if len(twins) > 1:
            have = " and ".join(f"{p.wheel} {p.version}" for p in twins)
            plugin.refuse(f"{have} both provide it", "pip uninstall one of them")
        elif plugin.state == "refused":
            continue
        elif wanted is not None and plugin.name not in wanted:
            plugin.state, plugin.reason = "off", Reason(f"{env.NPU_PLUGINS} does not list it")
        elif why := misfit(plugin):
            plugin.refuse(why.what, why.remedy)
    return ordered(found)


def misfit(plugin: Plugin) -> Reason | None:
    """Need, have and remedy if the plugin was built for another npu-core or torch, else None."""
    label = f"{plugin.wheel} {plugin.version}"
    core = f"npu-core {npu_core.__version__}"
    have = ".".join(map(str, npu_core.ABI))
    update = f"pip install -U {plugin.wheel}"
    if plugin.abi is None:
        return Reason(f"{label} does not say which npu-core ABI it needs (keyword npu-core-abi)", update)
    need = tuple(int(n) if n.isdigit() else -1 for n in plugin.abi.split("."))
    if len(need) != 2 or need[0] != npu_core.ABI[0] or need[1] > npu_core.ABI[1]:
        remedy = update if need < npu_core.ABI else "pip install -U npu-core"
        return Reason(f"{label} needs npu-core ABI {plugin.abi}, {core} has {have}", remedy)
    if plugin.torch is None:  # its library would crash on another torch, and nothing would have said so
        return Reason(f"{label} does not say which torch it was built for (keyword npu-torch)", update)
    if plugin.torch != npu_core.TORCH:
        what = f"{label} was built for torch {plugin.torch}, {core} is for torch {npu_core.TORCH}"
        return Reason(what, f"pip install --force-reinstall {plugin.wheel}")
    return None


def ordered(found: list[Plugin]) -> list[Plugin]:
    """Dependencies first, then by name. Plugins on a cycle are refused."""
    rest = sorted(found, key=lambda p: (p.name, p.wheel))
    result: list[Plugin] = []
    while rest:
        waiting = {p.wheel for p in rest}
        ready = next((p for p in rest if not (p.requires & waiting) - {p.wheel}), None)
        if ready is None:
            ready = rest[0]
            through = ", ".join(sorted(ready.requires & waiting))
            ready.refuse(f"{ready.wheel} depends on itself through {through}", f"pip install -U {ready.wheel}")
        rest.remove(ready)
        result.append(ready)
    return result


def load(table: Callable[[], int]) -> list[Plugin]:
    """Activates every plugin that fits, and returns the refused ones. `table` gives the C table's address."""
    _plugins[:] = discover(wheels.entry_points(GROUP))
    by_wheel = {p.wheel: p for p in _plugins}
    for plugin in _plugins:
        if plugin.state == "found":
            _activate(plugin, [by_wheel[w] for w in sorted(plugin.requires) if w in by_wheel], table)
    return [p for p in _plugins if p.state == "refused"]


def _activate(plugin: Plugin, needed: list[Plugin], table: Callable[[], int]) -> None:
    down = next((p for p in needed if p is not plugin and p.state != "loaded"), None)
    if down is not None:
        plugin.refuse(f"{plugin.wheel} needs {down.wheel}, which is {down.state} ({down.reason.what})", _mend(down))
        return
    try:
        activate: Callable[[int], None] = plugin.entry.load()
        activate(table())
    except (Exception, SystemExit) as error:  # sys.exit() in a plugin must not end `import torch`
        what = f"{plugin.wheel} {plugin.version} failed to load ({type(error).__name__}: {error})"
        plugin.refuse(what, f"pip install --force-reinstall {plugin.wheel}")
    else:
        plugin.state = "loaded"


def _mend(plugin: Plugin) -> str:
    return f"add {plugin.name} to {env.NPU_PLUGINS}" if plugin.state == "off" else plugin.reason.remedy
