"""``npu-smi`` has the driver's form: what programs parse of it is there."""

from __future__ import annotations

import re

import pytest

from npu_sim import npu_smi
from npu_sim.smi import MIB, Machine, Use

from .test_run import npu_sim_command

MACHINE = Machine("Ascend910B2", 2, 65536 * MIB)
USED = [Use(1, 4321, "python", 345 * MIB)]


def test_the_table_has_two_lines_a_device_and_the_processes() -> None:
    text = npu_smi.info(MACHINE, USED, "1.2.3")
    assert {len(line) for line in text.splitlines()} == {98}
    assert re.search(r"npu-smi 1\.2\.3\s+Version: 1\.2\.3", text)
    names = re.findall(r"^\|\s*(\d+)\s+(\S+)\s*\|\s*OK\s+\|", text, re.M)
    assert names == [("0", "910B2"), ("1", "910B2")]
    chips = re.findall(r"\|\s*\d+\s+\|\s+[\w:.]+\s+\|\s+\d+\s+\d+\s*/\s*\d+\s+(\d+)\s*/\s*(\d+)", text)
    assert chips == [("0", "65536"), ("345", "65536")]
    assert re.search(r"^\| 1\s+0\s+\| 4321\s+\| python\s+\| 345\s+\|$", text, re.M)
    assert "No running processes found in NPU 0" in text


def test_the_lists_count_cards_and_map_chips() -> None:
    assert re.findall(r"NPU ID\s+: (\d+)", npu_smi.listing(MACHINE)) == ["0", "1"]
    assert "Total Count" in npu_smi.listing(MACHINE)
    rows = [line.split() for line in npu_smi.mapping(MACHINE).splitlines()[1:]]
    assert rows == [["0", "0", "0", "Ascend", "910B2"], ["1", "0", "1", "Ascend", "910B2"]]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("board", r"Software Version\s+: 1\.2\.3"),
        ("board", r"Chip Name\s+: 910B2"),
        ("usages", r"HBM Capacity\(MB\)\s+: 65536"),
        ("usages", r"HBM Usage Rate\(%\)\s+: 0"),
        ("health", r"Health Status\s+: OK"),
        ("proc-mem", r"Process id\s+: 4321"),
    ],
)
def test_details_have_the_tools_own_names(kind: str, line: str) -> None:
    text = npu_smi.details(["-t", kind, "-i", "1"], MACHINE, USED, "1.2.3")
    assert re.search(line, text), text
    assert "NPU ID                         : 0" not in text


@pytest.mark.parametrize(
    "words",
    [["-t", "board", "-i", "7"], ["-t", "sensors"], ["-t"], ["-t", "board", "-c", "3"], ["-t", "board", "-i", "x"]],
)
def test_what_is_not_there_is_refused(words: list[str]) -> None:
    with pytest.raises(npu_smi.UnknownQueryError):
        npu_smi.details(words, MACHINE, USED, "1.2.3")


def test_it_is_on_the_path_of_a_program_that_runs_on_the_simulator() -> None:
    done = npu_sim_command("run", "--devices", "3", "--", "npu-smi", "info", "-l")
    assert done.returncode == 0, done.stderr
    assert "Total Count                    : 3" in done.stdout
    assert npu_sim_command("run", "--", "npu-smi", "info", "-t", "none").returncode == 1
