"""The generator's one error."""


class TableError(ValueError):
    """A table is wrong; the message names the file and the entry, says what is wrong and what would be right."""
