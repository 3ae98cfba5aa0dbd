"""Environments with chosen wheels, and scripts run in them: what the tests across wheels are made of."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIST = Path(os.environ.get("NPU_WORKSPACE_DIST", ROOT / "dist"))
#: Every wheel of the workspace that a user installs.
PRODUCT = ("npu-core", "npu-ops", "npu-dist", "npu-profiler", "npu-amp", "torch-npu")
#: Variables of the machine that would decide the outcome of a test.
OURS = ("NPU_", "ASCEND_", "TASK_QUEUE", "PYTORCH_NPU", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "TORCH_DEVICE")


@dataclass(frozen=True)
class Environment:
    """A virtual environment that sees torch and holds some of our wheels."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def site(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    def run(
        self, *command: str, timeout: float = 240, path: Path | None = None, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in a clean surrounding: variables given here, none of the machine's that concern us."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        env |= {"PATH": f"{self.bin}{os.pathsep}{env['PATH']}", **variables}
        if path:
            env["PYTHONPATH"] = str(path)
        return subprocess.run(command, env=env, cwd="/", text=True, capture_output=True, timeout=timeout)

    def script(self, code: str, *options: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Runs Python `code` and returns what became of it."""
        return self.run(self.python, *options, "-c", code, **kwargs)

    def ok(self, code: str, **kwargs: Any) -> str:
        """Standard output of `code`, which must succeed."""
        done = self.script(code, **kwargs)
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()


def torch_site() -> str:
    """The folder of torch and the other things that come from the registries; none of our wheels is there."""
    spec = importlib.util.find_spec("torch")
    assert spec
    assert spec.submodule_search_locations
    site = Path(spec.submodule_search_locations[0]).parent
    assert not list(site.glob("npu_*.dist-info")), f"{site} must not hold wheels of this workspace"
    return str(site)


def create(folder: Path) -> Environment:
    """An empty environment that sees torch; pip comes from there too."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    made = Environment(folder)
    (made.site / "zz_torch.pth").write_text(torch_site() + "\n")
    return made
