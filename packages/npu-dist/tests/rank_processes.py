"""What the fixture `ranks` runs and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: What every script finds: torch, dist, rank, size, `join` makes the group, `failure(call)` says what a call raises.
BEGIN = """
import os, sys, time
from datetime import timedelta
import torch
import torch.distributed as dist
sys.path.insert(0, {here!r})
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
torch.npu.set_device(rank)

def join(backend="hccl", seconds=30, **kwargs):
    dist.init_process_group(backend, init_method="file://" + os.environ["RENDEZVOUS"], rank=rank, world_size=size,
                            timeout=timedelta(seconds=seconds), **kwargs)

def failure(call):
    try:
        call()
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"
    return "nothing raised"

"""


@dataclass
class Ended:
    """How one rank ended."""

    status: int
    out: str
    err: str
    seconds: float


#: What the fixture `ranks` is.
Ranks = Callable[..., list[Ended]]
#: What the fixture `agreed` is.
Agreed = Callable[..., list[str]]
