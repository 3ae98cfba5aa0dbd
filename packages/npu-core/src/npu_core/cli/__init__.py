"""The command `npu`. `info` and `doctor` are here; other wheels add theirs through the entry points `npu.commands`.

A command is a function of its arguments (``sys.argv[2:]``) that returns an exit status; the first line of its docstring
is its help. The two built-in ones cannot be replaced, so that they work when a wheel is broken.
"""

import sys
from collections.abc import Callable
from importlib import import_module

from npu_core import __version__, wheels

GROUP = "npu.commands"
Command = Callable[[list[str]], int]

_BUILT_IN = {"info": "npu_core.cli.info", "doctor": "npu_core.cli.doctor"}


def names() -> list[str]:
    """Every command, the built-in ones first."""
    return [*_BUILT_IN, *(e.name for e in wheels.entry_points(GROUP) if e.name not in _BUILT_IN)]


def find(name: str) -> Command | None:
    """The command called `name`, imported now, or None."""
    if name in _BUILT_IN:
        command: Command = import_module(_BUILT_IN[name]).main
        return command
    entry = next((e for e in wheels.entry_points(GROUP) if e.name == name), None)
    return entry.load() if entry else None


def _help() -> str:
    lines = ["usage: npu COMMAND [ARGUMENTS]", "", "commands:"]
    for name in names():
        try:
            command = find(name)
            first = ((command.__doc__ or "") if command else "").strip().splitlines()[:1]
            lines.append(f"  {name:12} {first[0] if first else ''}".rstrip())
        except (Exception, SystemExit) as error:
            lines.append(f"  {name:12} broken: {type(error).__name__}: {error}")
    return "\n".join([*lines, "", "`npu COMMAND --help` describes a command; `npu --version` names this npu-core."])


def main(argv: list[str] | None = None) -> int:
    """Entry point of the console script. Returns the exit status: 2 for a wrong call."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"npu-core {__version__}")
        return 0
    command = find(arguments[0])
    if command is None:
        print(f"npu: no command '{arguments[0]}' (have: {', '.join(names())})", file=sys.stderr)
        return 2
    return command(arguments[1:])
