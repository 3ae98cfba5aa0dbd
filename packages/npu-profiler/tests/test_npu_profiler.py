"""What npu-profiler 0.1.0 promises: to be found, and to say what it cannot do."""

from importlib import metadata

import pytest

import npu_profiler
import npu_profiler.plugin


def test_a_profile_is_refused_by_a_sentence_that_names_the_wheel() -> None:
    with pytest.raises(NotImplementedError, match=r"npu-profiler 0\.1\.0 records no device activity"):
        npu_profiler.profile(with_stack=True)


def test_its_metadata_declares_a_plugin_and_its_needs() -> None:
    found = metadata.distribution("npu-profiler")
    (entry,) = [e for e in found.entry_points if e.group == "npu.plugins"]
    assert entry.load() is npu_profiler.plugin.activate
    assert set(found.metadata["Keywords"].split(",")) == {"npu-core-abi=1.0", "npu-torch=2.13"}
    assert found.version == npu_profiler.__version__
