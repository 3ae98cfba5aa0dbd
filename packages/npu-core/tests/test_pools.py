"""Private pools and allocators from other libraries."""

import gc
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

MIB = 1 << 20


def block(nbytes: int = 4 * MIB) -> torch.Tensor:
    return torch.empty(nbytes, dtype=torch.uint8, device="npu")


def test_a_pool_gets_what_its_context_allocates_and_nothing_else(npu: Any) -> None:
    pool = npu.MemPool()
    with npu.use_mem_pool(pool):
        inside = block()
        assert pool.use_count() == 2
    outside = block()
    addresses = [b["address"] for s in pool.snapshot() for b in s["blocks"] if b["state"] == "active_allocated"]
    assert addresses == [inside.data_ptr()]
    assert pool.use_count() == 1
    assert {s["segment_pool_id"] for s in pool.snapshot()} == {pool.id}
    assert outside.data_ptr() not in addresses


def test_other_threads_allocate_as_before(npu: Any) -> None:
    pool = npu.MemPool()
    made = []
    with npu.use_mem_pool(pool):
        thread = threading.Thread(target=lambda: made.append(block()))
        thread.start()
        thread.join()
    assert made[0].is_npu
    assert pool.snapshot() == []


def test_a_pools_memory_goes_back_with_it(npu: Any) -> None:
    gc.collect()  # what earlier tests left in cycles is not to go in between
    npu.synchronize()
    npu.empty_cache()
    reserved = npu.memory_reserved()
    pool = npu.MemPool()
    with npu.use_mem_pool(pool):
        block(64 * MIB)
    npu.empty_cache()
    assert npu.memory_reserved() == reserved + 64 * MIB
    del pool
    assert npu.memory_reserved() == reserved


def test_pools_nest(npu: Any) -> None:
    outer, inner = npu.MemPool(), npu.MemPool()
    with npu.use_mem_pool(outer):
        with npu.use_mem_pool(inner):
            a = block()
        b = block()
    assert [s["allocated_size"] for s in inner.snapshot()] == [4 * MIB]
    assert [s["allocated_size"] for s in outer.snapshot()] == [4 * MIB]
    assert a.data_ptr() != b.data_ptr()


def test_pools_of_threads_are_apart_and_keep_their_memory_while_in_use(npu: Any) -> None:
    pools: list[Any] = []

    def work() -> None:
        pool = npu.MemPool()
        pools.append(pool)
        with npu.use_mem_pool(pool):
            block()
            npu.empty_cache()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [len(p.snapshot()) for p in pools] == [1] * 4
    assert len({p.id for p in pools} | {npu.graph_pool_handle()}) == 5
    assert npu.MemPool().allocator is None


def limit(npu: Any, mib: int) -> None:
    npu.empty_cache()
    npu.set_per_process_memory_fraction((mib * MIB + npu.memory_reserved()) / npu.mem_get_info()[1])


def test_a_pool_helps_out_if_it_may(npu: Any) -> None:
    private, helper = npu.MemPool(), npu.MemPool(use_on_oom=True)
    limit(npu, 80)
    try:
        made = []
        for pool in (private, helper):
            with npu.use_mem_pool(pool):
                made.append(block(40 * MIB))
        address = made[1].data_ptr()
        with pytest.raises(torch.OutOfMemoryError):
            block(40 * MIB)
        made.clear()
        borrowed = block(30 * MIB)
        assert borrowed.data_ptr() == address
        with pytest.raises(torch.OutOfMemoryError):
            block(30 * MIB)
        del borrowed
        with npu.use_mem_pool(helper):
            assert block(20 * MIB).data_ptr() == address
    finally:
        npu.set_per_process_memory_fraction(1.0)


def test_a_pool_that_is_gone_helps_nobody_and_holds_nothing(npu: Any) -> None:
    limit(npu, 40)
    try:
        for _ in range(5):
            pool = npu.MemPool(use_on_oom=True)
            with npu.use_mem_pool(pool):
                block(40 * MIB)
            del pool
        helper = npu.MemPool(use_on_oom=True)
        with npu.use_mem_pool(helper):
            block(40 * MIB)
        assert [block(20 * MIB).is_npu for _ in range(2)] == [True, True]
    finally:
        npu.set_per_process_memory_fraction(1.0)


def test_a_pool_without_splits_gives_each_tensor_a_segment(npu: Any) -> None:
    pool = npu.MemPool(no_split=True)
    with npu.use_mem_pool(pool):
        x = [block(1000) for _ in range(3)]
    assert len(pool.snapshot()) == 3
    assert len(x) == 3


