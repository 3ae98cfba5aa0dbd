"""The checker finds seeded bugs, names what is missing, and is silent on right programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[1]
BEGIN = f"""
import sys, json
sys.path.append({str(HERE)!r})
from acl_calls import *
from npu_sim import check
acl = Acl().start()
one, two, event = acl.stream(), acl.stream(), acl.event()
def fill(address, size, stream):
    acl.check("aclrtMemsetAsync", address, size, 1, size, stream)
def order(before, after):
    acl.check("aclrtRecordEvent", event, before)
    acl.check("aclrtStreamWaitEvent", after, event)
def sync(stream):
    acl.check("aclrtSynchronizeStream", stream)
"""


def run(code: str, **env: str) -> tuple[list[dict[str, Any]], str]:
    """The findings of the code, and what was written to stderr."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_"))}
    end = "\nacl.code('aclrtSynchronizeDevice')\nprint(json.dumps([f._asdict() for f in check.findings()]))\n"
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code) + end]
    done = subprocess.run(command, env={**clean, **env}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


RIGHT = """
check.enable()
block = acl.malloc(8192)
fill(block, 4096, one)
fill(block + 4096, 4096, two)              # another part
order(one, two)
fill(block, 8192, two)
sync(two)
acl.read(block, 8192)
acl.write(block, bytes(64))
fill(block, 64, one)                       # enqueued after the host wrote
acl.check("aclrtSynchronizeDevice")
acl.check("aclrtFree", block)
block = acl.malloc(8192)                   # the same addresses for another stream
fill(block, 8192, two)
acl.check("aclrtRecordEvent", event, two)
status = ctypes.c_int()
while not status.value:                    # polling an event is waiting for it
    acl.check("aclrtQueryEventStatus", event, ctypes.byref(status))
acl.read(block, 8192)
acl.check("aclrtFree", block)
"""


def test_right_programs_are_silent() -> None:
    found, stderr = run(RIGHT)
    assert found == []
    assert stderr == ""


def test_a_race_names_both_operations_their_streams_and_the_missing_event() -> None:
    (found,), stderr = run("""
    check.enable()
    block = acl.malloc(4096)
    fill(block, 4096, one)
    fill(block + 512, 512, two)
    """)
    assert (found["kind"], found["bytes"], found["operator"]) == ("race", 512, "aclrtMemsetAsync")
    assert found["stream"] != found["other_stream"]
    assert f"record an event on stream {found['other_stream']} of npu:0" in found["message"]
    assert f"let stream {found['stream']} of npu:0 wait for it" in found["message"]
    assert stderr.splitlines() == [f"npu-sim: race: {found['message']}"]


def test_an_event_recorded_too_early_orders_nothing() -> None:
    (found,), _ = run("""
    check.enable("race")
    block = acl.malloc(4096)
    order(one, two)
    fill(block, 4096, one)
    sync(one)              # the host waits; stream two does not know ...
    acl.check("aclrtSynchronizeStream", two)
    check.disable()
    check.enable("race")
    block = acl.malloc(4096)
    acl.check("aclrtRecordEvent", event, one)
    fill(block, 4096, one)
    acl.check("aclrtStreamWaitEvent", two, event)
    fill(block, 4096, two)
    sync(two)
    """)
    assert found["kind"] == "race"


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("fill(p, 64, one); sync(two); acl.read(p, 64)", "race", "synchronise stream"),
        ("fill(p, 64, one); acl.check('aclrtFree', p)", "lifetime", "free"),
        ("acl.read(p, 64)", "init", "nothing wrote since it was allocated"),
        ("fill(p, 64, one); sync(one); acl.read(p, 65)", "init", "nothing wrote"),
    ],
)
def test_bugs_of_the_host_are_found(code: str, kind: str, message: str) -> None:
    found, _ = run(f"check.enable({kind!r}); p = acl.malloc(4096)\n" + code)
    assert [f["kind"] for f in found] == [kind]
    assert message in found[0]["message"].lower()


def test_the_environment_turns_it_on_and_a_wrong_name_is_refused() -> None:
    found, _ = run("acl.read(acl.malloc(64), 64)", NPU_SIM_CHECK="race,init")
    assert [f["kind"] for f in found] == ["init"]
    code = "print(acl.code('aclrtSetDevice', 0), acl.message(), file=sys.stderr)"
    begin = f"import sys; sys.path.append({str(HERE)!r}); from acl_calls import *; acl = Acl()\n"
    env = {**os.environ, "NPU_SIM_CHECK": "races"}
    done = subprocess.run([sys.executable, "-c", begin + code], env=env, capture_output=True, text=True, timeout=60)
    assert "NPU_SIM_CHECK must be a list of race, lifetime and init, found 'races'" in done.stderr
