"""Histories of the allocator as torch's viewers and programs read them: stacks by their level, plots, actions."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.cuda import _memory_viz

SIZE = 311 * 411 * 4


@pytest.fixture(autouse=True)
def memory(npu: Any) -> Iterator[Any]:
    """Its module, with a segment in use, so that small tensors make no segment; the history is turned off after it."""
    npu.set_device(0)
    gc.collect()
    npu.synchronize()
    npu.empty_cache()
    keep = torch.empty(10, device="npu")
    yield npu.memory
    npu.memory._record_memory_history(None)
    assert keep.is_npu


def blocks_of(memory: Any, size: int) -> list[dict[str, Any]]:
    return [b for s in memory._snapshot()["segments"] for b in s["blocks"] if b["requested_size"] == size]


def make_small() -> torch.Tensor:
    return torch.empty(3, 4, device="npu")


def drop(holder: list[torch.Tensor]) -> None:
    holder.clear()


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(10, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        return torch.relu(y)


@pytest.mark.parametrize("context", ["state", "alloc", "all"])
def test_stacks_of_the_history_are_those_that_were_asked_for(memory: Any, context: str) -> None:
    memory._record_memory_history(context=context, stacks="python")
    drop([make_small()])
    text = json.dumps(memory._snapshot())
    assert ("make_small" in text) == (context != "state")
    assert ('"drop"' in text) == (context == "all")


@pytest.mark.parametrize("context", ["state", "alloc", "all"])
def test_a_segment_that_goes_back_has_the_stack_of_who_emptied_the_cache(memory: Any, context: str) -> None:
    memory._record_memory_history(context=context, stacks="python")
    torch.empty(30 << 20, dtype=torch.uint8, device="npu")
    memory.empty_cache()
    trace = memory._snapshot()["device_traces"][0]
    (freed,) = [e for e in trace if e["action"] == "segment_free"]
    assert freed["size"] == 30 << 20
    assert [f["name"] for f in freed["frames"]][:1] == (["empty_cache"] if context == "all" else [])


def test_recording_is_left_and_taken_up_again_with_and_without_stacks(memory: Any) -> None:
    def first() -> torch.Tensor:
        return torch.empty(4, 4, device="npu")

    def second() -> torch.Tensor:
        return torch.empty(4, 4, device="npu")

    def third() -> torch.Tensor:
        return torch.empty(4, 4, device="npu")

    kept = []
    for make, context in ((first, "all"), (second, None), (third, "all")):
        memory._record_memory_history(context=context, stacks="python")
        kept.append(make())
    text = json.dumps(memory._snapshot())
    assert [f'"{f.__name__}"' in text for f in (first, second, third)] == [True, False, True]


@pytest.mark.parametrize(("context", "stacks"), [("all", "all"), ("all", "python"), (None, "python")])
def test_torchs_plots_are_made_of_a_snapshot(memory: Any, context: str | None, stacks: str) -> None:
    memory._record_memory_history("all", context=context, stacks=stacks)
    x = torch.rand(128, 128, device="npu")
    x * x + x * x
    snapshot = memory._snapshot()
    for plot in (
        _memory_viz.trace_plot(snapshot),
        _memory_viz.trace_plot(snapshot, filter_freed=True),
        _memory_viz.segment_plot(snapshot),
    ):
        assert "<script" in plot
    text = json.dumps(snapshot)
    assert str(128 * 128 * 4) in text
    assert (__file__ in text) == (context is not None)
    assert ("::rand" in text) == (stacks == "all")


def test_the_profilers_memory_becomes_a_plot(memory: Any) -> None:
    with torch.profiler.profile(with_stack=True, profile_memory=True, record_shapes=True) as profile:
        x = torch.rand(128, 128, device="npu")
        x * x + x * x
    assert "<script" in _memory_viz.profile_plot(profile)
    text = json.dumps(_memory_viz._profile_to_snapshot(profile))
    assert "test_memory_plots.py" in text
    assert "category" in text


@pytest.mark.parametrize("stacks", ["python", "all"])
def test_a_living_block_has_its_address_and_the_stack_that_made_it(memory: Any, stacks: str) -> None:
    memory._record_memory_history("state", stacks=stacks)
    torch.rand(2 * 311, 411, device="npu")
    other, x = torch.rand(310, 410, device="npu"), torch.rand(311, 411, device="npu")
    small = [torch.rand(128, device="npu") for _ in range(200)]
    while small:
        del small[len(small) // 3]
    (block,) = blocks_of(memory, SIZE)
    assert block["address"] == x.data_ptr() != other.data_ptr()
    if stacks == "python":
        assert block["frames"][0]["filename"] == __file__
    else:
        assert "::rand" in str(block["frames"])
    assert all("frames" in s for s in memory._snapshot()["segments"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_block_that_a_script_made_names_the_scripts_function(memory: Any) -> None:
    memory._record_memory_history("state", stacks="python")
    script = torch.jit.CompilationUnit("def scripted():\n    return torch.rand([311, 411], device='npu')\n")
    x = script.scripted()
    (block,) = blocks_of(memory, SIZE)
    assert x.data_ptr() == block["address"]
    assert block["frames"][0]["name"] == "scripted"


@pytest.mark.parametrize(
    "skipped",
    [["free_requested"], ["free_requested", "free_completed"], ["alloc"], ["segment_alloc", "segment_free"], [], None],
)
def test_skipped_actions_are_left_out_and_others_kept(memory: Any, skipped: list[str] | None) -> None:
    memory._record_memory_history(context=None, stacks="python", skip_actions=skipped)
    torch.empty(30 << 20, dtype=torch.uint8, device="npu")
    memory.empty_cache()
    actions = {e["action"] for e in memory._snapshot()["device_traces"][0]}
    all_actions = {"alloc", "free_requested", "free_completed", "segment_alloc", "segment_free"}
    assert actions & all_actions == all_actions - set(skipped or [])


@pytest.mark.parametrize("context", ["state", "alloc", "all"])
def test_every_entry_carries_the_metadata_of_its_time(memory: Any, context: str) -> None:
    memory._set_memory_metadata("step 7")
    memory._record_memory_history(context=context, stacks="python")
    torch.empty(30 << 20, dtype=torch.uint8, device="npu")
    memory.empty_cache()
    memory._set_memory_metadata("")
    trace = [e for e in memory._snapshot()["device_traces"][0] if e["action"] != "snapshot"]
    assert {e["user_metadata"] for e in trace} == {"step 7"}


def test_stacks_of_compiled_code_name_the_graphs_nodes(memory: Any) -> None:
    with torch.fx.experimental._config.patch("enrich_profiler_metadata", True):
        model = Net().to("npu")
        memory._record_memory_history()
        torch.compile(model, backend="aot_eager", fullgraph=True)(torch.randn(10, 10, device="npu"))
        snapshot = memory._snapshot(augment_with_fx_traces=True)
    frames = [f for t in snapshot["device_traces"] for e in t for f in e["frames"] if "fx_node_name" in f]
    assert {f["fx_node_name"] for f in frames} == {"addmm", "relu"}
    assert all("fx_original_trace" in f for f in frames)
