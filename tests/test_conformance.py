"""A fixed sample of torch's operator database (`nox -s conformance` runs all of it), and the sweep's own workings."""

from __future__ import annotations

import json
from pathlib import Path

from workspace import ROOT, Environment

#: Of every family some: these are computed on the device in float32 and bfloat16.
SAMPLE = (
    *("add", "mul", "div.floor_rounding", "where", "sum", "amax", "cumsum", "sort", "gather", "index_put", "cat"),
    *("mm", "bmm", "addmm", "tril", "uniform", "nn.functional.linear", "nn.functional.conv2d", "nn.functional.gelu"),
    *("nn.functional.layer_norm", "softmax", "nn.functional.cross_entropy", "nn.functional.dropout"),
    "equal",
)


def test_a_sample_of_the_operator_database_equals_the_cpu(full: Environment, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    command = [full.python, str(ROOT / "conformance"), *SAMPLE, "--dtypes=float32,bfloat16", "--out", str(out)]
    done = full.run(*command, "--first", timeout=600)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["op"] for row in rows} >= set(SAMPLE)
    bad = [row for row in rows if row["status"] not in ("native", "composite", "none")]
    assert not bad, bad
    assert all(row["launches"] for row in rows if row["op"] == "mm"), "npu-sim's trace was not read"
    read = {row["op"] for row in rows if row["copies"]}
    assert read == {"equal"}, "of these, equal alone answers a number of Python, and so reads the device"
    again = full.run(*command, "--first", timeout=600)
    assert len(out.read_text().splitlines()) == len(rows), "a second run makes only what is missing"
    assert "covered" in again.stdout


def test_other_dtypes_are_computed_or_declared(full: Environment, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    dtypes = "--dtypes=float64,int32,int16,int8,uint8,complex128"
    done = full.run(
        *(full.python, str(ROOT / "conformance"), dtypes, "--first", "--sample=17", "--out", str(out)), timeout=600
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) > 150
    bad = [row for row in rows if row["status"] in ("wrong", "error")]
    assert not bad, bad
    assert {row["dtype"] for row in rows if row["status"] == "fallback"} >= {"float64", "complex128"}
    reasons = {reason for row in rows for reason in row["fallbacks"].values()}
    assert "not declared" not in reasons


def test_operators_are_as_native_as_torch_npus_or_have_their_reason(full: Environment, tmp_path: Path) -> None:
    page = tmp_path / "registrations.html"
    done = full.run(full.python, str(ROOT / "conformance" / "registrations.py"), "--out", str(page))
    assert done.returncode == 0, done.stdout + done.stderr
    assert page.read_text().count("<tr>") > 3000


def test_only_listed_operators_copy_operands_that_are_not_contiguous(full: Environment) -> None:
    done = full.run(full.python, str(ROOT / "conformance" / "contiguous.py"), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    tried = int(done.stdout.splitlines()[-1].split(" of ")[1].split()[0])
    assert tried > 600, done.stdout
