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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNS = 9
IMPORT_GOAL_SECONDS, IMPORT_GOAL_MB, INSTALLED_GOAL_MB = 0.1, 20.0, 15.0

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
    import tempfile

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


def host_microseconds(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Median microseconds that the calling thread spends in `call`: batches of calls, the device idle before each."""
    samples = []
    for _ in range(41):
        wait()
        began = time.perf_counter()
        for _ in range(50):
            call()
        samples.append((time.perf_counter() - began) / 50)
    return statistics.median(samples[1:]) * 1e6


def bench_operators() -> dict[str, dict[str, float]]:
    """Host time of small operators, npu beside cpu. The device's own work is not in it."""
    import torch

    torch.set_num_threads(1)

    def calls(device: str) -> dict[str, Callable[[], Any]]:
        x, y = torch.randn(16, 16, device=device), torch.randn(16, 16, device=device)
        z, w, b = torch.empty(16, 16, device=device), torch.ones(16, device=device), torch.zeros(16, device=device)
        return {
            "empty": lambda: torch.empty(16, 16, device=device),
            "view": lambda: x.view(256),
            "add": lambda: x + y,
            "add_": lambda: z.add_(y),
            "mul.scalar": lambda: x * 2.0,
            "mm": lambda: x.mm(y),
            "sum": lambda: x.sum(),
            "copy_": lambda: z.copy_(x),
            "layer_norm": lambda: torch.nn.functional.layer_norm(x, (16,), w, b),
        }

    results = {}
    on_npu, on_cpu = calls("npu"), calls("cpu")
    for name, call in on_npu.items():
        try:
            with torch.no_grad():
                call()
                torch.npu.synchronize()
                npu = host_microseconds(call, torch.npu.synchronize)
                cpu = host_microseconds(on_cpu[name], lambda: None)
        except NotImplementedError:
            continue  # an operator that the installed npu-ops does not have yet is left out of the table
        results[name] = {"npu_us": npu, "cpu_us": cpu, "ratio": npu / cpu}
    return results


def bench_training() -> dict[str, dict[str, float]]:
    """Milliseconds of a training step of the demo's models. In a process of its own: threads are set at the start."""
    out = subprocess.check_output([sys.executable, str(ROOT / "bench" / "training.py")], text=True)
    rows: dict[str, dict[str, float]] = json.loads(out)
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
    lines += ["", f"{'host µs a call, 16x16 float32':<32}{'npu':>10}{'cpu':>10}{'npu/cpu':>10}"]
    for name, o in r["operators"].items():
        lines += [f"{name:<32}{o['npu_us']:>10.2f}{o['cpu_us']:>10.2f}{o['ratio']:>10.2f}"]
    lines += ["", f"{'ms a training step, one thread each':<36}{'npu':>10}{'cpu':>10}{'npu/cpu':>10}"]
    for name, o in r["training"].items():
        lines += [f"{name:<36}{o['npu_ms']:>10.1f}{o['cpu_ms']:>10.1f}{o['ratio']:>10.2f}"]
    return "\n".join(lines)


def cpu_name() -> str:
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--product", default=sys.executable, help="Python of an environment with npu-core and npu-ops only"
    )
    parser.add_argument("--no-build", action="store_true", help="leave out the cold build, which takes minutes")
    parser.add_argument("--json", type=Path, help="also write the results there")
    args = parser.parse_args()

    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()}
    results: dict[str, Any] = {"machine": machine}
    results["import"] = bench_import(args.product)
    results["installed_mb"] = bench_size(args.product)
    if not args.no_build:
        results["build_seconds"] = bench_build()
    results["operators"] = bench_operators()
    results["training"] = bench_training()
    print(report(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
