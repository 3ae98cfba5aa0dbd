"""Which runtime is chosen, and what is said when none can be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npu_core import runtimes
from npu_core.runtimes import Candidate, cann

REAL = Candidate("cann", "/cann/lib64", "CANN 8.2 in /cann/lib64", hardware=True)
NO_REAL = Candidate("cann", None, "libascendcl.so not found: install the CANN toolkit")
BROKEN = Candidate("cann", None, "/cann/lib64 lacks libopapi.so: reinstall the CANN toolkit", hardware=True)
SIM = Candidate("sim", "/sim/lib", "npu-sim 0.1.0", label=" (simulated)")


def chosen(selection: runtimes.Selection) -> str | None:
    return selection.chosen.name if selection.chosen else None


def test_auto_prefers_real_devices() -> None:
    assert chosen(runtimes.choose("auto", (REAL, SIM))) == "cann"


def test_auto_simulates_where_there_is_no_hardware() -> None:
    assert chosen(runtimes.choose("auto", (NO_REAL, SIM))) == "sim"


def test_auto_never_simulates_beside_hardware_whose_runtime_is_broken() -> None:
    selection = runtimes.choose("auto", (BROKEN, SIM))
    assert selection.chosen is None
    assert "lacks libopapi.so" in selection.reason
    assert "reinstall the CANN toolkit" in selection.reason
    assert selection.reason.endswith("or choose without it: set NPU_RUNTIME=sim")
    assert selection.reason.remedy.startswith("reinstall the CANN toolkit; ")


def test_a_name_is_obeyed_even_beside_real_devices() -> None:
    assert chosen(runtimes.choose("sim", (REAL, SIM))) == "sim"


def test_a_name_that_cannot_serve_gives_its_reason_and_nothing_else() -> None:
    selection = runtimes.choose("cann", (NO_REAL, SIM))
    assert selection.chosen is None
    assert selection.reason == f"NPU_RUNTIME=cann; cann: {NO_REAL.reason}"


def test_an_unknown_name_is_answered_with_what_there_is_and_what_to_install() -> None:
    selection = runtimes.choose("sim", (NO_REAL,))
    assert selection.chosen is None
    assert selection.reason == "NPU_RUNTIME=sim names no installed runtime (have: cann): pip install npu-sim"
    assert runtimes.choose("bogus", (NO_REAL,)).reason.endswith("(have: cann): set it to auto or unset it")


def test_none_turns_the_device_off() -> None:
    assert runtimes.choose("none", (REAL, SIM)).chosen is None


def test_without_any_runtime_every_reason_is_given_and_the_simulator_hinted_at() -> None:
    reason = runtimes.choose("auto", (NO_REAL,)).reason
    assert "libascendcl.so not found" in reason
    assert reason.endswith("pip install npu-sim")


def test_cann_is_found_through_its_home_and_needs_a_device(
    cann_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = cann_tree()
    monkeypatch.setenv("ASCEND_HOME_PATH", str(home))
    absent = cann.find((), str(tmp_path / "davinci[0-9]*"))
    assert absent["library_dir"] is None
    assert "there is no" in absent["reason"]
    assert "driver" in absent["remedy"]
    (tmp_path / "davinci0").touch()
    present = cann.find((), str(tmp_path / "davinci[0-9]*"))
    assert present["library_dir"] == str(home / "lib64")
    assert present["version"] == "8.2.RC1"


@pytest.mark.parametrize("where", ["ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME", "LD_LIBRARY_PATH", "installed"])
def test_cann_is_looked_for_in_every_documented_place(
    where: str, cann_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "davinci3").touch()
    home = cann_tree()
    if where != "installed":
        monkeypatch.setenv(where, f"/nowhere:{home}/lib64" if where == "LD_LIBRARY_PATH" else str(home))
    found = cann.find((str(home),) if where == "installed" else ("/nowhere",), str(tmp_path / "davinci[0-9]*"))
    assert found["library_dir"] == str(home / "lib64")
    assert (str(home) if where == "installed" else where) in found["reason"]


def test_a_home_without_cann_is_named_with_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_HOME_PATH", "/misspelt")
    found = cann.find(("/nowhere",), str(tmp_path / "davinci[0-9]*"))
    assert "ASCEND_HOME_PATH=/misspelt" in found["reason"]
    assert "/nowhere" in found["reason"]


def test_a_missing_library_is_named(cann_tree: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "davinci0").touch()
    home = cann_tree(libraries=("libascendcl.so", "libopapi.so"))
    found = cann.find((str(home),), str(tmp_path / "davinci[0-9]*"))
    assert found["library_dir"] is None
    assert "lacks libnnopbase.so" in found["reason"]


def test_a_version_that_is_too_old_is_named_with_the_needed_one(cann_tree: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "davinci0").touch()
    home = cann_tree(version="7.0.0")
    found = cann.find((str(home),), str(tmp_path / "davinci[0-9]*"))
    assert found["library_dir"] is None
    assert "CANN 7.0.0" in found["reason"]
    assert "need 8.0" in found["reason"]


@pytest.mark.parametrize(("code", "error"), [("1 / 0", "ZeroDivisionError"), ("raise SystemExit(3)", "SystemExit")])
def test_a_provider_that_raises_is_named_and_the_others_still_serve(site: Any, code: str, error: str) -> None:
    site.wheel("npu-bad", entry_points={"npu.runtimes:bad": "npu_bad:provider"}, code=f"def provider(): {code}")
    code = "def provider(): return {'library_dir': '/x', 'reason': 'here'}"
    site.wheel("npu-good", entry_points={"npu.runtimes:good": "npu_good:provider"}, code=code)
    found = site.json(
        "from npu_core import runtimes; out = {c.name: [c.library_dir, c.reason] for c in runtimes.candidates()}"
    )
    assert found["good"] == ["/x", "here"]
    assert found["bad"][0] is None
    assert error in found["bad"][1]
    assert "pip install --force-reinstall npu-bad" in found["bad"][1]


def test_a_runtimes_label_and_notice_are_said_as_it_gave_them(site: Any) -> None:
    code = (
        "from npu_sim.runtime import provider as sim\n"
        "def provider(): return {**sim(), 'label': ' on the roof', 'notice': 'mind the gap'}"
    )
    site.wheel("npu-roof", entry_points={"npu.runtimes:roof": "npu_roof:provider"}, code=code)
    done = site.python(
        "import torch; n = torch.npu; print(n.get_device_name(0)); print(n.get_device_properties(0).name)\n"
        "n.init(); n.synchronize()",
        NPU_RUNTIME="roof",
    )
    assert done.returncode == 0, done.stderr
    name, same = done.stdout.splitlines()
    assert name == same
    assert name.endswith(" on the roof")
    assert "simulated" not in done.stdout + done.stderr
    assert done.stderr.count("mind the gap") == 1


def test_a_remedy_is_known_apart_whatever_colons_the_reason_has() -> None:
    from npu_core.reasons import Reason, reason

    made = Reason("a: b: c", "do: this")
    assert (str(made), made.what, made.remedy) == ("a: b: c: do: this", "a: b: c", "do: this")
    assert reason(made) is made
    for sentence, remedy in (
        ("libopapi.so has no symbol aclnnAdd: install CANN 8.0 or newer", "install CANN 8.0 or newer"),
        ("dlopen: /x/libacl.so: cannot open shared object file", ""),
        ("no colon", ""),
    ):
        assert reason(sentence) == sentence
        assert reason(sentence).remedy == remedy


def test_a_runtime_may_set_variables_but_never_overrides_the_users(site: Any) -> None:
    code = "def provider(): return {'library_dir': '/x', 'reason': 'r', 'env': {'XA': 'theirs', 'XB': 'theirs'}}"
    site.wheel("npu-good", entry_points={"npu.runtimes:good": "npu_good:provider"}, code=code)
    out = site.json(
        "import os; from npu_core import runtimes; runtimes.select(); out = [os.environ['XA'], os.environ['XB']]",
        NPU_RUNTIME="good",
        XB="mine",
    )
    assert out == ["theirs", "mine"]
