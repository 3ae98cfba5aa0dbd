"""libhccl through its ABI alone: names, arguments, configurations, and ranks in processes that die."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import npu_cann
import npu_sim

LIBRARY = Path(npu_sim.LIBRARY_DIR) / "libhccl.so"
HERE = Path(__file__).parents[1]

#: What the scripts of ranks find: acl on their device, hccl, `say` for the message, `init(rank, size, config)`.
BEGIN = f"""
import ctypes, os, sys, time
sys.path.append({str(HERE)!r})
from acl_calls import Acl
from pathlib import Path
import struct
acl = Acl()
hccl = ctypes.CDLL({str(LIBRARY)!r})
P, U64 = ctypes.c_void_p, ctypes.c_uint64
say = lambda: acl.message() or ""

def init(rank, size, root, device=None, config=None):
    acl.start(rank if device is None else device)
    info = ctypes.create_string_buffer(4108)
    if rank == 0:
        assert hccl.HcclGetRootInfo(info) == 0, say()
        Path(root + ".part").write_bytes(info.raw)
        os.rename(root + ".part", root)
    while not os.path.exists(root):
        time.sleep(0.01)
    info = ctypes.create_string_buffer(Path(root).read_bytes(), 4108)
    comm = P()
    if config is None:
        code = hccl.HcclCommInitRootInfo(size, info, rank, ctypes.byref(comm))
    else:
        code = hccl.HcclCommInitRootInfoConfig(size, info, rank, config, ctypes.byref(comm))
    return code, comm
