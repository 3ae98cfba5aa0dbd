"""Random state: seeds, states, and calls made before the device is in use."""

from typing import Any

import pytest
import torch


def draw(device: str = "npu") -> list[float]:
    return torch.rand(8, device=device).tolist()


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(npu: Any) -> None:
    npu.manual_seed(5)
    first = draw()
    assert draw() != first
    npu.manual_seed(5)
    assert draw() == first
    npu.manual_seed(6)
    assert draw() != first
    assert npu.initial_seed() == 6


def test_torch_manual_seed_seeds_every_device(npu: Any) -> None:
    torch.manual_seed(9)
    first = [draw("npu:0"), draw("npu:1")]
    torch.manual_seed(9)
    assert [draw("npu:0"), draw("npu:1")] == first
    assert {g.initial_seed() for g in npu.default_generators} == {9}


def test_a_saved_state_continues_where_it_was(npu: Any) -> None:
    npu.manual_seed_all(3)
    draw()
    states = npu.get_rng_state_all()
    assert len(states) == npu.device_count()
    assert all(s.dtype == torch.uint8 and s.numel() == 16 for s in states)
    first = [draw("npu:0"), draw("npu:1")]
    npu.set_rng_state_all(states)
    assert [draw("npu:0"), draw("npu:1")] == first
    npu.set_rng_state(states[1], "npu:1")
    assert draw("npu:1") == first[1]


def test_seed_takes_from_entropy(npu: Any) -> None:
    npu.seed()
    first = npu.initial_seed()
    npu.seed()
    assert npu.initial_seed() != first
    npu.seed_all()
    assert len({g.initial_seed() for g in npu.default_generators}) == 1


def test_fork_rng_leaves_the_device_as_it_was(npu: Any) -> None:
    npu.manual_seed_all(1)
    before = npu.get_rng_state()
    with torch.random.fork_rng(devices=[0], device_type="npu"):
        draw()
    assert torch.equal(npu.get_rng_state(), before)


def test_a_generator_of_ones_own_is_independent(npu: Any) -> None:
    npu.manual_seed(1)
    expected = draw()
    mine = torch.Generator(device="npu").manual_seed(77)
    npu.manual_seed(1)
    numbers = torch.rand(8, device="npu", generator=mine).tolist()
    assert draw() == expected
    assert numbers == torch.rand(8, device="npu", generator=mine.manual_seed(77)).tolist()


def test_a_generator_of_a_missing_device_is_an_index_error(npu: Any) -> None:
    with pytest.raises(IndexError, match="npu:99 does not exist"):
        npu.get_rng_state(99)


@pytest.mark.parametrize(
    ("calls", "seed"),
    [
        ("torch.manual_seed(11)", 11),
        ("torch.npu.manual_seed_all(1); torch.npu.manual_seed(12)", 12),
        ("torch.npu.manual_seed(1); torch.npu.manual_seed_all(13)", 13),
    ],
)
def test_seeds_set_before_first_use_are_kept_without_initialising(site: Any, calls: str, seed: int) -> None:
    code = f"import torch; {calls}; before = torch.npu.is_initialized()\n"
    code += "torch.rand(2, device='npu'); out = [before, torch.npu.initial_seed()]"
    assert site.json(code, NPU_RUNTIME="sim") == [False, seed]
