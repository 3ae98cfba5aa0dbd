"""Sentences for the user, on stderr: through `warnings`, and never as an exception."""

import sys
import warnings

_said: set[str] = set()


def say(sentence: str) -> None:
    """Warns once a process, in one line: where the program happens to be is no part of it.

    Under ``-W error`` the sentence goes to stderr: `import torch`, a query, or the first use of a device must not fail
    for what is only a remark.
    """
    if sentence in _said:
        return
    _said.add(sentence)
    try:
        warnings.warn_explicit(sentence, UserWarning, "npu-core", 0, module="npu_core")
    except Warning:
        print(sentence, file=sys.stderr)
