"""`from torch_npu.contrib import transfer_to_npu`: a program that says "cuda" runs on the device."""

import os
import subprocess
import sys
from pathlib import Path

HEAD = "import torch, torch_npu\nfrom torch_npu.contrib import transfer_to_npu\n"


def run(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", HEAD + code], capture_output=True, text=True, cwd=folder, env={**os.environ}, timeout=300
    )


def test_devices_that_are_called_cuda_are_npus(tmp_path: Path) -> None:
    done = run(
        """
assert torch.cuda.is_available() and torch.cuda.device_count() == torch.npu.device_count()
torch.cuda.set_device("cuda:0")
device = torch.device("cuda", 0)
made = [torch.ones(2, device="cuda"), torch.zeros(2, device=device), torch.ones(2).cuda(), torch.ones(2).to(device),
        torch.ones(2).to("cuda", non_blocking=True), torch.ones(2, device="cuda").new_zeros(2, device="cuda:0"),
        torch.nn.Linear(1, 2).cuda().bias, torch.nn.Linear(1, 2).to("cuda:0").bias,
        torch.randn(2, device="cuda", generator=torch.Generator(device="cuda").manual_seed(0))]
assert all(t.device == torch.device("npu:0") and t.is_cuda for t in made), [t.device for t in made]
assert torch.cuda.memory_allocated("cuda:0") == torch.npu.memory_allocated(0) > 0
with torch.cuda.stream(torch.cuda.Stream()) as s:
    assert torch.cuda.current_stream() != torch.cuda.default_stream()
torch.cuda.synchronize(device)
assert isinstance(torch.Generator(), torch.Generator)
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_a_checkpoint_is_mapped_to_the_npu(tmp_path: Path) -> None:
    done = run(
        """
torch.save(torch.nn.Linear(2, 2).state_dict(), "model.pt")
for where in ("cuda", torch.device("cuda:0"), {"cpu": "cuda:0"}):
    assert torch.load("model.pt", map_location=where)["bias"].device.type == "npu", where
assert torch.load("model.pt", map_location=lambda storage, place: storage)["bias"].device.type == "cpu"
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_the_cpu_and_other_text_stay_what_they_are(tmp_path: Path) -> None:
    done = run(
        """
assert torch.ones(2).to("cpu").device.type == "cpu" and not torch.ones(2).is_cuda
assert torch.ones(2).to(torch.float64).dtype == torch.float64
assert transfer_to_npu.on_npu("cudart") == "cudart" and transfer_to_npu.on_npu(3) == 3
assert transfer_to_npu.over_hccl("cpu:gloo,cuda:nccl") == "cpu:gloo,npu:hccl"
assert transfer_to_npu.over_hccl("gloo") == "gloo"
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_replaced_is_listed_and_can_be_put_back(tmp_path: Path) -> None:
    done = run(
        """
names = transfer_to_npu.replaced()
assert {"torch.cuda.is_available", "torch.Tensor.cuda", "torch.zeros"} <= set(names), names
transfer_to_npu.apply()
assert transfer_to_npu.replaced() == names
transfer_to_npu.restore()
assert transfer_to_npu.replaced() == []
assert not torch.cuda.is_available() and torch.Generator is torch._C.Generator
assert "to" not in vars(torch.Tensor) and not hasattr(torch.zeros, "__wrapped__")
try:
    torch.ones(2, device="cuda")
except (AssertionError, RuntimeError):
    print("no CUDA")
""",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "no CUDA\n"), done.stderr
