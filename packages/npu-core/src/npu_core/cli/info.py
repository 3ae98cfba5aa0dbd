"""`npu info`."""

import argparse
import json
from typing import Any

from npu_core.cli import report, table


def main(argv: list[str]) -> int:
    """Shows wheels, versions, the runtime in use and why, plugins and devices."""
    parser = argparse.ArgumentParser(prog="npu info", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    found = report.gather()
    print(json.dumps(found, indent=2) if arguments.json else render(found), end="\n" if arguments.json else "")
    return 0


def render(found: dict[str, Any]) -> str:
    """`found` as tables."""
    core, runtime = found["core"], found["runtime"]
    wheels = [(name, version or "not installed") for name, version in found["wheels"].items()]
    base = [
        ("python", found["python"]["version"]),
        ("torch", found["torch"]["version"] or found["torch"]["error"], f"(npu-core is for {core['torch']})"),
    ]
    registered = {
        "yes": "registered as 'npu'",
        "no": "not registered",
        "yielded": "left to another backend",
        "broken": "broken",
    }
    rows = [
        ("device", registered.get(core["state"], core["state"])),
        *([("", core["reason"])] if core["reason"] else []),
        ("runtime", runtime["chosen"] or "none"),
        ("because", runtime["error"] or runtime["reason"]),
        ("libraries", runtime["library_dir"] if runtime["chosen"] else None),
        ("version", runtime["version"]),
        ("C table", core["abi"]),
    ]
    devices = [
        (
            f"npu:{d['index']}",
            d["name"] or d["error"],
            f"{table.size(d['free'])} of {table.size(d['total'])} free" if d["name"] else "",
        )
        for d in found["devices"]
    ]
    plugins = [(p["name"], f"{p['wheel']} {p['version']}", p["state"], p["reason"]) for p in found["plugins"]]
    considered = [
        (c["name"], f"from {c['from']}", "usable" if c["usable"] else "not usable", c["reason"])
        for c in runtime["candidates"]
    ]
    parts = [
        table.render("Versions", [*base, *wheels]),
        table.render("Device", rows),
        table.render("Runtimes", considered),
        table.render("Plugins", plugins),
        table.render("Devices", devices),
    ]
    if found["environment"]:
        parts.append(table.render("Environment", found["environment"].items()))
    return "\n".join(parts)
