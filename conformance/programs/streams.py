"""Streams and events: order, waiting, timing, and memory that another stream still reads."""

import torch

first, second = torch.npu.Stream(), torch.npu.Stream()
x = torch.ones(256, 256).npu()
done = torch.npu.Event(enable_timing=True)
begun = torch.npu.Event(enable_timing=True)
begun.record()
first.wait_stream(torch.npu.current_stream())
with torch.npu.stream(first):
    for _ in range(20):
        x = x @ x / 256
    done.record()
assert torch.npu.current_stream() != first
second.wait_event(done)
with torch.npu.stream(second):
    y = x + 1
    x.record_stream(second)
second.synchronize()
assert done.query()
assert torch.equal(y.cpu(), torch.full((256, 256), 2.0))
assert begun.elapsed_time(done) > 0
event = torch.npu.Event()
assert event.query(), "an event that was never recorded is done"
torch.npu.synchronize()
assert torch.npu.current_stream().query()
