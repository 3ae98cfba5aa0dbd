"""ATen as the dispatcher has it: who answers each operator on npu, torch_npu 2.13.0 and this project side by side.

`python conformance/registrations.py` writes the page, and fails if an operator that torch_npu has a kernel for is less
native here without a reason in registrations.yaml. `nox -s conformance` runs it.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import page
import torch
import torchgen
import yaml
from torchgen.gen import get_grouped_native_functions, parse_native_yaml

#: From the best to the worst. kernel: one for the device; composite: PyTorch's own of other operators; cpu: the CPU
#: computes it, or the operator that a composite is made of; none: it raises NotImplementedError.
ANSWERS = ("kernel", "composite", "cpu", "none")
HERE = Path(__file__).parent
COMPOSITE = ("CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional", "CompositeImplicitAutograd")


def partners() -> dict[str, list[str]]:
    """The forms of each operator that PyTorch makes of one another: functional, in-place, out=."""
    folder = Path(torchgen.__path__[0]) / "packaged" / "ATen" / "native"
    native = parse_native_yaml(str(folder / "native_functions.yaml"), str(folder / "tags.yaml"))
    of: dict[str, list[str]] = {}
    for group in get_grouped_native_functions(native.native_functions):
        names = [str(f.func.name) for f in (group.functions() if hasattr(group, "functions") else [group])]
        of |= dict.fromkeys(names, names)
    return of


def registered(name: str) -> str | None:
    """The source file of the device's kernel of `name`."""
    found = re.search(r"^PrivateUse1: registered at (\S+?):\d+", torch._C._dispatch_dump(f"aten::{name}"), re.MULTILINE)
    return Path(found[1]).name if found else None


def is_fallback(source: str) -> bool:
    """Whether the kernels that `source` registers are the CPU's."""
    return "fallback" in source


def ours() -> dict[str, tuple[str, str]]:
    """The answer to each operator, and where its kernel is."""
    torch.npu.init()
    has, forms = torch._C._dispatch_has_kernel_for_dispatch_key, partners()
    found = {}
    for full in torch._C._dispatch_get_all_op_names():
        name = full.removeprefix("aten::")
        if full == name:
            continue
        source = registered(name)
        if source:
            found[name] = ("cpu" if is_fallback(source) else "kernel"), source
        elif any(has(full, key) for key in COMPOSITE):
            sources = [s for s in map(registered, forms.get(name, [])) if s]
            ends_on_cpu = bool(sources) and all(is_fallback(s) for s in sources)
            found[name] = ("cpu" if ends_on_cpu else "composite"), ", ".join(sorted(set(sources)))
        else:
            found[name] = "none", ""
    return found


def theirs(facts: dict[str, list[str]], names: Iterable[str]) -> dict[str, str]:
    """torch_npu's answers; what its facts do not list is PyTorch's own composite."""
    listed = dict.fromkeys(facts["cpu"] + facts["cpu_through"], "cpu") | dict.fromkeys(facts["kernel"], "kernel")
    return {name: listed.get(name, "composite") for name in names}


def missing_layouts(layouts: dict[str, list[str]]) -> list[str]:
    """torch_npu's kernels for tensors that are not strided, which are not here: "SparsePrivateUse1 max"."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    return [
        f"{key} {name}"
        for key, names in layouts.items()
        for name in names
        if not any(has(name if "::" in name else f"aten::{name}", k) for k in (key, "CompositeImplicitAutograd"))
    ]


def less_native(mine: dict[str, tuple[str, str]], peer: dict[str, str]) -> dict[str, str]:
    """Operators of which torch_npu does more than this project. Who has no kernel of the CPU's cannot fall back."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    worse = {"kernel": ("cpu", "none"), "composite": ("none",), "cpu": ("none",)}
    return {
        name: answer
        for name, (answer, _) in mine.items()
        if answer in worse[peer[name]] and (peer[name] != "cpu" or has(f"aten::{name}", "CPU"))
    }


def written_lines() -> int:
    """Lines of npu-ops that somebody wrote: tables and C++, comments and all."""
    folder = HERE.parent / "packages" / "npu-ops"
    files = [*folder.glob("csrc/*.cpp"), *folder.glob("csrc/*.h"), *folder.glob("tables/*.yaml")]
    return sum(len(path.read_text().splitlines()) for path in files)


def reasons() -> dict[str, str]:
    """Why an operator may be less native here than with torch_npu."""
    return {
        name: why for why, names in yaml.safe_load((HERE / "registrations.yaml").read_text()).items() for name in names
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/registrations.html"), help="the page (%(default)s)")
    arguments = parser.parse_args()
    mine, why = ours(), reasons()
    facts = yaml.safe_load((HERE / "peer_registrations.yaml").read_text())
    peer = theirs(facts, mine)
    counts = Counter((peer[name], answer) for name, (answer, _) in mine.items())
    line = "{:<24}" + "{:>11}" * len(ANSWERS)
    table = [line.format("torch_npu \\ here", *ANSWERS)]
    table += [line.format(of, *(counts[of, answer] for answer in ANSWERS)) for of in ANSWERS[:3]]
    less = less_native(mine, peer) | dict.fromkeys(missing_layouts(facts["layouts"]), "none")
    summary = "\n".join(table) + f"\n\ntorch_npu does more of {len(less)}; {len(why)} reasons"
    kernels = sum(answer == "kernel" for answer, _ in mine.values())
    summary += f"\n{kernels} kernels of {written_lines() / kernels:.1f} written lines each"
    rows = [
        f"<tr><td>{html.escape(name)}</td><td>{peer[name]}</td>"
        f'<td class="{COLOURS[answer]}" title="{html.escape(why.get(name, ""))}">{answer}</td><td>{source}</td>'
        for name, (answer, source) in sorted(mine.items())
    ]
    page.write_table(
        "Operators of ATen on npu", summary, ("operator", "torch_npu 2.13.0", "here", "source"), rows, arguments.out
    )
    print(summary)
    for name in sorted(set(less) - set(why)):
        print(f"{name}: here: {less[name]}; torch_npu does more. Add a kernel, or a reason to registrations.yaml")
    for name in sorted(set(why) - set(less)):
        print(f"{name}: it needs no reason: remove it from registrations.yaml")
    print(f"\nevery operator: {arguments.out}")
    return 0 if set(less) == set(why) else 1


COLOURS = {"kernel": "native", "composite": "composite", "cpu": "fallback", "none": "error"}

if __name__ == "__main__":
    sys.exit(main())
