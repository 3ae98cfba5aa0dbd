"""Runs the official torch-npu wheel on npu-sim, beside our wheels: programs, losses, the operator database.

`python conformance/peer.py --peer PYTHON --ours PYTHON`: two interpreters, one of an environment with `torch-npu` from
PyPI and, of ours, only npu-sim; one with our wheels. `nox -s peer` makes both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import traces
import yaml
from sweep import rows_of
from tqdm import tqdm

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
DEMO = HERE.parent / "demo"
#: What runs on both, by name: the arguments after the interpreter.
RUNS: dict[str, list[str]] = {
    "quick verification": [str(DEMO / "quick_verification.py")],
    "CNN, 100 steps": [str(PROGRAMS / "training.py"), "CNN", "100"],
    "GPT, 100 steps": [str(PROGRAMS / "training.py"), "GPT", "100"],
    "save and load": [str(PROGRAMS / "save_load.py")],
    "streams and events": [str(PROGRAMS / "streams.py")],
    "autocast, GradScaler": [str(PROGRAMS / "amp.py")],
    "memory": [str(PROGRAMS / "memory.py")],
    "expandable segments": [str(PROGRAMS / "expandable_segments.py")],
    "graph": [str(PROGRAMS / "graph.py")],
    "DDP, 2 processes": ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(PROGRAMS / "ddp.py")],
    "DDP, 4 processes": ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4", str(PROGRAMS / "ddp.py")],
}
#: Of these the calls that CANN gets are compared.
TRACED = {
    "quick verification": [str(DEMO / "quick_verification.py")],
    "a training step of the CNN": [str(PROGRAMS / "training.py"), "CNN", "2"],
}
TIMEOUT = 600
DEVICES = "4"  # as many as the largest program has processes


@dataclass
class Outcome:
    """How a program ended, and the result that it printed, if any."""

    why: str
    result: dict[str, object] | None
    seconds: float

    @property
    def good(self) -> bool:
        return not self.why


def run(python: str, arguments: list[str], through: list[str], **variables: str) -> Outcome:
    """Runs a program with `python`, started by `through`, under environment variables."""
    paths = [str(DEMO), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p), "NPU_SIM": DEVICES, **variables}
    began = time.monotonic()
    try:
        done = subprocess.run(
            [*through, python, *arguments], env=env, text=True, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(f"took more than {TIMEOUT} s", None, TIMEOUT)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    result = json.loads(lines[-1].removeprefix("RESULT ")) if lines else None
    why = ""
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        why = f"status {done.returncode}: " + " | ".join(said[-3:])[-400:]
    return Outcome(why, result, time.monotonic() - began)


def flat(values: object) -> list[float]:
    if isinstance(values, dict):
        return [x for key in sorted(values) for x in flat(values[key])]
    if isinstance(values, list):
        return [x for one in values for x in flat(one)]
    return [float(str(values))]


def difference(one: Outcome, other: Outcome) -> tuple[float, float] | None:
    """Largest relative difference of two results, and the one allowed; None where neither program prints a result.

    Infinite if one printed none, or another number of values, or where a difference is no finite number.
    """
    if not one.result and not other.result:
        return None
    if not one.result or not other.result:
        return math.inf, 0.0
    mine, theirs = flat(one.result["values"]), flat(other.result["values"])
    if len(mine) != len(theirs):
        return math.inf, 0.0
    apart = [abs(a - b) / max(abs(b), 1e-12) for a, b in zip(mine, theirs, strict=True)]
    largest = max((x if math.isfinite(x) else math.inf for x in apart), default=0.0)
    return largest, float(str(one.result["tolerance"]))


def programs(peer: str, ours: str, chosen: list[str]) -> int:
    """Runs all programs on both; returns how many failed on one, or ended in other numbers."""
    row = "{:<24}{:<10}{:<10}{:>12}   {}".format
    lines, failures = [row("program", "torch-npu", "ours", "difference", "")], 0
    for name in tqdm(chosen, unit="program", file=sys.stderr):
        theirs = run(peer, RUNS[name], simulated(peer))
        mine = run(ours, RUNS[name], [])
        apart = difference(theirs, mine)
        equal = apart is None or apart[0] <= apart[1]
        failures += not (theirs.good and mine.good and equal)
        notes = [theirs.why, f"ours: {mine.why}" if mine.why else "", "" if equal else "the results differ"]
        lines.append(
            row(
                name,
                f"{theirs.seconds:.0f} s" if theirs.good else "FAILED",
                f"{mine.seconds:.0f} s" if mine.good else "FAILED",
                f"{apart[0]:.1e}" if apart else "",
                "; ".join(n for n in notes if n),
            )
        )
    print("\n".join(lines))
    return failures


def simulated(peer: str) -> list[str]:
    """What starts a program with npu-sim as its CANN."""
    return [str(Path(peer).parent / "npu-sim"), "run", "--"]


def compare_traces(peer: str, ours: str) -> int:
    """Compares what the stacks ask CANN for in the programs of TRACED; returns how many differences have no reason."""
    unexplained = 0
    for name, arguments in TRACED.items():
        found = []
        for python, through in ((ours, []), (peer, simulated(peer))):
            with tempfile.TemporaryDirectory() as folder:
                outcome = run(python, arguments, through, NPU_SIM_TRACE=f"{folder}/%p")
                found.append(traces.signatures(Path(folder).iterdir()))
            if not outcome.good:
                print(f"{name}: {outcome.why}")
                return 1
        text, missing = traces.compare(name, *found)
        print(f"\n{name}: {text}")
        unexplained += missing
    return unexplained


def fresh(peer: str, rows: Path) -> None:
    """Drops rows that another npu-sim or another sweep made, and those of processes that died or were too slow."""
    code = "import npu_sim; print(npu_sim.LIBRARY_DIR)"
    environment = {**os.environ, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    libraries = Path(subprocess.check_output([peer, "-c", code], text=True, env=environment).strip())
    digest = hashlib.sha256()
    for file in (*sorted(libraries.glob("*.so")), *sorted(HERE.glob("*.py"))):
        digest.update(file.read_bytes())
    stamp = rows.with_suffix(".made")
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        rows.unlink(missing_ok=True)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest.hexdigest())
    if rows.exists():
        rows.write_text("".join(json.dumps(row) + "\n" for row in rows_of(rows) if not by_chance(row)))


def by_chance(row: dict[str, object]) -> bool:
    """Whether a row tells of its process, which may have been unlucky, and not of the operator."""
    return str(row.get("examples")).startswith(("['took more than", "['the process ended"))


def judged(rows: list[dict[str, Any]]) -> tuple[str, int]:
    """How many rows ended how, and why the unequal ones did; and how many failures that makes."""
    known = yaml.safe_load((HERE / "peer_sweep.yaml").read_text())
    counts: Counter[str] = Counter()
    explained: dict[str, list[str]] = {}
    open_rows, reads = [], 0
    natural = {
        entry for entries in yaml.safe_load((HERE / "host_reads.yaml").read_text()).values() for entry in entries
    }
    for row in sorted(rows, key=lambda r: str(r["op"])):
        if row["status"] in ("native", "composite", "fallback"):
            counts["equal"] += 1
            reads += bool(row.get("copies")) and row["op"] not in natural
            continue
        said = str((row["examples"] or [""])[0])
        reason = known["reasons"].get(row["op"])
        if row["status"] == "none":
            counts["without a sample"] += 1
        elif reason and reason["says"] in said:
            counts[f"{row['status']}, with a reason"] += 1
            explained.setdefault(reason["why"], []).append(str(row["op"]))
        else:
            counts[f"{row['status']}, WITHOUT A REASON"] += 1
            open_rows.append(f"  {row['op']}: {said[:300]}")
    lines = [f"operators: {len(rows)}; " + ", ".join(f"{n} {how}" for how, n in counts.most_common())]
    lines.append(f"of the equal, {reads} read the host: they copy from the device, and host_reads.yaml has no reason")
    lines += [f"  {', '.join(operators)}: {why}" for why, operators in explained.items()]
    lines += open_rows
    short = counts["equal"] < known["equal"]
    if short:
        lines.append(f"{counts['equal']} are equal; {known['equal']} were (peer_sweep.yaml)")
    elif counts["equal"] > known["equal"]:
        lines.append(f"more are equal than the {known['equal']} of peer_sweep.yaml: write {counts['equal']} there")
    return "\n".join(lines), len(open_rows) + short


def sweep(peer: str, rows: Path) -> int:
    """The first float32 sample of every entry that torch_npu has natively, forward and backward, on the peer.

    Goes on where it was stopped. Returns how many rows have no reason, and one more if fewer are equal than were.
    """
    command = [*simulated(peer), peer, str(HERE), "--first", "--peer-native", "--dtypes=float32", "--timeout=120"]
    for _ in range(2):  # the second time for what failed by chance
        fresh(peer, rows)
        status = subprocess.run([*command, "--out", str(rows)], stdout=subprocess.DEVNULL, check=False).returncode
        if status:
            print(f"the sweep ended with status {status}")
            return 1
        if not any(map(by_chance, rows_of(rows))):
            break
    text, failures = judged(rows_of(rows))
    print(f"\n{text}\nevery row: {rows.with_suffix('.html')}")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", help=f"of {', '.join(RUNS)} (all)")
    parser.add_argument("--peer", required=True, help="interpreter with torch-npu and npu-sim")
    parser.add_argument("--ours", required=True, help="interpreter with npu-core, npu-ops, npu-dist, npu-amp, npu-sim")
    parser.add_argument("--only-sweep", action="store_true", help="neither programs nor traces")
    parser.add_argument("--rows", type=Path, default=Path("build/peer.jsonl"), help="of the sweep (%(default)s)")
    arguments = parser.parse_args()
    found: dict[str, int] = {}
    if not arguments.only_sweep:
        found["programs"] = programs(arguments.peer, arguments.ours, arguments.programs or list(RUNS))
        if not arguments.programs:
            found["traces"] = compare_traces(arguments.peer, arguments.ours)
    if not arguments.programs:
        found["sweep"] = sweep(arguments.peer, arguments.rows)
    print("\n" + "; ".join(f"{stage}: {f'{n} FAILED' if n else 'good'}" for stage, n in found.items()))
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
