"""The programs of `nox -s demo`, run as they are; of the trainings the short ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from workspace import ROOT, Environment


def test_the_quick_verification_imports_nothing_but_torch_and_prints_a_matrix(full: Environment) -> None:
    program = ROOT / "demo" / "quick_verification.py"
    imports = [n for n in ast.walk(ast.parse(program.read_text())) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(i) for i in imports] == ["import torch"]
    done = full.run(full.python, str(program))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"tensor\(\[\[.+\],\n +\[.+\]\], device='npu:0'\)\n", done.stdout)


def test_networks_learn_digits_on_the_device_as_on_the_cpu(full: Environment, tmp_path: Path) -> None:
    picture = tmp_path / "losses.png"
    done = full.run(
        full.python, str(ROOT / "demo" / "train.py"), "perceptron", "CNN", "--picture", str(picture), timeout=800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CPU fallbacks  0" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.startswith("aten.")}
    heads = [line.split() for line in done.stdout.splitlines() if line.startswith("operator")]
    assert heads == [["operator", "npu"]] * 2, "something ran on another device"
    for name in ("convolution", "convolution_backward", "native_batch_norm_backward", "max_pool2d_with_indices"):
        assert int(rows[f"aten.{name}"][0]) >= 50


def test_the_gpt_learns_in_halves_as_in_float32(full: Environment) -> None:
    """The demo's own model and text, for its first steps."""
    said = full.ok(
        """
import dataclasses, stdlib_gpt, torch
from learning import learn
for half in (stdlib_gpt.float16(), stdlib_gpt.bfloat16()):
    task = dataclasses.replace(half, steps=8, judge=lambda model, losses: (losses[-1] < losses[0] - 1, "learnt"))
    verdict = learn(task)
    print(task.dtype, verdict.failures, 0 < verdict.difference < task.tolerance)
print(torch.npu.fallback_report())
""",
        path=ROOT / "demo",
        timeout=800,
    )
    assert said.splitlines() == ["torch.float16 [] True", "torch.bfloat16 [] True", "[]"]
