"""Host time of small operators and of the runtime's calls: µs that the calling thread spends, npu beside cpu.

Runs on any stack that has device npu: ours, or the official torch-npu under `npu-sim run`. Prints JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

BATCHES, CALLS = 41, 50


def microseconds(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Median µs of a call: batches of calls, the device idle before each."""
    samples = []
    for _ in range(BATCHES):
        wait()
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        samples.append((time.perf_counter() - began) / CALLS)
    return statistics.median(samples[1:]) * 1e6


def operators(device: str) -> dict[str, Callable[[], Any]]:
    """Small operators, each once."""
    x, y = torch.randn(16, 16, device=device), torch.randn(16, 16, device=device)
    z, w, b = torch.empty(16, 16, device=device), torch.ones(16, device=device), torch.zeros(16, device=device)
    return {
        "empty": lambda: torch.empty(16, 16, device=device),
        "view": lambda: x.view(256),
        "add": lambda: x + y,
        "add_": lambda: z.add_(y),
        "mul.scalar": lambda: x * 2.0,
        "mm": lambda: x.mm(y),
        "sum": lambda: x.sum(),
        "copy_": lambda: z.copy_(x),
        "layer_norm": lambda: torch.nn.functional.layer_norm(x, (16,), w, b),
    }


def runtime() -> dict[str, Callable[[], Any]]:
    """Calls of torch.npu, which the CPU has not."""
    x, event, other = torch.empty(16, 16, device="npu"), torch.npu.Event(), torch.npu.Stream()
    here = torch.npu.current_stream()

    def switch() -> None:
        with torch.npu.stream(other):
            pass

    return {
        "allocate, free 1 MB": lambda: torch.empty(2**18, device="npu"),
        "record_stream": lambda: x.record_stream(other),
        "event.record": lambda: event.record(here),
        "event.wait": lambda: event.wait(other),
        "event.query": lambda: event.query(),
        "stream switch": switch,
        "current_stream": torch.npu.current_stream,
    }


def measure() -> dict[str, dict[str, float]]:
    """A row a call. What the installed wheels do not have is left out."""
    torch.set_num_threads(1)
    rows = {}
    on_cpu = operators("cpu")
    for name, call in {**operators("npu"), **runtime()}.items():
        with torch.no_grad():
            try:
                call()
            except NotImplementedError:
                continue
            torch.npu.synchronize()
            npu = microseconds(call, torch.npu.synchronize)
            rows[name] = {"npu_us": npu}
            if name in on_cpu:
                cpu = microseconds(on_cpu[name], lambda: None)
                rows[name] |= {"cpu_us": cpu, "ratio": npu / cpu}
    return rows


if __name__ == "__main__":
    print(json.dumps(measure()))
