"""npu-amp as a plugin, and its README. What autocast says without it is tested with npu-core."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import npu_amp
import npu_amp.plugin


def test_its_metadata_declares_a_plugin_and_its_needs() -> None:
    found = metadata.distribution("npu-amp")
    (entry,) = [e for e in found.entry_points if e.group == "npu.plugins"]
    assert entry.load() is npu_amp.plugin.activate
    assert set(found.metadata["Keywords"].split(",")) == {"npu-core-abi=1.0", "npu-torch=2.13"}
    assert found.version == npu_amp.__version__


def test_the_readmes_example_runs_in_the_dtypes_that_it_says() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    names: dict[str, Any] = {}
    exec(readme.split("```python\n")[1].split("```")[0], names)
    assert names["loss"].dtype is torch.float32
    assert {p.grad.dtype for p in names["model"].parameters()} == {torch.float32}
    assert names["scaler"].get_scale() > 0
