"""What the comparison with the official torch-npu counts as a difference, without running either."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from workspace import ROOT

sys.path.append(str(ROOT / "conformance"))

import peer
import traces


def ended(*values: float, printed: bool = True) -> peer.Outcome:
    result: dict[str, Any] = {"tolerance": 1e-3, "values": list(values)}
    return peer.Outcome("", result if printed else None, 0.0)


def test_results_differ_by_their_largest_relative_difference() -> None:
    assert peer.difference(ended(1.0, 2.0), ended(1.0, 2.0)) == (0.0, 1e-3)
    found = peer.difference(ended(1.0, 3.0), ended(1.0, 2.0))
    assert found is not None
    assert found[0] == 0.5
    assert peer.difference(ended(printed=False), ended(printed=False)) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ended(math.nan), ended(1.0)),
        (ended(1.0, 1.0), ended(1.0, math.nan)),
        (ended(math.inf), ended(math.inf)),
        (ended(1.0), ended(printed=False)),
        (ended(printed=False), ended(1.0)),
        (ended(1.0), ended(1.0, 2.0)),
    ],
)
def test_what_is_no_number_or_missing_is_no_equal_result(one: peer.Outcome, other: peer.Outcome) -> None:
    found = peer.difference(one, other)
    assert found is not None
    assert found[0] == math.inf


def test_traces_without_anything_in_common_have_no_reason() -> None:
    assert traces.compare("quick verification", set(), set())[1] == 1
    assert traces.compare("quick verification", {"aclnnAdd()"}, {"aclnnAdd()"})[1] == 0


def test_a_reason_holds_for_its_program_alone() -> None:
    both = {"aclnnAdd()"}
    assert traces.compare("quick verification", both | {"aclnnGtScalar()"}, both)[1] == 0
    assert traces.compare("a training step of the CNN", both | {"aclnnGtScalar()"}, both)[1] == 1


def test_rows_of_the_peer_that_read_the_host_are_counted_and_do_not_fail() -> None:
    row = {"op": "add", "status": "native", "copies": 1, "examples": []}
    natural = {**row, "op": "equal"}
    text, _ = peer.judged([row, natural, {**row, "op": "mul", "copies": 0}])
    assert "of the equal, 1 read the host" in text
