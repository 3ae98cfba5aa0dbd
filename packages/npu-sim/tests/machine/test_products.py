"""The simulator plays every SoC that a product has: each is started, computes, and keeps what is unknown unknown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from npu_cann.signatures import load, load_yaml

TESTS = Path(__file__).parents[1]
PROFILES: Any = load_yaml(TESTS.parent / "csrc" / "machine" / "soc.yaml")
SOCS: dict[str, dict[str, Any]] = {str(soc["name"]): soc for soc in PROFILES["socs"]}
OPERATORS = load()
#: What npu-cann's data calls the series of a SoC's family.
SERIES = {
    "Ascend910": "910", "Ascend310P": "310P", "Ascend310B": "310B", "Ascend910B": "A2", "Ascend910_93": "A3",
    "Ascend950": "Ascend950",
}  # fmt: skip
#: Products whose SoC the public sources name, or whose possible SoCs they name; of the rest only the series is known.
PRODUCTS = {
    "Atlas 800 training server (9000, 9010), Atlas 900 PoD, Atlas 300T and 300T Pro": (
        "Ascend910A", "Ascend910B", "Ascend910ProA", "Ascend910ProB", "Ascend910PremiumA",
    ),
    "Atlas 800T A2": ("Ascend910B2", "Ascend910B3"),
    "Atlas 800I A2": ("Ascend910B4",),
    "Atlas 300I Duo, 300I Pro, 300V Pro": ("Ascend310P3",),
    "Atlas A3": ("Ascend910_9391",),
}  # fmt: skip

#: A process for all: it loads the libraries, and each SoC is played by a child of it.
PLAY = f"""
import json, os, sys
sys.path += [{str(TESTS)!r}, {str(TESTS / "opapi")!r}]
import torch
from acl_calls import *
from conftest import Cann

def tried(step):
    try:
        return step()
    except Exception as error:
        return str(error)

def play():
    acl = Acl()
    if acl.code("aclInit", None):
        return {{"refused": acl.message()}}
    acl.start()
    cann = Cann()
    a, b, out = torch.arange(6.0).reshape(2, 3), torch.ones(3, 2), torch.zeros(2, 2)
    total, half = torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bfloat16)
    product = torch.zeros(2, 2).half()
    add = tried(lambda: cann.run("aclnnAdd", a, a, 1, total) and bool(total.eq(2 * a).all()))
    mm = tried(lambda: cann.run("aclnnMm", a.half(), b.half(), product, 0) and bool(product.float().eq(a @ b).all()))
    event, stream = acl.event(), acl.stream()
    acl.check("aclrtRecordEvent", event, stream)
    acl.check("aclrtSynchronizeEvent", event)
    def query(attribute):
        value = ctypes.c_int64()
        acl.check("aclrtGetDeviceInfo", 0, attribute, ctypes.byref(value))
        return value.value
    return {{
        "name": acl.lib.aclrtGetSocName().decode(), "aclnnAdd": add, "aclnnMm": mm,
        "cores": tried(lambda: query(101)), "l2": tried(lambda: query(302)),
        "bf16": tried(lambda: cann.run("aclnnAdd", half, half, 1, torch.empty_like(half)) and "computes"),
    }}

torch.set_num_threads(1)
for name, memory in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        os.environ["NPU_SIM_SOC"] = name
        if memory:
            os.environ["NPU_SIM_HBM"] = memory
        try:
            print(json.dumps([name, memory, tried(play)]), flush=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def played() -> dict[tuple[str, str], Any]:
    """What each SoC answered, with 64 MB of memory and with what is known of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_"))}
    env = {**clean, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    unknown = [name for name, soc in SOCS.items() if soc["hbm_bytes"] == "unknown"]
    tasks = [(name, "64M") for name in SOCS] + [(name, "") for name in unknown]
    command = [sys.executable, "-c", PLAY, json.dumps(tasks)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {(name, memory): answer for name, memory, answer in rows}


@pytest.mark.parametrize("soc", SOCS)
def test_a_soc_starts_computes_and_orders(played: dict[tuple[str, str], Any], soc: str) -> None:
    answer, profile = played[soc, "64M"], SOCS[soc]
    assert isinstance(answer, dict), answer
    assert answer["name"] == soc
    series = SERIES.get(profile["family"])
    for op in ("aclnnAdd", "aclnnMm"):
        if series is None:
            assert f"which operators {soc} has is not known" in answer[op]
        elif series in OPERATORS[op].products:
            assert answer[op] is True
        else:
            assert f"{op} does not exist on {soc}" in answer[op]
    for key, field in (("cores", "ai_cores"), ("l2", "l2_bytes")):
        if profile[field] == "unknown":
            assert "207000" in str(answer[key]), "a figure that no source states is refused, not guessed"
        else:
            assert answer[key] == profile[field]
    if answer["aclnnAdd"] is not True:
        return
    if profile["bf16"]:
        assert answer["bf16"] == "computes", answer
    else:
        assert f"has dtype bfloat16, which {soc} does not compute in" in answer["bf16"]


def test_a_soc_whose_memory_no_source_states_asks_for_it(played: dict[tuple[str, str], Any]) -> None:
    refused = {name: answer for (name, memory), answer in played.items() if not memory}
    assert "Ascend910A" in refused
    for name, answer in refused.items():
        assert f"NPU_SIM_SOC={name} needs NPU_SIM_HBM" in answer["refused"], answer


def test_every_product_has_its_soc() -> None:
    assert {soc for socs in PRODUCTS.values() for soc in socs} <= set(SOCS)
