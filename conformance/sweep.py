"""Rows of many entries: each in a worker process, so that a crash or a hang costs one row and not the sweep."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

#: An entry and a dtype, by name.
Task = tuple[str, str]
STATUSES = ("native", "composite", "fallback", "wrong", "error", "none")


class Worker:
    """A process that makes rows: a task a line in, a row a line out."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent), "--worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "NPU_SIM_TRACE": f"{self.folder.name}/trace"},
        )

    def row(self, task: Task, timeout: float) -> dict[str, object]:
        """The row of `task`; of a process that dies or takes over `timeout` seconds, a row that says so."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(task) + "\n")
            stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            line = stdout.readline() if selector.select(timeout) else ""
            late = not line and self.process.poll() is None and not selector.select(0)
        if line:
            row: dict[str, object] = json.loads(line)
            return row
        self.stop()
        why = f"took more than {timeout:.0f} s" if late else f"the process ended with {self.process.returncode}"
        return {"op": task[0], "dtype": task[1], "status": "error", "failures": 1, "examples": [why]}

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def sweep(
    tasks: Iterable[Task], out: Path, arguments: Sequence[str], jobs: int, timeout: float
) -> list[dict[str, object]]:
    """Makes the rows of `tasks` that `out` does not hold yet, appends each as it comes, and returns all."""
    done = rows_of(out)
    have = {(row["op"], row["dtype"]) for row in done}
    missing = [task for task in tasks if task not in have]
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in missing:
        waiting.put(task)
    lock = threading.Lock()
    counts = Counter(str(row["status"]) for row in done)
    out.parent.mkdir(parents=True, exist_ok=True)

    with out.open("a") as file, tqdm(total=len(missing), unit="row", file=sys.stderr) as bar:

        def serve() -> None:
            worker = Worker(arguments)
            while True:
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    worker.stop()
                    return
                if not worker.alive:
                    worker = Worker(arguments)
                began = time.monotonic()
                row = worker.row(task, timeout)
                if row.pop("broken", False):
                    worker.stop()
                row["seconds"] = round(time.monotonic() - began, 2)
                with lock:
                    done.append(row)
                    counts[str(row["status"])] += 1
                    file.write(json.dumps(row) + "\n")
                    file.flush()
                    bar.set_postfix({s: counts[s] for s in STATUSES if counts[s]}, refresh=False)
                    bar.update()

        threads = [threading.Thread(target=serve) for _ in range(min(jobs, len(missing)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return done


def rows_of(out: Path) -> list[dict[str, object]]:
    """The rows that a sweep wrote to `out`; of a row made twice the last."""
    if not out.exists():
        return []
    rows = (json.loads(line) for line in out.read_text().splitlines())
    return list({(row["op"], row["dtype"]): row for row in rows}.values())


def serve_rows(first: bool, first_in: Collection[str] = ()) -> None:
    """The worker's side: reads tasks, writes rows, of the `first` sample of each or of each in the dtypes `first_in`.
    What the operators print goes to stderr."""
    answers, sys.stdout = sys.stdout, sys.stderr

    import torch
    from databases import trial
    from launches import Launches

    torch.set_num_threads(1)
    torch.npu.init()
    launches = Launches()
    for line in sys.stdin:
        name, dtype = json.loads(line)
        row = trial(name, getattr(torch, dtype), launches).run(first or dtype in first_in)
        print(json.dumps(dataclasses.asdict(row)), file=answers, flush=True)
