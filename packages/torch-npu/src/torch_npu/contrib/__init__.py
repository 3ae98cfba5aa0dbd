"""What the official torch_npu has under this name. Here: `transfer_to_npu`."""

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"torch_npu.contrib.{name} is not in this torch-npu yet; it has transfer_to_npu only")
