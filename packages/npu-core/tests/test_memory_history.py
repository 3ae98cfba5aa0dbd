"""History and snapshots: what torch's own viewers make of them."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.cuda import _memory_viz

MIB = 1 << 20


@pytest.fixture
def recording(npu: Any) -> Iterator[Any]:
    npu.memory._record_memory_history(stacks="python", max_entries=1000)
    yield npu.memory
    npu.memory._record_memory_history(None)


def make_it() -> torch.Tensor:
    return torch.empty(3 * MIB, dtype=torch.uint8, device="npu")


def test_allocations_and_frees_are_recorded_with_their_python_stack(recording: Any) -> None:
    x = make_it()
    address = x.data_ptr()
    del x
    trace = recording._snapshot()["device_traces"][0]
    mine = [e for e in trace if e.get("addr") == address and e["action"] != "segment_alloc"]
    assert [e["action"] for e in mine] == ["alloc", "free_requested", "free_completed"]
    assert all(e["size"] == 3 * MIB for e in mine)
    assert any(f["name"] == "make_it" and f["filename"] == __file__ for f in mine[0]["frames"])
    assert mine[0]["time_us"] <= mine[-1]["time_us"]


def test_live_blocks_of_a_snapshot_carry_their_stack(recording: Any) -> None:
    x = make_it()
    blocks = [b for s in recording._snapshot()["segments"] for b in s["blocks"] if b["address"] == x.data_ptr()]
    assert len(blocks) == 1
    assert blocks[0]["state"] == "active_allocated"
    assert blocks[0]["requested_size"] == 3 * MIB
    assert "make_it" in {f["name"] for f in blocks[0]["frames"]}


def test_torchs_viewer_opens_a_dumped_snapshot(recording: Any, tmp_path: Path) -> None:
    x = make_it()
    file = tmp_path / "snapshot.pickle"
    recording._dump_snapshot(str(file))
    snapshot = pickle.loads(file.read_bytes())
    assert "alloc" in _memory_viz.trace(snapshot) or "=" in _memory_viz.trace(snapshot)
    assert "3.0MiB" in _memory_viz.trace(snapshot)
    assert "[" in _memory_viz.segsum(snapshot)
    for page in (_memory_viz.trace_plot(snapshot), _memory_viz.segment_plot(snapshot)):
        assert page.lstrip().startswith("<!DOCTYPE html>")
    assert x.is_npu


def test_only_the_last_entries_are_kept_and_chosen_actions_left_out(npu: Any) -> None:
    npu.memory._record_memory_history(max_entries=5, stacks="python", skip_actions=["free_requested"])
    try:
        for _ in range(20):
            make_it()
        trace = npu.memory._snapshot()["device_traces"][0]
        assert len(trace) == 5
        assert {e["action"] for e in trace} <= {"alloc", "free_completed", "snapshot"}
    finally:
        npu.memory._record_memory_history(None)
    assert npu.memory._snapshot()["device_traces"][0] == []


def test_metadata_of_the_thread_goes_with_its_entries(recording: Any) -> None:
    recording._set_memory_metadata("step 3")
    try:
        make_it()
    finally:
        recording._set_memory_metadata("")
    trace = recording._snapshot()["device_traces"][0]
    assert {e["user_metadata"] for e in trace if e["action"] == "alloc"} == {"step 3"}
    assert recording._get_memory_metadata() == ""


def test_an_observer_hears_of_an_error_and_cannot_hide_it(site: Any) -> None:
    code = """
import torch
heard = []
def observe(*told):
    heard.append(told)
    raise RuntimeError("from the observer")
torch.npu.memory._attach_out_of_memory_observer(observe)
torch.npu.memory._record_memory_history(stacks="python")
total = torch.npu.mem_get_info()[1]
torch.ones(1, device="npu")
try:
    torch.empty(4 * total, dtype=torch.uint8, device="npu")
except torch.OutOfMemoryError as error:
    out = [total, heard, str(error)]
out += [e for e in torch.npu.memory._snapshot()["device_traces"][0] if e["action"] == "oom"]
"""
    total, heard, text, oom = site.json(code, NPU_RUNTIME="sim")
    assert len(heard) == 1
    assert heard[0][:3] == [0, 4 * total, total]
    assert "out of memory" in text
    assert oom["size"] == 4 * total
    assert oom["device_free"] == heard[0][3] <= total


def test_the_error_names_the_largest_blocks_with_the_lines_that_made_them(npu: Any) -> None:
    x = make_it()
    big = torch.empty(64 * MIB, dtype=torch.uint8, device="npu")
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(1 << 45, dtype=torch.uint8, device="npu")
    text = str(caught.value)
    assert f"64.00 MiB from {__file__}" in text
    assert "tensors:" in text
    assert "Use smaller batches" in text
    assert x.is_npu
    assert big.is_npu


def test_bad_arguments_are_named(npu: Any) -> None:
    for wrong in ({"enabled": "some"}, {"context": "none"}, {"stacks": "rust"}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} "):
            npu.memory._record_memory_history(**wrong)


def test_a_snapshot_has_the_settings_in_force_by_torchs_keys(npu: Any) -> None:
    configure = npu.memory._set_allocator_settings
    configure("max_split_size_mb:40,roundup_power2_divisions:[256:2,>:4],expandable_segments:True")
    try:
        settings = npu.memory._snapshot()["allocator_settings"]
    finally:
        configure("expandable_segments:False")
    assert settings["max_split_size"] == 40 * MIB
    assert settings["expandable_segments"] is True
    divisions = settings["roundup_power2_divisions"]
    assert (divisions["1"], divisions["256"], divisions["1024"]) == (2, 2, 4)
    defaults = npu.memory._snapshot()["allocator_settings"]
    assert defaults["max_split_size"] == -1
    assert defaults["garbage_collection_threshold"] == 0
