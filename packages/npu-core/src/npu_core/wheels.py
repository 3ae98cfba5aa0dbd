"""What is installed, from distribution metadata alone: one scan of the environment, nothing imported."""

from functools import cache
from importlib import metadata
from importlib.metadata import EntryPoint
from typing import Any

OURS = ("npu-core", "npu-ops", "npu-dist", "npu-profiler", "npu-amp", "npu-sim", "torch-npu")


@cache
def _scan() -> tuple[EntryPoint, ...]:
    found: Any = metadata.entry_points()
    if isinstance(found, dict):  # before Python 3.12, a mapping of groups whose own `values` warns
        return tuple(entry for group in dict.values(found) for entry in group)
    return tuple(found)


def entry_points(group: str) -> list[EntryPoint]:
    """Entry points of `group`, sorted by name, then by value."""
    return sorted((e for e in _scan() if e.group == group), key=lambda e: (e.name, e.value))


def headers(distribution: metadata.Distribution | None) -> dict[str, list[str]]:
    """Core metadata: header name, lower case, to its values. Empty if there is none.

    Parses the few lines itself: the e-mail parser behind `Distribution.metadata` costs more than the rest of autoload.
    """
    text = (_text(distribution, "METADATA") or _text(distribution, "PKG-INFO")) if distribution else None
    found: dict[str, list[str]] = {}
    for line in (text or "").splitlines():
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def _text(distribution: metadata.Distribution, name: str) -> str | None:
    """A metadata file; what is not UTF-8 in it (an author's name in Latin-1) becomes U+FFFD instead of an error."""
    try:
        return distribution.read_text(name)
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return name.lower().replace("_", "-").replace(".", "-")


def version(name: str) -> str | None:
    """Version of the distribution that Python would import, or None."""
    try:
        return headers(metadata.distribution(name)).get("version", [None])[0]
    except metadata.PackageNotFoundError:
        return None


def official_torch_npu() -> str | None:
    """Version of Huawei's torch-npu, or None if `torch_npu` is absent or ours (`+modular`)."""
    found = version("torch-npu")
    return None if found is None or "+modular" in found else found
