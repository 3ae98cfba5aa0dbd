"""Random numbers of captured graphs: every operator's, states saved and set inside, sequences shared."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

IN_PLACE: dict[str, tuple[Any, ...]] = {
    "bernoulli_": (0.25,),
    "cauchy_": (),
    "exponential_": (),
    "geometric_": (0.3,),
    "log_normal_": (),
    "normal_": (),
    "random_": (),
    "uniform_": (),
}
MADE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "bernoulli": torch.bernoulli,
    "normal": lambda p: torch.normal(p + 1, 1.0),
    "randint as float": lambda p: torch.randint(0, 3, (100,), device="npu", dtype=torch.float),
}


@pytest.fixture(autouse=True)
def device(npu: Any) -> None:
    npu.set_device(0)


def test_every_distribution_of_a_replay_is_that_of_eager_code(npu: Any) -> None:
    p = torch.full((500,), 0.4, device="npu")

    def draw() -> dict[str, torch.Tensor]:
        drawn = {name: getattr(torch.empty(500, device="npu"), name)(*args) for name, args in IN_PLACE.items()}
        return drawn | {name: make(p) for name, make in MADE.items()}

    graph = npu.NPUGraph()
    with npu.graph(graph):
        replayed = draw()
    for seed in (6, 314):
        npu.manual_seed(seed)
        eager = {name: x.cpu() for name, x in draw().items()}
        npu.manual_seed(seed)
        graph.replay()
        assert [name for name, x in replayed.items() if not x.cpu().equal(eager[name])] == []


@pytest.mark.parametrize(
    "noisy",
    [
        lambda x: torch.nn.functional.dropout(x, 0.1),
        lambda x: torch.nn.functional.rrelu(x, training=True),
    ],
    ids=["dropout", "rrelu"],
)
def test_replays_and_eager_code_take_turns_in_one_sequence(npu: Any, noisy: Any) -> None:
    x = torch.randn(1000, device="npu")

    def chain(y: torch.Tensor, times: int) -> torch.Tensor:
        for _ in range(times):
            y = noisy(y)
        return y

    graph, inside = npu.NPUGraph(), x.clone()
    with npu.graph(graph):
        out = chain(inside, 2)
    npu.manual_seed(5)
    expected = chain(x, 6).cpu()
    npu.manual_seed(5)
    graph.replay()
    inside.copy_(chain(out, 2))
    graph.replay()
    assert out.cpu().equal(expected)


def test_checkpointing_inside_a_capture_repeats_its_numbers(npu: Any) -> None:
    def noisy(x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(torch.randn(8, device="npu"))

    def run() -> list[torch.Tensor]:
        x = torch.ones(8, device="npu", requires_grad=True)
        y = checkpoint(noisy, x, use_reentrant=False)
        (gradient,) = torch.autograd.grad(y.sum(), x)
        return [y.detach(), gradient, torch.rand(8, device="npu")]

    graph = npu.NPUGraph()
    torch.rand(5, device="npu")
    with npu.graph(graph):
        captured = run()
    npu.manual_seed(42)
    expected = [[x.cpu() for x in run()] for _ in range(2)]
    offset = npu.default_generators[0].get_offset()
    npu.manual_seed(42)
    for numbers in expected:
        graph.replay()
        assert all(x.cpu().equal(y) for x, y in zip(captured, numbers, strict=True))
    assert npu.default_generators[0].get_offset() == offset
    assert not expected[0][1].equal(expected[1][1])


def test_a_state_from_before_the_capture_is_refused_inside(npu: Any) -> None:
    npu.manual_seed(3)
    old = npu.get_rng_state()
    torch.rand(100, device="npu")
    with pytest.raises(ValueError, match="cannot go back to offset 0"), npu.graph(npu.NPUGraph()):
        npu.set_rng_state(old)
    other = torch.Generator("npu").manual_seed(4)
    with pytest.raises(RuntimeError, match="setting the seed"), npu.graph(npu.NPUGraph()):
        npu.set_rng_state(other.get_state())
    graph = npu.NPUGraph()
    with npu.graph(graph):
        x = torch.ones(2, device="npu") + 1
    graph.replay()
    assert x.tolist() == [2, 2]


def test_generators_share_a_sequence_and_change_it(npu: Any) -> None:
    first = torch.Generator("npu").manual_seed(7)
    twin, copy = first.graphsafe_get_state(), first.clone_state()
    expected = [torch.rand(8, device="npu", generator=torch.Generator("npu").manual_seed(7)).tolist()]
    numbers = [torch.rand(8, device="npu", generator=g).tolist() for g in (first, twin, copy)]
    assert numbers[0] == numbers[2] == expected[0] != numbers[1]
    assert first.get_offset() == twin.get_offset() == 16
    first.graphsafe_set_state(copy)
    assert first.get_offset() == copy.get_offset() == 8
    with pytest.raises(TypeError, match="npu:0"):
        first.graphsafe_set_state(torch.Generator("npu:1"))


def test_a_graph_draws_from_the_sequences_that_were_chosen_inside(npu: Any) -> None:
    def prepare(generator: torch.Generator) -> list[torch.Generator]:
        generator.manual_seed(0)
        return [generator, generator.graphsafe_get_state(), generator.clone_state()]

    def act(generator: torch.Generator, old: torch.Generator, new: torch.Generator) -> list[torch.Tensor]:
        drawn = []
        for sequence, times in ((new, 1), (old, 2)):
            generator.graphsafe_set_state(sequence)
            drawn += [torch.rand(5, device="npu", generator=generator) for _ in range(times)]
        return drawn

    eager, graphed = prepare(torch.Generator("npu")), prepare(npu.default_generators[0])
    graph = npu.NPUGraph()
    for sequence in graphed[1:]:
        graph.register_generator_state(sequence)
    with npu.graph(graph):
        captured = act(*graphed)
    for _ in range(3):
        expected = [x.tolist() for x in act(*eager)]
        graph.replay()
        assert [x.tolist() for x in captured] == expected
        assert [g.get_offset() for g in graphed[1:]] == [g.get_offset() for g in eager[1:]]


def test_many_graphs_of_many_sequences_leave_no_memory_behind(npu: Any) -> None:
    def held() -> tuple[int, int]:
        stats = npu.memory_stats()
        return stats["active.all.current"], stats["active_bytes.all.current"]

    npu.synchronize()
    npu.empty_cache()
    before = held()
    graphs, generators = [npu.NPUGraph() for _ in range(3)], [torch.Generator("npu") for _ in range(5)]
    for graph in graphs:
        with npu.graph(graph):
            for generator in generators:
                torch.rand(1, device="npu", generator=generator)
        graph.replay()
    del graph
    graphs.clear()
    npu.synchronize()
    npu.empty_cache()
    assert held() == before
