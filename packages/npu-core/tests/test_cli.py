"""The command `npu`: `info` shows, `doctor` judges, other wheels add commands."""

import json
import subprocess
import sys
from typing import Any

import pytest

from npu_core.cli import doctor, table

NOWHERE = {"NPU_RUNTIME": "cann", "ASCEND_HOME_PATH": "/nowhere", "LD_LIBRARY_PATH": ""}


def npu(site: Any, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "npu_core.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=site.folder,
        env=site.environment(**environment),
        timeout=300,
    )


def healthy(**changes: Any) -> dict[str, Any]:
    """What `report.gather` finds on a machine where all is well."""
    found: dict[str, Any] = {
        "torch": {"version": "2.13.0+cpu", "error": None},
        "core": {"version": "0.1.0", "abi": "1.4", "torch": "2.13", "state": "yes", "reason": None, "remedy": ""},
        "environment": {},
        "plugins": [
            {
                "name": "ops",
                "wheel": "npu-ops",
                "version": "0.1.0",
                "state": "off",
                "reason": "NPU_PLUGINS",
                "remedy": "",
                "abi": "1.0",
            }
        ],
        "runtime": {"wanted": "auto", "chosen": "cann", "reason": "cann: CANN 8.2", "error": None, "remedy": ""},
        "devices": [{"index": 0, "name": "Ascend910B2", "free": 1, "total": 2}],
    }
    for key, value in changes.items():
        found[key] = {**found[key], **value} if isinstance(value, dict) else value
    return found


def errors(found: dict[str, Any]) -> list[doctor.Finding]:
    return [f for f in doctor.examine(found) if f.level == "error"]


def test_a_healthy_machine_has_no_errors() -> None:
    assert errors(healthy()) == []


@pytest.mark.parametrize(
    ("changes", "subject", "remedy"),
    [
        ({"torch": {"version": "2.12.1"}}, "torch", "pip install 'torch==2.13.*'"),
        ({"torch": {"version": None, "error": "ImportError: x"}}, "torch", "pip install 'torch==2.13.*'"),
        (
            {"core": {"state": "broken", "reason": "cannot load: no file: pip it", "remedy": "pip it"}},
            "npu-core",
            "pip it",
        ),
        (
            {
                "plugins": [
                    {
                        "name": "ops",
                        "wheel": "npu-ops",
                        "version": "9",
                        "state": "refused",
                        "reason": "x: pip: y",
                        "remedy": "pip: y",
                    }
                ]
            },
            "plugin ops",
            "pip: y",
        ),
        (
            {"runtime": {"chosen": None, "reason": "none: pip install npu-sim", "remedy": "pip install npu-sim"}},
            "runtime",
            "pip install npu-sim",
        ),
        ({"runtime": {"error": "it lacks x: reinstall", "remedy": "reinstall"}}, "runtime", "reinstall"),
        ({"runtime": {"error": "dlopen: /x.so: no such file", "remedy": ""}}, "runtime", ""),
        ({"devices": []}, "devices", "check ASCEND_RT_VISIBLE_DEVICES and `npu-smi info`"),
    ],
)
def test_each_illness_is_named_with_the_command_that_mends_it(changes: Any, subject: str, remedy: str) -> None:
    (finding,) = errors(healthy(**changes))
    assert (finding.subject, finding.remedy) == (subject, remedy)
    assert not remedy or not finding.what.endswith(remedy)


