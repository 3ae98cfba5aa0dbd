"""Writes docs/npu-sim-abi.md from abi.yaml and npu-cann's data: `python packages/npu-sim/tests/abi_page.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import npu_cann
from npu_cann.signatures import load_yaml

PACKAGE = Path(__file__).resolve().parents[1]
PAGE = PACKAGE.parents[1] / "docs" / "npu-sim-abi.md"
KINDS = {"linked": "at import", "linked_by_graphs": "by its graph compiler", "looked_up": "on first use"}

HEAD = """# CANN's ABI in npu-sim

The {total} functions of CANN, operators aside, that torch_npu 2.13.0 is linked to or looks up. npu-sim has {present} of
them; {works} do their work, {refused} answer a documented error code, and {absent} are in libraries that are absent.

Generated from [`abi.yaml`](../packages/npu-sim/abi.yaml) and npu-cann's
[`torch_npu.yaml`](../packages/npu-cann/src/npu_cann/data/torch_npu.yaml) by
[`abi_page.py`](../packages/npu-sim/tests/abi_page.py); [a test](../packages/npu-sim/tests/test_abi.py) holds them to
the libraries, both ways.

| function | library | torch_npu asks | npu-sim |
|---|---|---|---|
"""


def used() -> dict[str, dict[str, list[str]]]:
    """library -> how torch_npu asks -> names."""
    path = Path(npu_cann.__file__).parent / "data" / "torch_npu.yaml"
    data: Any = load_yaml(path)
    return {library: {kind: names.split() for kind, names in kinds.items()} for library, kinds in data.items()}


def not_done() -> dict[str, Any]:
    """The sections of abi.yaml."""
    return dict(load_yaml(PACKAGE / "abi.yaml"))


def render() -> str:
    """The page as Markdown."""
    sections = not_done()
    rows: list[tuple[str, str, str, str]] = []
    for library, kinds in used().items():
        for kind, names in kinds.items():
            for name in names:
                answer = "works"
                if library in sections["absent"]:
                    answer = f"absent: {sections['absent'][library]}"
                elif name in sections["refused"]:
                    entry = sections["refused"][name]
                    answer = f"`{entry['code']}`: {entry['why']}; CANN's works {entry['works']}"
                elif name in sections["partly"]:
                    answer = sections["partly"][name]
                rows.append((name, library, KINDS[kind], answer))
    absent = sum(r[3].startswith("absent") for r in rows)
    refused = sum(r[0] in sections["refused"] for r in rows)
    text = HEAD.format(
        total=len(rows),
        present=len(rows) - absent,
        works=len(rows) - absent - refused,
        refused=refused,
        absent=absent,
    )
    return text + "".join(f"| `{name}` | `{lib}` | {asks} | {answer} |\n" for name, lib, asks, answer in rows)


if __name__ == "__main__":
    PAGE.write_text(render())
