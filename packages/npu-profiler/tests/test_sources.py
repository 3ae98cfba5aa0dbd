"""What times the device: CANN's libmspti, events, and what is said when CANN refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., str]
WORK = """
x = torch.ones(64, 64, device="npu")
pinned = torch.ones(64, 64).pin_memory()
{before}
with profile(activities=BOTH) as p:
    y = (x @ x).relu()
    y.zero_()
    y.copy_(pinned, non_blocking=True)
    y.cpu()
print([k for k in kernels(p)])
p.export_chrome_trace({path!r})
found = json.load(open({path!r}))
print(found["npu_kernels_timed_by"], found["npu_copies_timed_by"])
"""
NAMES = "['Mm', 'Relu', 'InplaceZero', 'Memcpy HtoD', 'Memcpy DtoH (blocking)']"


@pytest.fixture
def code(tmp_path: Path) -> Callable[..., str]:
    return lambda before="": WORK.format(before=before, path=str(tmp_path / "trace.json"))


@pytest.mark.parametrize("environment", [{}, {"TASK_QUEUE_ENABLE": "0"}, {"ASCEND_LAUNCH_BLOCKING": "1"}])
@pytest.mark.parametrize(("source", "timed"), [("auto", "mspti events"), ("events", "events events")])
def test_either_source_sees_the_same_work(
    run: Run, code: Callable[..., str], source: str, timed: str, environment: dict[str, str]
) -> None:
    printed = run(code(), NPU_PROFILER_SOURCE=source, **environment)
    assert NAMES in printed
    assert timed in printed
    assert "Warning: npu-profiler" not in printed


def test_events_time_a_kernel_about_as_long_as_the_device_does(run: Run) -> None:
    printed = run(
        """
        import statistics
        x = torch.ones(1024, 1024, device="npu")
        (x @ x).cpu()
        with profile(activities=BOTH) as p:
            for _ in range(5): x @ x
        print("took", statistics.median(e.time_range.elapsed_us() for e in device_events(p)))
        start, end = torch.npu.Event(enable_timing=True), torch.npu.Event(enable_timing=True)
        times = []
        for _ in range(5):
            start.record(); x @ x; end.record(); end.synchronize()
            times.append(start.elapsed_time(end) * 1000)
        print("events", statistics.median(times))
        """,
        NPU_PROFILER_SOURCE="events",
    )
    took, events = (float(line.split()[1]) for line in printed.splitlines() if line.startswith(("took", "events")))
    assert took == pytest.approx(events, rel=0.9)


def test_thousands_of_launches_are_timed_with_few_events(run: Run) -> None:
    printed = run(
        """
        x = torch.ones(4, device="npu")
        with profile(activities=BOTH) as p:
            for _ in range(5000): x.exp()
        times = [(e.time_range.start, e.time_range.end) for e in device_events(p)]
        print(len(times), times == sorted(times))
        """,
        NPU_PROFILER_SOURCE="events",
    )
    assert "5000 True" in printed


def test_npu_profile_preloads_libmspti_and_copies_are_the_device_s_own(
    run: Run, code: Callable[..., str], tmp_path: Path
) -> None:
    program = tmp_path / "npu.py"
    program.write_text("import sys; from npu_core.cli import main; sys.exit(main(sys.argv[1:]))")
    printed = run(code(), sys.executable, str(program), "profile", "--", sys.executable)
    assert "['Mm', 'Relu', 'InplaceZero', 'Memcpy HtoD', 'Memcpy DtoH']" in printed
    assert "mspti mspti" in printed


def test_another_subscriber_of_libmspti_leaves_events_and_one_warning(run: Run, code: Callable[..., str]) -> None:
    before = """
import ctypes
import npu_core.runtimes
lib = ctypes.CDLL(npu_core.runtimes.select().chosen.library_dir + "/libmspti.so")
handle = ctypes.c_void_p()
assert lib.msptiSubscribe(ctypes.byref(handle), None, None) == 0
with profile(activities=BOTH): x.exp()
"""
    printed = run(code(before))
    assert NAMES in printed
    assert "events events" in printed
    assert printed.count("Warning: npu-profiler") == 1
    assert "another profiler of this process uses libmspti): stop that one" in printed


def test_a_cann_without_libmspti_leaves_events_and_one_warning(
    run: Run, code: Callable[..., str], tmp_path: Path
) -> None:
    from npu_core import runtimes

    chosen = runtimes.select().chosen
    assert chosen is not None
    assert chosen.library_dir is not None
    libraries = tmp_path / "lib"
    libraries.mkdir()
    for library in Path(chosen.library_dir).glob("*.so"):
        if library.name != "libmspti.so":
            (libraries / library.name).symlink_to(library)
    site = tmp_path / "site"
    (site / "old_cann-1.dist-info").mkdir(parents=True)
    (site / "old_cann-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: old-cann\nVersion: 1\n")
    (site / "old_cann-1.dist-info" / "entry_points.txt").write_text("[npu.runtimes]\nold = old_cann:provider\n")
    (site / "old_cann.py").write_text(f"def provider(): return {{'name': 'old', 'library_dir': {str(libraries)!r}}}\n")
    printed = run(code(), PYTHONPATH=str(site), NPU_RUNTIME="old")
    assert NAMES in printed
    assert printed.count("Warning: npu-profiler") == 1
    assert "this CANN has no libmspti.so with msptiSubscribe: install the CANN toolkit" in printed


def test_a_source_that_does_not_exist_is_a_value_error(run: Run) -> None:
    printed = run(
        """
        try:
            with profile(activities=BOTH): torch.ones(3, device="npu").exp()
        except ValueError as error:
            print("refused:", error)
        """,
        NPU_PROFILER_SOURCE="guess",
    )
    assert "refused: NPU_PROFILER_SOURCE must be auto, mspti or events, found 'guess'" in printed


def test_each_device_has_its_rows(run: Run, tmp_path: Path) -> None:
    printed = run(
        f"""
        with profile(activities=BOTH) as p:
            torch.ones(4, device="npu:0").exp()
            torch.ones(4, device="npu:1").sin()
            torch.npu.synchronize(1)
        print(sorted((e.name, e.device_index) for e in device_events(p) if e.name in ("Exp", "Sin")))
        p.export_chrome_trace({str(tmp_path / "trace.json")!r})
        events = json.load(open({str(tmp_path / "trace.json")!r}))["traceEvents"]
        print([e["args"]["name"] for e in events if e["name"] == "process_name" and e["pid"] in (0, 1)])
        """,
        NPU_SIM="2",
    )
    assert "[('Exp', 0), ('Sin', 1)]" in printed
    assert "npu:0" in printed
    assert "npu:1" in printed


@pytest.mark.parametrize("source", ["auto", "events"])
def test_a_profile_that_is_never_stopped_does_not_change_the_exit(run: Run, source: str) -> None:
    printed = run(
        """
        p = profile(activities=BOTH)
        p.start()
        x = torch.ones(64, 64, device="npu")
        for _ in range(20): x @ x
        print("end")
        """,
        NPU_PROFILER_SOURCE=source,
    )
    assert "end" in printed
    assert "Warning: npu-profiler" not in printed


def test_a_fault_of_the_device_is_raised_and_nothing_hangs(run: Run) -> None:
    printed = run(
        """
        x, wrong = torch.ones(4, 4, device="npu"), torch.tensor([9]).npu()
        try:
            with profile(activities=BOTH):
                x.index_select(0, wrong)
        except torch.AcceleratorError as error:
            print("raised:", "aclnnIndexSelect" in str(error))
        """
    )
    assert "raised: True" in printed
