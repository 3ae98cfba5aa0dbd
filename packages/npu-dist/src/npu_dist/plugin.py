"""The entry point ``npu.plugins: dist``: makes the backend ``hccl`` known. The library is loaded by the first group."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npu_core import plugin_library

if TYPE_CHECKING:
    from npu_dist._C import ProcessGroupHCCL

_table = 0


def activate(table: int) -> None:
    """Registers the backend ``hccl`` for device ``npu``. `table` is the address of npu-core's C table.

    ``import torch`` has imported ``torch.distributed`` already, so this costs nothing. Where torch was built without
    it there is no backend to register.
    """
    global _table
    from torch.distributed import Backend, is_available

    _table = table
    if is_available():
        Backend.register_backend("hccl", create, extended_api=True, devices=["npu"])


def create(options: Any, group_options: Any = None) -> ProcessGroupHCCL:
    """What ``init_process_group("hccl")`` calls with c10d's ``DistributedBackendOptions``.

    Opens no device and waits for nobody: a group's first operation does. Raises ImportError if the library cannot be
    loaded or refuses npu-core's table.
    """
    try:
        from npu_dist import _C
    except ImportError as error:
        raise ImportError(f"cannot load npu_dist._C: {error}; pip install --force-reinstall npu-dist") from error
    plugin_library.initialised("npu-dist", Path(_C.__file__), _table)
    timeout = options.timeout if isinstance(options.timeout, timedelta) else timedelta(seconds=options.timeout)
    return _C.ProcessGroupHCCL(options.store, options.group_rank, options.group_size, options.group_id, timeout)
