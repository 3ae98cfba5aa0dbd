"""`torch_npu.utils`, and the helpers beside it."""

import io
import os
import threading
from pathlib import Path

import pytest
import torch

import torch_npu
from torch_npu.utils import collect_env, serialization, storage


def test_what_is_saved_in_the_background_is_what_was_there(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2).to("npu")
    before = {name: value.cpu() for name, value in model.state_dict().items()}
    file = tmp_path / "model.pt"
    torch_npu.utils.save_async({"model": model.state_dict(), "step": 3, "rest": [torch.ones(2, device="npu")]}, file)
    with torch.no_grad():
        model.weight.zero_()
    for thread in threading.enumerate():
        if thread.name == "torch_npu-save":
            thread.join()
    loaded = serialization.load(file, weights_only=True)
    assert loaded["step"] == 3
    assert loaded["rest"][0].tolist() == [1, 1]
    model.load_state_dict(loaded["model"])
    assert all(torch.equal(value.cpu(), before[name]) for name, value in model.state_dict().items())


class _Old:
    """Pickles as a tensor of the official torch_npu does."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __reduce__(self) -> tuple[object, ...]:
        t = self.tensor
        typed = torch.storage.TypedStorage(wrap_storage=t.untyped_storage(), dtype=t.dtype, _internal=True)
        return storage._rebuild_npu_tensor, (typed, 0, tuple(t.shape), t.stride(), False, {}, 2)


def test_a_checkpoint_of_the_official_wheel_is_read() -> None:
    file = io.BytesIO()
    torch.save(_Old(torch.arange(6.0).view(2, 3)), file)
    file.seek(0)
    assert torch.load(file, weights_only=True).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_combined_tensors_are_views_of_one() -> None:
    parts = [torch.ones(2, 3, device="npu"), torch.full((4,), 2.0, device="npu")]
    combined = torch_npu.utils.npu_combine_tensors(parts)
    assert combined is not None
    assert combined.tolist() == [1.0] * 6 + [2.0] * 4
    combined += 1
    assert parts[1].tolist() == [3.0] * 4
    assert torch_npu.utils.is_combined_tensor_valid(combined, parts)
    part = torch_npu.utils.get_part_combined_tensor(combined, 6, 4)
    assert part is not None
    assert part.data_ptr() == parts[1].data_ptr()
    parts[0].data = torch.ones(6, device="npu")
    assert not torch_npu.utils.is_combined_tensor_valid(combined, parts)
    with pytest.raises(ValueError, match="one dtype and device"):
        torch_npu.utils.npu_combine_tensors([torch.ones(1), torch.ones(1, dtype=torch.int32)])


def test_the_checksum_finds_one_wrong_element() -> None:
    a, b = torch.randn(8, 16, device="npu"), torch.randn(16, 4, device="npu")
    c = a @ b
    assert not torch_npu.matmul_checksum(a, b, c).item()
    c[2, 1] += 1
    assert torch_npu.matmul_checksum(a, b, c).item()
    with pytest.raises(ValueError, match="c cannot be a @ b"):
        torch_npu.matmul_checksum(a, b, a)


def test_a_thread_keeps_to_its_cores_until_it_is_reset() -> None:
    before = os.sched_getaffinity(0)
    first = min(before)
    torch_npu.utils.set_thread_affinity([first, first])
    assert os.sched_getaffinity(0) == {first}
    torch_npu.utils.reset_thread_affinity()
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ValueError, match="core_range"):
        torch_npu.utils.set_thread_affinity([3, 1])


def test_a_stream_that_is_erased_does_not_keep_memory() -> None:
    side = torch.npu.Stream()
    x = torch.empty(3 << 20, dtype=torch.uint8, device="npu")
    x.record_stream(side)
    torch_npu.erase_stream(x, side)
    address = x.data_ptr()
    del x
    y = torch.empty(3 << 20, dtype=torch.uint8, device="npu")
    assert y.data_ptr() == address


def test_the_report_names_the_versions() -> None:
    text = collect_env.get_pretty_env_info()
    for part in (torch.__version__, collect_env.get_torch_npu_version(), collect_env.get_cann_version()):
        assert part in text
    with pytest.raises(RuntimeError, match="does not exist"):
        collect_env.check_path_owner_consistent("/no/such/path")


def test_watching_for_silent_faults_is_refused_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.ones(2)
    torch_npu.utils.register_asd_hook(x, x)
    monkeypatch.setenv("NPU_ASD_ENABLE", "1")
    with pytest.raises(NotImplementedError, match="NPU_ASD_ENABLE=1"):
        torch_npu.utils.register_asd_hook(x, x)
