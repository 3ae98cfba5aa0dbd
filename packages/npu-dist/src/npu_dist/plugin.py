"""What npu-core calls to make the backend known."""

from typing import Any, NoReturn

import npu_dist


def activate(table: int) -> None:
    """Registers the backend ``hccl`` for device ``npu``. It uses no slot of the C table yet."""
    from torch.distributed import Backend, is_available

    if is_available():
        Backend.register_backend("hccl", create, extended_api=True, devices=["npu"])


def create(*args: Any, **kwargs: Any) -> NoReturn:
    """What `init_process_group("hccl")` calls. NotImplementedError until there is a process group."""
    raise NotImplementedError(
        f"npu-dist {npu_dist.__version__} registers the backend hccl but has no ProcessGroupHCCL yet, so no process "
        "group can be made with it: use init_process_group('gloo') with tensors on the CPU, or a later npu-dist"
    )
