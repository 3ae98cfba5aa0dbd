"""What `nox -s sanitize` runs: ten threads that allocate, free, record and launch at once, for as long as it is told.

`threads_sanitized.py SECONDS`. Each thread does what comes up by its own random numbers, on streams that it shares with
the others, and checks what it computed. Then a graph is captured and replayed again and again while other threads draw
random numbers on its stream, send tensors to their own process and change storage formats.
"""

from __future__ import annotations

import pickle
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch

THREADS = 10
npu: Any = torch.npu


def together(works: Sequence[Callable[[], None]]) -> None:
    """Runs each in a thread of its own; raises what the first of them that failed raised."""
    failed: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


class Worker:
    """One thread's random work on memory and streams."""

    def __init__(self, seed: int, streams: list[Any], until: float) -> None:
        self.random = random.Random(seed)
        self.streams, self.until = streams, until
        self.kept: list[tuple[torch.Tensor, float, Any]] = []  # with its value, and the event after which it has it
        self.done = 0

    def make(self) -> None:
        stream = self.random.choice(self.streams)
        with npu.stream(stream):
            value = float(self.random.randrange(100))
            x = torch.full((self.random.choice((1, 100, 5000, 300_000)),), value, device="npu")
            self.kept.append((x, value, stream.record_event()))

    def use_elsewhere(self) -> None:
        x, value, made = self.random.choice(self.kept)
        stream = self.random.choice(self.streams)
        with npu.stream(stream):
            made.wait(stream)
            x.record_stream(stream)
            y = x * 2 + 1
        stream.synchronize()
        assert y[-1].item() == value * 2 + 1

    def product(self) -> None:
        with npu.stream(self.random.choice(self.streams)):
            a = torch.ones(16, 16, device="npu")
            assert (a @ a).sum().item() == 16**3

    def cross(self) -> None:
        stream = self.random.choice(self.streams)
        with npu.stream(stream):
            x = torch.arange(1000.0).pin_memory().to("npu", non_blocking=True)
            assert x.cpu()[-1] == 999

    def drop(self) -> None:
        self.kept.pop(self.random.randrange(len(self.kept)))

    def look(self) -> None:
        npu.memory_stats()
        if self.random.random() < 0.05:
            npu.empty_cache()
        self.kept[-1][2].query()

    def run(self) -> None:
        works = (self.make, self.make, self.use_elsewhere, self.product, self.cross, self.drop, self.drop, self.look)
        while time.monotonic() < self.until:
            self.make() if not self.kept else self.random.choice(works)()
            if len(self.kept) > 30:
                self.kept.clear()
            self.done += 1


def capture(until: float, stream: Any) -> None:
    x = torch.ones(1000, device="npu")
    npu.synchronize()
    while time.monotonic() < until:
        graph = npu.NPUGraph()
        with npu.graph(graph, stream=stream, capture_error_mode="thread_local"):
            y = torch.nn.functional.dropout(x)
        graph.replay()
        assert set(y.unique().tolist()) <= {0.0, 2.0}
        graph.reset()


def draw(until: float, stream: Any) -> None:
    generator = torch.Generator("npu")
    while time.monotonic() < until:
        with npu.stream(stream):
            torch.empty(16, device="npu").uniform_(generator=generator)
        time.sleep(0.001)


def send(until: float) -> None:
    while time.monotonic() < until:
        x = torch.ones(1000, device="npu")
        message = bytes(ForkingPickler.dumps(x))
        if random.random() < 0.5:
            del x
        assert pickle.loads(message)[-1].item() == 1
        npu.ipc_collect()


def lay_out(until: float, shared: torch.Tensor) -> None:
    cast = torch.ops.npu.npu_format_cast
    ones = torch.ones(2, 40, dtype=torch.float16, device="npu")
    while time.monotonic() < until:
        blocks = cast(shared, 29)
        assert (ones @ blocks).sum().item() == 2 * 40 * 50
        assert (blocks + 1)[0, 0].item() == 2
        if random.random() < 0.3:
            assert blocks.data_ptr() != shared.data_ptr()
        assert blocks[:3].sum().item() == 150


def memory_and_streams(seconds: float) -> None:
    streams = [npu.Stream() for _ in range(4)]
    until = time.monotonic() + seconds
    workers = [Worker(seed, streams, until) for seed in range(THREADS)]
    together([worker.run for worker in workers])
    print(f"{THREADS} threads, {seconds:.0f} s: {sum(worker.done for worker in workers)} pieces of work")


def messages_and_formats(seconds: float) -> None:
    npu.config.allow_internal_format = True
    shared = torch.ones(40, 50, dtype=torch.float16, device="npu")
    until = time.monotonic() + seconds
    together([partial(send, until)] * 3 + [partial(lay_out, until, shared)] * 3)


def graphs_and_numbers(seconds: float) -> None:
    stream = npu.Stream()
    until = time.monotonic() + seconds
    together([partial(capture, until, stream), partial(draw, until, stream), partial(draw, until, npu.Stream())])


def main() -> None:
    seconds = float(sys.argv[1])
    memory_and_streams(seconds)
    messages_and_formats(seconds / 4)
    graphs_and_numbers(seconds / 4)
    npu.synchronize()
    npu.ipc_collect()
    npu.empty_cache()
    assert npu.memory_reserved() == 0
    print("messages, formats, graphs: nothing is left")


if __name__ == "__main__":
    main()
