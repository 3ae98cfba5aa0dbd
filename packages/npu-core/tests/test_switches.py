"""Switches: each does what it says, or says why it does nothing."""

import json
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture
def sync_debug(npu: Any) -> Iterator[Any]:
    yield npu
    npu.set_sync_debug_mode("default")


def test_hidden_waits_are_errors_with_their_line(sync_debug: Any) -> None:
    x = torch.ones(10, device="npu")
    pinned = torch.ones(10).pin_memory()
    sync_debug.set_sync_debug_mode("error")
    assert sync_debug.get_sync_debug_mode() == 2
    for wait in (x.sum().item, x.cpu, x.nonzero, lambda: torch.ones(10).to("npu"), sync_debug.Stream().synchronize):
        with pytest.raises(RuntimeError, match="synchronizing NPU operation"):
            wait()
    y = x + pinned.to("npu", non_blocking=True)
    sync_debug.synchronize()  # says what it does
    sync_debug.set_sync_debug_mode(0)
    assert y.sum().item() == 20


def test_hidden_waits_warn(sync_debug: Any) -> None:
    x = torch.ones(10, device="npu")
    sync_debug.set_sync_debug_mode(1)
    with pytest.warns(UserWarning, match=rf"synchronizing NPU operation.*{__file__}"):
        assert x.sum().item() == 10


def test_an_unknown_sync_mode_is_refused(npu: Any) -> None:
    for mode in ("loud", 3):
        with pytest.raises(ValueError, match="debug_mode"):
            npu.set_sync_debug_mode(mode)


def test_the_launch_queue_can_be_left_and_taken_again_while_threads_launch(npu: Any) -> None:
    stop = threading.Event()
    wrong: list[float] = []

    def work() -> None:
        with npu.stream(npu.Stream()):
            x = torch.zeros(100, device="npu")
            steps = 0
            while not stop.is_set():
                x += 1
                steps += 1
                if steps % 20 == 0 and x[0].item() != steps:
                    wrong.append(x[0].item() - steps)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    before = npu.get_task_queue_enable()
    for mode in (0, 1, 0, 2, 0, 1) * 3:
        npu.set_task_queue_enable(mode)
        assert npu.get_task_queue_enable() == mode
        torch.ones(10, device="npu").sum().item()
    npu.set_task_queue_enable(before)
    stop.set()
    for t in threads:
        t.join()
    assert not wrong
    with pytest.raises(ValueError, match="mode is 0, 1 or 2"):
        npu.set_task_queue_enable(3)


def test_options_are_checked_and_idle_ones_warn_with_the_reason(npu: Any) -> None:
    npu.set_option({"jitCompile": "disable", "ALLOW_MATMUL_HF32": "enable"})
    assert npu.matmul.allow_hf32
    assert npu.matmul.cube_math_type == npu.CubeMathType.USE_HF32
    npu.set_option({"ALLOW_MATMUL_HF32": "disable"})
    assert npu.matmul.cube_math_type == npu.CubeMathType.KEEP_DTYPE
    with pytest.warns(UserWarning, match="never compiled at run time"):
        npu.set_option({"jitCompile": "enable"})
    with pytest.raises(ValueError, match="unknown key 'no_such'"):
        npu.set_option({"no_such": 1})
    with pytest.raises(ValueError, match="ALLOW_CONV_HF32 is one of"):
        npu.set_option({"ALLOW_CONV_HF32": "maybe"})


def test_hf32_of_convolutions_has_two_names(npu: Any) -> None:
    npu.aclnn.allow_hf32 = True
    assert npu.conv.allow_hf32
    npu.conv.allow_hf32 = False
    assert not npu.aclnn.allow_hf32
    assert npu.aclnn.version() == npu.utils.get_cann_version()


