"""Asks the device in a process of its own what cannot be asked without initialising."""

import contextlib
import os
import select
import signal
import warnings

from npu_core import _binding

#: Seconds that a device may take to start in the child.
PATIENCE = 60


def memory_info(index: int) -> tuple[int, int]:
    """(free, total) of a device, while this process stays uninitialised and may still fork.

    CANN answers only within a context, and a context ends the life of every later fork. A forked child makes one,
    answers through a pipe, and leaves without running anything of this process.
    """
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads: the child runs nothing that they could hold
        child = os.fork()
    if child == 0:
        _answer(index, write)
    os.close(write)
    try:
        waiting = select.poll()  # select() takes no descriptor from 1024 on
        waiting.register(read, select.POLLIN)
        if waiting.poll(PATIENCE * 1000):
            text = os.read(read, 4096).decode()
        else:
            text = f"!npu:{index} did not start within {PATIENCE} s: check `npu-smi info`"
    finally:
        os.close(read)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):  # the program ignores SIGCHLD: reaped already
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if not text or text.startswith("!"):
        raise RuntimeError(text[1:] or f"npu:{index} crashed when it was asked for its memory: check `npu-smi info`")
    free, total = text.split()
    return int(free), int(total)


def _answer(index: int, write: int) -> None:
    """What the child does. Never returns."""
    try:
        free, total = _binding.C.mem_get_info(index)
        text = f"{free} {total}"
    except BaseException as error:
        text = f"!{error}"
    try:
        os.write(write, text.encode()[:4096])
    finally:
        os._exit(0)
