"""What the wheels cost, measured in one run: at import, on disk, at build, and on the host for each small operator.

Run by `nox -s bench`. Seconds of import are the least of several runs, with and without us; memory, modules and host
times are medians; size and build are measured once. The goals stand beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNS = 9
IMPORT_GOAL_SECONDS, IMPORT_GOAL_MB, INSTALLED_GOAL_MB = 0.1, 20.0, 15.0
SIMULATOR_GOAL_US = 0.3

IMPORT_PROBE = """
import json, sys, time
t = time.perf_counter()
import torch
seconds = time.perf_counter() - t
with open("/proc/self/status") as f:
    kb = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
print(json.dumps([seconds, kb / 1024, len(sys.modules)]))
"""


def probe_import(python: str, autoload: bool) -> list[float]:
    """Seconds, resident MB and number of modules after `import torch`."""
    env = {**os.environ, "TORCH_DEVICE_BACKEND_AUTOLOAD": str(int(autoload))}
    out = subprocess.check_output([python, "-c", IMPORT_PROBE], env=env, cwd="/", text=True)
    return [float(v) for v in json.loads(out)]


def bench_import(python: str) -> dict[str, float]:
    """What autoload adds to `import torch`; with and without it alternate, so that drift cancels."""
    probe_import(python, True), probe_import(python, False)  # warm the file cache
    pairs = [(probe_import(python, True), probe_import(python, False)) for _ in range(RUNS)]
    # Of the seconds the least of each: on a busy machine everything else is what the others took.
    added = [min(a[0] for a, _ in pairs) - min(b[0] for _, b in pairs)]
    added += [statistics.median(a[i] - b[i] for a, b in pairs) for i in (1, 2)]
    plain = statistics.median(b[0] for _, b in pairs)
    return {"seconds": added[0], "mb": added[1], "modules": added[2], "import_torch_seconds": plain}


def bench_size(python: str) -> dict[str, float]:
    """Installed MB of each of our wheels in the environment of `python`."""
    code = """
import importlib.metadata as m, json
print(json.dumps({d.metadata["Name"]: sum(f.locate().stat().st_size for f in d.files if f.locate().exists())
                  for d in m.distributions() if d.metadata["Name"].startswith("npu-")}))
"""
    sizes = json.loads(subprocess.check_output([python, "-c", code], cwd="/", text=True))
    return {name: size / 1e6 for name, size in sorted(sizes.items())}


def bench_build() -> dict[str, float]:
    """Seconds to build each compiled wheel from its sdist's sources into an empty folder, without a compiler cache."""
    import shutil

    seconds = {}
    for source in sorted((ROOT / "build" / "src").glob("*/CMakeLists.txt")):
        name = source.parent.name
        python = ROOT / ".nox" / "over" / f"build-{name}" / "bin" / "python"
        with tempfile.TemporaryDirectory() as scratch:
            command = [str(python), "-m", "build", "--no-isolation", "--wheel", "--outdir", f"{scratch}/dist"]
            path = os.pathsep.join([str(ROOT / ".nox" / "shared" / "bin"), os.environ.get("PATH", "")])
            env = {**os.environ, "CCACHE_DISABLE": "1", "TORCH_DEVICE_BACKEND_AUTOLOAD": "0", "PATH": path}
            shutil.copytree(source.parent, f"{scratch}/src")
            began = time.perf_counter()
            command += [f"-Cbuild-dir={scratch}/build", f"{scratch}/src"]
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            seconds[name] = time.perf_counter() - began
    return seconds


#: How often each side measures its host times.
TURNS = 4
Rows = dict[str, dict[str, float]]


def rows_of(program: str, start: list[str], *arguments: str, **variables: str) -> Rows:
    """What a program of this folder measures, run by `start`."""
    command = [*start, str(ROOT / "bench" / program), *arguments]
    out = subprocess.check_output(command, text=True, env={**os.environ, **variables}, stderr=subprocess.DEVNULL)
    rows: Rows = json.loads(out.splitlines()[-1])
    return rows


def simulated(peer: str) -> list[str]:
    """What runs a program with the interpreter `peer`, npu-sim being its CANN."""
    return [str(Path(peer).parent / "npu-sim"), "run", "--", peer]


def bench_host(peer: str | None) -> Rows:
    """Host time of small calls, npu beside cpu. The device's own work is not in it.

    With `peer`, an interpreter with the official torch-npu and npu-sim: also its times, on a CANN that computes nothing
    and costs nothing, and on one whose two phases cost 4 and 3 µs; of its three queue levels the best of each row.
    The two take turns, and the least of each row counts: what else this machine does then costs neither.
    """
    rows = rows_of("host.py", [sys.executable])
    if not peer:
        return rows
    for column, variables in (
        ("free", {"NPU_SIM_KERNELS": "null"}),
        ("4+3 µs", {"NPU_SIM_KERNELS": "null", "NPU_SIM_CALL_COST": "4,3"}),
    ):
        ours, theirs = [], []
        for _ in range(TURNS):
            ours.append(rows_of("host.py", [sys.executable], **variables))
            theirs += [rows_of("host.py", simulated(peer), TASK_QUEUE_ENABLE=q, **variables) for q in ("0", "1", "2")]
        for name, row in rows.items():
            row[f"ours, {column}"] = min(turn[name]["npu_us"] for turn in ours)
            row[f"peer, {column}"] = min(turn[name]["npu_us"] for turn in theirs)
    return rows


