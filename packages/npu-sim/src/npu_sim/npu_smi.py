"""What the driver's ``npu-smi`` prints, of the simulated machine, in its form: for programs that parse it.

Only queries are there. What a simulator does not have (temperature, power) is ``NA``, as the tool itself writes where a
product lacks a sensor; bus numbers are made up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from .smi import MIB, Machine, SettingsError, Use, machine, uses

#: Widths of the main table's columns, without their bars.
WIDTHS = (27, 15, 52)
PROCESS_WIDTHS = (27, 15, 26, 25)
USAGE = """Usage: npu-smi info
       npu-smi info -l | -m
       npu-smi info -t board|common|health|memory|product|usages|proc-mem [-i ID] [-c CHIP]
       npu-smi -v | -h
The simulated machine has no other query, and nothing to set."""


class UnknownQueryError(Exception):
    """The command line asks for what is not there; the message says what."""


def chip_name(soc: str) -> str:
    """As the tool writes a SoC: ``910B2`` for Ascend910B2, ``Ascend910`` for the parts of the third generation."""
    if soc.startswith("Ascend910_93"):
        return "Ascend910"
    return soc.removeprefix("Ascend")


def bus(device: int) -> str:
    """A made-up place on the bus."""
    return f"0000:{0x81 + device:02X}:00.0"


def _rule(widths: Sequence[int], mark: str) -> str:
    return "+" + "+".join(mark * w for w in widths) + "+"


def _row(widths: Sequence[int], *cells: str) -> str:
    return "|" + "|".join(f" {c}".ljust(w)[:w] for c, w in zip(cells, widths, strict=True)) + "|"


def _pair(used: int, total: int) -> str:
    return f"{used:<5}/ {total}"


def info(found: Machine, used: list[Use], own: str) -> str:
    """The main table and that of the processes."""
    width = sum(WIDTHS) + 2
    lines = ["+" + "-" * width + "+", "|" + f" npu-smi {own}".ljust(34) + f"Version: {own}".ljust(width - 34) + "|"]
    lines += [_rule(WIDTHS, "-")]
    lines += [_row(WIDTHS, "NPU   Name", "Health", "Power(W)    Temp(C)           Hugepages-Usage(page)")]
    lines += [_row(WIDTHS, "Chip", "Bus-Id", "AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)")]
    lines += [_rule(WIDTHS, "=")]
    for device in range(found.devices):
        hbm = sum(u.resident_bytes for u in used if u.device == device) // MIB
        name = f"{device:<6}{chip_name(found.soc)}"
        lines += [_row(WIDTHS, name, "OK", f"{'NA':<12}{'NA':<18}{_pair(0, 0)}")]
        lines += [_row(WIDTHS, "0", bus(device), f"{0:<12}{_pair(0, 0):<18}{_pair(hbm, found.hbm_bytes // MIB)}")]
        lines += [_rule(WIDTHS, "=")]
    lines += [_rule(PROCESS_WIDTHS, "-")]
    lines += [_row(PROCESS_WIDTHS, "NPU     Chip", "Process id", "Process name", "Process memory(MB)")]
    lines += [_rule(PROCESS_WIDTHS, "=")]
    for device in range(found.devices):
        mine = [u for u in used if u.device == device]
        for use in mine:
            memory = str(use.resident_bytes // MIB)
            lines += [_row(PROCESS_WIDTHS, f"{device:<8}0", str(use.pid), use.name, memory)]
        if not mine:
            lines += ["|" + f" No running processes found in NPU {device}".ljust(width) + "|"]
        lines += [_rule(PROCESS_WIDTHS, "=")]
    return "\n".join(lines)


def _fields(pairs: Sequence[tuple[str, object]]) -> str:
    return "\n".join(f"\t{name:<31}: {value}" for name, value in pairs)


def listing(found: Machine) -> str:
    """``info -l``: how many cards, and the number of each."""
    parts = [_fields([("Total Count", found.devices)])]
    parts += [
        _fields([("NPU ID", d), ("Product Name", "npu-sim"), ("Serial Number", "NA"), ("Chip Count", 1)])
        for d in range(found.devices)
    ]
    return "\n\n".join(parts)


def mapping(found: Machine) -> str:
    """``info -m``: cards, chips and logical numbers."""
    rows = [("NPU ID", "Chip ID", "Chip Logic ID", "Chip Name")]
    rows += [
        (str(d), "0", str(d), f"Ascend {chip_name(found.soc).removeprefix('Ascend')}") for d in range(found.devices)
    ]
    return "\n".join("\t" + "".join(c.ljust(31) for c in row).rstrip() for row in rows)


def _board(found: Machine, device: int, hbm: int, own: str) -> list[tuple[str, object]]:
    name = chip_name(found.soc)
    return [
        ("NPU ID", device),
        ("Product Name", "npu-sim"),
        ("Model", "NA"),
        ("Manufacturer", "npu-sim"),
        ("Serial Number", "NA"),
        ("Software Version", own),
        ("Firmware Version", "NA"),
        ("Board ID", "NA"),
        ("PCIe Bus Info", bus(device)),
        ("Slot ID", device),
        ("Class ID", "NA"),
        ("Chip Count", 1),
        ("Chip ID", 0),
        ("Chip Type", "Ascend"),
        ("Chip Name", name),
    ]


def _usages(found: Machine, device: int, hbm: int, own: str) -> list[tuple[str, object]]:
    total = found.hbm_bytes // MIB
    return [
        ("NPU ID", device),
        ("Chip Count", 1),
        ("HBM Capacity(MB)", total),
        ("HBM Usage Rate(%)", hbm * 100 // total),
        ("Aicore Usage Rate(%)", 0),
        ("Aicpu Usage Rate(%)", 0),
        ("Ctrlcpu Usage Rate(%)", 0),
        ("Chip ID", 0),
    ]


def _memory(found: Machine, device: int, hbm: int, own: str) -> list[tuple[str, object]]:
    return [
        ("NPU ID", device),
        ("Chip Count", 1),
        ("DDR Capacity(MB)", 0),
        ("HBM Capacity(MB)", found.hbm_bytes // MIB),
        ("Chip ID", 0),
    ]


def _health(found: Machine, device: int, hbm: int, own: str) -> list[tuple[str, object]]:
    return [("NPU ID", device), ("Chip Count", 1), ("Health Status", "OK"), ("Error Code", "NA"), ("Chip ID", 0)]


def _product(found: Machine, device: int, hbm: int, own: str) -> list[tuple[str, object]]:
    return [("NPU ID", device), ("Product Name", "npu-sim"), ("Product Type", "npu-sim")]


def _common(found: Machine, device: int, hbm: int, own: str) -> list[tuple[str, object]]:
    rate = hbm * 100 // (found.hbm_bytes // MIB)
    return [
        ("NPU ID", device),
        ("Chip Count", 1),
        ("Chip ID", 0),
        ("Memory Usage Rate(%)", 0),
        ("HBM Usage Rate(%)", rate),
        ("Aicore Usage Rate(%)", 0),
        ("Aicore Freq(MHZ)", "NA"),
        ("Aicore curFreq(MHZ)", "NA"),
        ("Temperature(C)", "NA"),
        ("NPU Real-time Power(W)", "NA"),
    ]


_TYPES: dict[str, Callable[[Machine, int, int, str], list[tuple[str, object]]]] = {
    "board": _board,
    "common": _common,
    "health": _health,
    "memory": _memory,
    "product": _product,
    "usages": _usages,
}


def _option(words: list[str], name: str) -> str | None:
    if name not in words:
        return None
    at = words.index(name)
    if at + 1 == len(words):
        raise UnknownQueryError(f"{name} needs a value")
    return words[at + 1]


def details(words: list[str], found: Machine, used: list[Use], own: str) -> str:
    """``info -t TYPE``, of one card or of all."""
    kind = _option(words, "-t")
    card, chip = _option(words, "-i"), _option(words, "-c")
    if card is not None and not (card.isdigit() and int(card) < found.devices):
        raise UnknownQueryError(f"there is no NPU {card}: this machine has {found.devices}")
    if chip not in (None, "0"):
        raise UnknownQueryError(f"there is no chip {chip}: each NPU has chip 0")
    devices = range(found.devices) if card is None else [int(card)]
    resident = {d: sum(u.resident_bytes for u in used if u.device == d) // MIB for d in devices}
    if kind == "proc-mem":
        rows: list[tuple[str, object]] = []
        for d in devices:
            rows += [("NPU ID", d), ("Chip ID", 0)]
            for u in (u for u in used if u.device == d):
                rows += [
                    ("Process id", u.pid),
                    ("Process name", u.name),
                    ("Process memory(MB)", u.resident_bytes // MIB),
                ]
        return _fields(rows)
    if kind not in _TYPES:
        raise UnknownQueryError(f"there is no query of type {kind}")
    return "\n\n".join(_fields(_TYPES[kind](found, d, resident[d], own)) for d in devices)


def answer(words: list[str]) -> str:
    """What a command line prints. Raises UnknownQueryError and SettingsError."""
    own = version("npu-sim")
    if words in (["-v"], ["-V"]):
        return f"npu-smi version: {own}"
    if not words or words in (["-h"], ["--help"]):
        return USAGE
    if words[0] != "info":
        raise UnknownQueryError(f"there is no command {words[0]}")
    if words[1:] in (["-h"], ["--help"]):
        return USAGE
    found = machine()
    if words[1:] == ["-l"]:
        return listing(found)
    if words[1:] == ["-m"]:
        return mapping(found)
    if "-t" in words:
        return details(words[1:], found, uses(), own)
    if words[1:]:
        raise UnknownQueryError(f"there is no option {' '.join(words[1:])}")
    return info(found, uses(), own)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; answers its exit status."""
    try:
        print(answer(list(sys.argv[1:] if argv is None else argv)))
    except (UnknownQueryError, SettingsError) as error:
        print(f"npu-smi: {error}\n{USAGE}", file=sys.stderr)
        return 1
    return 0
