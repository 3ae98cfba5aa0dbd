"""Devices: counted, chosen, described and waited for, as torch.cuda does it."""

import threading
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import torch


@pytest.fixture(autouse=True)
def on_device_0(npu: Any) -> Any:
    npu.set_device(0)
    yield
    npu.set_device(0)


def test_the_module_is_torchs_device_module(npu: Any) -> None:
    assert torch.get_device_module("npu") is npu
    assert torch.accelerator.current_accelerator() == torch.device("npu")
    assert torch.accelerator.device_count() == npu.device_count()


@pytest.mark.parametrize("spelling", [1, "npu:1", torch.device("npu", 1)])
def test_every_spelling_of_a_device_is_accepted(npu: Any, spelling: Any) -> None:
    npu.set_device(spelling)
    assert npu.current_device() == 1


def test_device_context_restores_what_was_current(npu: Any) -> None:
    with npu.device(1):
        assert npu.current_device() == 1
        with npu.device("npu:0"):
            assert npu.current_device() == 0
        assert npu.current_device() == 1
    assert npu.current_device() == 0


def test_device_context_restores_after_an_exception(npu: Any) -> None:
    with pytest.raises(KeyError), npu.device(1):
        raise KeyError
    assert npu.current_device() == 0


@pytest.mark.parametrize("nothing", [None, -1])
def test_device_context_of_nothing_does_nothing(npu: Any, nothing: Any) -> None:
    npu.set_device(1)
    with npu.device(nothing):
        assert npu.current_device() == 1


def test_device_of_follows_a_tensor_and_ignores_the_cpus(npu: Any) -> None:
    with npu.device_of(torch.empty(1, device="npu:1")):
        assert npu.current_device() == 1
    with npu.device_of(torch.empty(1)):
        assert npu.current_device() == 0


def test_the_current_device_belongs_to_the_thread(npu: Any) -> None:
    npu.set_device(1)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(npu.current_device()))
    thread.start()
    thread.join()
    assert seen == [0]


def test_a_device_that_does_not_exist_is_named_with_what_there_is(npu: Any) -> None:
    with pytest.raises((RuntimeError, IndexError), match=rf"{npu.device_count()}"):
        npu.set_device(99)
    assert npu.current_device() == 0


def test_a_device_of_another_type_is_a_value_error(npu: Any) -> None:
    with pytest.raises(ValueError, match="expected a device of type npu, got cpu"):
        npu.synchronize("cpu")


def test_properties_and_name_describe_the_device_and_a_simulated_one_says_so(npu: Any) -> None:
    properties = npu.get_device_properties(0)
    assert properties.total_memory > 2**30
    assert properties.name.startswith("Ascend")
    assert npu.get_device_name(1).endswith(" (simulated)")
    assert npu.get_device_name(0) == properties.name
    assert npu.get_device_capability(0) == (properties.major, properties.minor)


def test_each_device_has_a_uuid_of_its_own(npu: Any) -> None:
    npu.init()
    first, second = (npu.get_device_properties(d).uuid for d in (0, 1))
    assert isinstance(first, UUID)
    assert first == npu.get_device_properties(0).uuid != second


def test_properties_asked_before_and_after_the_uuid_is_known_are_equal(npu: Any) -> None:
    npu.init()
    known = npu.get_device_properties(0)
    before = replace(known, uuid=None)
    assert before == known
    assert hash(before) == hash(known)


def test_synchronize_takes_no_device_an_index_and_a_device(npu: Any) -> None:
    for device in (None, 0, 1, "npu:1", torch.device("npu")):
        npu.synchronize(device)
    torch.accelerator.synchronize(1)


def test_bfloat16_is_asked_of_the_soc(npu: Any) -> None:
    assert npu.is_bf16_supported() is True  # Ascend910B2 computes in it