"""


def start(code: str, **env: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NPU_SIM", "ASCEND_", "HCCL_"))}
    clean |= {"NPU_SIM": "4", "TORCH_DEVICE_BACKEND_AUTOLOAD": "0", **env}
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code)]
    return subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], limit: float = 60) -> str:
    out, err = process.communicate(timeout=limit)
    assert process.returncode == 0, err[-3000:]
    return out.strip()


def alone(code: str, **env: str) -> list[str]:
    """What a script prints that is the only rank of `comm` on device 0."""
    begin = (
        "import tempfile\nroot = tempfile.mkdtemp() + '/root'\ncode, comm = init(0, 1, root)\nassert code == 0, say()\n"
    )
    return finish(start(begin + textwrap.dedent(code), **env)).splitlines()


def test_it_exports_what_the_header_declares_and_nothing_else() -> None:
    header = (npu_cann.INCLUDE_DIR / "npu/cann/hccl.h").read_text()
    declared = set(re.findall(r"\b(H(?:ccl|comm)\w+)\(", header))
    out = subprocess.check_output(["nm", "-D", "--defined-only", str(LIBRARY)], text=True)
    exported = {line.split()[-1] for line in out.splitlines()}
    assert exported - declared == set()
    needed_by_ddp = {"HcclAllReduce", "HcclBroadcast", "HcclAllGather", "HcclReduceScatter", "HcclBarrier"}
    assert needed_by_ddp | {"HcclGetRootInfo", "HcclCommInitRootInfo", "HcclCommDestroy"} <= exported


def test_it_is_linked_to_the_machine_only() -> None:
    out = subprocess.check_output(["readelf", "-d", str(LIBRARY)], text=True)
    ours = {
        n for n in re.findall(r"\(NEEDED\).*\[(.+)\]", out) if not re.match(r"lib(c|m|stdc\+\+|gcc_s|pthread)\.", n)
    }
    assert ours <= {"libnpusim.so", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


@pytest.mark.parametrize(
    ("code", "name", "word"),
    [
        ("hccl.HcclAllReduce(P(x), P(x), U64(4), 4, 0, None, P(s))", 2, "comm is null"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(4), 4, 0, P(77), P(s))", 1, "no live communicator"),
        ("hccl.HcclAllReduce(P(x), None, U64(4), 4, 0, comm, P(s))", 2, "recvBuf is null"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(4), 99, 0, comm, P(s))", 5, "99 is no dtype"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(4), 4, 9, comm, P(s))", 1, "9 is no reduction"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(4), 10, 0, comm, P(s))", 5, "does not reduce fp64"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(1 << 40), 4, 0, comm, P(s))", 1, "count must be at most"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(1 << 20), 4, 0, comm, P(s))", 1, "inside one live allocation"),
        ("hccl.HcclAllReduce(ctypes.create_string_buffer(64), P(x), U64(4), 4, 0, comm, P(s))", 1, "host memory"),
        ("hccl.HcclAllReduce(P(x), P(x), U64(4), 4, 0, comm, P(123))", 1, "stream"),
        ("hccl.HcclBroadcast(P(x), U64(4), 4, 1, comm, P(s))", 1, "root must be below the 1 ranks"),
        ("hccl.HcclSend(P(x), U64(4), 4, 0, comm, P(s))", 1, "with itself"),
        ("hccl.HcclRecv(P(x), U64(4), 4, 3, comm, P(s))", 1, "below the 1 ranks"),
        ("hccl.HcclCommInitRootInfo(1, ctypes.create_string_buffer(4108), 0, ctypes.byref(P()))", 1, "HcclGetRootInfo"),
        ("hccl.HcclCommInitRootInfo(2, ctypes.create_string_buffer(4108), 2, ctypes.byref(P()))", 1, "rank 2 of 2"),
        ("hccl.HcclGetRootInfo(None)", 2, "rootInfo is null"),
    ],
)
def test_a_wrong_argument_is_answered_with_a_code_and_a_sentence(code: str, name: int, word: str) -> None:
    said = alone(
        f"x, s = acl.malloc(512), acl.stream()\nprint({code})\nprint(say())\nprint(hccl.HcclBarrier(comm, P(s)))"
    )
    assert said[0] == str(name)
    assert word in said[1]
    assert said[2] == "0"  # the communicator is none the worse


def test_a_destroyed_communicator_is_refused_and_so_is_one_of_another_device() -> None:
    said = alone("""
        s = acl.stream()
        acl.check("aclrtSetDevice", 1)
        other = acl.stream()
        print(hccl.HcclBarrier(comm, P(other)), say())
        print(hccl.HcclCommDestroy(comm), hccl.HcclCommDestroy(comm), hccl.HcclBarrier(comm, P(s)))
        """)
    assert said[0].startswith("1 ")
    assert "npu:1" in said[0]
    assert said[1] == "0 1 1"


def test_a_config_needs_its_magic_word_and_names_the_communicator() -> None:
    said = alone("""
        config = ctypes.create_string_buffer(2240)
        hccl.HcclCommConfigInit.restype = None
        hccl.HcclCommConfigInit(config)
        print(*struct.unpack_from("QIIQII", config.raw))
        config[32:38] = b"mygrp\\0"
        code, named = init(0, 1, root + "2", config=config)
        name = ctypes.create_string_buffer(128)
        print(code, hccl.HcclGetCommName(named, name), name.value.decode())
        config[8:12] = b"\\0\\0\\0\\0"
        print(init(0, 1, root + "3", config=config)[0], say())
        n = ctypes.c_uint32()
        print(hccl.HcclGetRankSize(named, ctypes.byref(n)), n.value, hccl.HcclGetCommConfigCapability() > 8)
        """)
    assert said[0] == f"2240 {0xF0F0F0F0} 10 0 {0xFFFFFFFF} {0xFFFFFFFF}"
    assert said[1] == "0 0 mygrp"
    assert said[2].startswith("1 ")
    assert "magic word" in said[2]
    assert said[3] == "0 1 True"


def test_a_call_returns_before_the_other_rank_comes(tmp_path: Path) -> None:
    code = f"""
        rank = RANK
        code, comm = init(rank, 2, {str(tmp_path / "root")!r})
        assert code == 0, say()
        x, s = acl.malloc(512), acl.stream()
        acl.write(x, struct.pack("4f", *[rank + 1.0] * 4))
        if rank: time.sleep(1)
        begin = time.monotonic()
        assert hccl.HcclAllReduce(P(x), P(x), U64(4), 4, 0, comm, P(s)) == 0, say()
        called = time.monotonic() - begin
        acl.check("aclrtSynchronizeStream", s)
        waited = time.monotonic() - begin
        print(struct.unpack("4f", acl.read(x, 16)), called < 0.3, waited > 0.5)
        """
    first, second = (start(code.replace("RANK", str(r))) for r in range(2))
    assert finish(first) == "(3.0, 3.0, 3.0, 3.0) True True"
    assert finish(second) == "(3.0, 3.0, 3.0, 3.0) True False"


def test_every_run_and_every_rank_gets_the_same_bits(tmp_path: Path) -> None:
    code = """
        import random, hashlib
        rank = RANK
        code, comm = init(rank, 3, ROOT)
        assert code == 0, say()
        random.seed(rank)
        n = 40000
        x, s = acl.malloc(4 * n), acl.stream()
        acl.write(x, struct.pack(f"{n}f", *[random.uniform(-1, 1) * 10 ** random.randint(-6, 6) for _ in range(n)]))
        assert hccl.HcclAllReduce(P(x), P(x), U64(n), 4, 0, comm, P(s)) == 0, say()
        acl.check("aclrtSynchronizeStream", s)
        print(hashlib.sha1(acl.read(x, 4 * n)).hexdigest())
        """
    sums = set()
    for run in range(2):
        root = repr(str(tmp_path / f"root{run}"))
        sums |= {finish(p) for p in [start(code.replace("RANK", str(r)).replace("ROOT", root)) for r in range(3)]}
    assert len(sums) == 1


@pytest.mark.parametrize("how", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_rank_that_dies_is_an_error_at_the_others_long_before_the_time_out(tmp_path: Path, how: str) -> None:
    code = f"""
        rank = RANK
        code, comm = init(rank, 3, {str(tmp_path / "root")!r})
        assert code == 0, say()
        if rank == 2:
            {how}
        s = acl.stream()
        begin = time.monotonic()
        assert hccl.HcclBarrier(comm, P(s)) == 0, say()
        print(acl.code("aclrtSynchronizeStream", s), "rank 2" in say(), time.monotonic() - begin < 10)
        error = ctypes.c_int()
        print(hccl.HcclGetCommAsyncError(comm, ctypes.byref(error)), error.value)
        """
    ranks = [start(code.replace("RANK", str(r)), HCCL_EXEC_TIMEOUT="60") for r in range(3)]
    for process in ranks[:2]:
        assert finish(process).splitlines() == ["507057 True True", "0 21"]
    ranks[2].communicate(timeout=60)


def test_a_rank_that_never_joins_is_named_after_the_connect_time_out(tmp_path: Path) -> None:
    begin = time.monotonic()
    code = f"code, comm = init(0, 2, {str(tmp_path / 'root')!r})\nprint(code, say())"
    said = finish(start(code, HCCL_CONNECT_TIMEOUT="1"))
    assert said.startswith("9 ")
    assert "waited 1 s for rank 1, which has not joined" in said
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(
    ("second", "word"), [("1, 3", "ranks disagree on their number"), ("0, 2", "rank 0 has joined")]
)
def test_ranks_that_disagree_on_who_they_are_are_refused(tmp_path: Path, second: str, word: str) -> None:
    root = str(tmp_path / "root")
    first = start(f"code, comm = init(0, 2, {root!r})\nprint(code)", HCCL_CONNECT_TIMEOUT="3")
    while not os.path.exists(root):
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    time.sleep(0.5)
    text = f"""
        acl.start(1)
        info = ctypes.create_string_buffer(Path({root!r}).read_bytes(), 4108)
        rank, size = {second}
        print(hccl.HcclCommInitRootInfo(size, info, rank, ctypes.byref(P())), say())
        """
    said = finish(start(text))
    assert said.startswith("1 ")
    assert word in said
    assert finish(first) == "9"


def test_every_rank_needs_a_device_of_its_own(tmp_path: Path) -> None:
    code = f"code, comm = init(RANK, 2, {str(tmp_path / 'root')!r}, device=1)\nprint(code, say())"
    for process in [start(code.replace("RANK", str(r))) for r in range(2)]:
        said = finish(process)
        assert said.startswith("1 ")
        assert "both use device 1" in said


def test_a_destroyed_communicator_leaves_no_file_and_no_mapping() -> None:
    said = alone("""
        def used():
            maps = Path("/proc/self/maps").read_text().count("npu-sim-hccl")
            return len(os.listdir("/proc/self/fd")), maps
        hccl.HcclCommDestroy(comm)
        before = used()
        for i in range(5):
            code, comm = init(0, 1, f"{root}{i}")
            assert code == 0 and used()[1] == before[1] + 1, say()
            assert hccl.HcclCommDestroy(comm) == 0
        print(before[1], used() == before)
        """)
    assert said == ["0 True"]


def test_one_process_may_be_all_ranks() -> None:
    said = alone("""
        devices = (ctypes.c_int32 * 3)(0, 1, 2)
        comms = (P * 3)()
        assert hccl.HcclCommInitAll(3, devices, comms) == 0, say()
        work = []
        for d in range(3):
            acl.check("aclrtSetDevice", d)
            x, s = acl.malloc(512), acl.stream()
            acl.write(x, struct.pack("2q", d, 10))
            assert hccl.HcclAllReduce(P(x), P(x), U64(2), 5, 0, P(comms[d]), P(s)) == 0, say()
            work.append((d, x, s))
        for d, x, s in work:
            acl.check("aclrtSetDevice", d)
            acl.check("aclrtSynchronizeStream", s)
            print(*struct.unpack("2q", acl.read(x, 16)))
        """)
    assert said == ["3 30"] * 3


def test_error_strings_are_sentences_for_every_code() -> None:
    lib = ctypes.CDLL(str(LIBRARY))
    lib.HcclGetErrorString.restype = ctypes.c_char_p
    texts = [lib.HcclGetErrorString(i).decode() for i in range(26)]
    assert len(set(texts)) == 26
    assert lib.HcclGetErrorString(99) == b"unknown error"
    assert struct.calcsize("P") == 8
