"""Operators that are run by their names, through libacl_op_compiler."""

from __future__ import annotations

import ctypes as c
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

import npu_sim
from opapi.conftest import ACL, TO_DEVICE, TO_HOST, ints

if TYPE_CHECKING:
    from opapi.conftest import Cann

ND, OP_NOT_FOUND, INVALID_PARAM, STREAM_CAPTURED = 2, 100024, 100000, 107027


class SingleOp:
    """Runs operators by name with CPU tensors, which it copies to the device and back."""

    def __init__(self, cann: Cann) -> None:
        lib = Path(npu_sim.LIBRARY_DIR)
        self.cann = cann
        self.acl, self.compiler = c.CDLL(str(lib / "libascendcl.so")), c.CDLL(str(lib / "libacl_op_compiler.so"))
        for create in ("aclCreateTensorDesc", "aclCreateDataBuffer", "aclopCreateAttr"):
            getattr(self.acl, create).restype = c.c_void_p

    def attributes(self, values: Mapping[str, Any]) -> int:
        attr: int = self.acl.aclopCreateAttr()
        for name, value in values.items():
            key = name.encode()
            if isinstance(value, bool):
                self.acl.aclopSetAttrBool(c.c_void_p(attr), key, c.c_uint8(value))
            elif isinstance(value, float):
                self.acl.aclopSetAttrFloat(c.c_void_p(attr), key, c.c_float(value))
            else:
                self.acl.aclopSetAttrListInt(c.c_void_p(attr), key, len(value), ints(value))
        return attr

    def run(
        self, name: str, inputs: list[Tensor], output: Tensor, *, stream: c.c_void_p | None = None,
        captured: bool = False, **attributes: Any,
    ) -> int:  # fmt: skip
        """The code that the call answered; the result is in `output`. `captured`: while `stream` captures."""
        memory, descs, buffers = [], [], []
        for t in (*inputs, output):
            size = t.numel() * t.element_size()
            memory.append(self.cann.malloc(max(size, 1)))
            if size:
                self.cann.acl("aclrtMemcpy", memory[-1], size, t.data_ptr(), size, TO_DEVICE)
            descs.append(self.acl.aclCreateTensorDesc(ACL[t.dtype], t.dim(), ints(t.shape), ND))
            buffers.append(self.acl.aclCreateDataBuffer(memory[-1], c.c_uint64(size)))
        n = len(inputs)

        def array(handles: list[int]) -> c.Array[c.c_void_p]:
            return (c.c_void_p * len(handles))(*handles)

        attr = self.attributes(attributes)
        if captured:
            self.cann.acl("aclmdlRICaptureBegin", stream, 1)
        code: int = self.compiler.aclopCompileAndExecute(
            name.encode(), n, array(descs[:n]), array(buffers[:n]), 1, array(descs[n:]), array(buffers[n:]),
            c.c_void_p(attr), 0, 0, None, stream,
        )  # fmt: skip
        if captured:
            model = c.c_void_p()
            self.cann.acl("aclmdlRICaptureEnd", stream, c.byref(model))
            self.cann.acl("aclmdlRIDestroy", model)
        self.cann.acl("aclrtSynchronizeDevice")
        size = output.numel() * output.element_size()
        self.cann.acl("aclrtMemcpy", output.data_ptr(), size, memory[-1], size, TO_HOST)
        self.acl.aclopDestroyAttr(c.c_void_p(attr))
        for desc, buffer, data in zip(descs, buffers, memory, strict=True):
            self.acl.aclDestroyTensorDesc(c.c_void_p(desc))
            self.acl.aclDestroyDataBuffer(c.c_void_p(buffer))
            self.cann.acl("aclrtFree", data)
        return code


@pytest.fixture
def single_op(cann: Cann) -> SingleOp:
    return SingleOp(cann)


