"""Settings and limits of the allocator, and statistics that agree with the snapshot whatever happens."""

import collections
import gc
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch

MIB = 1 << 20


@pytest.fixture(autouse=True)
def fresh(npu: Any) -> Iterator[None]:
    npu.set_device(0)
    gc.collect()
    npu.synchronize()
    npu.empty_cache()
    yield
    npu.memory._set_allocator_settings("expandable_segments:False")
    npu.set_per_process_memory_fraction(1.0)


def mib(n: int) -> torch.Tensor:
    return torch.empty(n * MIB, dtype=torch.uint8, device="npu")


def allow(npu: Any, n: int) -> None:
    """Caps the process at `n` MiB more than it has."""
    npu.set_per_process_memory_fraction((n * MIB + npu.memory_reserved()) / npu.mem_get_info()[1])


def disagreements(npu: Any) -> list[str]:
    """Statistics that are not what the snapshot adds up to."""
    told: dict[int, dict[str, int]] = collections.defaultdict(lambda: collections.defaultdict(int))
    wrong = []
    for segment in npu.memory_snapshot():
        sums, blocks, whole = told[segment["device"]], segment["blocks"], segment["is_expandable"]
        active = [b for b in blocks if b["state"].startswith("active_")]
        split = [b for b in blocks if b["state"] == "inactive"] if len(blocks) > 1 and not whole else []
        for pool in ("all", segment["segment_type"] + "_pool"):
            sums[f"segment.{pool}.current"] += 1
            sums[f"allocated_bytes.{pool}.current"] += segment["allocated_size"]
            sums[f"reserved_bytes.{pool}.current"] += segment["total_size"]
            sums[f"active_bytes.{pool}.current"] += segment["active_size"]
            sums[f"requested_bytes.{pool}.current"] += segment["requested_size"]
            sums[f"allocation.{pool}.current"] += sum(b["state"] == "active_allocated" for b in blocks)
            sums[f"active.{pool}.current"] += len(active)
            sums[f"inactive_split.{pool}.current"] += len(split)
            sums[f"inactive_split_bytes.{pool}.current"] += sum(b["size"] for b in split)
        if sum(b["requested_size"] for b in active) != segment["requested_size"]:
            wrong.append(f"requested_size of {segment['address']}")
    for device, sums in told.items():
        stats = npu.memory_stats(device)
        wrong += [f"npu:{device} {k}: {stats[k]}, by blocks {v}" for k, v in sums.items() if stats[k] != v]
    return wrong


def test_statistics_agree_with_the_snapshot_on_two_devices(npu: Any) -> None:
    draw = random.Random(3)
    alive: list[torch.Tensor] = []
    sizes = (1, 300, 5000, 300_000, 3_000_000, 12_000_000)
    for turn in range(80):
        if alive and draw.random() < 0.45:
            alive.pop(draw.randrange(len(alive)))
        else:
            alive.append(torch.empty(draw.choice(sizes), device=f"npu:{draw.randrange(2)}"))
        if turn % 4 == 0:
            assert disagreements(npu) == []
    before = npu.memory_stats()
    npu.empty_cache()
    assert disagreements(npu) == []
    after = npu.memory_stats()
    assert after["num_sync_all_streams"] == before["num_sync_all_streams"] + 1
    assert after["num_device_free"] >= before["num_device_free"]


def test_a_temporary_is_counted_and_discounted(npu: Any) -> None:
    npu.reset_accumulated_memory_stats()
    key = "active_bytes.all."
    before = torch.accelerator.memory_stats()
    x = torch.empty(256, device="npu")
    during = torch.accelerator.memory_stats()
    del x
    after = torch.accelerator.memory_stats()
    assert during[key + "current"] == before[key + "current"] + 1024
    assert (during[key + "freed"], after[key + "freed"]) == (0, 1024)
    assert after[key + "current"] == before[key + "current"]


def test_pinned_memory_is_counted_in_powers_of_two_with_its_time(npu: Any) -> None:
    npu.host_empty_cache()
    npu.reset_accumulated_host_memory_stats()
    before = npu.host_memory_stats()
    tensors = [torch.ones(10 * 1024, pin_memory=True), torch.ones(20 * 1024, pin_memory=True)]
    after = npu.host_memory_stats()
    grown = {k: after[k] - before[k] for k in after}
    for kind in ("active_requests", "allocations"):
        assert [grown[f"{kind}.{k}"] for k in ("allocated", "current")] == [2, 2]
    for kind in ("active_bytes", "allocated_bytes"):
        assert [grown[f"{kind}.{k}"] for k in ("allocated", "current")] == [48 * 4096] * 2
    assert grown["num_host_alloc"] == grown["host_alloc_time.count"] == 2
    assert all(x.is_pinned() for x in tensors)
    del tensors
    npu.host_empty_cache()
    freed = npu.host_memory_stats()
    assert freed["num_host_free"] - after["num_host_free"] == 2
    assert freed["host_free_time.count"] - after["host_free_time.count"] == 2


BACKGROUND = """
import torch
torch.npu.memory._set_allocator_settings("pinned_use_background_threads:True")
for _ in range(20):
    x = torch.ones(1 << 16).pin_memory()
    y = x.to("npu", non_blocking=True)
    del x
z = torch.randn(256, 256, device="npu")
for _ in range(20): z = z @ z * 0.01
x = torch.ones(1 << 20).pin_memory()
assert x.is_pinned() and y[0].item() == 1
y = x.to("npu", non_blocking=True)
del x
"""


