"""What npu-core calls to make the profiler known."""


def activate(table: int) -> None:
    """Registers nothing yet: there is no device activity to offer to torch.profiler."""
