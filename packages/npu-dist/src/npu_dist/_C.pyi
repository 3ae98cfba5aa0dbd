"""The compiled half of npu-dist."""

from datetime import timedelta

from torch._C._distributed_c10d import Backend, Store

class ProcessGroupHCCL(Backend):
    """One process group's collectives on npu."""

    def __init__(self, store: Store, rank: int, size: int, name: str, timeout: timedelta) -> None: ...