SOURCE = """
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
static int live = 0;
void* take(size_t size, int device, void* stream) {
  static int (*make)(void**, size_t, int) = NULL;
  if (!make) make = (int (*)(void**, size_t, int))dlsym(RTLD_DEFAULT, "aclrtMalloc");
  void* ptr = NULL;
  if (!make || make(&ptr, size, 0) != 0) return NULL;
  ++live;
  return ptr;
}
void give_back(void* ptr, size_t size, int device, void* stream) {
  int (*end)(void*) = (int (*)(void*))dlsym(RTLD_DEFAULT, "aclrtFree");
  if (end) end(ptr);
  --live;
}
int count(void) { return live; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("allocator")
    (folder / "allocator.c").write_text(SOURCE)
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None, "a C compiler is needed: apt-get install gcc"
    out = folder / "liballocator.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", out, folder / "allocator.c", "-ldl"], check=True)
    return out


#: Makes CANN's functions visible to the allocator of the tests, which knows no library of ours.
VISIBLE = """
import ctypes, torch
from npu_core import runtimes
torch.npu.init()
ctypes.CDLL(runtimes.select().chosen.library_dir + "/libascendcl.so", mode=ctypes.RTLD_GLOBAL)
count = ctypes.CDLL({library!r}).count
allocator = torch.npu.NPUPluggableAllocator({library!r}, "take", "give_back")
"""


def test_a_pool_may_take_its_segments_from_another_library(site: Any, library: Path) -> None:
    code = """
pool = torch.npu.MemPool(allocator.allocator())
with torch.npu.use_mem_pool(pool):
    x = torch.ones(1000, device="npu")
out = [count(), x.sum().item(), torch.npu.memory.get_allocator_backend(), pool.allocator is allocator.allocator()]
del x, pool
out.append(count())
"""
    out = site.json(VISIBLE.format(library=str(library)) + code, NPU_RUNTIME="sim")
    assert out == [1, 1000.0, "native", True, 0]


def test_a_tensor_outlives_its_pool_and_keeps_the_other_library(site: Any, library: Path) -> None:
    code = """
torch.npu.memory._set_allocator_settings("expandable_segments:True")
pool = torch.npu.MemPool(allocator.allocator())
with torch.npu.use_mem_pool(pool):
    x = torch.arange(1000, device="npu")
y = torch.ones(1000, device="npu")
out = [sorted(s["is_expandable"] for s in torch.npu.memory_snapshot())]
del pool, allocator
out += [count(), x[-1].item()]
del x
torch.npu.empty_cache()
out.append(count())
"""
    out = site.json(VISIBLE.format(library=str(library)) + code, NPU_RUNTIME="sim")
    assert out == [[False, True], 1, 999, 0]


def test_another_library_may_serve_all_tensors_if_it_comes_first(site: Any, library: Path) -> None:
    code = """
torch.npu.memory.change_current_allocator(allocator)
x = torch.ones(1000, device="npu")
y = x + x
out = [count(), y.sum().item(), torch.npu.memory.get_allocator_backend()]
for ask in (torch.npu.memory_allocated, lambda: torch.npu.memory.change_current_allocator(allocator)):
    try:
        ask()
    except (NotImplementedError, RuntimeError) as error:
        out.append(type(error).__name__)
pointer = torch.npu.caching_allocator_alloc(100)
torch.npu.caching_allocator_delete(pointer)
torch.npu.synchronize()
del x, y
out.append(count())
"""
    out = site.json(VISIBLE.format(library=str(library)) + code, NPU_RUNTIME="sim")
    assert out[1:] == [2000.0, "pluggable", "NotImplementedError", "RuntimeError", 0]
    assert out[0] >= 2


def test_it_cannot_be_changed_after_the_first_tensor(npu: Any, library: Path) -> None:
    block()
    with pytest.raises(RuntimeError, match="before the first tensor"):
        npu.memory.change_current_allocator(npu.NPUPluggableAllocator(str(library), "take", "give_back"))


def test_a_library_that_is_not_there_is_named(npu: Any, library: Path) -> None:
    with pytest.raises(OSError, match=r"nothing\.so"):
        npu.NPUPluggableAllocator("/nothing.so", "take", "give_back")
    with pytest.raises(AttributeError, match="wrong_name"):
        npu.NPUPluggableAllocator(str(library), "wrong_name", "give_back")


def test_statistics_tell_what_each_private_pool_holds(npu: Any) -> None:
    pool = npu.MemPool()
    with npu.use_mem_pool(pool):
        x = torch.ones(1 << 22, device="npu")
    key = "reserved_bytes_by_private_pools"
    held = npu.memory.memory_stats_as_nested_dict()[key][pool.id]
    first, second = pool.id
    assert held["all"]["current"] == held["large_pool"]["current"] >= 1 << 24
    assert npu.memory_stats()[f"{key}.{first}_{second}.all.current"] == held["all"]["current"]
    name = pool.id
    del x, pool
    npu.synchronize()
    npu.empty_cache()
    freed = npu.memory.memory_stats_as_nested_dict()[key][name]
    assert freed["all"]["current"] == 0
    assert freed["all"]["peak"] == held["all"]["peak"]
