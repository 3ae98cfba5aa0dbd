"""Runs torch's op_db, module_db and optim_db on npu against cpu: `python conformance --help`, `nox -s conformance`.

Writes one JSON row an operator and dtype, and prints how many ended how. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

import page
import yaml
from sweep import STATUSES, Task, rows_of, serve_rows, sweep

#: Shares of op_db's entries that are to be native or composite, by dtype.
GOALS = {"float32": 0.90, "int64": 0.85, "bool": 0.85, "float16": 0.90, "bfloat16": 0.90, "complex64": 0.60}
#: The others that torch tests on cpu. All of their samples take longer than those of the goals, and differ from them in
#: which dtypes CANN's operators take, which the first sample shows.
OTHERS = (
    *("float64", "int32", "int16", "int8", "uint8", "complex128", "complex32", "uint16", "uint32", "uint64"),
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
)


def peer_answers() -> dict[str, str]:
    """How torch_npu 2.13.0 answers each entry: native, composite, fallback, ..."""
    groups = yaml.safe_load((Path(__file__).parent / "peer.yaml").read_text())
    return {entry: answer for answer, entries in groups.items() for entry in entries}


def tasks(patterns: list[str], dtypes: list[str], sample: int, only: set[str] | None = None) -> list[Task]:
    """Every entry and dtype that cpu supports, or those of `only`; of them every `sample`-th."""
    import torch
    from databases import supported

    wanted = [getattr(torch, d) for d in dtypes]
    found = [
        (name, str(dtype).removeprefix("torch."))
        for name, has in supported().items()
        if only is None or name in only
        if not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)
        for dtype in sorted(has, key=str)
        if dtype in wanted
    ]
    return found[::sample]


def database_of(entry: str) -> str:
    """The list of torch's that names `entry`."""
    if entry.startswith("optim."):
        return "optim_db"
    return "module_db" if entry.startswith("nn.") and not entry.startswith("nn.functional.") else "op_db"


def table(rows: list[dict[str, object]]) -> str:
    """How many entries of each database and dtype ended how."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[database_of(str(row["op"])), str(row["dtype"])][str(row["status"])] += 1
    line = "{:<10}{:<12}" + "{:>10}" * len(STATUSES) + "{:>10}"
    lines = [line.format("", "dtype", *STATUSES, "covered")]
    for (database, dtype), count in sorted(counts.items(), key=lambda c: (c[0][0] != "op_db", *c[0])):
        whole = sum(count.values()) - count["none"]
        covered = (count["native"] + count["composite"]) / max(whole, 1)
        goal = f" (goal {GOALS[dtype]:.0%})" if dtype in GOALS and database == "op_db" else ""
        lines.append(line.format(database, dtype, *(count[s] for s in STATUSES), f"{covered:.1%}") + goal)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ops", nargs="*", help="entries, as add, nn.Linear, optim.Adam; wildcards allowed (all)")
    parser.add_argument("--dtypes", default=",".join((*GOALS, *OTHERS)), help="comma separated (%(default)s)")
    parser.add_argument("--first", action="store_true", help="only the first sample of each, forward and backward")
    parser.add_argument(
        "--first-in", default=",".join(OTHERS), metavar="DTYPES", help="in these dtypes as well ('': in none)"
    )
    parser.add_argument("--peer-native", action="store_true", help="only what torch_npu 2.13.0 has natively")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="only every N-th row")
    parser.add_argument("--out", type=Path, default=Path("build/conformance.jsonl"), help="rows (%(default)s)")
    parser.add_argument("--again", action="store_true", help="forget the rows that are there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=float, default=300, help="seconds a row may take (%(default)s)")
    parser.add_argument("--report", action="store_true", help="only print what the rows say")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve_rows(arguments.first, arguments.first_in.split(","))
        return 0
    if arguments.report:
        rows = rows_of(arguments.out)
    else:
        if arguments.again:
            arguments.out.unlink(missing_ok=True)
        only = {e for e, answer in peer_answers().items() if answer == "native"} if arguments.peer_native else None
        wanted = tasks(arguments.ops, arguments.dtypes.split(","), arguments.sample, only)
        given = [f"--first-in={arguments.first_in}", *(["--first"] if arguments.first else [])]
        rows = sweep(wanted, arguments.out, given, arguments.jobs, arguments.timeout)
    print(table(rows))
    page.write(rows, peer_answers(), table(rows), arguments.out.with_suffix(".html"))
    print(f"\nevery row: {arguments.out.with_suffix('.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
