"""`npu doctor`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from npu_core import env, wheels
from npu_core.cli import report, table

#: Seconds that the self-test of a device may take; a real device's first start takes several.
SELF_TEST_SECONDS = 120

_SELF_TEST = """
import sys, torch
data = torch.arange(8, dtype=torch.float32)
if torch.equal(data.to("npu").cpu(), data):
    torch.npu.synchronize()
    sys.exit(0)
sys.exit("what was copied to the device and back differs from what was sent")
"""


class Finding(NamedTuple):
    """One thing that was looked at. `level` is "ok", "warning" or "error"; only errors change the exit status."""

    level: str
    subject: str
    what: str
    remedy: str = ""


def main(argv: list[str]) -> int:
    """Says what is wrong and the command that mends it. Exit status 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="npu doctor", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    found = list(examine(report.gather()))
    wrong = any(f.level == "error" for f in found)
    if arguments.json:
        print(json.dumps({"ok": not wrong, "findings": [f._asdict() for f in found]}, indent=2))
    else:
        print(table.render("npu doctor", [(f.level, f.subject, f.what) for f in found]))
        for finding in found:
            if finding.remedy:
                print(f"  to mend {finding.subject}: {finding.remedy}")
        print("something is wrong" if wrong else "all is well")
    return 1 if wrong else 0


def examine(found: dict[str, Any]) -> Iterator[Finding]:
    """Judges what `report.gather` found, from the ground up."""
    yield from _torch(found)
    yield from _registration(found)
    if found["core"]["state"] in ("yielded", "broken"):
        return
    yield from _plugins(found)
    yield from _runtime(found)


def _torch(found: dict[str, Any]) -> Iterator[Finding]:
    version, need = found["torch"]["version"], found["core"]["torch"]
    install = f"pip install 'torch=={need}.*'"
    if version is None:
        yield Finding("error", "torch", found["torch"]["error"], install)
    elif ".".join(version.split(".")[:2]) != need:
        yield Finding("error", "torch", f"torch {version}; npu-core is built for {need}", install)
    else:
        yield Finding("ok", "torch", version)


def _registration(found: dict[str, Any]) -> Iterator[Finding]:
    core = found["core"]
    official = wheels.official_torch_npu()
    if official is not None:
        what = f"the official torch-npu {official} is installed; npu-core leaves the device to it"
        yield Finding("error", "torch-npu", what, "pip uninstall torch-npu, or pip uninstall npu-core")
    elif core["state"] == "yes":
        yield Finding("ok", "npu-core", f"{core['version']}, C table {core['abi']}")
    elif core["reason"]:
        yield Finding("error", "npu-core", *_apart(core["reason"], core["remedy"]))
    if found["environment"].get("TORCH_DEVICE_BACKEND_AUTOLOAD", "1") != "1":
        what = "TORCH_DEVICE_BACKEND_AUTOLOAD turns autoload off: `import torch` alone does not find npu"
        yield Finding("warning", "environment", what, "unset TORCH_DEVICE_BACKEND_AUTOLOAD")


def _plugins(found: dict[str, Any]) -> Iterator[Finding]:
    for plugin in found["plugins"]:
        label = f"{plugin['wheel']} {plugin['version']}"
        if plugin["state"] == "refused":
            yield Finding("error", f"plugin {plugin['name']}", *_apart(plugin["reason"], plugin["remedy"]))
        elif plugin["state"] == "off":
            yield Finding("warning", f"plugin {plugin['name']}", f"{label} is off: {plugin['reason']}")
        else:
            yield Finding("ok", f"plugin {plugin['name']}", label)
    names = {p["name"] for p in found["plugins"]}
    unknown = sorted((env.plugins() or frozenset()) - names - {"core"})
    if unknown:
        install = "pip install " + " ".join(f"npu-{name}" for name in unknown)
        yield Finding(
            "warning", env.NPU_PLUGINS, f"names plugins that are not installed: {', '.join(unknown)}", install
        )
    if "ops" not in names:
        yield Finding(
            "warning",
            "operators",
            "without npu-ops the device has no operators, torch.empty included",
            "pip install npu-ops",
        )


def _runtime(found: dict[str, Any]) -> Iterator[Finding]:
    runtime = found["runtime"]
    if runtime["chosen"] is None:
        level = "warning" if runtime["wanted"] == "none" else "error"
        yield Finding(level, "runtime", *_apart(runtime["reason"], runtime["remedy"]))
        return
    if runtime["error"]:
        yield Finding("error", "runtime", *_apart(runtime["error"], runtime["remedy"]))
        return
    yield Finding("ok", "runtime", runtime["reason"])
    if not found["devices"]:
        yield Finding(
            "error",
            "devices",
            f"{runtime['chosen']} is loaded but counts no device",
            "check ASCEND_RT_VISIBLE_DEVICES and `npu-smi info`",
        )
    for device in found["devices"]:
        level = "ok" if device["name"] else "error"
        remedy = device.get("remedy", "")
        yield Finding(level, f"npu:{device['index']}", *_apart(device["name"] or device["error"], remedy))
    loaded = {p["name"] for p in found["plugins"] if p["state"] == "loaded"}
    if found["devices"] and "ops" in loaded:
        yield _self_test()


def _self_test() -> Finding:
    """Copies to the device and back in a process of its own, since a broken driver may crash or hang."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SELF_TEST], capture_output=True, text=True, timeout=SELF_TEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("error", "self-test", f"a copy to npu:0 and back did not end in {SELF_TEST_SECONDS} s")
    if done.returncode == 0:
        return Finding("ok", "self-test", "a copy to npu:0 and back is right")
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return Finding("error", "self-test", f"a copy to npu:0 and back failed (exit status {done.returncode}): {last}")


def _apart(sentence: str, remedy: str) -> tuple[str, str]:
    """`sentence` without its remedy, and the remedy."""
    return sentence.removesuffix(f": {remedy}"), remedy