@pytest.mark.parametrize("p", [6.0, 1.0, 0.0, float(2**31 - 1), -float(2**31 - 1)])
def test_a_norm_is_reduced_and_then_its_root_taken(single_op: SingleOp, p: float) -> None:
    torch.manual_seed(6)
    x = torch.randn(3, 4)
    out = torch.empty(3)
    assert single_op.run("LpNormReduceV2", [x], out, p=p, axes=[1], keepdim=False, epsilon=0.0) == 0
    assert single_op.run("LpNormUpdateV2", [out.clone()], out, p=p, epsilon=0.0) == 0
    order = p if abs(p) < 2**31 - 1 else p * float("inf")
    torch.testing.assert_close(out, torch.linalg.vector_norm(x, order, dim=1))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_the_gradient_of_distances_takes_points_repeated_for_each_other(single_op: SingleOp, p: float) -> None:
    torch.manual_seed(7)
    x, y = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 5, 4)
    distances = torch.cdist(x, y, p)
    grad = torch.randn_like(distances)
    (expected,) = torch.autograd.grad(distances, x, grad)
    whole = (2, 3, 5, 4)
    inputs = [grad.unsqueeze(-1), x.detach().unsqueeze(2), y.unsqueeze(1), distances.detach().unsqueeze(-1)]
    out = torch.empty(2, 3, 4)
    assert single_op.run("CdistGrad", [t.expand(whole).contiguous() for t in inputs], out, p=p) == 0
    torch.testing.assert_close(out, expected)


WHOLE = torch.ones(2, 3, 5, 4)
POINTS = torch.ones(2, 3, 4)
DO_NOT_FIT: dict[str, tuple[list[Tensor], Tensor]] = {
    "the first alone has the rank": ([WHOLE, torch.ones(4), torch.ones(4), torch.ones(2)], POINTS),
    "another last input": ([WHOLE, WHOLE, WHOLE, torch.ones(2, 3, 5, 1)], POINTS),
    "another output": ([WHOLE] * 4, torch.ones(2, 3)),
    "two dims": ([torch.ones(2, 3)] * 4, torch.ones(3)),
    "nothing": ([torch.ones(2, 3, 0, 4)] * 4, POINTS),
}


@pytest.mark.parametrize("name", DO_NOT_FIT)
def test_a_gradient_of_distances_of_other_shapes_is_refused(single_op: SingleOp, name: str) -> None:
    inputs, out = DO_NOT_FIT[name]
    assert single_op.run("CdistGrad", inputs, out, p=2.0) == INVALID_PARAM
    assert "CdistGrad" in single_op.cann.message()


@pytest.fixture
def stream(cann: Cann) -> Iterator[c.c_void_p]:
    made = c.c_void_p()
    cann.acl("aclrtCreateStream", c.byref(made))
    yield made
    cann.acl("aclrtDestroyStream", made)


NORM: dict[str, Any] = {"p": 3.0, "axes": [1], "keepdim": False, "epsilon": 0.0}


def test_an_operator_keeps_no_memory(single_op: SingleOp, stream: c.c_void_p) -> None:
    def free() -> int:
        found, total = c.c_size_t(), c.c_size_t()
        single_op.cann.acl("aclrtGetMemInfo", 0, c.byref(found), c.byref(total))
        return found.value

    before = free()
    assert single_op.run("LpNormReduceV2", [torch.randn(64, 64)], torch.empty(64), stream=stream, **NORM) == 0
    assert free() == before


def test_an_operator_that_needs_memory_is_not_captured(single_op: SingleOp, stream: c.c_void_p) -> None:
    code = single_op.run("LpNormReduceV2", [torch.randn(64, 64)], torch.empty(64), stream=stream, captured=True, **NORM)
    assert code == STREAM_CAPTURED
    assert "run this operator outside of the capture" in single_op.cann.message()


def test_an_operator_that_it_has_not_is_not_found(single_op: SingleOp) -> None:
    assert single_op.run("Sqrt", [torch.ones(2)], torch.empty(2)) == OP_NOT_FOUND
    assert "operator Sqrt has no binary" in single_op.cann.message()


def test_a_wrong_number_of_inputs_is_refused(single_op: SingleOp) -> None:
    assert single_op.run("CdistGrad", [torch.ones(2)], torch.empty(2)) == INVALID_PARAM
    assert "takes 4 inputs and 1 outputs, found 1 and 1" in single_op.cann.message()
