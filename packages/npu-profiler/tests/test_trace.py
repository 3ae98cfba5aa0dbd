"""The Chrome trace that Perfetto reads: complete events, rows with names, flows with two ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from profiles import BOTH
from torch.profiler import profile

Trace = dict[str, Any]
DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")


@pytest.fixture
def trace(trace_of: Callable[[profile], Trace]) -> Trace:
    x = torch.ones(64, 64, device="npu", requires_grad=True)
    with profile(activities=BOTH) as p:
        for _ in range(5):
            (x @ x).relu().sum().backward()
        assert x.grad is not None
        x.grad.cpu()
    return trace_of(p)


def of(trace: Trace, *categories: str) -> list[dict[str, Any]]:
    return [e for e in trace["traceEvents"] if e.get("cat") in categories and e["ph"] == "X"]


def test_each_device_event_is_complete(trace: Trace) -> None:
    found = of(trace, *DEVICE)
    assert len(found) > 25
    for e in found:
        assert e["pid"] == 0
        assert isinstance(e["tid"], int)
        assert e["ts"] > 0
        assert e["dur"] >= 0
        assert {"correlation", "External id", "device", "stream"} <= set(e["args"]), e
    assert all(e["args"]["bytes"] > 0 for e in of(trace, "gpu_memcpy"))


def test_a_flow_leads_from_the_enqueue_in_its_operator_to_the_kernel(trace: Trace) -> None:
    flows = [e for e in trace["traceEvents"] if e.get("cat") == "ac2g"]
    starts = {e["id"]: e for e in flows if e["ph"] == "s"}
    ends = {e["id"]: e for e in flows if e["ph"] == "f"}
    assert Counter(e["ph"] for e in flows) == {"s": len(starts), "f": len(ends)}
    assert set(starts) == set(ends) == {e["args"]["correlation"] for e in of(trace, *DEVICE)}
    assert all(starts[i]["ts"] <= ends[i]["ts"] for i in starts)
    at = {(e["pid"], e["tid"], e["ts"]): e for e in of(trace, *DEVICE, "privateuse1_runtime")}
    for id, end in ends.items():
        kernel = at[end["pid"], end["tid"], end["ts"]]
        enqueue = at[starts[id]["pid"], starts[id]["tid"], starts[id]["ts"]]
        assert kernel["args"]["External id"] == enqueue["args"]["External id"]


def test_an_enqueue_lies_in_its_operator(trace: Trace) -> None:
    operators = {e["args"]["External id"]: e for e in of(trace, "cpu_op")}
    slack = 20.0  # µs: torch converts its own clock
    for e in of(trace, "privateuse1_runtime"):
        op = operators[e["args"]["External id"]]
        assert e["tid"] == op["tid"]
        assert op["ts"] - slack <= e["ts"]
        assert e["ts"] + e["dur"] <= op["ts"] + op["dur"] + slack


def test_events_of_a_row_follow_each_other(trace: Trace) -> None:
    rows: dict[int, list[tuple[float, float]]] = {}
    for e in of(trace, *DEVICE):
        rows.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
    for spans in rows.values():
        for before, after in pairwise(sorted(spans)):
            assert before[1] <= after[0] + 0.002  # rounded to nanoseconds


def test_rows_and_devices_have_names(trace: Trace) -> None:
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in trace["traceEvents"] if e.get("name") == "thread_name"}
    devices = [e["args"]["name"] for e in trace["traceEvents"] if e.get("name") == "process_name" and e["pid"] == 0]
    assert devices[-1] == "npu:0"
    for e in of(trace, *DEVICE):
        assert names[e["pid"], e["tid"]].startswith(("stream ", "blocking copies"))
    assert any("launch thread" in n for n in names.values())


def test_it_says_what_timed_the_device(trace: Trace) -> None:
    assert trace["npu_kernels_timed_by"] == "mspti"
    assert trace["npu_copies_timed_by"] == "events"