def bench_training() -> Rows:
    """Milliseconds of a training step of the demo's models. In a process of its own: threads are set at the start."""
    return rows_of("training.py", [sys.executable])


def bench_fragmentation(peer: str | None) -> Rows:
    """Peak reserved over peak allocated memory, ours beside the peer's: of trainings with changing shapes, and of the
    requests recorded in ours, where both allocators are asked for the same.
    """
    with tempfile.TemporaryDirectory() as scratch:
        trace = f"{scratch}/trace.json"
        record = [sys.executable, str(ROOT / "bench" / "fragmentation.py"), "record", trace]
        subprocess.run(record, check=True, env={**os.environ, "NPU_SIM_KERNELS": "null"}, stderr=subprocess.DEVNULL)
        rows: Rows = {}
        for what, *arguments in (("trace", "replay", trace), ("training", "train")):
            stacks = {"ours": [sys.executable]} | ({"peer": simulated(peer)} if peer else {})
            for stack, start in stacks.items():
                found = rows_of("fragmentation.py", start, *arguments, NPU_SIM_KERNELS="null")
                for name, row in found.items():
                    measured = {f"{stack}, MB": row["reserved_mb"], stack: row["ratio"]}
                    rows.setdefault(f"{what}: {name}", {}).update(measured)
    return rows


def report(r: dict[str, Any]) -> str:
    """The results as a table for people."""
    i = r["import"]
    lines = [f"machine: {r['machine']['cpu']}, {r['machine']['cores']} cores, Python {r['machine']['python']}", ""]
    row = "{:<44}{:>12}{:>14}".format
    lines += [row("npu-core + npu-ops", "measured", "goal")]
    lines += [row("added to `import torch`: seconds", f"{i['seconds']:.3f}", f"{IMPORT_GOAL_SECONDS}")]
    lines += [row("added to `import torch`: MB resident", f"{i['mb']:.1f}", f"{IMPORT_GOAL_MB}")]
    lines += [row("added to `import torch`: modules", f"{i['modules']:.0f}", "")]
    lines += [row("`import torch` alone: seconds", f"{i['import_torch_seconds']:.3f}", "")]
    lines += [row("installed MB", f"{sum(r['installed_mb'].values()):.1f}", f"{INSTALLED_GOAL_MB}")]
    for name, seconds in r.get("build_seconds", {}).items():
        lines += [row(f"cold build of {name}: seconds", f"{seconds:.0f}", "")]
    columns = {"npu": "npu_us", "cpu": "cpu_us", "npu/cpu": "ratio"}
    columns |= {c: c for c in next(iter(r["host"].values())) if "," in c}
    lines += ["", f"{'host µs a call, 16x16 float32':<32}" + "".join(f"{c:>14}" for c in columns)]
    for name, o in r["host"].items():
        cells = (f"{o[key]:.2f}" if key in o else "" for key in columns.values())
        lines += [f"{name:<32}" + "".join(f"{cell:>14}" for cell in cells)]
    lines += ["", f"{'host µs of npu-sim itself':<44}{'measured':>12}{'goal':>14}"]
    lines += [row(name, f"{o['us']:.2f}", f"{SIMULATOR_GOAL_US}") for name, o in r["calls"].items()]
    lines += ["", f"{'ms a training step, one thread each':<36}{'npu':>10}{'cpu':>10}{'npu/cpu':>10}"]
    for name, o in r["training"].items():
        lines += [f"{name:<36}{o['npu_ms']:>10.1f}{o['cpu_ms']:>10.1f}{o['ratio']:>10.2f}"]
    heads = list(next(iter(r["fragmentation"].values())))
    lines += ["", f"{'peak reserved memory: MB, over allocated':<44}" + "".join(f"{h:>10}" for h in heads)]
    for name, o in r["fragmentation"].items():
        lines += [f"{name:<44}" + "".join(f"{o[h]:>10.{0 if 'MB' in h else 3}f}" for h in heads)]
    return "\n".join(lines)


def cpu_name() -> str:
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--product", default=sys.executable, help="Python of an environment with npu-core and npu-ops only"
    )
    parser.add_argument("--peer", help="Python of an environment with torch-npu from PyPI, and npu-sim")
    parser.add_argument("--no-build", action="store_true", help="leave out the cold build, which takes minutes")
    parser.add_argument("--json", type=Path, help="also write the results there")
    args = parser.parse_args()

    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()}
    results: dict[str, Any] = {"machine": machine}
    results["import"] = bench_import(args.product)
    results["installed_mb"] = bench_size(args.product)
    if not args.no_build:
        results["build_seconds"] = bench_build()
    results["host"] = bench_host(args.peer)
    results["calls"] = rows_of("calls.py", [sys.executable])
    results["training"] = bench_training()
    results["fragmentation"] = bench_fragmentation(args.peer)
    print(report(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
