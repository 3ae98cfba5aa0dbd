"""What npu-core calls to make the rules known."""


def activate(table: int) -> None:
    """Registers nothing yet: npu-core's message for an enabled autocast context stays in force."""
