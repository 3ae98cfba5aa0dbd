"""Memory: what torch.npu counts, and that freed memory is used again."""

import contextlib

import torch

MIB = 2**20
torch.npu.empty_cache()
before = torch.npu.memory_allocated()
x = torch.empty(8 * MIB, dtype=torch.uint8, device="npu")
assert 8 * MIB <= torch.npu.memory_allocated() - before <= 8 * MIB + 512  # torch_npu adds 32 bytes and rounds up
assert torch.npu.max_memory_allocated() >= 8 * MIB
assert torch.npu.memory_reserved() >= torch.npu.memory_allocated()
where = x.data_ptr()
del x
assert torch.npu.memory_allocated() == before
assert torch.empty(8 * MIB, dtype=torch.uint8, device="npu").data_ptr() == where
stats = torch.npu.memory_stats()
for key in ("allocated_bytes.all.current", "reserved_bytes.all.peak", "num_alloc_retries", "num_ooms"):
    assert key in stats, key
free, total = torch.npu.mem_get_info()
assert 0 < free <= total
torch.npu.empty_cache()
assert torch.npu.memory_reserved() <= stats["reserved_bytes.all.current"]
with contextlib.suppress(torch.OutOfMemoryError):
    torch.empty(2**50, dtype=torch.uint8, device="npu")
    raise AssertionError("a petabyte was allocated")
assert torch.npu.memory_stats()["num_ooms"] == 1
