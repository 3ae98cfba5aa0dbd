"""Fixtures of the tests across wheels: a local index, and environments installed from it."""

from __future__ import annotations

import fcntl
import functools
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from workspace import DIST, PRODUCT, Environment, create


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all xdist workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def wheels() -> dict[str, Path]:
    """The built wheels by name, newest version of each."""
    found = {p.name.split("-")[0].replace("_", "-"): p for p in sorted(DIST.glob("*.whl"))}
    missing = {*PRODUCT, "npu-sim", "npu-cann"} - set(found)
    assert not missing, f"{DIST} lacks wheels of {sorted(missing)}: run `nox -s wheels`"
    return found


@pytest.fixture(scope="session")
def index(wheels: dict[str, Path], common: Path) -> Iterator[str]:
    """URL of a local index (PEP 503) that serves the built wheels and nothing else."""
    folder = common / f"index-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    for name, wheel in wheels.items():
        page = folder / "simple" / name
        page.mkdir(parents=True, exist_ok=True)
        (page / wheel.name).symlink_to(wheel)
        (page / "index.html").write_text(
            f'<!DOCTYPE html><html><body><a href="{wheel.name}">{wheel.name}</a></body></html>'
        )

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        server.shutdown()


@pytest.fixture(scope="session")
def installed(index: str, common: Path) -> Callable[..., Environment]:
    """Makes an environment by `pip install NAMES` from the local index, with dependency resolution, once a run."""

    def make(*names: str) -> Environment:
        folder = common / ("env-" + "+".join(names))
        with open(common / f"{folder.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / "done").exists():
                return Environment(folder)
            made = create(folder)
            # The machine's own pip settings (other indexes, local folders) would hide what this index lacks.
            settings: dict[str, Any] = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
            pip = [made.python, "-m", "pip", "--disable-pip-version-check"]
            done = made.run(*pip, "install", *names, **settings)
            assert done.returncode == 0, done.stdout + done.stderr
            check = made.run(*pip, "check")
            assert check.returncode == 0, check.stdout + check.stderr
            (folder / "done").touch()
        return made

    return make


@pytest.fixture(scope="session")
def full(installed: Callable[..., Environment]) -> Environment:
    """Every wheel, on the simulated device."""
    return installed(*PRODUCT, "npu-sim")


@pytest.fixture(scope="session")
def bare(installed: Callable[..., Environment]) -> Environment:
    """The product without any runtime: neither CANN nor npu-sim."""
    return installed("npu-core", "npu-ops")


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder that holds a distribution as pip would install it; put it on PYTHONPATH."""

    def make(
        name: str,
        version: str = "1.0",
        entry_points: str = "",
        headers: str = "",
        modules: dict[str, str] | None = None,
    ) -> Path:
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}\n")
        (info / "entry_points.txt").write_text(entry_points)
        (info / "RECORD").write_text("")
        for module, code in (modules or {}).items():
            (tmp_path / f"{module}.py").write_text(code)
        return tmp_path

    return make
