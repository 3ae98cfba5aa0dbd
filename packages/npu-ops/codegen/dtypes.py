"""The letters that stand for dtypes in the generated code; csrc/dtypes.h reads them."""

from __future__ import annotations

LETTERS = {
    "ACL_FLOAT": "f",
    "ACL_FLOAT16": "h",
    "ACL_BF16": "b",
    "ACL_DOUBLE": "d",
    "ACL_INT64": "l",
    "ACL_INT32": "i",
    "ACL_INT16": "s",
    "ACL_INT8": "c",
    "ACL_UINT8": "u",
    "ACL_BOOL": "?",
    "ACL_COMPLEX32": "H",
    "ACL_COMPLEX64": "F",
    "ACL_COMPLEX128": "D",
    "ACL_UINT16": "t",
    "ACL_UINT32": "j",
    "ACL_UINT64": "m",
}


def letters(accepted: tuple[str, ...]) -> str:
    """``("ACL_FLOAT", "ACL_BF16")`` as ``"fb"``; dtypes that torch lacks are dropped."""
    return "".join(LETTERS.get(a, "") for a in accepted)
