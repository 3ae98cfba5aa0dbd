"""What layers and losses refuse: torch's own exception types, with the operator and the shapes."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32, torch.bool], ids=str)
def test_labels_of_a_wrong_dtype(dtype: torch.dtype) -> None:
    scores, labels = torch.randn(4, 3, device="npu"), torch.zeros(4, dtype=dtype, device="npu")
    with pytest.raises(
        RuntimeError, match=r"nll_loss: expected scalar type Long but found .*\[4\].*\[4, 3\].*long\(\)"
    ):
        F.cross_entropy(scores, labels)
    with pytest.raises(RuntimeError, match=r"nll_loss2d: expected scalar type Long.*\[4, 2, 2\].*\[4, 3, 2, 2\]"):
        F.nll_loss(torch.randn(4, 3, 2, 2, device="npu"), torch.zeros(4, 2, 2, dtype=dtype, device="npu"))


def test_a_batch_of_labels_of_another_size() -> None:
    with pytest.raises(ValueError, match=r"batch_size \(4\).*batch_size \(5\)"):
        F.cross_entropy(torch.randn(4, 3, device="npu"), torch.zeros(5, dtype=torch.int64, device="npu"))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.masked_fill(torch.ones(3, dtype=torch.bool, device="npu"), 0.0), RuntimeError, r"\(3\).*\(4\)"),
        (
            lambda x: x.masked_fill_(torch.ones(3, dtype=torch.bool, device="npu"), 0.0),
            RuntimeError,
            r"\[3\].*\[2, 4\]",
        ),
        (lambda x: x.masked_fill(torch.ones(2, 4, device="npu"), 0.0), RuntimeError, "boolean mask"),
        (lambda x: x[torch.ones(3, 4, dtype=torch.bool, device="npu")], IndexError, r"\[3, 4\].*\[2, 4\]"),
        (lambda x: x[[0, 1], [0, 1, 2]], IndexError, r"shape mismatch: indexing tensors .* with shapes \[2\], \[3\]$"),
        (
            lambda x: x.index_put_((x[0].long(), x[0, :3].long()), torch.ones((), device="npu")),
            IndexError,
            r"with shapes \[4\], \[3\]$",
        ),
        (lambda x: F.linear(x, torch.ones(5, 3, device="npu")), RuntimeError, "2x4 and 3x5"),
        (lambda x: F.embedding(x, torch.ones(5, 3, device="npu")), RuntimeError, "Long or Int.*Float"),
        (lambda x: F.layer_norm(x, [3]), RuntimeError, r"normalized_shape=\[3\].*\[2, 4\]"),
        (lambda x: F.batch_norm(x, None, None, torch.ones(3, device="npu"), None, True), RuntimeError, "3"),
        (lambda x: F.conv2d(x[None, None], torch.ones(2, 3, 2, 2, device="npu")), RuntimeError, "channels"),
        (lambda x: F.conv1d(x[None], torch.ones(2, 4, 3, device="npu")), RuntimeError, "channels"),
        (lambda x: F.conv1d(x[None], torch.ones(2, 2, 2, device="npu").half()), RuntimeError, "should be the same"),
        (lambda x: F.max_pool2d(x[None], 9), RuntimeError, "too small"),
        (lambda x: F.max_pool2d(x[None], 2, padding=2), RuntimeError, "half of"),
        (lambda x: torch.multinomial(x.abs(), 9), RuntimeError, r"multinomial.*\[2, 4\]"),
        (lambda x: torch.multinomial(x.long(), 1), RuntimeError, "floating-point.*Long"),
        (lambda x: torch.topk(x, 9), RuntimeError, "out of range"),
        (lambda x: F.huber_loss(x, x, delta=0), RuntimeError, "non-positive"),
        (lambda x: F.dropout(x, 1.5), ValueError, "between 0 and 1"),
        (lambda x: F.pad(x, (1, 2, 3)), RuntimeError, "divisible by 2"),
        (lambda x: F.glu(x[:, :3]), RuntimeError, "even"),
        (lambda x: F.interpolate(x[None, None], size=(0, 2)), RuntimeError, "greater than 0"),
        (lambda x: F.group_norm(x, 3), RuntimeError, "divisible"),
        (
            lambda x: F.scaled_dot_product_attention(
                x, x, x, attn_mask=torch.ones(3, 3, dtype=torch.bool, device="npu")
            ),
            RuntimeError,
            r"a \(2\) must match the size of tensor b \(3\)",
        ),
    ],
)
def test_arguments_that_do_not_fit(call, error: type[Exception], words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=words):
        call(torch.randn(2, 4, device="npu"))


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        (
            "F.cross_entropy(torch.randn(4, 3, device='npu'), torch.tensor([0, 1, 3, 2], device='npu'))",
            "aclnnNLLLoss(float32[4, 3], int64[4], ",
        ),
        (
            "F.embedding(torch.tensor([0, 9], device='npu'), torch.randn(5, 2, device='npu'))",
            "aclnnEmbedding(float32[5, 2], int64[2], ",
        ),
        (
            "torch.zeros(3, device='npu').gather(0, torch.tensor([7], device='npu'))",
            "aclnnGather(float32[3], 0, int64[1], ",
        ),
        ("torch.zeros(3, 2, device='npu')[torch.tensor([7], device='npu')]", "aclnnIndex(float32[3, 2], [int64[1]], "),
        ("torch.multinomial(torch.zeros(3, device='npu'), 1)", "aclnnMultinomial(float32[3], 1, "),
    ],
)
def test_an_index_out_of_range_is_torchs_own_error_at_the_next_wait(statement: str, operation: str) -> None:
    """In a process of its own: the device stays broken until it is reset."""
    code = f"import torch, torch.nn.functional as F\nbad = {statement}\nprint(bad.cpu())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 1
    assert "\ntorch.AcceleratorError: " in run.stderr
    assert f"operation: {operation}" in run.stderr
    assert "enqueued at: <string>:2 in <module>" in run.stderr
