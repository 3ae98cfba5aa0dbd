"""The command `npu profile`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from npu_profiler.env import LD_PRELOAD

USAGE = """usage: npu profile [--] SCRIPT.py [ARGUMENTS]
       npu profile [--] COMMAND [ARGUMENTS]

Runs a program with CANN's libmspti.so preloaded, so that torch.profiler shows copies and sets as the device timed
them. Kernels need no preload. What to record and where to write it is the program's to say, with torch.profiler."""


def library() -> Path:
    """The libmspti.so of the runtime that this environment chooses. FileNotFoundError, with a remedy, if none."""
    from npu_core import runtimes

    selection = runtimes.select()
    if selection.chosen is None or selection.chosen.library_dir is None:
        raise FileNotFoundError(f"no usable NPU runtime: {selection.reason}")
    folder = selection.chosen.library_dir
    places = [folder] if folder else os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for place in places:
        if (found := Path(place) / "libmspti.so").is_file():
            return found.resolve()
    raise FileNotFoundError(
        f"{folder or 'LD_LIBRARY_PATH'} has no libmspti.so: install the CANN toolkit and source its set_env.sh"
    )


def main(arguments: list[str]) -> int:
    """Runs a program with CANN's libmspti preloaded, for torch.profiler."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command or command[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if command else 2
    try:
        preload = str(library())
    except FileNotFoundError as error:
        print(f"npu profile: {error}", file=sys.stderr)
        return 1
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    before = os.environ.get(LD_PRELOAD, "")
    environment = {**os.environ, LD_PRELOAD: f"{preload} {before}".strip()}
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        print(f"npu profile: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
