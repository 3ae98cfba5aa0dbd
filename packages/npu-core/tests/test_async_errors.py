"""Errors of queued work: told once, at the next synchronising call, with the user's line that enqueued it."""

from typing import Any

import pytest

# Enqueues a task that fails, through the table that plugins use.
FAIL = """
import ctypes, os, torch
import npu_core._C as C
TASK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p))
ENQUEUE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, TASK, ctypes.c_void_p, ctypes.c_size_t)
slots = ctypes.cast(C.core_table() + 16, ctypes.POINTER(ctypes.c_void_p))
enqueue = ENQUEUE(slots[5])
TEXT = b"the link is down"
@TASK
def task(payload, stream, message):
    message[0] = TEXT
    return 1
def fail(name=b"doomed"):
    return enqueue(name, task, None, 0)
def error(call):
    try:
        call()
    except RuntimeError as e:
        return str(e)
    return ""
"""


def lines(site: Any, code: str, **environment: str) -> Any:
    return site.json(FAIL + code, NPU_RUNTIME="sim", **environment)


def test_is_raised_once_by_the_next_synchronisation(site: Any) -> None:
    first, second = lines(site, "fail(); out = [error(torch.npu.synchronize), error(torch.npu.synchronize)]")
    assert "doomed failed: the link is down" in first
    assert "operation: doomed on npu:0, stream 0" in first
    assert second == ""


def test_names_the_users_line(site: Any) -> None:
    script = site.folder / "train.py"
    script.write_text("def step(fail):\n    x = 1\n    fail()\n")
    inside_torch = """
import train
file = os.path.join(os.path.dirname(torch.__file__), "nn", "made_up.py")
exec(compile("def layer(): return enqueue(b'doomed', task, None, 0)", file, "exec"))
train.step(layer)
out = error(torch.npu.synchronize)
"""
    text = lines(site, inside_torch)
    assert f"enqueued at: {script}:3 in step" in text, "frames inside torch are not the user's line"


@pytest.mark.parametrize(
    "call",
    [
        "torch.npu.current_stream().synchronize",
        "torch.accelerator.synchronize",
        "event.synchronize",
    ],
)
def test_every_synchronising_call_tells(site: Any, call: str) -> None:
    text = lines(site, f"fail(); event = torch.npu.Event(); event.record(); out = error({call})")
    assert "the link is down" in text
    assert "enqueued at: <string>:" in text


def test_locations_can_be_turned_off(site: Any) -> None:
    text = lines(site, "C.set_locations(False); fail(); out = error(torch.npu.synchronize)")
    assert "without Python frames" in text


@pytest.mark.parametrize("mode", [{"ASCEND_LAUNCH_BLOCKING": "1"}, {"TASK_QUEUE_ENABLE": "0"}])
def test_is_told_at_once_in_the_inline_modes(site: Any, mode: dict[str, str]) -> None:
    status, later = lines(site, "out = [fail(), error(torch.npu.synchronize)]", **mode)
    assert (status, later) == (1, "")


def test_an_error_that_the_device_keeps_is_told_with_the_work_behind_it(site: Any) -> None:
    code = """
import torch
texts = []
for call in (lambda: torch.embedding(torch.randn(3, 4, device="npu"), torch.tensor([99], device="npu")),
             lambda: torch.ones(4, device="npu") + 1):
    try:
        call()
    except RuntimeError as error:
        texts.append(str(error))
out = texts
"""
    for text in site.json(code, NPU_RUNTIME="sim", ASCEND_LAUNCH_BLOCKING="1"):
        assert "operation: aclnnEmbedding(" in text
        assert "enqueued at: <string>:4" in text


def test_nobody_saw_is_told_at_exit_and_the_exit_status_is_the_scripts_own(site: Any) -> None:
    done = site.python(FAIL + "fail(); torch.npu.init(); raise SystemExit(3)", NPU_RUNTIME="sim")
    assert done.returncode == 3
    assert "the link is down" in done.stderr
    assert done.stdout == ""
