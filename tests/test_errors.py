"""Mistakes on a working device: each a typed exception that names the operator or device, and nothing is lost."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from workspace import Environment


def message(env: Environment, kind: str, statement: str, setup: str = "", **variables: Any) -> str:
    """The message of the exception of type `kind` that `statement` raises; afterwards the device still works."""
    return env.ok(
        f"""
import torch
x = torch.ones(2, 3).npu()
{setup}
try:
    {statement}
    torch.npu.synchronize()
except {kind} as error:
    print(error)
else:
    raise SystemExit("nothing was raised")
assert (x + 1).cpu().tolist() == [[2.0] * 3] * 2
""",
        **variables,
    )


def test_a_device_index_out_of_range_names_what_there_is(full: Environment) -> None:
    said = message(full, "RuntimeError", 'torch.ones(2, device="npu:99")')
    assert "99" in said
    said = message(full, "RuntimeError", "torch.npu.set_device(99)")
    assert "99" in said


def test_tensors_on_two_devices_are_refused_by_operator(full: Environment) -> None:
    said = message(full, "RuntimeError", "x + torch.ones(2, 3)")
    assert "same device" in said
    said = message(full, "RuntimeError", "x.mm(torch.ones(3, 2))")
    assert "cpu" in said
    assert "npu" in said


def test_shapes_that_do_not_fit_are_refused_as_torch_does(full: Environment) -> None:
    assert "must match" in message(full, "RuntimeError", "x + torch.ones(2, 4).npu()")
    assert "cannot be multiplied" in message(full, "RuntimeError", "x.mm(x)")


def test_a_dtype_that_the_operator_lacks_is_the_cpus_and_an_error_on_request(full: Environment) -> None:
    given = "y = torch.ones(3, 4).double().npu()"
    said = message(full, "NotImplementedError", "torch.cdist(y, y)", given, NPU_FALLBACK="error")
    assert "cdist" in said
    assert "CANN's operator does not take this dtype" in said
    full.ok(f"import torch; {given}; assert torch.cdist(y, y).sum() == 0; assert torch.npu.fallback_report()")


def test_an_operator_without_a_kernel_is_named(full: Environment) -> None:
    said = message(full, "NotImplementedError", "torch.ops.aten._foobar(x)")
    assert "_foobar" in said


def test_a_declared_fallback_is_an_error_on_request(full: Environment) -> None:
    complex_numbers = "y = torch.ones(2, 3, dtype=torch.complex128).npu()"
    said = message(full, "NotImplementedError", "y.mm(y.t())", complex_numbers, NPU_FALLBACK="error")
    assert "aten::mm" in said
    assert "NPU_FALLBACK" in said


def test_out_of_memory_is_torchs_own_and_the_device_goes_on(full: Environment) -> None:
    said = message(full, "torch.OutOfMemoryError", "torch.empty(2**50, dtype=torch.uint8, device='npu')")
    assert "Tried to allocate 1048576.00 GiB on npu:0" in said
    assert "64.00 GiB in total" in said
    assert "Use smaller batches or free tensors." in said  # no setting would help


def test_use_after_fork_says_what_to_do(full: Environment) -> None:
    code = """
import os, sys, torch
torch.ones(2).npu()
if os.fork() == 0:
    try:
        torch.ones(2).npu()
    except RuntimeError as error:
        print(error, flush=True)
        os._exit(0)
    os._exit(1)
assert os.wait()[1] == 0
"""
    said = full.ok(code)
    assert "fork" in said
    assert "spawn" in said


def test_questions_do_not_poison_fork(full: Environment) -> None:
    code = """
import os, torch
torch.npu.is_available(), torch.npu.device_count(), torch.npu.get_device_name(0), torch.npu.get_device_properties(0)
torch.npu.memory_allocated(), torch.npu.memory_stats(), torch.npu.is_initialized(), torch.npu.is_bf16_supported()
torch.accelerator.current_accelerator(), torch.accelerator.device_count(), torch.npu.mem_get_info(0)
if os.fork() == 0:
    os._exit(int(torch.ones(2).npu().sum().item()))
assert os.waitstatus_to_exitcode(os.wait()[1]) == 2
"""
    full.ok(code)


def test_a_raw_host_read_of_device_memory_dies_with_one_line_that_says_what_it_was(full: Environment) -> None:
    done = full.script("""
import ctypes, torch
x = torch.ones(4).npu()
torch.npu.synchronize()
ctypes.string_at(x.data_ptr(), 4)
""")
    assert done.returncode == -signal.SIGSEGV
    said = [line for line in done.stderr.splitlines() if "0x" in line]
    assert len(said) == 1, done.stderr
    assert "device memory" in said[0]


def test_a_simulated_device_says_so_once_and_in_its_name(full: Environment) -> None:
    done = full.script("""
import torch
print(torch.npu.get_device_name())
for _ in range(3):
    torch.ones(2).npu()
""")
    assert done.returncode == 0
    assert "simulated" in done.stdout.lower()
    assert len([line for line in done.stderr.splitlines() if "simulat" in line.lower()]) == 1, done.stderr


@pytest.mark.parametrize("blocking", ["0", "1"])
def test_an_error_on_the_device_names_the_operator_its_shapes_and_the_line(full: Environment, blocking: str) -> None:
    code = """
import torch, traceback
weight, where = torch.ones(4, 2).npu(), torch.tensor([7]).npu()
try:
    torch.nn.functional.embedding(where, weight)  # line 5
    weight + 1
    torch.npu.synchronize()
except RuntimeError:
    traceback.print_exc()
"""
    said = full.script(code, ASCEND_LAUNCH_BLOCKING=blocking).stderr
    assert "torch.AcceleratorError" in said
    assert "operation: aclnnEmbedding(float32[4, 2], int64[1], float32[1, 2]) on npu:0" in said
    assert ("line 5, in <module>" if blocking == "1" else "enqueued at: <string>:5 in <module>") in said
