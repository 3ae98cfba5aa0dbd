"""The rules of the workspace that no compiler holds: what wheels may contain, name, and reach."""

from __future__ import annotations

import ast
import re
import statistics
import zipfile
from pathlib import Path

import pytest
from workspace import ROOT

PACKAGES = sorted(p.parent for p in ROOT.glob("packages/*/pyproject.toml"))
#: Wheels whose code must not know the simulator.
INDEPENDENT = [p for p in PACKAGES if p.name != "npu-sim"]
CODE = {".py", ".pyi", ".cpp", ".h", ".yaml", ".cmake", ".txt", ".toml"}
#: A mention that installs it, in a message or a comment.
HINT = re.compile(r"pip install[\w\s'-]*npu-sim")
#: Also a flag that says whether the device is one: what a runtime is comes as data of its provider.
SIMULATOR = re.compile(r"npu[-_]?sim|simulat", re.I)


def code_of(package: Path) -> list[Path]:
    """Source files of `package` that go into its wheel; tests are not among them."""
    found = (p for part in ("src", "csrc", "codegen", "tables", "cmake") for p in (package / part).rglob("*"))
    return [p for p in found if p.is_file() and p.suffix in CODE and "__pycache__" not in p.parts]


def names(packages: list[Path]) -> list[str]:
    return [p.name for p in packages]


@pytest.mark.parametrize("package", PACKAGES, ids=names(PACKAGES))
def test_a_package_has_its_own_version_changelog_readme_and_license(package: Path) -> None:
    text = (package / "pyproject.toml").read_text()
    found = re.search(r'^version = "([^"]+)"', text, re.M)
    assert found
    assert found[1].split("+")[0] in (package / "CHANGELOG.md").read_text()
    assert (package / "README.md").read_text().startswith(f"# {package.name}")
    assert "BSD 3-Clause" in (package / "LICENSE").read_text()
    assert 'requires-python = ">=3.10"' in text


@pytest.mark.parametrize("package", INDEPENDENT, ids=names(INDEPENDENT))
def test_no_code_of_the_product_asks_for_the_simulator(package: Path) -> None:
    """npu-sim is a CANN like any other: what tests for it would behave differently on a device."""
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in code_of(package)
        for text in (words_of_python(path) if path.suffix in {".py", ".pyi"} else words_of_cpp(path))
        if SIMULATOR.search(HINT.sub("", text))
    ]
    assert not found, "\n".join(found)


def words_of_python(path: Path) -> list[str]:
    """Names and strings that the code of `path` uses; docstrings and the list of our wheels' names are not use."""
    tree = ast.parse(path.read_text())
    unused: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            unused.add(id(node.value))
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "OURS" for t in node.targets):
            unused |= {id(n) for n in ast.walk(node)}
    words = []
    for node in (n for n in ast.walk(tree) if id(n) not in unused):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append(node.value)
        elif isinstance(node, ast.Name):
            words.append(node.id)
        elif isinstance(node, ast.Attribute):
            words.append(node.attr)
        elif isinstance(node, (ast.arg, ast.keyword)):
            words.append(node.arg or "")
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            words.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            words += [a.name for a in node.names] + [getattr(node, "module", None) or ""]
    return words


def words_of_cpp(path: Path) -> list[str]:
    """Lines of `path` without their comments."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/|^\s*#(?!include|if|define)[^\n]*", "", path.read_text(), flags=re.S | re.M)
    return text.splitlines()


@pytest.mark.parametrize("package", PACKAGES, ids=names(PACKAGES))
def test_nothing_reaches_outside_its_package(package: Path) -> None:
    for path in [*code_of(package), *package.glob("CMakeLists.txt"), package / "pyproject.toml"]:
        text = re.sub(r"\$ORIGIN[./]*", "", path.read_text())  # of the installed library, not of the sources
        assert "/work/" not in text, path
        assert not path.is_symlink(), path
        up = max((len(m) // 3 for m in re.findall(r"(?:\.\./)+", text)), default=0)
        assert up <= len(path.relative_to(package).parts) - 1 or path.suffix == ".py", path


def test_no_wheel_writes_into_another_wheels_folder(wheels: dict[str, Path]) -> None:
    owner: dict[str, str] = {}
    for name, wheel in wheels.items():
        tops = {n.split("/")[0] for n in zipfile.ZipFile(wheel).namelist()}
        for top in {t for t in tops if not t.endswith((".dist-info", ".data"))}:
            assert top not in owner, f"{name} and {owner.get(top)} both write into {top}/"
            owner[top] = name


def test_wheels_carry_no_tests_and_no_sources(wheels: dict[str, Path]) -> None:
    for wheel in wheels.values():
        inside = zipfile.ZipFile(wheel).namelist()
        assert not [n for n in inside if "/tests/" in n or n.endswith((".cpp", ".o", "CMakeCache.txt"))], wheel.name


def test_files_stay_small() -> None:
    """The house's measure: median about 90 lines, nine in ten under 300, none over 800."""
    sources = [p for package in PACKAGES for p in code_of(package) if p.suffix in {".py", ".cpp", ".h"}]
    abi = ROOT / "packages/npu-cann/src/npu_cann/include"
    lengths = {p: len(p.read_text().splitlines()) for p in sources if abi not in p.parents}
    over = {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > 800}
    assert not over
    assert statistics.quantiles(lengths.values(), n=10)[8] < 300
    assert statistics.median(lengths.values()) < 150


def test_no_test_hides_another_of_the_same_name() -> None:
    for path in [*ROOT.glob("packages/*/tests/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        found = re.findall(r"^(?:    )?def (test_\w+)", path.read_text(), re.M)
        assert len(found) == len(set(found)), path
