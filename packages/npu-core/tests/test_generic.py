"""torch's device-generic features on npu: moving, saving, checkpointing, pinning, autocast, old type names."""

import copy
import functools
import io
import os
import pickle
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset


@pytest.fixture(autouse=True)
def device(npu: Any) -> None:
    npu.set_device(0)


def test_tensors_and_modules_move_by_every_spelling() -> None:
    x: Any = torch.arange(6.0)
    for moved in (x.npu(), x.npu(0), x.to("npu"), x.to("npu:0"), x.to(0), x.to(torch.device("npu")), x.npu("npu:0")):
        assert moved.device == torch.device("npu:0")
        assert moved.is_npu
        assert moved.cpu().equal(x)
    assert x.npu(1).device == torch.device("npu:1")
    assert not x.is_npu
    linear: Any = torch.nn.Linear(2, 2)
    model = linear.npu()
    assert {p.device.type for p in model.parameters()} == {"npu"}
    assert {p.device.type for p in model.cpu().parameters()} == {"cpu"}


def test_storages_move() -> None:
    storage: Any = torch.arange(4, dtype=torch.uint8).untyped_storage()
    there = storage.npu()
    assert there.device.type == "npu"
    assert there.is_npu
    assert there.cpu().tolist() == [0, 1, 2, 3]


def roundtrip(thing: Any, **load: Any) -> Any:
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, **load)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, "npu:1"),
        ("cpu", "cpu"),
        ("npu:0", "npu:0"),
        ({"npu:1": "npu:0"}, "npu:0"),
        (torch.device("npu"), "npu:0"),
    ],
)
def test_save_and_load_map_devices(target: Any, expected: str) -> None:
    x = torch.arange(10.0, device="npu:1").view(2, 5).t()
    y = roundtrip({"x": x}, map_location=target, weights_only=True)["x"]
    assert y.device == torch.device(expected)
    assert y.cpu().equal(x.cpu())
    assert y.stride() == x.stride()


def test_a_cpu_checkpoint_loads_onto_the_device() -> None:
    state = roundtrip(torch.nn.Linear(3, 2).state_dict(), map_location="npu")
    assert {t.device.type for t in state.values()} == {"npu"}


def test_a_saved_state_dict_names_nothing_but_torch() -> None:
    import pickletools
    import zipfile

    file = io.BytesIO()
    torch.save({"x": torch.ones(2, device="npu")}, file)
    with zipfile.ZipFile(file) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("data.pkl")]
        names = [str(a) for op, a, _ in pickletools.genops(archive.read(name)) if op.name in ("GLOBAL", "STACK_GLOBAL")]
    assert names
    assert all(n.split()[0].split(".")[0] in ("torch", "collections") for n in names)


def test_pickle_and_deepcopy_keep_the_device() -> None:
    x = torch.randn(3, 4, device="npu")
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert other.device == x.device
        assert other.cpu().equal(x.cpu())
    model = torch.nn.Linear(2, 2).to("npu")
    assert copy.deepcopy(model).weight.cpu().equal(model.weight.cpu())


def test_printing_shows_values_and_device() -> None:
    assert repr(torch.tensor([1.5, 2.0], device="npu")) == "tensor([1.5000, 2.0000], device='npu:0')"


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpointing_repeats_random_numbers_on_the_device(npu: Any, use_reentrant: bool) -> None:
    npu.manual_seed(4)
    kept: list[torch.Tensor] = []

    def noisy(t: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(16, device="npu")
        kept.append(noise)
        return t * noise

    x = torch.ones(16, device="npu", requires_grad=True)
    checkpoint(noisy, x, use_reentrant=use_reentrant).sum().backward()
    assert len(kept) == 2
    assert x.grad is not None
    assert x.grad.cpu().equal(kept[0].cpu())
    assert kept[0].cpu().equal(kept[1].cpu())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_pins_for_the_device(workers: int) -> None:
    data = TensorDataset(torch.arange(12.0))
    loader = DataLoader(
        data, batch_size=4, pin_memory=True, num_workers=workers, multiprocessing_context="fork" if workers else None
    )
    total = 0.0
    for (batch,) in loader:
        assert batch.is_pinned()
        total += batch.to("npu", non_blocking=True).sum().item()
    assert total == 66


@pytest.mark.parametrize(
    "make",
    [torch.optim.Adam, functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)],
    ids=["default Adam", "SGD with momentum"],
)
def test_an_optimizers_steps_on_the_device_are_those_on_the_cpu(make: Any) -> None:
    model = torch.nn.Linear(4, 2)
    other = copy.deepcopy(model).to("npu")
    x = torch.randn(3, 4)
    for m, data in ((model, x), (other, x.to("npu"))):
        optimizer = make(m.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            m(data).sum().backward()
            optimizer.step()
    torch.testing.assert_close(other.weight.cpu(), model.weight)


def test_autocast_is_off_by_name_and_enabling_it_names_the_wheel() -> None:
    script = """
import torch
with torch.autocast("npu", enabled=False):
    assert not torch.is_autocast_enabled("npu")
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
try:
    torch.autocast("npu", dtype=torch.float16)
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"NPU_PLUGINS": "core,ops"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "needs the autocast rules of npu-amp" in done.stdout


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("Float", torch.float32),
        ("Half", torch.float16),
        ("BFloat16", torch.bfloat16),
        ("Long", torch.int64),
        ("Bool", torch.bool),
    ],
)
def test_old_tensor_types_construct_and_recognise(npu: Any, name: str, dtype: torch.dtype) -> None:
    kind = getattr(npu, f"{name}Tensor")
    made = kind(2, 3)
    assert (made.device.type, made.dtype, made.shape) == ("npu", dtype, (2, 3))
    assert isinstance(made, kind)
    assert not isinstance(made.cpu(), kind)
    assert made.type() == f"torch.npu.{name}Tensor"
    assert kind([1, 0]).cpu().tolist() == [1, 0]
    assert torch.ones(2).type(f"torch.npu.{name}Tensor").dtype == dtype
    assert torch.ones(2).type(kind).device.type == "npu"


def test_names_of_other_wheels_say_who_brings_them(npu: Any) -> None:
    with pytest.raises(AttributeError, match=r"torch\.npu\.mstx comes with npu-profiler: "):
        _ = npu.mstx  # of the wheel's names one that it does not have yet
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = npu.nonsense


def test_switches_that_npu_core_always_has_say_so(npu: Any) -> None:
    npu.set_compile_mode(jit_compile=False)
    assert npu.is_jit_compile_false() is True
    with pytest.warns(UserWarning, match="has no effect"):
        npu.set_compile_mode(jit_compile=True)
    npu.set_sync_debug_mode("default")
