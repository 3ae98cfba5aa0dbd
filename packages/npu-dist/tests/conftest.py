"""Fixtures of npu-dist's tests: scripts that run as the ranks of one group, each a process with a device of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent

sys.path.append(str(HERE))  # for the modules beside this one, here and in the scripts

from rank_processes import BEGIN, Agreed, Ended, Ranks  # noqa: E402


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Ranks:
    """Runs `code` in `size` processes at once and returns how each ended. A process that hangs fails the test."""

    def run(code: str, size: int = 2, limit: float = 180, **env: str) -> list[Ended]:
        folder = tmp_path_factory.mktemp("ranks")
        script = folder / "script.py"
        script.write_text(BEGIN.format(here=str(HERE)) + textwrap.dedent(code))
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_", "HCCL_", "TORCH_HCCL"))}
        clean |= {"NPU_SIM": str(size), "NPU_SIM_THREADS": "1", "OMP_NUM_THREADS": "1", "WORLD_SIZE": str(size)}
        clean |= {"RENDEZVOUS": str(folder / "store"), **env}
        begin = time.monotonic()
        started = []
        for rank in range(size):
            files = [(folder / f"{name}{rank}").open("w+") for name in ("out", "err")]
            command = [sys.executable, str(script)]
            started.append(
                (subprocess.Popen(command, env=clean | {"RANK": str(rank)}, stdout=files[0], stderr=files[1]), files)
            )
        ended = []
        try:
            for process, files in started:
                process.wait(max(1.0, limit - (time.monotonic() - begin)))
                seconds = time.monotonic() - begin
                texts = [Path(f.name).read_text() for f in files]
                ended.append(Ended(process.returncode, texts[0], texts[1], seconds))
        except subprocess.TimeoutExpired:
            said = "\n".join(Path(f.name).read_text()[-2000:] for _, files in started for f in files)
            pytest.fail(f"a rank hung for {limit} s; the ranks said:\n{said}")
        finally:
            for process, files in started:
                process.kill()
                for f in files:
                    f.close()
        return ended

    return run


@pytest.fixture(scope="session")
def agreed(ranks: Ranks) -> Agreed:
    """As `ranks`, for scripts that must succeed: what each rank printed."""

    def run(code: str, size: int = 2, **env: str) -> list[str]:
        ended = ranks(code, size, **env)
        for rank, e in enumerate(ended):
            assert e.status == 0, f"rank {rank} ended with {e.status}:\n{e.err[-3000:]}"
        return [e.out.strip() for e in ended]

    return run
