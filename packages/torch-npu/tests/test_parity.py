"""The names of torch_npu that npu-core answers for: all there, callable as there, and few that only raise."""

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import parity_page
import pytest
import torch

NAMES: dict[str, dict[str, Any]] = json.loads(parity_page.DATA.read_text())


def find(name: str) -> Any:
    """What `name` stands for, by imports and attributes."""
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for depth, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:depth]))
        found = getattr(found, part)
    return found


def complaints(wanted: str, signature: inspect.Signature) -> list[str]:
    """Calls that `wanted` ("a b= *args c= **kw") allows and `signature` does not."""
    ours = signature.parameters
    kinds = {p.kind for p in ours.values()}
    any_place, any_name = inspect.Parameter.VAR_POSITIONAL in kinds, inspect.Parameter.VAR_KEYWORD in kinds
    places = [p for p in ours.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found, needed, by_place = [], set(), True
    for at, text in enumerate(wanted.split()):
        name = text.strip("*=")
        if text.startswith("*"):
            by_place = False
            continue
        if not text.endswith("="):
            needed.add(name)
        if by_place and at >= len(places) and not any_place:
            found.append(f"takes no {at + 1} positional arguments")
        if name not in ours and not any_name:
            found.append(f"has no parameter {name}")
    if "*args" in wanted.split():  # theirs does not say
        return found
    for p in ours.values():
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in needed:
            found.append(f"needs {p.name}")
    return found


@pytest.fixture(scope="module", autouse=True)
def device() -> None:
    import torch_npu  # noqa: F401

    torch.npu.init()


def test_every_name_is_there_and_takes_the_same_calls() -> None:
    wrong = []
    for name, row in NAMES.items():
        try:
            found = find(name)
        except (ImportError, AttributeError) as error:
            wrong.append(f"{name}: {error}")
            continue
        wrong += [f"{name} lacks {m}" for m in row.get("members", "").split() if not hasattr(found, m)]
        wanted = row.get("parameters")
        if wanted is not None and "Storage" not in name:
            assert callable(found), name
            wrong += [f"{name} {what}" for what in complaints(wanted, inspect.signature(found))]
    assert not wrong, "\n".join(wrong)


def test_a_twentieth_of_the_names_at_most_only_raises_and_each_says_why() -> None:
    raising = {name: row["raises"] for name, row in NAMES.items() if "raises" in row}
    assert len(raising) <= len(NAMES) / 20
    calls = {"torch.npu.set_aoe": ("somewhere",), "torch.npu.stress_detect": ()}
    assert set(calls) == set(raising)
    for name, arguments in calls.items():
        with pytest.raises(NotImplementedError, match=name.rsplit(".", 1)[1]):
            find(name)(*arguments)


def test_no_other_name_only_says_that_it_is_not_there() -> None:
    """A stub raises `not_there` at once: its only statement."""
    stubs = []
    for name, row in NAMES.items():
        found = find(name)
        if "raises" in row or not inspect.isfunction(found):
            continue
        lines = [line.strip() for line in inspect.getsource(found).splitlines()]
        body = [line for line in lines if line and not line.startswith(("def ", '"""', "@", ")"))]
        if body and body[-1].startswith("raise not_there") and len(body) == 1:
            stubs.append(name)
    assert not stubs


def test_the_page_says_what_the_table_says() -> None:
    assert parity_page.PAGE.read_text() == parity_page.render(NAMES), f"run python {Path(parity_page.__file__).name}"
