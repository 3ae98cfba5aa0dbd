"""The command ``npu-sim``."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence

from . import smi, toolkit
from .settings import NPU_SIM, NPU_SIM_HBM, NPU_SIM_SOC

EPILOG = """examples:
  npu-sim run -- python train.py
  npu-sim run --devices 4 --soc Ascend910B4 -- torchrun --nproc-per-node 4 train.py
  eval "$(npu-sim env)"
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; answers its exit status. `run` does not return: the program takes the process over."""
    parser = argparse.ArgumentParser(
        prog="npu-sim",
        description="An Ascend NPU on the CPU, for programs that expect CANN.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start a program with npu-sim as its CANN")
    _machine(run)
    run.add_argument("program", nargs=argparse.REMAINDER, help="the program and its arguments, after --")
    env = commands.add_parser("env", help="print the same environment for a shell")
    _machine(env)
    commands.add_parser("smi", help="show devices, memory and processes")
    options = parser.parse_args(argv)
    if options.command == "smi":
        return smi.main()
    chosen = {name: getattr(options, name) for name in (NPU_SIM, NPU_SIM_SOC, NPU_SIM_HBM) if getattr(options, name)}
    return _run(options.program, chosen) if options.command == "run" else _env(chosen)


def _machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", dest=NPU_SIM, metavar="N", help=f"number of devices ({NPU_SIM})")
    parser.add_argument("--soc", dest=NPU_SIM_SOC, metavar="NAME", help=f"the SoC to play ({NPU_SIM_SOC})")
    parser.add_argument("--hbm", dest=NPU_SIM_HBM, metavar="BYTES", help=f"memory of a device ({NPU_SIM_HBM})")


def _run(program: list[str], chosen: dict[str, str]) -> int:
    words = program[1:] if program[:1] == ["--"] else program
    if not words:
        print("npu-sim run: needs a program: npu-sim run -- python script.py", file=sys.stderr)
        return 2
    # A bare `python` is the one that npu-sim is installed in, whether or not its environment is activated.
    environment = toolkit.apply({"PATH": os.defpath, **os.environ, **chosen})
    path = os.pathsep.join([os.path.dirname(sys.executable), environment["PATH"]])
    file = shutil.which(words[0], path=path)
    if file is None:
        print(f"npu-sim run: there is no program {words[0]!r} on PATH", file=sys.stderr)
        return 127
    try:
        # Python finds its environment by the name that it is called with.
        os.execve(file, [file, *words[1:]], environment)
    except OSError as error:
        print(f"npu-sim run: {file} cannot be run: {error.strerror}", file=sys.stderr)
        return 126


def _env(chosen: dict[str, str]) -> int:
    for name, value in {**chosen, **toolkit.environment(os.environ)}.items():
        print(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
    return 0
