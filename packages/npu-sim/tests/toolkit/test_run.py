"""``npu-sim run`` and ``npu-sim env``: what a program finds that looks for CANN."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import npu_sim
from npu_sim import smi, toolkit

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_", "NPU_RUNTIME"))}


def npu_sim_command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "npu_sim", *arguments]
    return subprocess.run(command, env={**CLEAN, **env}, capture_output=True, text=True, timeout=60)


LOOK = """
import acl, ctypes, glob, json, os
home = os.environ["ASCEND_HOME_PATH"]
version = open(glob.glob(home + "/*-linux/ascend_toolkit_install.info")[0]).read()
ctypes.CDLL("libascendcl.so")
before = acl.get_soc_name(), acl.rt.get_device_count(), acl.init()
print(json.dumps({
    "before": before, "set": acl.rt.set_device(2), "device": acl.rt.get_device(), "memory": acl.rt.get_mem_info(1),
    "reset": acl.rt.reset_device(2), "folders": [os.path.isdir(home + d) for d in ("/runtime", "/compiler", "/opp")],
    "opp": os.environ["ASCEND_OPP_PATH"] == home + "/opp", "mspti": os.path.isfile(home + "/lib64/libmspti.so"),
    "version": [line for line in version.splitlines() if line.startswith("version=")],
}))
"""


def test_a_program_finds_devices_libraries_folders_and_versions() -> None:
    machine = ("--devices", "3", "--soc", "Ascend910B4", "--hbm", "1G")
    done = npu_sim_command("run", *machine, "--", "python", "-c", LOOK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] == ["Ascend910B4", [3, 0], 0]
    assert (found["set"], found["device"], found["memory"], found["reset"]) == (0, [2, 0], [1 << 30, 1 << 30, 0], 0)
    assert all(found["folders"])
    assert found["opp"]
    assert found["mspti"]
    assert found["version"] == ["version=8.5.0"]


def test_run_answers_what_the_program_answers() -> None:
    assert npu_sim_command("run", "--", "python", "-c", "raise SystemExit(7)").returncode == 7


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("run",), 2, "needs a program"),
        (("run", "--", "no-such-program"), 127, "'no-such-program'"),
        (("run", "--", "/etc/passwd"), 127, "/etc/passwd"),
    ],
)
def test_run_refuses_what_it_cannot_start(arguments: tuple[str, ...], status: int, message: str) -> None:
    done = npu_sim_command(*arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stdout == ""


def test_env_is_what_run_sets_and_survives_being_applied_twice() -> None:
    once = toolkit.apply({"LD_LIBRARY_PATH": "/a:/b", "ASCEND_CUSTOM_OPP_PATH": "/c", "PATH": "/bin"})
    assert once["LD_LIBRARY_PATH"] == f"{npu_sim.LIBRARY_DIR}:/a:/b"
    assert "ASCEND_CUSTOM_OPP_PATH" not in once
    assert toolkit.apply(once) == once
    script = f'eval "$({sys.executable} -m npu_sim env)"; echo "$ASCEND_HOME_PATH"'
    done = subprocess.run(["sh", "-c", script], env=CLEAN, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[0] == str(npu_sim.HOME_DIR)


def test_smi_shows_the_machine_and_who_holds_its_memory() -> None:
    code = "import acl, ctypes, sys; acl.init(); acl.rt.set_device(1); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-m", "npu_sim", "run", "--", "python", "-c", code]
    with subprocess.Popen(command, env=CLEAN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        done = npu_sim_command("smi")
        process.stdin.close()
    assert done.returncode == 0, done.stderr
    header, _zero, one = done.stdout.splitlines()
    assert header.split() == ["DEVICE", "SOC", "RESIDENT", "MEMORY", "PROCESSES"]
    assert one.startswith("npu:1   Ascend910B2")
    assert f"{process.pid} " in one


def test_smi_says_which_setting_is_wrong() -> None:
    done = npu_sim_command("smi", NPU_SIM_SOC="Ascend0")
    assert done.returncode == 1
    assert "NPU_SIM_SOC" in done.stderr


def test_uses_ignores_processes_that_end_meanwhile() -> None:
    assert list(smi._uses_of(2**22 + 1)) == []
