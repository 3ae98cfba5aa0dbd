"""Random programs against a model of what the allocator promises, through torch.npu."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

MIB = 1 << 20
SIZES = st.one_of(st.integers(1, 4096), st.integers(1, 3 * MIB), st.integers(9 * MIB, 40 * MIB))


class Allocator(RuleBasedStateMachine):
    """Tensors on three streams and in one private pool come and go; after each step the books must agree."""

    @initialize(expandable=st.booleans())
    def start(self, expandable: bool) -> None:
        self.npu: Any = torch.npu
        self.npu.empty_cache()
        self.npu.memory._set_allocator_settings(f"expandable_segments:{expandable}")
        self.before = self.npu.memory_allocated()
        self.streams = [self.npu.Stream() for _ in range(2)]
        self.pool = self.npu.MemPool()
        self.live: list[torch.Tensor] = []
        self.used: dict[int, torch.Tensor] = {}

    @rule(size=SIZES, stream=st.integers(0, 2), private=st.booleans())
    def allocate(self, size: int, stream: int, private: bool) -> None:
        with self.npu.stream(self.streams[stream - 1] if stream else None):
            if private:
                with self.npu.use_mem_pool(self.pool):
                    self.live.append(torch.empty(size, dtype=torch.uint8, device="npu"))
            else:
                self.live.append(torch.empty(size, dtype=torch.uint8, device="npu"))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), stream=st.integers(0, 1))
    def use_elsewhere(self, data: st.DataObject, stream: int) -> None:
        self.live[data.draw(st.integers(0, len(self.live) - 1))].record_stream(self.streams[stream])

    @rule()
    def empty_cache(self) -> None:
        self.npu.empty_cache()

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "live"):
            return
        segments = [s for s in self.npu.memory_snapshot() if s["device"] == 0]
        stats = self.npu.memory_stats(0)
        taken = sorted((t.data_ptr(), t.data_ptr() + t.nbytes) for t in self.live)
        for (_, end), (begin, _) in itertools.pairwise(taken):
            assert end <= begin, "two tensors overlap"
        blocks = {b["address"]: b for s in segments for b in s["blocks"]}
        for tensor in self.live:
            assert blocks[tensor.data_ptr()]["state"] == "active_allocated"
        for s in segments:
            assert sum(b["size"] for b in s["blocks"]) == s["total_size"]
            idle = [b["state"] == "inactive" for b in s["blocks"]]
            assert not any(a and b for a, b in itertools.pairwise(idle)), "idle neighbours were not merged"
        assert sum(s["total_size"] for s in segments) == stats["reserved_bytes.all.current"]
        assert sum(s["allocated_size"] for s in segments) == stats["allocated_bytes.all.current"]
        assert sum(s["active_size"] for s in segments) == stats["active_bytes.all.current"]
        for name in ("allocated_bytes", "reserved_bytes", "active_bytes", "allocation"):
            whole, small, large = (stats[f"{name}.{p}.current"] for p in ("all", "small_pool", "large_pool"))
            assert whole == small + large
            assert stats[f"{name}.all.allocated"] - stats[f"{name}.all.freed"] == whole
            assert stats[f"{name}.all.peak"] >= whole

    def teardown(self) -> None:
        if hasattr(self, "live"):
            self.live.clear()
            del self.pool
            self.npu.synchronize()
            self.npu.empty_cache()
            assert self.npu.memory_allocated() == self.before
            self.npu.memory._set_allocator_settings("expandable_segments:False")


@pytest.fixture(autouse=True)
def device(npu: Any) -> Iterator[None]:
    yield
    npu.memory._set_allocator_settings("expandable_segments:False")


TestAllocator = Allocator.TestCase
TestAllocator.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def test_memory_in_use_on_another_stream_is_not_handed_out(npu: Any) -> None:
    """Fills, one after the other on a busy stream, each read what was written for it."""
    busy = npu.Stream()
    seen = []
    for value in range(20):
        x = torch.full((MIB,), value, dtype=torch.int32, device="npu")
        busy.wait_stream(npu.current_stream())
        with npu.stream(busy):
            seen.append(x.sum())
        x.record_stream(busy)
        del x  # the next round may have this memory only after the sum
    npu.synchronize()
    assert [int(s.item()) for s in seen] == [value * MIB for value in range(20)]


def test_segments_expand_for_a_training_with_changing_shapes(site: Any) -> None:
    code = """
import torch
peak = {}
for expandable in (False, True):
    torch.npu.empty_cache()
    torch.npu.memory._set_allocator_settings(f"expandable_segments:{expandable}")
    torch.npu.reset_peak_memory_stats()
    kept = None
    for step in range(12):
        rows = 9_000_000 + step * 1_700_000
        x = torch.empty(rows, dtype=torch.uint8, device="npu")
        y = torch.empty(2 * rows, dtype=torch.uint8, device="npu")
        kept = y if step % 3 == 0 else kept
        del x, y
    stats = torch.npu.memory_stats()
    peak[expandable] = stats["reserved_bytes.all.peak"] / stats["allocated_bytes.all.peak"]
    del kept
out = [peak[False], peak[True], torch.npu.memory_allocated()]
"""
    fixed, expandable, left = site.json(code, NPU_RUNTIME="sim")
    assert expandable < fixed
    assert expandable < 1.6
    assert left == 0
