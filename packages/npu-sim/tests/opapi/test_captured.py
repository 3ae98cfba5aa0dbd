"""Operators in captured models (aclmdlRI*), and what becomes of results beyond their type's range."""

from __future__ import annotations

import ctypes as c
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Call, Cann

GLOBAL, RELAXED = 0, 2
SATURATION, INFNAN = 0, 1
STREAM_CAPTURED, TASK_TYPE_NOT_SUPPORT, MODEL_UPDATE_FAILED = 107027, 507009, 107040


@pytest.fixture
def stream(cann: Cann) -> Iterator[c.c_void_p]:
    s = c.c_void_p()
    cann.acl("aclrtCreateStream", c.byref(s))
    yield s
    cann.acl("aclrtDestroyStream", s)


def launch(cann: Cann, call: Call, stream: c.c_void_p) -> int:
    size, executor = call.prepare()
    workspace = cann.malloc(size) if size else None  # lives as long as the model, which uses it again
    return int(getattr(cann.opapi, call.op.name)(workspace, c.c_uint64(size), executor, stream))


def end(cann: Cann, stream: c.c_void_p) -> c.c_void_p:
    model = c.c_void_p()
    cann.acl("aclmdlRICaptureEnd", stream, c.byref(model))
    return model


def execute(cann: Cann, model: c.c_void_p, stream: c.c_void_p) -> None:
    cann.acl("aclmdlRIExecuteAsync", model, stream)
    cann.acl("aclrtSynchronizeStream", stream)


def test_a_model_computes_with_what_lies_at_the_captured_addresses(cann: Cann, stream: c.c_void_p) -> None:
    x, y, out = torch.ones(4), torch.full((4,), 2.0), torch.zeros(4)
    with cann.arguments("aclnnAdd", x, y, 3.0, out) as call:
        cann.acl("aclmdlRICaptureBegin", stream, GLOBAL)
        assert launch(cann, call, stream) == 0
        model = end(cann, stream)
        for value in (1.0, 5.0, -2.0):
            x.fill_(value)
            call.buffers["self"][0].upload()
            execute(cann, model, stream)
            call.finish()
            assert out.tolist() == [value + 6] * 4
        cann.acl("aclmdlRIDestroy", model)


def test_random_numbers_of_a_model_are_those_of_its_captured_seed(cann: Cann, stream: c.c_void_p) -> None:
    x = torch.zeros(64)
    with cann.arguments("aclnnInplaceUniform", x, 0.0, 1.0, 7, 0) as call:
        cann.acl("aclmdlRICaptureBegin", stream, GLOBAL)
        assert launch(cann, call, stream) == 0
        model = end(cann, stream)
        draws = []
        for _ in range(2):
            execute(cann, model, stream)
            call.finish()
            draws.append(x.clone())
        assert torch.equal(*draws)
        assert draws[0].unique().numel() > 32
        cann.acl("aclmdlRIDestroy", model)


def test_a_task_group_is_updated_with_new_arguments(cann: Cann, stream: c.c_void_p) -> None:
    updates, group = c.c_void_p(), c.c_void_p()
    cann.acl("aclrtCreateStream", c.byref(updates))
    x, out = torch.ones(4), torch.zeros(4)
    other, wrong = torch.zeros(4), torch.zeros(4)
    with (
        cann.arguments("aclnnMuls", x, 3.0, out) as call,
        cann.arguments("aclnnMuls", x, 5.0, other) as new,
        cann.arguments("aclnnAdds", x, 1.0, 1.0, wrong) as different,
    ):
        cann.acl("aclmdlRICaptureBegin", stream, GLOBAL)
        cann.acl("aclmdlRICaptureTaskGrpBegin", stream)
        assert launch(cann, call, stream) == 0
        cann.acl("aclmdlRICaptureTaskGrpEnd", stream, c.byref(group))
        model = end(cann, stream)
        execute(cann, model, stream)
        call.finish()
        assert out.tolist() == [3.0] * 4

        cann.acl("aclmdlRICaptureTaskUpdateBegin", updates, group)
        assert launch(cann, new, updates) == 0
        cann.acl("aclmdlRICaptureTaskUpdateEnd", updates)
        cann.acl("aclrtSynchronizeStream", updates)
        execute(cann, model, stream)
        new.finish()
        assert other.tolist() == [5.0] * 4

        cann.acl("aclmdlRICaptureTaskUpdateBegin", updates, group)
        assert launch(cann, different, updates) == 0
        assert cann._acl.aclmdlRICaptureTaskUpdateEnd(updates) == MODEL_UPDATE_FAILED
        assert "aclnnMuls" in cann.message()
        cann.acl("aclmdlRIDestroy", model)
    cann.acl("aclrtDestroyStream", updates)


