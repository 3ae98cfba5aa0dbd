"""Graphs: what is captured runs again, with the memory it was captured with, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch


def test_a_capture_runs_nothing_and_a_replay_everything(npu: Any) -> None:
    x = torch.ones(100, device="npu")
    y = torch.zeros(100, device="npu")
    g = npu.NPUGraph()
    with npu.graph(g):
        assert npu.is_current_stream_capturing()
        y += x * 2
    assert not npu.is_current_stream_capturing()
    assert y.sum().item() == 0
    for turn in range(1, 4):
        g.replay()
        assert y.sum().item() == 200 * turn


def test_new_values_of_an_input_give_new_results(npu: Any) -> None:
    x = torch.ones(8, 16, device="npu")
    w = torch.randn(16, 4, device="npu")
    g = npu.NPUGraph()
    with npu.graph(g):
        out = torch.relu(x @ w + 1).sum(0)
    for scale in (2.0, -3.0):
        x.fill_(scale)
        g.replay()
        expected = torch.relu(x.cpu() @ w.cpu() + 1).sum(0)
        torch.testing.assert_close(out.cpu(), expected, rtol=1e-4, atol=1e-4)


def test_operators_that_ran_before_the_capture_keep_their_own_memory(npu: Any) -> None:
    """Their executors are cached, and get other addresses after the capture."""
    x = torch.arange(6.0, device="npu")
    for _ in range(3):
        torch.add(x, x)
    g = npu.NPUGraph()
    with npu.graph(g):
        y = torch.add(x, x)
    for _ in range(3):
        torch.add(torch.ones(6, device="npu"), torch.ones(6, device="npu"))
    g.replay()
    assert y.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


def test_memory_of_a_graph_is_not_handed_out_until_it_is_reset(npu: Any) -> None:
    npu.synchronize()
    npu.empty_cache()
    reserved = npu.memory_reserved()
    g = npu.NPUGraph()
    x = torch.ones(1 << 20, device="npu")
    with npu.graph(g):
        y = x + 1
        z = y * 2
        del y  # replays still write there
    segments = npu.memory_snapshot(g.pool())
    assert segments
    others = [torch.zeros(1 << 20, device="npu") for _ in range(4)]
    inside = [(s["address"], s["address"] + s["total_size"]) for s in segments]
    assert not any(a <= o.data_ptr() < b for o in others for a, b in inside)
    g.replay()
    assert z[0].item() == 4
    assert all(o.sum().item() == 0 for o in others)
    del z, others, x
    g.reset()
    npu.empty_cache()
    assert npu.memory_reserved() <= reserved


def test_graphs_share_a_pool(npu: Any) -> None:
    x = torch.ones(1 << 20, device="npu")
    first, second = npu.NPUGraph(), npu.NPUGraph()
    with npu.graph(first, pool=npu.graph_pool_handle()):
        y = x + 1
    with npu.graph(second, pool=first.pool()):
        z = y + 1
    assert first.pool() == second.pool()
    first.replay()
    second.replay()
    assert z[0].item() == 3


def test_work_of_a_second_stream_joins_the_capture(npu: Any) -> None:
    side = npu.Stream()
    x = torch.ones(1000, device="npu")
    g = npu.NPUGraph()
    with npu.graph(g):
        y = x * 2
        side.wait_stream(npu.current_stream())
        with npu.stream(side):
            z = y + 1
        npu.current_stream().wait_stream(side)
        out = y + z
    x.fill_(5)
    g.replay()
    assert out[0].item() == 21


def draws(generator: Any = None) -> list[torch.Tensor]:
    """One of each random operator."""
    x = torch.ones(1000, device="npu")
    return [
        torch.rand(37, device="npu", generator=generator),
        torch.randn(5, 7, device="npu", generator=generator),
        torch.randint(0, 100, (50,), device="npu", generator=generator),
        torch.nn.functional.dropout(x, 0.25),
        torch.empty(200, device="npu").bernoulli_(0.125, generator=generator),
        torch.bernoulli(torch.full((64,), 0.3, device="npu"), generator=generator),
        torch.randperm(40, device="npu", generator=generator),
        torch.multinomial(x[:20], 5, generator=generator),
        torch.empty(30, device="npu").exponential_(generator=generator),
        torch.empty(9, dtype=torch.float16, device="npu").normal_(1, 2, generator=generator),
    ]


def test_every_replay_draws_the_numbers_that_eager_code_would(npu: Any) -> None:
    g = npu.NPUGraph()
    npu.manual_seed(3)
    with npu.graph(g):
        drawn = draws()
    assert npu.default_generators[0].get_offset() == 0, "a capture draws nothing"
    npu.manual_seed(5)
    eager = [[x.cpu() for x in draws()] for _ in range(3)]
    last = npu.get_rng_state()
    npu.manual_seed(5)
    for numbers in eager:
        g.replay()
        for mine, expected in zip(drawn, numbers, strict=True):
            torch.testing.assert_close(mine.cpu(), expected, rtol=0, atol=0)
    assert npu.get_rng_state().equal(last)
    assert not eager[0][3].equal(eager[1][3]), "a dropout of every replay the same"


def test_a_restored_state_replays_exactly(npu: Any) -> None:
    g = npu.NPUGraph()
    x = torch.ones(4096, device="npu")
    with npu.graph(g):
        y = torch.nn.functional.dropout(x)
    state = npu.get_rng_state()
    g.replay()
    first = y.cpu()
    g.replay()
    assert not y.cpu().equal(first)
    npu.set_rng_state(state)
    g.replay()
    assert y.cpu().equal(first)


def test_memory_that_captured_work_has_left_does_not_hold_the_seed(npu: Any) -> None:
    g = npu.NPUGraph()
    x = torch.ones(4096, device="npu")
    state = npu.get_rng_state()
    with npu.graph(g):
        y = torch.nn.functional.dropout((x * 1).relu())  # the product's memory is free before the first number is drawn
    replays = []
    for _ in range(3):
        g.replay()
        replays.append(y.cpu())
    npu.set_rng_state(state)
    assert [r.tolist() for r in replays] == [torch.nn.functional.dropout(x).tolist() for _ in range(3)]


def test_a_graph_draws_from_generators_of_the_program(npu: Any) -> None:
    mine = torch.Generator("npu")
    mine.manual_seed(11)
    g = npu.NPUGraph()
    g.register_generator_state(mine)
    with pytest.raises(ValueError, match="generators of npu"):
        g.register_generator_state(torch.Generator())
    before = npu.get_rng_state()
    with npu.graph(g):
        y = torch.rand(100, device="npu", generator=mine)
    g.replay()
    first = y.cpu()
    expected = torch.rand(100, device="npu", generator=torch.Generator("npu").manual_seed(11)).cpu()
    assert first.equal(expected)
    assert mine.get_offset() == 100
    assert npu.get_rng_state().equal(before)


def test_an_external_event_makes_a_replay_wait_for_work_outside(npu: Any) -> None:
    x = torch.zeros(4, device="npu")
    y = torch.zeros(4, device="npu")
    ready = npu.ExternalEvent()
    g = npu.NPUGraph()
    with npu.graph(g):
        ready.wait()
        ready.reset()
        y.copy_(x + 1)
    side = npu.Stream()
    npu.synchronize()
    for turn in range(3):
        g.replay()
        with npu.stream(side):
            x.fill_(turn * 10)
            ready.record()
        npu.synchronize()
        assert y.tolist() == [turn * 10 + 1.0] * 4


def test_waiting_for_the_device_breaks_a_capture_and_nothing_else(npu: Any) -> None:
    x = torch.ones(10, device="npu")
    g = npu.NPUGraph()
    with pytest.raises(RuntimeError):
        with npu.graph(g):
            (x + 1).sum().item()
    assert (x + 1).sum().item() == 20
    with pytest.raises(RuntimeError, match="was not captured"):
        g.replay()


def test_the_default_stream_and_a_second_capture_are_refused(npu: Any) -> None:
    with pytest.raises(RuntimeError, match="default stream"):
        npu.NPUGraph().capture_begin()
    g = npu.NPUGraph()
    x = torch.ones(3, device="npu")
    with npu.graph(g):
        y = x + 1
        with pytest.raises(RuntimeError, match="another graph is being captured"):
            npu.NPUGraph().capture_begin()
    g.replay()
    assert y[0].item() == 2


def test_a_graph_is_dumped_as_json(npu: Any, tmp_path: Path) -> None:
    g = npu.NPUGraph()
    x = torch.ones(3, device="npu")
    with npu.graph(g):
        y = x + 1
    file = tmp_path / "graph.json"
    g.debug_dump(str(file))
    assert json.loads(file.read_text())
    assert y.is_npu


def test_torchs_own_graph_works_on_the_device(npu: Any) -> None:
    x = torch.zeros(2000, device="npu")
    stream = torch.Stream(device="npu")
    g = torch.accelerator.Graph()
    with stream, g:
        x += 1
    g.replay()
    g.replay()
    npu.synchronize()
    assert x[0].item() == 2


@pytest.mark.parametrize("between", [torch.nn.ReLU(), torch.nn.Dropout(0.5)], ids=["relu", "dropout"])
def test_a_graphed_module_trains_as_the_eager_one(npu: Any, between: torch.nn.Module) -> None:
    def run(graphed: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model: Any = torch.nn.Sequential(torch.nn.Linear(6, 32), between, torch.nn.Linear(32, 3)).to("npu")
        data = [torch.randn(5, 6).to("npu") for _ in range(4)]
        if graphed:
            model = npu.make_graphed_callables(model, (torch.zeros(5, 6, device="npu"),))
        npu.manual_seed(1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x in data:
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        return [p.detach().cpu() for p in model.parameters()]

    for eager, graphed in zip(run(False), run(True), strict=True):
        torch.testing.assert_close(graphed, eager)


def test_a_group_of_captured_operators_is_replaced(npu: Any) -> None:
    x = torch.ones(4, device="npu")
    out = torch.empty(4, device="npu")
    g = npu.NPUGraph()
    with npu.graph(g):
        stream = npu.current_stream()
        npu.graph_task_group_begin(stream)
        torch.add(x, 1.0, out=out)
        handle = npu.graph_task_group_end(stream)
    g.replay()
    assert out[0].item() == 2
    update = npu.Stream()
    with npu.stream(update):
        npu.graph_task_update_begin(update, handle)
        torch.add(x, 10.0, out=out)
        npu.graph_task_update_end(update)
    update.synchronize()
    g.replay()
    assert out[0].item() == 11


def test_a_graph_lives_to_the_end_of_the_script(site: Any) -> None:
    code = """
import torch
x = torch.ones(10, device="npu")
g = torch.npu.NPUGraph()
with torch.npu.graph(g):
    y = x + 1
g.replay()
out = y.sum().item()
"""
    assert site.json(code, NPU_RUNTIME="sim") == 20.0
