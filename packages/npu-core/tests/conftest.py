"""Fixtures: a folder of made-up wheels, and fresh Pythons that see it before everything else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Site:
    """A folder on PYTHONPATH that holds distributions without any installer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        *,
        keywords: str = "",
        requires: tuple[str, ...] = (),
        entry_points: dict[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        """Adds a distribution; `entry_points` maps "group:name" to an object, `code` is a module named after it."""
        module = name.replace("-", "_")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Keywords: {keywords}"] if keywords else []
        lines += [f"Requires-Dist: {need}" for need in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n\nA text: not a header\n")
        points = "".join(
            f"[{group}]\n{entry} = {target}\n"
            for group, entry, target in ((*key.rsplit(":", 1), value) for key, value in (entry_points or {}).items())
        )
        (info / "entry_points.txt").write_text(points)
        if code is not None:
            (self.folder / f"{module}.py").write_text(code)

    def plugin(self, name: str, code: str = "def activate(table): pass", **more: Any) -> None:
        """Adds the wheel npu-<name> with a plugin of that name that fits this npu-core."""
        more.setdefault("keywords", "npu-core-abi=1.0,npu-torch=2.13")
        module = f"npu_{name}"
        self.wheel(f"npu-{name}", entry_points={f"npu.plugins:{name}": f"{module}:activate"}, code=code, **more)

    def environment(self, **more: str) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_", "ASCEND_", "TORCH_DEVICE"))}
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        return {**clean, "PYTHONPATH": path, **more}

    def python(self, code: str, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs `code` in a fresh Python."""
        return subprocess.run(
            [sys.executable, *options, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.environment(**environment),
            timeout=120,
        )

    def json(self, code: str, **environment: str) -> Any:
        """What `code` leaves in `out`, from a fresh Python that must succeed."""
        done = self.python(f"{code}\nimport json; print(json.dumps(out))", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


@pytest.fixture
def cann_tree(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder that looks like an installed CANN; the libraries are empty files."""

    def make(
        name: str = "cann",
        libraries: tuple[str, ...] = ("libascendcl.so", "libnnopbase.so", "libopapi.so"),
        version: str | None = "8.2.RC1",
    ) -> Path:
        root = tmp_path / name
        (root / "lib64").mkdir(parents=True)
        for library in libraries:
            (root / "lib64" / library).touch()
        if version is not None:
            (root / "x86_64-linux").mkdir()
            (root / "x86_64-linux" / "ascend_toolkit_install.info").write_text(f"package_name=x\nversion={version}\n")
        return root

    return make


@pytest.fixture(scope="session")
def npu() -> Any:
    """`torch.npu` on a simulated machine with at least two devices. Fails, and does not skip, if it does not start."""
    os.environ.setdefault("NPU_RUNTIME", "sim")
    import torch

    module: Any = torch.npu
    module.init()
    assert module.device_count() >= 2
    return module


class Gate:
    """Holds a stream until it is opened, so that a test sees what happens while work is waiting.

    A graph that waits for an event from outside is what every runtime can hold a stream with.
    """

    def __init__(self, npu: Any) -> None:
        self._npu, self._event, self._graph = npu, npu.ExternalEvent(), npu.NPUGraph()
        with npu.graph(self._graph):
            self._event.wait()
            self._event.reset()
        self._opener = npu.Stream(0)

    def close(self, stream: Any = None) -> None:
        """Later work on `stream` of device 0 (default: the current one) waits for `open`."""
        with self._npu.stream(self._npu.current_stream() if stream is None else stream):
            self._graph.replay()

    def open(self) -> None:
        with self._npu.stream(self._opener):
            self._event.record()


@pytest.fixture(scope="session")
def _gate(npu: Any) -> Gate:
    with npu.device(0):
        return Gate(npu)


@pytest.fixture
def gate(_gate: Gate, npu: Any) -> Gate:
    """A `Gate` on device 0, which is the current one, with nothing at work."""
    npu.set_device(0)
    npu.synchronize()
    return _gate
