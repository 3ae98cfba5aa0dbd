"""Communicators from rank tables and several roots, messages in groups, and memory that is registered."""

from __future__ import annotations

import json
from pathlib import Path

from .test_abi import alone, finish, start


def table(path: Path, ranks: int) -> str:
    devices = [{"device_id": str(r), "device_ip": "192.168.1.8", "rank_id": str(r)} for r in range(ranks)]
    servers = [{"server_id": "10.0.0.1", "device": devices}]
    path.write_text(json.dumps({"version": "1.0", "server_count": "1", "server_list": servers, "status": "completed"}))
    return str(path)


#: Twice, since a table may serve several communicators; each rank sends before it receives.
RANK = """
rank = {rank}
acl.start(rank)
for _ in range(2):
    comm = P()
    assert hccl.HcclCommInitClusterInfo({table!r}.encode(), rank, ctypes.byref(comm)) == 0, say()
    stream, mine, theirs = acl.stream(), acl.malloc(8 << 20), acl.malloc(8 << 20)
    acl.check("aclrtMemset", mine, 8 << 20, rank + 1, 8 << 20)
    assert hccl.HcclGroupStart() == 0
    assert hccl.HcclSend(P(mine), U64(8 << 20), 7, 1 - rank, comm, P(stream)) == 0, say()
    assert hccl.HcclRecv(P(theirs), U64(8 << 20), 7, 1 - rank, comm, P(stream)) == 0, say()
    assert hccl.HcclGroupEnd() == 0, say()
    acl.check("aclrtSynchronizeStream", stream)
    assert acl.read(theirs + (8 << 20) - 4, 4) == bytes([2 - rank]) * 4
    assert hccl.HcclCommDestroy(comm) == 0
assert hccl.HcclGroupEnd() == 1 and "HcclGroupStart" in say()
"""


def test_ranks_of_a_table_meet_and_exchange_messages_in_groups(tmp_path: Path) -> None:
    path = table(tmp_path / "ranks.json", 2)
    ranks = [start(RANK.format(rank=r, table=path)) for r in range(2)]
    for process in ranks:
        finish(process)


def test_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    good, hole = table(tmp_path / "good.json", 2), tmp_path / "hole.json"
    hole.write_text('{"device": [{"device_id": "0", "rank_id": "0"}, {"device_id": "1", "rank_id": "2"}]}')
    code = f"""
    def init_table(path, rank):
        return hccl.HcclCommInitClusterInfo(path, rank, ctypes.byref(P())), say()
    for path, rank, code, word in [
        (None, 0, 2, "is null"),
        (b"/nowhere", 0, 10, "cannot read"),
        ({str(hole)!r}.encode(), 0, 1, "each rank from 0 on"),
        ({good!r}.encode(), 2, 1, "has 2 ranks"),
        ({good!r}.encode(), 1, 1, "gives rank 1 device 1"),
        ({good!r}.encode(), 0, 9, "HCCL_CONNECT_TIMEOUT"),
    ]:
        found, message = init_table(path, rank)
        assert found == code and word in message, (path, rank, found, message)
    """
    alone(code, HCCL_CONNECT_TIMEOUT="1")


def test_several_roots_make_one_communicator() -> None:
    code = """
    info, other = ctypes.create_string_buffer(2 * 4108), P()
    assert hccl.HcclGetRootInfoScalable(info) == 0
    assert hccl.HcclCommInitRootInfoScalable(1, 1, info, 0, 0, None, ctypes.byref(other)) == 0, say()
    assert hccl.HcclCommDestroy(other) == 0
    assert hccl.HcclCommInitRootInfoScalable(1, 2, info, 0, 0, None, ctypes.byref(other)) == 1
    assert hccl.HcclCommInitRootInfoScalable(1, 1, None, 0, 0, None, ctypes.byref(other)) == 2
    """
    alone(code)


def test_registered_memory_is_checked_and_kept() -> None:
    code = """
    x, out, ranks = acl.malloc(4096), P(), (ctypes.c_uint32 * 1)(0)
    by = ctypes.byref
    assert hccl.HcclCommRegister(comm, P(x), U64(4096), by(out), 0) == 0, say()
    assert hccl.HcclCommExchangeMem(comm, out, ranks, 1) == 0
    ranks[0] = 5
    assert hccl.HcclCommExchangeMem(comm, out, ranks, 1) == 1
    assert hccl.HcclCommDeregister(comm, out) == 0
    assert hccl.HcclCommDeregister(comm, out) == 1
    assert hccl.HcclCommRegister(comm, P(x), U64(1 << 40), by(out), 0) == 1
    assert hccl.HcclCommRegister(comm, None, U64(8), by(out), 0) == 2
    assert hccl.HcclCommSymWinRegister(comm, P(x), U64(4096), by(out), 1) == 0
    assert hccl.HcclCommSymWinDeregister(out) == 0
    assert hccl.HcclCommSymWinDeregister(out) == 1
    assert hccl.HcclCommSymWinRegister(comm, P(x), U64(4096), by(out), 2) == 1

    p = P()
    assert hccl.HcommMemAlloc(by(p), U64(3 << 20)) == 0, say()
    acl.write(p.value, b"window")
    mib = 1 << 20
    handle = P(acl.out("aclrtMallocPhysical", 2 * mib, (ctypes.c_uint32 * 8)(0, 0, 4, 0, 1, 0, 0, 0), 0))
    assert hccl.HcclCommSetMemoryRange(comm, p, U64(4 * mib), U64(0), U64(0)) == 0, say()
    assert hccl.HcclCommSetMemoryRange(comm, p, U64(4 * mib), U64(0), U64(0)) == 1
    activate = (comm, p, U64(2 * mib), U64(0), handle, U64(0))
    assert hccl.HcclCommActivateCommMemory(*activate) == 0, say()
    assert hccl.HcclCommActivateCommMemory(*activate) == 1
    assert hccl.HcclCommUnsetMemoryRange(comm, p) == 1
    assert hccl.HcclCommDeactivateCommMemory(comm, p) == 0
    assert hccl.HcclCommDeactivateCommMemory(comm, p) == 1
    assert hccl.HcclCommUnsetMemoryRange(comm, p) == 0
    assert hccl.HcommMemFree(p) == 0
    assert hccl.HcommMemFree(p) == 1
    """
    alone(code)
