"""Tables that sort by a click, with torch_npu's answer beside ours; the coverage page is one, an entry a line."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

STYLE = """
body{font:14px system-ui,sans-serif;margin:2em} table{border-collapse:collapse} th{cursor:pointer;position:sticky;top:0;
background:#eee} td,th{border:1px solid #ccc;padding:2px 8px;text-align:left} .native{background:#c8e6c9}
.composite{background:#dcedc8} .fallback{background:#fff9c4} .wrong,.error{background:#ffcdd2}
"""
SORT = """
document.querySelectorAll('th').forEach((head, column) => head.onclick = () => {
  const body = document.querySelector('tbody'), sign = head.sign = -(head.sign || -1);
  const text = row => row.cells[column].textContent;
  [...body.rows].sort((a, b) => sign * text(a).localeCompare(text(b))).forEach(row => body.append(row));
});
"""


def cell(row: dict[str, object] | None) -> str:
    """A status, coloured; the launches of a composite, the reason of the rest on hover."""
    if row is None or row["status"] == "none":
        return "<td></td>"
    status, fallbacks, examples = str(row["status"]), row.get("fallbacks"), row.get("examples")
    text = f"{status} ({row['launches']})" if status == "composite" else status
    why = ""
    if status == "fallback" and isinstance(fallbacks, dict):
        why = "; ".join(f"{op}: {reason}" for op, reason in fallbacks.items())
    elif isinstance(examples, list) and examples:
        why = str(examples[0])
    return f'<td class="{status}" title="{html.escape(why)}">{text}</td>'


def write_table(title: str, summary: str, head: Sequence[str], lines: Sequence[str], path: Path) -> None:
    """Writes a page of one table to `path`; `lines`: its rows, each from <tr> on."""
    columns, body = "".join(f"<th>{name}</th>" for name in head), "</tr>\n".join(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>{title}</h1><pre>{html.escape(summary)}</pre>"
        f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table><script>{SORT}</script>\n"
    )


def write(rows: Sequence[dict[str, object]], peer: dict[str, str], summary: str, path: Path) -> None:
    """Writes the page of `rows` to `path`; `peer`: torch_npu's answer by entry."""
    by_entry: dict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    for row in rows:
        by_entry[str(row["op"])][str(row["dtype"])] = row
    dtypes = sorted({str(row["dtype"]) for row in rows})
    head = ("operator", "torch_npu 2.13.0, float32", *dtypes)
    lines = [
        f"<tr><td>{html.escape(entry)}</td><td>{peer.get(entry, '')}</td>" + "".join(cell(of.get(d)) for d in dtypes)
        for entry, of in sorted(by_entry.items())
    ]
    write_table("torch's operator database on npu", summary, head, lines, path)
