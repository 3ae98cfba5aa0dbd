"""What npu-amp 0.1.0 promises: to be found. What autocast says without rules is tested with npu-core."""

from importlib import metadata

import npu_amp
import npu_amp.plugin


def test_its_metadata_declares_a_plugin_and_its_needs() -> None:
    found = metadata.distribution("npu-amp")
    (entry,) = [e for e in found.entry_points if e.group == "npu.plugins"]
    assert entry.load() is npu_amp.plugin.activate
    assert set(found.metadata["Keywords"].split(",")) == {"npu-core-abi=1.0", "npu-torch=2.13"}
    assert found.version == npu_amp.__version__
