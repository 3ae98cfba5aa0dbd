"""What goes wrong is told where it can be seen: at the call, or after HCCL found it. Nothing hangs."""

from __future__ import annotations

import pytest
from rank_processes import Agreed, Ranks


def test_ranks_with_different_shapes_all_get_an_error_that_names_both(ranks: Ranks) -> None:
    ended = ranks("""
        join(seconds=20)
        dist.all_reduce(torch.ones(2).npu())
        t = torch.ones(4 + rank).npu()
        dist.all_reduce(t)
        print(failure(lambda: t.cpu()))
        print(failure(lambda: dist.all_reduce(t)))
        """)
    for e in ended:
        assert e.status == 0, e.err[-2000:]
        first, second = e.out.strip().splitlines()
        assert first.startswith("AcceleratorError: ")
        for word in ("HcclAllReduce", "rank 0", "rank 1", "count=4", "count=5", "fp32"):
            assert word in first
        assert second.startswith("DistBackendError: hccl: allreduce number 3 of group")
        assert e.seconds < 60


def test_a_wait_with_a_time_out_names_the_operation_the_rank_and_the_shapes(ranks: Ranks) -> None:
    ended = ranks("""
        join(seconds=20)
        dist.all_reduce(torch.ones(2).npu())
        if rank == 0:
            work = dist.all_reduce(torch.ones(2, 3).npu(), async_op=True)
            begin = time.monotonic()
            print(failure(lambda: work.wait(timedelta(seconds=1))))
            print(time.monotonic() - begin < 5, work.is_completed())
        else:
            time.sleep(4)
        """)
    assert ended[0].status == 0, ended[0].err[-2000:]
    message, rest = ended[0].out.strip().splitlines()
    assert message.startswith("DistBackendError: hccl: allreduce number 2 of group '0' on rank 0 of 2, float[2, 3] did")
    assert rest == "True False"


@pytest.mark.parametrize("how", ["sleep", "exit", "kill"])
def test_a_rank_that_never_comes_is_an_error_within_the_time_out(ranks: Ranks, how: str) -> None:
    ended = ranks(f"""
        join(seconds=3)
        dist.all_reduce(torch.ones(2).npu())
        torch.npu.synchronize()
        if rank == 1:
            if {how!r} == "sleep": time.sleep(8)
            if {how!r} == "kill": os.kill(os.getpid(), 9)
            sys.exit(5)
        t = torch.ones(2, 3).npu()
        dist.all_reduce(t)
        begin = time.monotonic()
        print(failure(lambda: t.cpu()))
        print(time.monotonic() - begin < 6)
        """)
    assert ended[0].status == 0, ended[0].err[-2000:]
    message, in_time = ended[0].out.strip().splitlines()
    assert message.startswith("AcceleratorError: ")
    assert "HcclAllReduce" in message
    assert "rank 1" in message
    assert in_time == "True"
    assert ended[1].status == {"sleep": 5, "exit": 5, "kill": -9}[how]
    assert max(e.seconds for e in ended) < 60


def test_a_rank_that_never_begins_is_named_when_the_first_operation_gives_up(ranks: Ranks) -> None:
    ended = ranks("""
        join(seconds=3)
        if rank == 0:
            print(failure(lambda: dist.all_reduce(torch.ones(2).npu())))
        else:
            time.sleep(6)
        """)
    assert ended[0].status == 0, ended[0].err[-2000:]
    assert "DistBackendError: hccl: rank 0 of 2 of group" in ended[0].out
    assert "waited 3 s for rank 1" in ended[0].out


