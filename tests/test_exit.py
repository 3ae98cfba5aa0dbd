"""The exit status is the script's own, whatever the device is doing when it ends."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from workspace import Environment

BUSY = """
import sys, threading, time, torch
x = torch.ones(256, 256).npu()
for _ in range(200):
    y = x @ x
"""

# torch's own CPU operators abort the process here: Python ends the threads inside torch's GIL guard.
SPIN = """
def spin():
    while True:
        x.add(1)
"""
LATE = """
def late():
    time.sleep(0.3)
    assert (x + 1).sum().item() == 2 * 256 * 256
"""
ENDINGS = {
    "falls-off-the-end": ("", 0),
    "sys-exit": ("sys.exit(3)", 3),
    "sys-exit-with-a-message": ("sys.exit('sorry')", 1),
    "script-error": ("raise ValueError('mine')", 1),
    "error-in-an-atexit-handler": ("import atexit; atexit.register(lambda: x.sum().item()); sys.exit(5)", 5),
    "keyboard-interrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "keyboard-interrupt-caught": ("try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    sys.exit(7)", 7),
    "daemon-threads-that-go-on-launching": (
        SPIN + "for _ in range(3): threading.Thread(target=spin, daemon=True).start()\ntime.sleep(0.2); sys.exit(4)",
        4,
    ),
    "a-thread-that-ends-after-the-main-one": (
        LATE + "threading.Thread(target=late).start()",
        0,
    ),
    "tensors-in-a-reference-cycle": ("class A: pass\na = A(); a.a, a.y = a, y; del a", 0),
    "a-stream-and-an-event-alive": (
        "s = torch.npu.Stream(); e = torch.npu.Event(); e.record(s); s.wait_event(e); sys.modules['kept'] = (s, e, y)",
        0,
    ),
    "os-exit": ("import os; os._exit(6)", 6),
}


@pytest.mark.parametrize("ending", ENDINGS, ids=list(ENDINGS))
def test_the_exit_status_is_the_scripts_own(full: Environment, ending: str) -> None:
    code, status = ENDINGS[ending]
    done = full.script(BUSY + code, timeout=120)
    assert done.returncode == status, done.stderr
    assert "terminate called" not in done.stderr
    assert "Segmentation" not in done.stderr
    if "error" not in ending and "interrupt" not in ending and "thread" not in ending:
        assert "Traceback" not in done.stderr


def test_an_error_that_nobody_waited_for_does_not_change_the_status(full: Environment) -> None:
    code = """
import sys, torch
torch.nn.functional.embedding(torch.tensor([7]).npu(), torch.ones(4, 2).npu())
sys.exit(3)
"""
    assert full.script(code).returncode == 3


def test_ctrl_c_during_work_ends_the_script_at_once(full: Environment) -> None:
    # A background job of a shell is started with SIGINT ignored, and so would the script be.
    code = """
import signal, torch
signal.signal(signal.SIGINT, signal.default_int_handler)
x = torch.ones(64, 64).npu()
print("ready", flush=True)
while True:
    y = x @ x
"""
    with subprocess.Popen(
        [full.python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == -signal.SIGINT
        assert process.stderr
        assert "KeyboardInterrupt" in process.stderr.read()


def test_a_spawned_child_uses_the_device_and_ends_well(full: Environment, tmp_path: object) -> None:
    script = f"{tmp_path}/spawn.py"
    with open(script, "w") as file:
        file.write("""
import sys
import torch
import torch.multiprocessing as mp

def child(queue):
    queue.put(torch.ones(3).npu().sum().item())

if __name__ == "__main__":
    torch.ones(1).npu()
    context = mp.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print(queue.get(timeout=100))
    process.join()
    sys.exit(process.exitcode)
""")
    done = full.run(full.python, script)
    assert (done.returncode, done.stdout.strip()) == (0, "3.0"), done.stderr
