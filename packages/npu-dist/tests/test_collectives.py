"""Every collective on npu equals gloo's on the CPU, with two and with four ranks."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dist_cases import CASES
from rank_processes import Agreed

SCRIPT = """
import json, dist_cases
join("cpu:gloo,npu:hccl", seconds=60)
found = dist_cases.run_all(rank, size)
dist.destroy_process_group()
print(json.dumps(found))
"""


@pytest.fixture(scope="session")
def found(agreed: Agreed, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], list[dict[str, str]]]:
    """What each rank found wrong with each case. All cases of a number of ranks run in one go, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(size: int) -> list[dict[str, str]]:
        known = shared / f"collectives{size}.json"
        with (shared / f"collectives{size}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not known.exists():
                known.write_text(json.dumps([json.loads(out.splitlines()[-1]) for out in agreed(SCRIPT, size)]))
        results: list[dict[str, str]] = json.loads(known.read_text())
        return results

    return get


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("name", CASES)
def test_it_equals_the_cpu(found: Callable[[int], list[dict[str, str]]], name: str, size: int) -> None:
    for rank, results in enumerate(found(size)):
        assert results[name] == "", f"rank {rank}: {results[name]}"


def test_sub_groups_have_communicators_of_their_own(agreed: Agreed) -> None:
    out = agreed(
        """
        join()
        even, odd = dist.new_group([0, 2]), dist.new_group([1, 3])
        alone = dist.new_group([rank], use_local_synchronization=True)
        mine = even if rank % 2 == 0 else odd
        t = torch.tensor([float(rank)]).npu()
        works = [dist.all_reduce(t, group=mine, async_op=True)]
        u = torch.tensor([10.0 + rank]).npu()
        works.append(dist.all_reduce(u, async_op=True))
        for work in works: work.wait()
        v = torch.tensor([5.0]).npu()
        dist.all_reduce(v, group=alone)
        print(t.item(), u.item(), v.item())
        dist.destroy_process_group(mine)
        dist.all_reduce(u)
        dist.destroy_process_group()
        """,
        size=4,
    )
    assert out == ["2.0 46.0 5.0", "4.0 46.0 5.0", "2.0 46.0 5.0", "4.0 46.0 5.0"]


def test_an_operation_waits_for_the_callers_stream_and_the_caller_for_it(agreed: Agreed) -> None:
    out = agreed("""
        join()
        total = 0.0
        for step in range(20):
            stream = torch.npu.Stream()
            with torch.npu.stream(stream):
                x = torch.full((256, 256), 1.0 / 256, device="npu")
                for _ in range(5):
                    x = x.mm(x) + 1.0 / 512
                y = torch.zeros(256, 256, device="npu")
                y.fill_(rank + step)
                work = dist.all_reduce(y, async_op=True)
                work.wait()
                z = y * 2
                del y
            stream.synchronize()
            total += z.mean().item()
        print(total)
        dist.destroy_process_group()
        """)
    assert out == [str(float(sum(2 * (2 * s + 1) for s in range(20))))] * 2


def test_a_future_carries_the_result_into_callbacks(agreed: Agreed) -> None:
    out = agreed("""
        join()
        t = torch.ones(4).npu() * (rank + 1)
        work = dist.all_reduce(t, async_op=True)
        print(work.get_future().then(lambda f: f.value()[0] / 3).wait().cpu().tolist(), work.result()[0] is not None)
        dist.destroy_process_group()
        """)
    assert out == ["[1.0, 1.0, 1.0, 1.0] True"] * 2


def test_coalesced_collectives_end_in_one_work(agreed: Agreed) -> None:
    out = agreed("""
        join()
        from torch.distributed.distributed_c10d import _coalescing_manager
        a, b = torch.ones(3).npu(), torch.ones(2).npu() * rank
        with _coalescing_manager(device=torch.device("npu", rank), async_ops=True) as manager:
            dist.all_reduce(a)
            dist.broadcast(b, src=1)
        manager.wait()
        with _coalescing_manager() as manager:
            dist.all_reduce(a)
            dist.all_reduce(b)
        print(a.tolist(), b.tolist())
        dist.destroy_process_group()
        """)
    assert out == ["[4.0, 4.0, 4.0] [2.0, 2.0]"] * 2


def test_torchrun_starts_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, torch, torch.distributed as dist\n"
        "dist.init_process_group('hccl', device_id=torch.device('npu', int(os.environ['LOCAL_RANK'])))\n"
        "torch.npu.set_device(int(os.environ['LOCAL_RANK']))\n"
        "t = torch.ones(3).npu(); dist.all_reduce(t); print(t.tolist()); dist.barrier(); dist.destroy_process_group()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    env = os.environ | {"NPU_SIM": "2", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("[2.0, 2.0, 2.0]") == 2
