"""Writes docs/parity.md from parity/core_names.json: `python tests/parity_page.py`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent / "parity" / "core_names.json"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "parity.md"

HEAD = """# Names of torch_npu in npu-core

What programs for torch_npu 2.13 use of the runtime: {total} names of tiers 1 (used by several projects, or everyday
calls) and 2 (documented, exported, or used once). All exist and take the same calls; {raising} of them only raise.

Generated from [`core_names.json`](../tests/parity/core_names.json) by [`parity_page.py`](../tests/parity_page.py); a
test holds both to the code.

| name | tier | call | here |
|---|---|---|---|
"""


def render(names: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as Markdown."""
    text = HEAD.format(total=len(names), raising=sum("raises" in row for row in names.values()))
    for name, row in names.items():
        call = f"`({', '.join(row['parameters'].split())})`" if "parameters" in row else row["kind"]
        here = f"raises NotImplementedError: {row['raises']}" if "raises" in row else row.get("note", "yes")
        text += f"| `{name}` | {row['tier']} | {call} | {here} |\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(render(json.loads(DATA.read_text())))
