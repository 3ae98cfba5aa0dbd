"""The two programs of `nox -s demo`, run as they are."""

from __future__ import annotations

import ast
import re

from workspace import ROOT, Environment


def test_the_quick_verification_imports_nothing_but_torch_and_prints_a_matrix(full: Environment) -> None:
    program = ROOT / "demo" / "quick_verification.py"
    imports = [n for n in ast.walk(ast.parse(program.read_text())) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(i) for i in imports] == ["import torch"]
    done = full.run(full.python, str(program))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"tensor\(\[\[.+\],\n +\[.+\]\], device='npu:0'\)\n", done.stdout)


def test_the_perceptron_learns_digits_on_the_device_as_on_the_cpu(full: Environment) -> None:
    done = full.run(full.python, str(ROOT / "demo" / "digits.py"), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CPU fallbacks     0" in done.stdout
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.startswith("aten.")}
    head = next(line.split() for line in done.stdout.splitlines() if line.startswith("operator"))
    assert head[1] == "npu"
    for name in ("addmm", "mm", "relu", "_log_softmax", "nll_loss_forward", "nll_loss_backward", "threshold_backward"):
        assert len(rows[f"aten.{name}"]) == 1, f"{name} ran on more than one device"
        assert f"{rows[f'aten.{name}'][0]:>10}" == done.stdout[done.stdout.index(f"aten.{name} ") :][32:42]
