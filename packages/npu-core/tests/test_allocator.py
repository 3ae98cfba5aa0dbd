"""The device and host allocators against the simulator: settings, reuse between streams, threads, exit and fork."""

import threading
from typing import Any

import pytest
import torch

MIB = 1 << 20


def test_a_bad_setting_in_the_environment_is_named_at_first_use_and_spoils_nothing_before(site: Any) -> None:
    code = """
import torch
out = [torch.ones(3).sum().item(), torch.npu.device_count() > 0]
try:
    torch.empty(3, device="npu")
except ValueError as error:
    out.append(str(error))
"""
    for conf, expected in [("split_size:3", "unknown key 'split_size'"), ("max_split_size_mb:3", "max_split_size_mb")]:
        total, available, message = site.json(code, NPU_RUNTIME="sim", PYTORCH_NPU_ALLOC_CONF=conf)
        assert (total, available) == (3.0, True)
        assert expected in message


def test_the_fraction_of_the_environment_caps_the_process(site: Any) -> None:
    code = """
import torch
total = torch.npu.mem_get_info(0)[1]
half = torch.empty(total // 4, dtype=torch.uint8, device="npu")
try:
    torch.empty(total // 2, dtype=torch.uint8, device="npu")
except torch.OutOfMemoryError as error:
    out = str(error)
"""
    message = site.json(code, NPU_RUNTIME="sim", PYTORCH_NPU_ALLOC_CONF="per_process_memory_fraction:0.5")
    assert "limited to 32.00 GiB" in message


def test_torchs_own_variable_counts_and_is_checked_too(site: Any) -> None:
    code = """
import torch
try:
    out = [torch.empty(3, device="npu").numel(), torch.npu.get_per_process_memory_fraction()]
except ValueError as error:
    out = str(error)
"""
    given = {"NPU_RUNTIME": "sim", "PYTORCH_ALLOC_CONF": "per_process_memory_fraction:0.5"}
    assert site.json(code, **given) == [3, 0.5]
    both = {**given, "PYTORCH_NPU_ALLOC_CONF": "per_process_memory_fraction:0.25"}
    assert site.json(code, **both) == [3, 0.25]
    refused = site.json(code, NPU_RUNTIME="sim", PYTORCH_ALLOC_CONF="expandable_segment:True")
    assert "PYTORCH_ALLOC_CONF: unknown key 'expandable_segment'" in refused


def test_garbage_is_collected_at_a_fraction_of_the_whole_device_too(site: Any) -> None:
    code = """
import torch
torch.npu.set_per_process_memory_fraction(1.0)
total = torch.npu.mem_get_info(0)[1]
for n in range(1, 9):
    x = torch.empty(n * total // 100, dtype=torch.uint8, device="npu")
    del x
out = torch.npu.memory_reserved() / total
"""
    conf = "garbage_collection_threshold:0.1"
    assert site.json(code, NPU_RUNTIME="sim", PYTORCH_NPU_ALLOC_CONF=conf) < 0.12


def test_memory_of_another_stream_serves_a_request_that_would_fail(npu: Any) -> None:
    total = npu.mem_get_info(1)[1]
    with npu.device(1):
        with npu.stream(npu.Stream()):
            x = torch.empty(total * 3 // 4, dtype=torch.uint8, device="npu")
        del x
        retries = npu.memory_stats(1)["num_alloc_retries"]
        y = torch.empty(total * 3 // 4, dtype=torch.uint8, device="npu")
        assert npu.memory_stats(1)["num_alloc_retries"] == retries + 1
        del y
        npu.empty_cache()


def test_empty_cache_while_work_is_queued_takes_nothing_away_from_it(npu: Any) -> None:
    x = torch.ones(4 * MIB, device="npu")
    for _ in range(10):
        y = x * 2
        x = y * 0.5
        del y
        npu.empty_cache()
    assert x.sum().item() == 4 * MIB


def test_many_threads_allocate_copy_and_free(npu: Any) -> None:
    failures: list[str] = []

    def work(seed: int) -> None:
        with npu.stream(npu.Stream()):
            for i in range(60):
                x = torch.full((1 + (seed * 7919 + i * 104729) % 60000,), float(seed), device="npu")
                if not (x.cpu() == seed).all():
                    failures.append(f"thread {seed} step {i}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_a_storage_keeps_its_contents_when_it_is_resized(npu: Any) -> None:
    x = torch.arange(10, dtype=torch.int32, device="npu")
    storage = x.untyped_storage()
    storage.resize_(80)
    assert storage.nbytes() == 80
    assert x.cpu().tolist() == list(range(10))
    storage.resize_(8)
    assert torch.empty(0, dtype=torch.int32, device="npu").set_(storage).cpu().tolist() == [0, 1]


def test_a_pinned_block_is_known_by_every_address_inside_it(npu: Any) -> None:
    x = torch.zeros(1000).pin_memory()
    assert x[500:].is_pinned()
    assert x[500:].data_ptr() != x.data_ptr()


def test_a_pinned_block_in_flight_is_not_handed_out_again(npu: Any) -> None:
    n = 8 * MIB
    results = []
    for value in range(4):
        host = torch.full((n,), float(value)).pin_memory()
        results.append(host[10:].to("npu", non_blocking=True))
        del host  # a pinned block that came back too early would be overwritten by the next round
    for value, device in enumerate(results):
        assert (device.cpu() == value).all()


def test_emptying_the_host_cache_returns_what_is_free(npu: Any) -> None:
    x = torch.zeros(3 * MIB).pin_memory()
    pointer = x.data_ptr()
    from npu_core import _C

    del x
    npu.synchronize()
    npu.host_empty_cache()
    assert not _C.is_pinned(pointer)


def test_the_profiler_sees_allocations_of_the_device(npu: Any) -> None:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as p:
        x = torch.empty(3 * MIB, dtype=torch.uint8, device="npu")
    assert x.is_npu
    memory = [e for e in p.events() if getattr(e, "device_memory_usage", 0)]
    assert max(e.device_memory_usage for e in memory) >= 3 * MIB


EXITS = {
    "a tensor is alive": "x = torch.ones(100, device='npu')",
    "a pinned tensor is in use": "x = torch.ones(1 << 20).pin_memory(); y = x.to('npu', non_blocking=True)",
    "daemon threads allocate": """
import threading, time
def work():
    while True:
        torch.ones(1000, device='npu') * 2
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
""",
    "a cycle holds tensors": "a = [torch.ones(10, device='npu')]; a.append(a)",
    "another stream uses a block": """
s = torch.npu.Stream()
x = torch.ones(1 << 20, device='npu')
x.record_stream(s)
""",
}


@pytest.mark.parametrize("name", EXITS)
def test_the_exit_status_is_the_scripts_own_while(site: Any, name: str) -> None:
    for end, status in [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)]:
        done = site.python(f"import torch\n{EXITS[name]}\n{end}", NPU_RUNTIME="sim")
        assert done.returncode == status, done.stderr
        assert done.stdout == ""


def test_a_forked_child_may_drop_inherited_tensors(site: Any) -> None:
    code = """
import os, torch
x = torch.ones(1000, device="npu")
p = torch.ones(10).pin_memory()
torch.npu.synchronize()
pid = os.fork()
if pid == 0:
    del x, p
    torch.npu.empty_cache()
    os._exit(7)
out = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), x.sum().item()]
"""
    assert site.json(code, NPU_RUNTIME="sim") == [7, 1000.0]
