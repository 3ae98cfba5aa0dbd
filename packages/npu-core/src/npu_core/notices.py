"""Sentences for the user, on stderr: through `warnings`, and never as an exception."""

import sys
import warnings

_said: set[str] = set()


def say(sentence: str, stacklevel: int = 2) -> None:
    """Warns once a process. Under ``-W error`` the sentence goes to stderr: `import torch`, a query, or the first use
    of a device must not fail for what is only a remark."""
    if sentence in _said:
        return
    _said.add(sentence)
    try:
        warnings.warn(sentence, stacklevel=stacklevel + 1)
    except Warning:
        print(sentence, file=sys.stderr)