def test_no_remedy_of_ours_is_the_doctor_itself(site: Any) -> None:
    """Each thing that goes wrong in Python, as doctor reports it."""
    site.plugin("alpha", "1 / 0")
    site.plugin("beta", requires=("npu-alpha",))
    site.wheel("npu-bad", entry_points={"npu.runtimes:bad": "npu_bad:provider"}, code="def provider(): 1 / 0")
    code = "import sys, torch; from npu_core import {0}; from npu_core.cli import main\n{1}\nsys.exit(main(['doctor']))"
    for name, breakage, remedy in (
        ("autoload", "autoload._register = lambda: 1 / 0", "to mend npu-core: pip install --force-reinstall npu-core"),
        ("_binding", "torch.__version__ = '2.14'", "to mend npu-core: pip install 'torch==2.13.*'"),
        ("env", "", "to mend runtime: pip install --force-reinstall npu-bad"),
        ("env", "", "to mend plugin beta: pip install --force-reinstall npu-alpha"),
    ):
        off = {"TORCH_DEVICE_BACKEND_AUTOLOAD": "0", "NPU_RUNTIME": "bad", "NPU_PLUGINS": "alpha,beta"}
        done = site.python(code.format(name, breakage), **off)
        assert done.returncode == 1, done.stderr
        assert remedy in done.stdout
        assert ": npu doctor" not in done.stdout


def test_doctor_fails_and_names_the_remedy_where_there_is_no_runtime(site: Any) -> None:
    done = npu(site, "doctor", **NOWHERE)
    assert done.returncode == 1
    assert "to mend runtime: install the CANN toolkit" in done.stdout
    assert "something is wrong" in done.stdout


def test_doctor_names_a_refused_plugin(site: Any) -> None:
    site.plugin("alpha", keywords="npu-core-abi=9.0,npu-torch=2.13")
    done = npu(site, "doctor", "--json", NPU_PLUGINS="alpha", **NOWHERE)
    assert done.returncode == 1
    findings = {f["subject"]: f for f in json.loads(done.stdout)["findings"]}
    assert "npu-alpha 1.0 needs npu-core ABI 9.0" in findings["plugin alpha"]["what"]
    assert findings["plugin alpha"]["remedy"] == "pip install -U npu-core"


def test_doctor_sees_the_official_torch_npu(site: Any) -> None:
    site.wheel("torch-npu", "2.13.0")
    done = npu(site, "doctor", "--json")
    assert done.returncode == 1
    (finding,) = [f for f in json.loads(done.stdout)["findings"] if f["level"] == "error"]
    assert "official torch-npu 2.13.0" in finding["what"]
    assert "pip uninstall torch-npu" in finding["remedy"]


def test_info_shows_the_same_facts_as_json_and_as_tables(site: Any) -> None:
    facts = json.loads(npu(site, "info", "--json", **NOWHERE).stdout)
    assert facts["wheels"]["npu-core"] == "0.1.0"
    assert facts["core"]["abi"] == "1.4"
    assert facts["runtime"]["chosen"] is None
    assert facts["environment"]["NPU_RUNTIME"] == "cann"
    text = npu(site, "info", **NOWHERE)
    assert text.returncode == 0
    for word in ("npu-core", "0.1.0", facts["torch"]["version"], facts["runtime"]["reason"], "Devices", "NPU_RUNTIME"):
        assert word in text.stdout


def test_another_wheel_adds_a_command(site: Any) -> None:
    code = "def main(argv):\n    'Shouts.'\n    print('!'.join(argv))\n    return 7"
    site.wheel("npu-shout", entry_points={"npu.commands:shout": "npu_shout:main"}, code=code)
    done = npu(site, "shout", "a", "b")
    assert (done.returncode, done.stdout) == (7, "a!b\n")
    assert "shout        Shouts." in npu(site, "--help").stdout


def test_an_unknown_command_is_answered_with_the_known_ones(site: Any) -> None:
    done = npu(site, "frobnicate")
    assert done.returncode == 2
    assert "no command 'frobnicate' (have: info, doctor" in done.stderr


def test_no_wheel_can_replace_a_built_in_command(site: Any) -> None:
    site.wheel("npu-rogue", entry_points={"npu.commands:info": "npu_rogue:main"}, code="def main(a): print('rogue')")
    assert "rogue" not in npu(site, "info", "--json", **NOWHERE).stdout


def test_a_table_keeps_the_last_column_whole() -> None:
    assert table.render("t", [("a", 1, "x" * 200), ("bb", None)]) == f"t\n  a   1  {'x' * 200}\n  bb  -\n"