def test_torchs_thread_for_pinned_memory_is_quiet_to_the_end_of_the_process(site: Any) -> None:
    done = site.python(BACKGROUND, NPU_RUNTIME="sim")
    assert (done.returncode, done.stdout) == (0, "")
    assert "xception" not in done.stderr


def test_requests_beyond_all_memory_leave_the_device_usable(npu: Any) -> None:
    x = torch.zeros(100, device="npu")
    for gigabytes in (800_000_000, 8_000_000_000):
        with pytest.raises(torch.OutOfMemoryError, match=f"{gigabytes}"):
            torch.empty(gigabytes << 30, dtype=torch.int8, device="npu")
    npu.memory._set_allocator_settings("max_split_size_mb:1024")
    with pytest.raises(npu.OutOfMemoryError):
        torch.empty(1 << 40, device="npu")
    assert x.fill_(1).sum().item() == 100


def test_what_failed_beside_a_tensor_succeeds_without_it(npu: Any) -> None:
    size = int(npu.get_device_properties(1).total_memory * 0.6)
    x = torch.empty(size, dtype=torch.int8, device="npu:1")
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(size, dtype=torch.int8, device="npu:1")
    del x
    y = torch.empty(size, dtype=torch.int8, device="npu:1")
    assert y.nbytes == size
    del y
    npu.empty_cache()


def test_the_fraction_is_what_was_set_and_holds(npu: Any) -> None:
    for fraction in (1.0, 0.0, 0.25, random.random()):
        npu.set_per_process_memory_fraction(fraction)
        assert npu.get_per_process_memory_fraction() == fraction
    npu.set_per_process_memory_fraction(0.5)
    total = npu.get_device_properties(0).total_memory
    assert torch.empty(int(total * 0.499) - npu.memory_reserved(), dtype=torch.int8, device="npu").is_npu
    npu.empty_cache()
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(total // 2 + 4 * MIB, dtype=torch.int8, device="npu")
    with pytest.raises(ValueError, match="fraction"):
        npu.set_per_process_memory_fraction(-0.1)


def rounded(size: int, divisions: int) -> int:
    """The next multiple of a part of the power of two below `size`."""
    power = 1 << (size - 1).bit_length()
    step = power // 2 // divisions
    return power if size == power else -(-size // step) * step


def test_requests_are_rounded_as_the_settings_say(npu: Any) -> None:
    def taken(n: int) -> tuple[int, int]:
        npu.empty_cache()
        before = npu.memory_stats()
        assert mib(n).is_npu
        after = npu.memory_stats()
        keys = ("active_bytes.all.allocated", "requested_bytes.all.allocated")
        active, requested = (after[k] - before[k] for k in keys)
        return active, requested

    configure = npu.memory._set_allocator_settings
    assert taken(84) == (84 * MIB, 84 * MIB)
    configure("roundup_power2_divisions:4")
    assert taken(84) == (rounded(84 * MIB, 4), 84 * MIB)
    configure("garbage_collection_threshold:0.5,max_split_size_mb:40")
    assert taken(84) == (84 * MIB, 84 * MIB)
    configure("roundup_power2_divisions:[64:8,128:2,256:2,512:2,1024:1,>:1]")
    assert taken(84) == (rounded(84 * MIB, 8), 84 * MIB)
    assert taken(400) == (rounded(400 * MIB, 2), 400 * MIB)
    for wrong in ("foo:1", "garbage_collection_threshold:1.2", "max_split_size_mb:2", "expandable_segments:none"):
        with pytest.raises(ValueError, match=wrong.partition(":")[0]):
            configure(wrong)
    with pytest.raises(ValueError, match="stays the graph's"):
        configure("graph_capture_record_stream_reuse:True")


def test_segments_of_both_kinds_make_room_for_a_large_request(npu: Any) -> None:
    allow(npu, 120)
    kept = []
    for expandable in (False, True, False):
        npu.memory._set_allocator_settings(f"expandable_segments:{expandable},max_split_size_mb:40")
        kept.append(mib(40))
    with pytest.raises(torch.OutOfMemoryError):
        mib(40)
    kept.clear()
    assert mib(120).is_npu


def test_garbage_collection_passes_over_expandable_segments(npu: Any) -> None:
    allow(npu, 120)
    kept = []
    for expandable in (False, True):
        npu.memory._set_allocator_settings(f"expandable_segments:{expandable},garbage_collection_threshold:0.5")
        kept.append(mib(40))
    kept.clear()
    assert mib(80).is_npu
    assert disagreements(npu) == []


def test_no_tensor_changes_while_others_come_and_go(npu: Any) -> None:
    draw = random.Random(123)
    alive: list[tuple[int, torch.Tensor]] = []
    for turn in range(150):
        action = draw.choices("afe", weights=[1, 1 if alive else 0, 0.1])[0]
        if action == "a" and len(alive) < 50:
            alive.append((turn, torch.full((draw.randrange(1, 300_000),), turn, dtype=torch.int32, device="npu")))
        elif action == "e":
            npu.empty_cache()
        elif alive:
            value, x = alive.pop(draw.randrange(len(alive)))
            assert (x == value).all()


def test_repetitions_of_every_kind_of_use_leave_nothing_behind(npu: Any) -> None:
    def held() -> tuple[int, int]:
        return npu.memory_allocated(), npu.memory_stats()["allocation.all.current"]

    before = held()
    for turn in range(100):
        x = torch.randn(100 + turn % 7 * 900, device="npu", requires_grad=True)
        (x * 2).view(-1)[10:50].reshape(4, 10).sum().backward()
        x.detach().cpu().to("npu").clone().add_(1)
        x.detach().resize_(10)
    del x
    npu.synchronize()
    assert held() == before