@pytest.mark.parametrize(("code", "status"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError('mine')", 1)])
def test_a_script_that_destroys_nothing_ends_with_its_own_status(ranks: Ranks, code: str, status: int) -> None:
    ended = ranks(f"""
        join()
        t = torch.ones(1000).npu()
        for _ in range(10):
            dist.all_reduce(t, async_op=True)
        {code}
        """)
    assert [e.status for e in ended] == [status, status], ended[0].err[-2000:]
    for e in ended:
        assert ("ValueError: mine" in e.err) == (status == 1)


def test_two_ranks_on_one_device_are_refused(ranks: Ranks) -> None:
    ended = ranks("""
        torch.npu.set_device(0)
        join()
        print(failure(lambda: dist.all_reduce(torch.ones(2).npu())))
        """)
    for e in ended:
        assert e.status == 0, e.err[-2000:]
        assert "DistBackendError" in e.out
        assert "ranks 0 and 1 both use device 0" in e.out


def test_wrong_arguments_are_refused_at_the_call(agreed: Agreed) -> None:
    (said,) = agreed(
        """
        join()
        npu = lambda *shape, **kw: torch.ones(*shape, **kw).npu()
        print(failure(lambda: dist.all_reduce(npu(4, 6).t())))
        print(failure(lambda: dist.all_reduce(npu(4, dtype=torch.float64))))
        print(failure(lambda: dist.all_reduce(npu(4), op=dist.ReduceOp.BAND)))
        print(failure(lambda: dist.all_reduce(npu(4, dtype=torch.int64), op=dist.ReduceOp.AVG)))
        print(failure(lambda: dist.all_gather_into_tensor(npu(3), npu(4))))
        print(failure(lambda: dist.all_to_all_single(npu(4), npu(4), [4], [3])))
        print(failure(lambda: dist.all_reduce(torch.ones(2))))
        t = npu(2)
        dist.all_reduce(t)
        dist.destroy_process_group()
        print(t.tolist())
        """,
        size=1,
    )
    lines = said.splitlines()
    assert lines[0].startswith("ValueError: ")
    assert "contiguous" in lines[0]
    assert lines[1].startswith("TypeError: ")
    assert "Ascend950" in lines[1]
    assert lines[2].startswith("ValueError: ")
    assert lines[3].startswith("ValueError: ")
    assert lines[4].startswith("ValueError: ")
    assert "[4]" in lines[4]
    assert lines[5].startswith("ValueError: ")
    assert "cpu" in lines[6]
    assert lines[7] == "[1.0, 1.0]"


def test_without_a_runtime_the_group_says_what_is_missing(ranks: Ranks) -> None:
    (ended,) = ranks(
        """
        join()
        print(failure(lambda: torch.ones(2).npu()))
        print(failure(lambda: dist.barrier()))
        """,
        size=1,
        NPU_RUNTIME="none",
    )
    assert "no usable NPU runtime" in ended.out + ended.err


def test_out_of_memory_names_what_communicators_hold_until_their_group_ends(agreed: Agreed) -> None:
    printed = agreed(
        """
        def lines(call):
            return [line.split()[1:3] for line in failure(call).splitlines() if "communication:" in line]
        ask = lambda: torch.empty(2 << 30, dtype=torch.uint8, device="npu")
        free = torch.npu.mem_get_info()[0]
        print(lines(ask))
        join()
        dist.barrier()
        print(lines(ask), free - torch.npu.mem_get_info()[0] >= 2 * 32 << 20)
        dist.destroy_process_group()
        print(lines(ask))
        """,
        NPU_SIM_HBM="1G",
        HCCL_BUFFSIZE="32",
    )
    assert printed == ["[]\n[['64.00', 'MiB']] True\n[]"] * 2


def test_an_operation_whose_communicator_finds_no_memory_says_so_where_it_is_waited_for(agreed: Agreed) -> None:
    printed = agreed(
        """
        join(seconds=20)
        x = torch.ones(3, device="npu")
        for wait in (dist.barrier, lambda: (dist.all_reduce(x), x.tolist())):
            said = failure(wait)
            print([word in said for word in ("HcclBarrier", "HcclAllReduce", "400 MB", "HCCL_BUFFSIZE")])
        torch.npu.synchronize()
        """,
        NPU_SIM_HBM="256M",
    )
    assert printed == ["[True, False, True, True]\n[False, True, True, True]"] * 2
