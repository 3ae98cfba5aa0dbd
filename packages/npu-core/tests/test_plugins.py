"""How plugins are found, ordered, refused and trimmed: from metadata alone, before any of their code runs."""

from typing import Any

import pytest

DISCOVER = """
import npu_core.plugins as p
from npu_core import wheels
p.load(lambda: 4711)
out = {"order": [x.name for x in p.plugins()], "state": {x.name: x.state for x in p.plugins()},
       "reason": {x.name: x.reason for x in p.plugins()}}
"""
#: Trims to the plugins of a test: the environment that runs it has real ones.
ONLY = {"NPU_PLUGINS": "alpha,beta,gamma"}
MARK = "import sys; print('IMPORTED', __name__, file=sys.stderr)\ndef activate(table): assert table == 4711"


def load(site: Any, **environment: str) -> Any:
    return site.json(DISCOVER, **{**ONLY, **environment})


def test_a_plugin_that_fits_is_activated_with_the_tables_address(site: Any) -> None:
    site.plugin("alpha", MARK)
    assert load(site)["state"]["alpha"] == "loaded"


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ("npu-core-abi=2.0,npu-torch=2.13", "needs npu-core ABI 2.0, npu-core 0.1.0 has 1.4: pip install -U npu-core"),
        ("npu-core-abi=1.9,npu-torch=2.13", "needs npu-core ABI 1.9, npu-core 0.1.0 has 1.4: pip install -U npu-core"),
        ("npu-core-abi=0.3,npu-torch=2.13", "needs npu-core ABI 0.3, npu-core 0.1.0 has 1.4: pip install -U npu-alpha"),
        ("npu-core-abi=1.0,npu-torch=2.12", "was built for torch 2.12, npu-core 0.1.0 is for torch 2.13: pip install"),
        ("something else", "does not say which npu-core ABI it needs (keyword npu-core-abi): pip install -U npu-alpha"),
        ("npu-core-abi=1.0", "does not say which torch it was built for (keyword npu-torch): pip install -U npu-alpha"),
        ("npu-core-abi=x,npu-torch=2.13", "needs npu-core ABI x"),
    ],
)
def test_a_misfit_is_refused_by_name_with_need_have_and_remedy_and_never_imported(
    site: Any, keywords: str, said: str
) -> None:
    site.plugin("alpha", MARK, keywords=keywords)
    site.plugin("beta")
    done = site.python(DISCOVER + "import json; print(json.dumps(out))", **ONLY)
    assert done.returncode == 0, done.stderr
    assert "IMPORTED" not in done.stderr
    found = __import__("json").loads(done.stdout)
    assert found["state"]["alpha"] == "refused"
    assert found["reason"]["alpha"].startswith("npu-alpha 1.0 ")
    assert said in found["reason"]["alpha"]
    assert found["state"]["beta"] == "loaded"


def test_dependencies_come_first_whatever_their_names(site: Any) -> None:
    site.plugin("alpha", requires=("npu_gamma >=1,<2", "torch"))
    site.plugin("beta")
    site.plugin("gamma")
    order = [name for name in load(site)["order"] if name in ("alpha", "beta", "gamma")]
    assert order == ["beta", "gamma", "alpha"]


def test_extras_are_no_dependencies(site: Any) -> None:
    site.plugin("alpha", requires=("npu-beta; extra == 'beta'",))
    site.plugin("beta", requires=("npu-alpha",))
    assert load(site)["state"]["alpha"] == "loaded"


def test_a_cycle_is_refused_by_name_and_does_not_hang(site: Any) -> None:
    site.plugin("alpha", requires=("npu-beta",))
    site.plugin("beta", requires=("npu-alpha",))
    found = load(site)
    assert found["state"]["alpha"] == "refused"
    assert "depends on itself through npu-beta" in found["reason"]["alpha"]


def test_what_needs_a_refused_plugin_is_refused_too(site: Any) -> None:
    site.plugin("alpha", requires=("npu-beta",))
    site.plugin("beta", keywords="npu-core-abi=9.0")
    found = load(site)
    assert found["state"]["alpha"] == "refused"
    assert "npu-alpha needs npu-beta, which is refused" in found["reason"]["alpha"]


def test_a_plugin_that_fails_to_activate_is_refused_and_the_rest_loads(site: Any) -> None:
    site.plugin("alpha", "def activate(table): raise OSError('libnpu_alpha.so: undefined symbol: x')")
    site.plugin("beta")
    found = load(site)
    assert found["state"]["alpha"] == "refused"
    assert "OSError: libnpu_alpha.so: undefined symbol: x" in found["reason"]["alpha"]
    assert "pip install --force-reinstall npu-alpha" in found["reason"]["alpha"]
    assert found["state"]["beta"] == "loaded"


def test_metadata_that_is_not_utf8_costs_nothing(site: Any) -> None:
    site.plugin("alpha", MARK)
    site.plugin("beta")
    (metadata,) = site.folder.glob("npu_alpha-*/METADATA")
    metadata.write_bytes(metadata.read_bytes().replace(b"Name:", b"Author: Ren\xe9\nName:", 1))
    found = load(site)
    assert found["state"]["alpha"] == "loaded"
    assert found["state"]["beta"] == "loaded"


def test_metadata_that_cannot_be_read_costs_only_its_own_plugin(site: Any) -> None:
    site.plugin("alpha", MARK)
    site.plugin("beta")
    broken = "from npu_core import wheels\nread = wheels.headers\ndef headers(dist):\n"
    broken += "    if 'alpha' in str(dist._path): raise OSError('bad sector')\n"
    broken += "    return read(dist)\nwheels.headers = headers\n"
    found = site.json(broken + DISCOVER, **ONLY)
    assert found["state"]["alpha"] == "refused"
    assert "OSError: bad sector" in found["reason"]["alpha"]
    assert found["state"]["beta"] == "loaded"


def test_two_wheels_with_one_plugin_name_are_both_named_and_refused(site: Any) -> None:
    site.plugin("alpha")
    site.wheel(
        "other-alpha", "3.1", keywords="npu-core-abi=1.0", entry_points={"npu.plugins:alpha": "npu_alpha:activate"}
    )
    found = load(site)
    assert found["order"].count("alpha") == 2
    assert found["state"]["alpha"] == "refused"
    assert "npu-alpha 1.0 and other-alpha 3.1 both provide it" in found["reason"]["alpha"]


def test_npu_plugins_trims(site: Any) -> None:
    site.plugin("alpha")
    site.plugin("beta")
    state = load(site, NPU_PLUGINS="core, BETA")["state"]
    assert state["alpha"] == "off"
    assert state["beta"] == "loaded"


def test_the_abi_in_python_is_that_of_the_header() -> None:
    import re

    import npu_core

    text = (npu_core.INCLUDE_DIR / "npu" / "core" / "abi.h").read_text()
    numbers = dict(re.findall(r"#define NPU_CORE_ABI_(MAJOR|MINOR) (\d+)", text))
    assert (int(numbers["MAJOR"]), int(numbers["MINOR"])) == npu_core.ABI
