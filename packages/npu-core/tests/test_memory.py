"""What torch.npu says about memory, against what the test allocates."""

import gc
from typing import Any

import pytest
import torch

MIB = 1 << 20


@pytest.fixture(autouse=True)
def fresh(npu: Any) -> None:
    gc.collect()
    npu.synchronize()
    npu.empty_cache()
    npu.reset_peak_memory_stats()


def test_allocated_and_peak_follow_tensors(npu: Any) -> None:
    before = npu.memory_allocated()
    x = torch.empty(8 * MIB, dtype=torch.uint8, device="npu")
    assert npu.memory_allocated() - before == 8 * MIB
    del x
    assert npu.memory_allocated() == before
    assert npu.max_memory_allocated() - before == 8 * MIB
    npu.reset_peak_memory_stats()
    assert npu.max_memory_allocated() == before


def test_reserved_shrinks_by_empty_cache_only(npu: Any) -> None:
    x = torch.empty(64 * MIB, dtype=torch.uint8, device="npu")
    held = npu.memory_reserved()
    assert held >= 64 * MIB
    del x
    assert npu.memory_reserved() == held
    npu.empty_cache()
    assert npu.memory_reserved() <= held - 64 * MIB
    assert npu.max_memory_reserved() >= held


def test_stats_have_the_keys_that_programs_read(npu: Any) -> None:
    torch.empty(1, device="npu")
    stats = npu.memory_stats()
    for key in (
        "allocated_bytes.all.peak",
        "active_bytes.all.peak",
        "reserved_bytes.all.peak",
        "num_alloc_retries",
        "num_ooms",
        "allocation.all.current",
        "segment.small_pool.current",
        "inactive_split_bytes.large_pool.current",
    ):
        assert isinstance(stats[key], int), key
    assert list(stats) == sorted(stats)


def test_torch_accelerator_gives_the_same_numbers(npu: Any) -> None:
    x = torch.empty(3 * MIB, dtype=torch.uint8, device="npu")
    assert torch.accelerator.memory_allocated() == npu.memory_allocated() >= x.nbytes
    assert torch.accelerator.max_memory_reserved() == npu.max_memory_reserved()
    assert torch.accelerator.memory_stats()["allocated_bytes.all.current"] == npu.memory_allocated()
    assert torch.accelerator.get_memory_info()[1] == npu.mem_get_info()[1]


def test_mem_get_info_sees_what_is_reserved(npu: Any) -> None:
    free, total = npu.mem_get_info()
    x = torch.empty(128 * MIB, dtype=torch.uint8, device="npu")
    now, same = npu.mem_get_info()
    assert same == total
    assert x.nbytes <= free - now <= x.nbytes + 8 * MIB  # CANN rounds up to its pages


def test_each_device_has_its_own_numbers(npu: Any) -> None:
    before = npu.memory_allocated(1)
    x = torch.empty(4 * MIB, dtype=torch.uint8, device="npu")
    assert npu.memory_allocated("npu:1") == before
    assert npu.memory_allocated(0) >= x.nbytes


def test_a_request_beyond_the_device_is_an_out_of_memory_error_with_sizes(npu: Any) -> None:
    ooms = npu.memory_stats()["num_ooms"]
    with pytest.raises(torch.OutOfMemoryError, match=r"GiB"):
        torch.empty(1 << 50, dtype=torch.uint8, device="npu")
    assert npu.memory_stats()["num_ooms"] == ooms + 1
    assert torch.ones(2, device="npu").sum().item() == 2


def test_the_fraction_caps_this_process(npu: Any) -> None:
    total = npu.mem_get_info()[1]
    npu.set_per_process_memory_fraction(0.01)
    try:
        assert npu.get_per_process_memory_fraction() == pytest.approx(0.01)
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(total // 50, dtype=torch.uint8, device="npu")
    finally:
        npu.set_per_process_memory_fraction(1.0)
    with pytest.raises(ValueError):
        npu.set_per_process_memory_fraction(1.5)
    with pytest.raises(TypeError, match="got str"):
        npu.set_per_process_memory_fraction("all")


def test_the_snapshot_accounts_for_every_allocated_byte(npu: Any) -> None:
    x = torch.empty(5 * MIB, dtype=torch.uint8, device="npu")
    segments = [s for s in npu.memory_snapshot() if s["device"] == 0]
    assert sum(s["allocated_size"] for s in segments) == npu.memory_allocated(0)
    assert sum(s["total_size"] for s in segments) == npu.memory_reserved(0)
    assert any(b["state"] == "active_allocated" and b["size"] >= x.nbytes for s in segments for b in s["blocks"])


def test_the_summary_shows_the_numbers(npu: Any) -> None:
    x = torch.empty(32 * MIB, dtype=torch.uint8, device="npu")
    text = npu.memory_summary()
    assert text.startswith("memory of npu:0")
    allocated = next(line for line in text.splitlines() if line.startswith("allocated"))
    assert f"{npu.memory_allocated() >> 10} KiB" in allocated or f"{npu.memory_allocated() >> 20} MiB" in allocated
    assert "from the large pool" in text
    assert "from the large pool" not in npu.memory_summary(abbreviated=True)
    assert x.nbytes == 32 * MIB


def test_memory_for_other_libraries_is_counted_and_freed_by_address(npu: Any) -> None:
    before = npu.memory_allocated()
    pointer = npu.caching_allocator_alloc(2 * MIB)
    assert npu.memory_allocated() - before == 2 * MIB
    npu.caching_allocator_delete(pointer)
    assert npu.memory_allocated() == before
    with pytest.raises(ValueError):
        npu.caching_allocator_delete(pointer)


def test_settings_are_checked(npu: Any) -> None:
    with pytest.raises(ValueError, match="no_such_setting"):
        npu.memory._set_allocator_settings("no_such_setting:1")


def test_pinned_memory_is_pinned_and_counted(npu: Any) -> None:
    x = torch.ones(1000).pin_memory()
    assert x.is_pinned()
    assert not torch.ones(1000).is_pinned()
    assert npu.host_memory_stats()
    y = x.to("npu", non_blocking=True)
    npu.synchronize()
    assert y.cpu().equal(x)
    del x
    npu.host_empty_cache()


def test_before_first_use_there_is_nothing_and_nothing_is_initialised(site: Any) -> None:
    code = """
import torch
n = torch.npu
n.empty_cache(); n.reset_peak_memory_stats(); n.host_empty_cache()
out = [n.memory_allocated(), n.max_memory_reserved(), dict(n.memory_stats()), n.memory_snapshot(), n.is_initialized()]
"""
    assert site.json(code, NPU_RUNTIME="sim") == [0, 0, {}, [], False]