def test_a_stretch_of_a_network_and_its_backward_are_deterministic(npu: Any) -> None:
    seen: list[bool] = []
    before = torch.are_deterministic_algorithms_enabled()

    def note(gradient: torch.Tensor) -> torch.Tensor:
        seen.append(torch.are_deterministic_algorithms_enabled())
        return gradient

    x = torch.ones(4, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside = npu.enable_deterministic_with_backward(x)
        assert torch.are_deterministic_algorithms_enabled()
        middle = inside * 2
        middle.register_hook(note)
        outside = npu.disable_deterministic_with_backward(middle)
        assert not torch.are_deterministic_algorithms_enabled()
        outside.sum().backward()
    assert seen == [True]
    assert not torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before)
    assert x.grad is not None
    assert x.grad.tolist() == [2.0] * 4


def test_the_device_is_told_of_deterministic_algorithms_before_the_next_operator(site: Any) -> None:
    code = """
import torch, warnings
x = torch.ones(5, device="npu")
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    torch.use_deterministic_algorithms(True)
    y = (x + x).sum().item()
    torch.use_deterministic_algorithms(False)
    z = (x + x).sum().item()
out = [y, z, [str(w.message) for w in told if "aclrt" in str(w.message)]]
"""
    y, z, told = site.json(code, NPU_RUNTIME="sim")
    assert (y, z) == (10.0, 10.0)
    assert all("this CANN has no aclrtSetSysParamOpt" in text for text in told)


def test_limits_and_memory_errors_are_what_cann_answers(npu: Any) -> None:
    limits = npu.get_device_limit(0)
    assert all(value > 0 for value in limits.values()), limits
    npu.set_op_timeout_ms(1000)
    assert npu.check_uce_in_memory(0) == 0


def test_arithmetic_gives_inf_and_nan(npu: Any) -> None:
    assert npu.utils.is_support_inf_nan()
    assert npu.utils.npu_check_overflow(torch.tensor([1.0, float("inf")], device="npu"))
    assert not npu.utils.npu_check_overflow(torch.ones(3, device="npu"))
    with pytest.raises(RuntimeError, match="npu_check_overflow"):
        npu.get_npu_overflow_flag()


def test_a_device_that_was_stopped_runs_again(site: Any) -> None:
    code = """
import torch
x = torch.ones(5, device="npu")
out = [torch.npu.stop_device(0)]
torch.npu.restart_device(0)
out.append((x + torch.ones(5, device="npu")).sum().item())
try:
    torch.npu.stop_device(99)
except ValueError as error:
    out.append(str(error))
"""
    stopped, total, text = site.json(code, NPU_RUNTIME="sim")
    assert (stopped, total) == (0, 10.0)
    assert "device 99 does not exist" in text


def test_how_far_products_may_round_reaches_cann(site: Any, tmp_path: Path) -> None:
    code = """
import torch
x = torch.ones(4, 4, device="npu")
w = torch.ones(2, 4, 1, device="npu")
def ask():
    torch.mm(x, x)
    torch.bmm(x[None], x[None])
    torch.nn.functional.conv1d(x[None], w)
    torch.npu.synchronize()
ask()
torch.npu.matmul.allow_hf32 = True
ask()
torch.npu.matmul.allow_hf32 = False
torch.npu.conv.allow_hf32 = True
ask()
torch.npu.conv.allow_hf32 = False
torch.set_float32_matmul_precision("high")
ask()
torch.set_float32_matmul_precision("highest")
torch.npu.matmul.cube_math_type = torch.npu.CubeMathType.USE_FP16
ask()
out = None
"""
    trace = tmp_path / "trace"
    site.json(code, NPU_RUNTIME="sim", NPU_SIM_TRACE=str(trace), NPU_EXECUTOR_CACHE="0")
    asked: dict[str, list[int]] = {}
    for line in map(json.loads, trace.read_text().splitlines()):
        if line.get("phase") == 1 and "cubeMathType" in line["arguments"]:
            asked.setdefault(line["call"], []).append(line["arguments"]["cubeMathType"])
    assert asked["aclnnMm"] == asked["aclnnBatchMatMul"] == [0, 3, 0, 3, 2]
    assert asked["aclnnConvolution"] == [0, 0, 3, 0, 0]
