"""The Markdown tells the truth: links resolve, Python runs, and shell commands are ones that exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("packages/*/README.md"))]
IDS = [p.relative_to(ROOT).as_posix() for p in PAGES]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def blocks(page: Path, *languages: str) -> list[str]:
    return [code for language, code in BLOCK.findall(page.read_text()) if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_resolve(page: Path) -> None:
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if not re.match(r"\w+://", target):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    for code in blocks(page, "python"):
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True, timeout=240)
        assert done.returncode == 0, f"{code}\n{done.stderr}"


def sessions() -> set[str]:
    """Names of the nox sessions."""
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    functions = (n for n in tree.body if isinstance(n, ast.FunctionDef))
    return {f.name for f in functions if any(ast.unparse(d).startswith("nox.session") for d in f.decorator_list)}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_name_sessions_wheels_and_subcommands_that_exist(page: Path) -> None:
    wheels = {p.name for p in (ROOT / "packages").iterdir()}
    text = page.read_text()
    for session in re.findall(r"nox -s (\w+)", text):
        assert session in sessions(), session
    for install in re.findall(
        r"pip install ([^\n|&`]+)", "\n".join([*blocks(page, "sh"), *re.findall(r"`(pip [^`]+)`", text)])
    ):
        for name in re.findall(r"(?<![\w-])(?:npu-\w+|torch-npu)\b", install):
            assert name in wheels, name
    for command in re.findall(r"\bnpu (info|doctor|\w+)\b(?= |`|$)", "\n".join(blocks(page, "sh"))):
        assert command in {"info", "doctor"} or page.parent.name.startswith("npu-"), command


def test_the_two_commands_of_the_readme_are_there() -> None:
    (first, *_) = blocks(ROOT / "README.md", "sh")
    assert first.splitlines() == ["pip install nox && nox -s demo", "nox -s tests"]
