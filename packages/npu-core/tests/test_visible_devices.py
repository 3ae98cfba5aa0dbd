"""ASCEND_RT_VISIBLE_DEVICES: which devices a process uses, in which order, and what is refused."""

from typing import Any

import pytest

CODE = """
import torch
out = [torch.npu.device_count(), torch.npu.is_available()]
try:
    torch.ones(1, device="npu")
    out.append("")
except (ValueError, RuntimeError) as error:
    out.append(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize("value", ["2", "1,0", " 3, 1 ", "0,1,2,3"])
def test_chosen_devices_are_there(site: Any, value: str) -> None:
    count, available, error = site.json(CODE, NPU_RUNTIME="sim", NPU_SIM="4", ASCEND_RT_VISIBLE_DEVICES=value)
    assert (count, available, error) == (len(value.split(",")), True, "")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("0,0", "names device 0 twice"),
        ("1,abc", "no device number, 'abc'"),
        ("0,", "no device number, ''"),
        ("npu:0", "no device number, 'npu:0'"),
        ("0,9", "names 2 devices, of which CANN finds 1"),
    ],
)
def test_nonsense_is_refused_at_first_use_and_by_its_value(site: Any, value: str, named: str) -> None:
    count, available, error = site.json(CODE, NPU_RUNTIME="sim", NPU_SIM="4", ASCEND_RT_VISIBLE_DEVICES=value)
    assert (count, available) == (0, False)
    assert error.startswith(f"ValueError: ASCEND_RT_VISIBLE_DEVICES={value} ")
    assert named in error


def test_a_device_that_is_not_there_is_told_with_the_value(site: Any) -> None:
    count, _, error = site.json(CODE, NPU_RUNTIME="sim", NPU_SIM="4", ASCEND_RT_VISIBLE_DEVICES="9")
    assert count == 0
    assert "ASCEND_RT_VISIBLE_DEVICES (9)" in error
