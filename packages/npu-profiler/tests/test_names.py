"""`torch.npu.profiler`, the names of torch_npu's profiler, and the wheel's own promises."""

from __future__ import annotations

import importlib
import json
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import torch
from profiles import kernels

import npu_profiler
import npu_profiler.plugin

profiler = torch.npu.profiler


def test_the_module_is_imported_by_its_name() -> None:
    assert importlib.import_module("torch.npu.profiler") is profiler


def test_a_program_for_torch_npu_runs(tmp_path: Path) -> None:
    config = profiler._ExperimentalConfig(
        profiler_level=profiler.ProfilerLevel.Level1, export_type=[profiler.ExportType.Text]
    )
    with profiler.profile(
        activities=[profiler.ProfilerActivity.CPU, profiler.ProfilerActivity.NPU],
        schedule=profiler.schedule(wait=0, active=2, warmup=1, repeat=1),
        on_trace_ready=profiler.tensorboard_trace_handler(str(tmp_path), "mine"),
        experimental_config=config,
        record_shapes=True,
    ) as p:
        x = torch.ones(8, 8, device="npu")
        for _ in range(4):
            x.exp()
            p.step()
    (trace,) = tmp_path.iterdir()
    assert trace.name.startswith("mine.")
    events = json.loads(trace.read_text())["traceEvents"]
    assert [e["name"] for e in events if e.get("cat") == "kernel"] == ["Exp", "Exp"]


def test_it_records_the_device_by_default() -> None:
    x = torch.ones(8, 8, device="npu")
    with profiler.profile() as p:
        x.exp()
    assert kernels(p) == ["Exp"]
    assert profiler.supported_activities() == {profiler.ProfilerActivity.CPU, profiler.ProfilerActivity.NPU}


def test_options_without_effect_are_named() -> None:
    config = profiler._ExperimentalConfig(aic_metrics=profiler.AiCMetrics.PipeUtilization, l2_cache=True)
    with pytest.warns(UserWarning, match="records no aic_metrics, l2_cache: ignored"):
        profiler.profile(experimental_config=config)
    with pytest.raises(TypeError, match="has no option aic_metric; it has profiler_level"):
        profiler._ExperimentalConfig(aic_metric=1)


def test_its_metadata_declares_a_plugin_and_its_needs() -> None:
    found = metadata.distribution("npu-profiler")
    (entry,) = [e for e in found.entry_points if e.group == "npu.plugins"]
    assert entry.load() is npu_profiler.plugin.activate
    assert {"npu-core-abi=1.1", "npu-torch=2.13"} <= set(found.metadata["Keywords"].split(","))
    assert found.version == npu_profiler.__version__


def test_its_library_needs_nothing_of_npu_core() -> None:
    library = npu_profiler.plugin.LIBRARY
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    assert "libnpu_core" not in needed
    symbols = subprocess.run(["nm", "-DC", library], capture_output=True, text=True, check=True).stdout
    assert not [line for line in symbols.splitlines() if " U npu::" in line]


def test_a_table_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    table = (ctypes.c_uint16 * 64)()
    ctypes.c_uint32.from_buffer(table, 0).value = 128
    table[2], table[3] = 1, 0  # version 1.0
    with pytest.raises(ImportError, match="older than this plugin needs; pip install -U npu-core npu-profiler"):
        npu_profiler.plugin.activate(ctypes.addressof(table))
