"""Tensors and events that two processes use: what one does the other sees, and memory goes back when both let go."""

import gc
import subprocess
import sys
from typing import Any

import pytest
import torch

# The other process: `serve` runs what it is sent on what it keeps under names.
OTHER = """
import torch

def serve(inbox, outbox):
    kept = {"torch": torch}
    while True:
        name, thing, code = inbox.get()
        if code is None:
            return
        if name:
            kept[name] = thing
        del thing
        try:
            exec(code, kept)
            outbox.put(kept.pop("out", None))
        except Exception as error:
            outbox.put(error)
"""


class Other:
    """A second process; `run` gives it something under a name, runs code there, and answers what `out` is then."""

    def __init__(self, folder: Any) -> None:
        import torch.multiprocessing as mp

        (folder / "npu_other_process.py").write_text(OTHER)
        sys.path.insert(0, str(folder))
        try:
            from npu_other_process import serve  # type: ignore[import-not-found]

            context = mp.get_context("spawn")
            self.inbox, self.outbox = context.Queue(), context.Queue()
            self.process = context.Process(target=serve, args=(self.inbox, self.outbox), daemon=True)
            self.process.start()
        finally:
            sys.path.remove(str(folder))

    def run(self, code: str, name: str = "", thing: Any = None) -> Any:
        self.inbox.put((name, thing, code))
        found = self.outbox.get(timeout=100)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture(scope="module")