def test_an_operator_whose_shape_depends_on_data_is_not_captured(cann: Cann, stream: c.c_void_p) -> None:
    x, out = torch.tensor([0.0, 1.0]), torch.zeros(2, 1, dtype=torch.int64)
    with cann.arguments("aclnnNonzero", x, out) as call:
        cann.acl("aclmdlRICaptureBegin", stream, RELAXED)
        assert launch(cann, call, stream) == STREAM_CAPTURED
        assert "depends on data" in cann.message()
        cann.acl("aclmdlRIDestroy", end(cann, stream))


@contextmanager
def mode(cann: Cann, value: int) -> Iterator[None]:
    cann.acl("aclrtSetDeviceSatMode", value)
    try:
        yield
    finally:
        cann.acl("aclrtSetDeviceSatMode", INFNAN)


def product(cann: Cann, x: torch.Tensor, factor: float) -> torch.Tensor:
    out = torch.zeros_like(x)
    cann.run("aclnnMuls", x, factor, out)
    return out


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_results_beyond_the_range_saturate_or_are_infinite(cann: Cann, dtype: torch.dtype) -> None:
    most = torch.finfo(dtype).max
    x = torch.tensor([most, -most, 1.0], dtype=dtype)[::2]  # strided
    x = torch.stack([x, -x]).t()
    infinite = [float("inf"), float("-inf")]
    assert product(cann, x, 4.0).tolist() == [infinite, [4.0, -4.0]]
    with mode(cann, SATURATION):
        assert product(cann, x, 4.0).tolist() == [[most, -most], [4.0, -4.0]]
    assert product(cann, x, 4.0).tolist()[0] == infinite


def test_saturation_leaves_what_was_infinite_before(cann: Cann) -> None:
    x = torch.tensor([float("inf"), 1.0])
    with mode(cann, SATURATION):
        assert product(cann, x, 2.0).tolist() == [float("inf"), 2.0]
        zero, out = torch.zeros(2), torch.zeros(2)
        cann.run("aclnnDiv", zero, zero, out)
        assert out.tolist() == [0.0, 0.0]  # no number becomes 0


def test_an_overflow_is_remembered_for_a_stream_that_asks(cann: Cann) -> None:
    status = cann.malloc(64)

    def overflowed() -> int:
        word: Any = c.c_uint64(9)
        cann.acl("aclrtGetOverflowStatus", status, 64, None)
        cann.acl("aclrtSynchronizeStream", None)
        cann.acl("aclrtMemcpy", c.byref(word), 8, status, 8, 2)
        return int(word.value)

    x = torch.full((3,), 6e4, dtype=torch.float16)
    product(cann, x, 4.0)
    assert overflowed() == 0
    cann.acl("aclrtSetStreamOverflowSwitch", None, 1)
    product(cann, x, 1.0)
    assert overflowed() == 0
    product(cann, x, 4.0)
    assert overflowed() == 1
    cann.acl("aclrtResetOverflowStatus", None)
    assert overflowed() == 0
    cann.acl("aclrtSetStreamOverflowSwitch", None, 0)
    cann.acl("aclrtFree", status)


def test_stress_detection_reads_back_what_it_wrote(cann: Cann) -> None:
    p = cann.malloc(1 << 16)
    assert cann.opapi.StressDetect(0, p, c.c_size_t(1 << 16)) == 0
    assert cann.opapi.StressDetect(0, p, c.c_size_t(1 << 40)) == 161002
    cann.acl("aclrtFree", p)