def test_queries_neither_initialise_nor_poison_fork(site: Any) -> None:
    code = """
import os, torch
n = torch.npu
first = [n.is_available(), n.device_count(), n.get_device_name(0), n.get_device_properties(1).total_memory > 0]
first += [n.mem_get_info(0)[1] > 0, n.memory_allocated(), n.is_bf16_supported()]
first += [n.get_device_properties(0).uuid, n.is_initialized()]
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    os.write(write, str(torch.empty(3, device="npu").device).encode())
    n.synchronize()
    os._exit(0)
status = os.waitpid(pid, 0)[1]
os.close(write)
out = [first, status, os.read(read, 99).decode()]
"""
    first, status, child = site.json(code, NPU_RUNTIME="sim")
    assert first[0] is True
    assert first[-2:] == [None, False]
    assert (status, child) == (0, "npu:0")


def test_total_memory_is_known_where_cann_tells_it_only_within_a_context(site: Any) -> None:
    code = """
import types, torch
from npu_core import _binding
torch.npu.is_available()
names = [n for n in dir(_binding.C.DeviceProperties) if n[0] != "_"]
class Silent:
    def __getattr__(self, name): return getattr(real, name)
    def device_properties(self, index):
        told = real.device_properties(index)
        return types.SimpleNamespace(**{**{n: getattr(told, n) for n in names}, "total_memory": 0})
real, _binding.C = _binding.C, Silent()
total = torch.npu.mem_get_info(1)[1]
out = [torch.npu.get_device_properties(1).total_memory == total > 0, torch.npu.is_initialized()]
torch.npu.init()
out.append(torch.npu.get_device_properties(1).total_memory == total)
"""
    assert site.json(code, NPU_RUNTIME="sim") == [True, False, True]


@pytest.mark.parametrize(
    "before",
    [
        "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        (
            "import resource as r; top = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (top, top))\n"
            "import os; many = [os.open('/dev/null', os.O_RDONLY) for _ in range(1100)]; assert many[-1] > 1024"
        ),
    ],
    ids=["SIGCHLD ignored", "many open files"],
)
def test_memory_of_an_untouched_device_is_known_in_any_program(site: Any, before: str) -> None:
    code = f"{before}\nimport torch; out = [*torch.npu.mem_get_info(0), torch.npu.is_initialized()]"
    free, total, initialised = site.json(code, NPU_RUNTIME="sim")
    assert 0 < free <= total
    assert initialised is False


def test_use_after_fork_is_a_sentence_that_names_spawn(site: Any) -> None:
    code = """
import os, torch
torch.npu.init()
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    try:
        torch.empty(3, device="npu")
    except RuntimeError as error:
        os.write(write, str(error).encode())
    os._exit(0)
os.waitpid(pid, 0)
os.close(write)
out = os.read(read, 999).decode()
"""
    said = site.json(code, NPU_RUNTIME="sim")
    assert "fork" in said
    assert "spawn" in said


def test_a_simulated_device_says_so_once_on_first_use_and_not_on_stdout(site: Any) -> None:
    done = site.python(
        "import torch; n = torch.npu; n.device_count(); n.get_device_name(0)\n"
        "import sys; print('before', file=sys.stderr)\n"
        "torch.empty(1, device='npu'); torch.npu.init(); torch.empty(1, device='npu')",
        NPU_RUNTIME="sim",
    )
    assert (done.returncode, done.stdout) == (0, "")
    before, _, after = done.stderr.partition("before")
    assert "simulated" not in before
    assert after.count("simulated") == 1


def test_a_setting_that_means_nothing_is_refused_on_first_use(site: Any) -> None:
    done = site.python("import torch\ntorch.ones(1).npu()", NPU_RUNTIME="sim", TASK_QUEUE_ENABLE="9")
    assert done.returncode == 1
    assert "ValueError: TASK_QUEUE_ENABLE=9 is not known: set 0, 1 or 2, or unset it" in done.stderr


def test_errors_have_torch_cudas_names(npu: Any) -> None:
    assert npu.OutOfMemoryError is torch.OutOfMemoryError
    assert npu.AcceleratorError is torch.AcceleratorError