def other(npu: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = Other(tmp_path_factory.mktemp("other"))
    yield made
    made.inbox.put(("", None, None))
    made.process.join(30)
    assert made.process.exitcode == 0


def allocated(npu: Any) -> int:
    """Bytes in use, without what earlier tests left to the garbage collector."""
    gc.collect()
    npu.synchronize()
    npu.ipc_collect()
    return int(npu.memory_allocated())


def test_both_processes_use_the_same_memory(npu: Any, other: Any) -> None:
    x = torch.arange(6.0, device="npu")
    assert other.run("out = (str(x.device), x.tolist()); x.mul_(2); torch.npu.synchronize()", "x", x) == (
        "npu:0",
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    )
    assert x.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    other.run("del x")


def test_work_that_was_enqueued_before_the_sending_comes_first(npu: Any, other: Any) -> None:
    x = torch.zeros(512, 512, device="npu")
    for _ in range(30):
        x = x @ x + 1 / 512
    assert other.run("out = y.cpu()", "y", x).equal(x.cpu())
    other.run("del y")


def test_views_of_one_storage_stay_views_of_one_storage(npu: Any, other: Any) -> None:
    x = torch.zeros(4, 4, device="npu")
    other.run("pass", "row", x[1])
    assert other.run("row.fill_(3); out = column.tolist(), column.stride()", "column", x[:, 2]) == (
        [0.0, 3.0, 0.0, 0.0],
        (4,),
    )
    assert other.run("out = row.untyped_storage().data_ptr() == column.untyped_storage().data_ptr()")
    other.run("del row, column")
    assert x.sum().item() == 12


def test_parameters_dtypes_and_empty_tensors_arrive_as_they_were(npu: Any, other: Any) -> None:
    p = torch.nn.Parameter(torch.ones(3, dtype=torch.float16, device="npu"))
    code = "out = (type(p).__name__, p.requires_grad, p.dtype, p.tolist()); del p"
    assert other.run(code, "p", p) == ("Parameter", True, torch.float16, [1.0, 1.0, 1.0])
    assert other.run("out = (tuple(e.shape), str(e.device)); del e", "e", torch.empty(0, 3, device="npu")) == (
        (0, 3),
        "npu:0",
    )
    host = torch.arange(3)
    assert other.run("out = h.tolist(); del h", "h", host) == [0, 1, 2], "tensors of the cpu cross as ever"


def test_memory_that_the_sender_frees_is_kept_until_the_receiver_lets_go(npu: Any, other: Any) -> None:
    before = allocated(npu)
    x = torch.full((1 << 18,), 7.0, device="npu")
    other.run("pass", "x", x)
    del x
    for _ in range(5):
        torch.zeros(1 << 18, device="npu")
    assert npu.memory_allocated() >= before + (1 << 20)
    assert other.run("out = x.sum().item()") == 7.0 * (1 << 18)
    other.run("del x; import gc; gc.collect()")
    npu.ipc_collect()
    assert npu.memory_allocated() == before


def test_memory_that_the_receiver_let_go_before_is_free_at_once(npu: Any, other: Any) -> None:
    before = allocated(npu)
    x = torch.ones(1 << 18, device="npu")
    for _ in range(3):
        other.run("del x", "x", x)
    assert npu.memory_allocated() > before
    del x
    assert npu.memory_allocated() == before


def test_a_thousand_messages_leave_nothing_behind(npu: Any, other: Any) -> None:
    before = allocated(npu)
    x = torch.ones(100, device="npu")
    for i in range(1000):
        assert other.run("out = t[0].item(); del t", "t", x + i) == 1 + i
    del x
    npu.ipc_collect()
    assert npu.memory_allocated() == before


def test_what_cannot_be_shared_says_why(npu: Any, other: Any) -> None:
    x = torch.ones(8, device="npu")
    other.run("pass", "x", x)
    text = """
from multiprocessing.reduction import ForkingPickler
try:
    ForkingPickler.dumps(x)
except RuntimeError as error:
    out = str(error)
del x
"""
    assert "send a clone()" in other.run(text)
    y = (x.requires_grad_() * 2) + 1
    with pytest.raises(RuntimeError, match="non-leaf"):
        __import__("multiprocessing.reduction").reduction.ForkingPickler.dumps(y)


def test_a_message_to_the_own_process_is_the_same_memory(npu: Any) -> None:
    import pickle
    from multiprocessing.reduction import ForkingPickler

    x = torch.ones(8, device="npu")
    data = bytes(ForkingPickler.dumps(x))
    y = pickle.loads(data)
    y.add_(1)
    assert x.tolist() == [2.0] * 8
    del x
    assert y.tolist() == [2.0] * 8


def test_an_event_orders_streams_of_two_processes(npu: Any, other: Any) -> None:
    x = torch.zeros(300, 300, device="npu")
    event = npu.Event(interprocess=True)
    stream = npu.current_stream()
    event.record(stream)
    other.run("pass", "x", x)
    other.run("pass", "event", event)
    for _ in range(30):
        x.copy_(x @ x + 1)
    event.record(stream)
    code = "torch.npu.current_stream().wait_event(event); x.fill_(5); event.record(); torch.npu.synchronize()"
    other.run(code)
    stream.wait_event(event)
    assert x.sum().item() == 5 * 300 * 300
    assert event.query()
    event.synchronize()
    other.run("del x, event")


def test_events_that_are_not_for_several_processes_are_refused(npu: Any) -> None:
    with pytest.raises(ValueError, match="interprocess=True"):
        npu.Event().ipc_handle()
    with pytest.raises(ValueError, match="timing"):
        npu.Event(enable_timing=True, interprocess=True)
    with pytest.raises(ValueError, match="64 bytes"):
        npu.Event.from_ipc_handle("npu:0", b"nonsense")
    event = npu.Event(interprocess=True)
    assert event.query()
    opened = npu.Event.from_ipc_handle(npu.current_device(), event.ipc_handle())
    event.record()
    opened.synchronize()
    assert opened.query()
    with pytest.raises(ValueError, match="another process"):
        opened.ipc_handle()


def test_a_sender_that_ended_is_named(npu: Any, site: Any) -> None:
    code = """
import sys, torch
from multiprocessing.reduction import ForkingPickler
x = torch.ones(4, device="npu")
print(bytes(ForkingPickler.dumps(x)).hex())
"""
    done: subprocess.CompletedProcess[str] = site.python(code, NPU_RUNTIME="sim")
    assert done.returncode == 0, done.stderr
    import pickle

    with pytest.raises(RuntimeError, match="has ended"):
        pickle.loads(bytes.fromhex(done.stdout.split()[-1]))


def test_a_forked_child_of_the_receiver_gives_nothing_back(other: Other) -> None:
    x: Any = torch.full((1 << 18,), 7.0, device="npu")
    fork = "import os\npid = os.fork()\nif pid == 0:\n    del shared\n    os._exit(0)\nos.waitpid(pid, 0)"
    other.run(fork, "shared", x)
    del x
    gc.collect()
    torch.npu.ipc_collect()
    torch.full((1 << 18,), 99.0, device="npu")
    torch.npu.synchronize()
    assert other.run("out = shared.unique().tolist(); del shared") == [7.0]


def test_tensors_of_expandable_segments_cross_too(npu: Any, other: Other) -> None:
    before = allocated(npu)
    npu.empty_cache()
    npu.memory._set_allocator_settings("expandable_segments:True")
    try:
        x: Any = torch.zeros(9 << 20, device="npu")  # 36 MiB: of two pieces
        beside: Any = torch.ones(2 << 20, device="npu")  # in one piece with the end of `x`
    finally:
        npu.memory._set_allocator_settings("expandable_segments:False")
    expandable = [segment for segment in npu.memory_snapshot() if segment["is_expandable"]]
    assert len(expandable) == 1
    assert len([b for b in expandable[0]["blocks"] if b["state"] == "active_allocated"]) == 2
    assert other.run("x[-9:] = 3; out = x.sum().item()", "x", x) == 27.0
    assert other.run("y.add_(1); out = y[-1].item(), x[-1].item()", "y", beside) == (2.0, 3.0)
    assert (x.sum().item(), beside.sum().item()) == (27.0, 2.0 * (2 << 20))
    del x, beside
    npu.empty_cache()
    assert npu.memory_allocated() == before + (44 << 20), "kept for the receiver"
    assert other.run("out = x.sum().item(), y[0].item(); del x, y") == (27.0, 2.0)
    assert allocated(npu) == before
    npu.empty_cache()
    assert not [segment for segment in npu.memory_snapshot() if segment["is_expandable"]]
