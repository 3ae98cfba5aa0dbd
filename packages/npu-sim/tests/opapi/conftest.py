"""A client of the C ABI, by ctypes: calls any aclnn operator by name with torch CPU tensors as arguments."""

from __future__ import annotations

import ctypes as c
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch  # libopapi finds torch's libraries in the process

import npu_sim
from npu_cann.signatures import Operator, Param, load

ACL = {
    torch.float32: 0, torch.float16: 1, torch.int8: 2, torch.int32: 3, torch.uint8: 4, torch.int16: 6,
    torch.uint16: 7, torch.uint32: 8, torch.int64: 9, torch.uint64: 10, torch.float64: 11, torch.bool: 12,
    torch.complex64: 16, torch.complex128: 17, torch.bfloat16: 27, torch.complex32: 33, torch.float8_e5m2: 35,
    torch.float8_e4m3fn: 36,
}  # fmt: skip
NUMBERS = {
    "int64": c.c_int64, "int32": c.c_int32, "int8": c.c_int8, "uint64": c.c_uint64, "bool": c.c_bool,
    "double": c.c_double, "float": c.c_float, "dtype": c.c_int32,
}  # fmt: skip
TO_DEVICE, TO_HOST, HUGE_FIRST = 1, 2, 0
REPEAT_INITIALIZE = 100002


def ints(values: Sequence[int]) -> c.Array[c.c_int64]:
    return (c.c_int64 * len(values))(*values)


class AclError(Exception):
    """A call answered `code`; the text is aclGetRecentErrMsg's."""

    def __init__(self, call: str, code: int, message: str) -> None:
        super().__init__(f"{call}: {code}: {message}")
        self.code = code
        self.message = message


class Buffer:
    """A tensor's whole storage on the device, and an aclTensor over it."""

    def __init__(self, cann: Cann, tensor: torch.Tensor) -> None:
        self.cann, self.tensor = cann, tensor
        self.bytes = tensor.untyped_storage().nbytes()
        self.data = cann.malloc(self.bytes) if self.bytes else None
        self.upload()
        storage = [self.bytes // tensor.element_size()]
        self.handle: int = cann.base.aclCreateTensor(
            ints(tensor.shape), c.c_uint64(tensor.dim()), ACL[tensor.dtype], ints(tensor.stride()),
            c.c_int64(int(tensor.storage_offset())), 2, ints(storage), c.c_uint64(1), self.data,
        )  # fmt: skip

    def upload(self) -> None:
        if self.bytes:
            host = self.tensor.untyped_storage().data_ptr()
            self.cann.acl("aclrtMemcpy", self.data, self.bytes, host, self.bytes, TO_DEVICE)

    def download(self) -> None:
        if self.bytes:
            host = self.tensor.untyped_storage().data_ptr()
            self.cann.acl("aclrtMemcpy", host, self.bytes, self.data, self.bytes, TO_HOST)

    def shape(self) -> tuple[int, ...]:
        """The shape as aclGetViewShape tells it."""
        dims, n = c.POINTER(c.c_int64)(), c.c_uint64()
        answer = self.cann.base.aclGetViewShape(c.c_void_p(self.handle), c.byref(dims), c.byref(n))
        self.cann.check("aclGetViewShape", answer)
        return tuple(dims[: n.value])  # a few bytes of new[] that Python cannot delete

    def free(self) -> None:
        if self.data:
            self.cann.acl("aclrtFree", self.data)


class Call:
    """The arguments of one operator, as handles; made and dropped with `Cann.arguments`."""

    def __init__(self, cann: Cann, op: Operator, values: Sequence[Any]) -> None:
        assert len(values) == len(op.params), f"{op.name} takes {[p.name for p in op.params]}"
        self.cann, self.op = cann, op
        self.buffers: dict[str, list[Buffer]] = {}
        self._drop: list[tuple[str, c.c_void_p]] = []
        self.words = [self._word(p, v) for p, v in zip(op.params, values, strict=True)]

    def _make(self, kind: str, handle: int | None) -> c.c_void_p:
        assert handle, self.cann.message()
        self._drop.append((f"aclDestroy{kind}", c.c_void_p(handle)))
        return c.c_void_p(handle)

    def _buffer(self, p: Param, tensor: torch.Tensor | None) -> int:
        if tensor is None:
            return 0
        buffer = Buffer(self.cann, tensor)
        self.buffers.setdefault(p.name, []).append(buffer)
        return int(buffer.handle)

    def _scalar(self, v: Any) -> int:
        kinds: dict[type, tuple[int, Any]] = {bool: (12, c.c_bool), int: (9, c.c_int64), float: (11, c.c_double)}
        if isinstance(v, complex):
            return int(self.cann.base.aclCreateScalar((c.c_double * 2)(v.real, v.imag), 17))
        dtype, ctype = kinds[type(v)]
        return int(self.cann.base.aclCreateScalar(c.byref(ctype(v)), dtype))

    def _array(self, name: str, ctype: Any, values: Sequence[Any]) -> c.c_void_p:
        made = getattr(self.cann.base, f"aclCreate{name}")((ctype * len(values))(*values), c.c_uint64(len(values)))
        return self._make(name, made)

    def _word(self, p: Param, v: Any) -> Any:
        if p.kind in NUMBERS:
            return NUMBERS[p.kind](ACL[v] if p.kind == "dtype" else v)
        if v is None:
            return c.c_void_p(None)
        match p.kind:
            case "tensor":
                return self._make("Tensor", self._buffer(p, v))
            case "tensors":
                return self._array("TensorList", c.c_void_p, [self._buffer(p, t) for t in v])
            case "scalar":
                return self._make("Scalar", self._scalar(v))
            case "scalars":
                return self._array("ScalarList", c.c_void_p, [self._scalar(s) for s in v])
            case "ints":
                return self._array("IntArray", c.c_int64, v)
            case "bools":
                return self._array("BoolArray", c.c_bool, v)
            case "floats":
                return self._array("FloatArray", c.c_float, v)
            case _:
                return c.c_char_p(v.encode())

    def prepare(self) -> tuple[int, c.c_void_p]:
        """The first phase: workspace size in bytes and the executor. AclError as the operator answers."""
        size, executor = c.c_uint64(), c.c_void_p()
        first = getattr(self.cann.opapi, self.op.name + "GetWorkspaceSize")
        self.cann.check(self.op.name, first(*self.words, c.byref(size), c.byref(executor)))
        return size.value, executor

    def launch(self, executor: c.c_void_p, workspace: c.c_void_p | None, size: int) -> None:
        second = getattr(self.cann.opapi, self.op.name)
        self.cann.check(self.op.name, second(workspace, c.c_uint64(size), executor, None))

    def finish(self) -> None:
        """Waits for the stream and copies what the operator wrote into the caller's tensors."""
        self.cann.acl("aclrtSynchronizeDevice")
        for p in self.op.params:
            for b in self.buffers.get(p.name, []) if p.direction != "in" else []:
                b.download()

    def close(self) -> None:
        for destroy, handle in self._drop:
            self.cann.check(destroy, getattr(self.cann.base, destroy)(handle))
        for buffers in self.buffers.values():
            for b in buffers:
                b.free()


class Cann:
    """The libraries of npu-sim, with device 0 current."""

    def __init__(self) -> None:
        lib = Path(npu_sim.LIBRARY_DIR)
        self._acl = c.CDLL(str(lib / "libascendcl.so"))
        self.opapi = c.CDLL(str(lib / "libopapi.so"))
        self.base = self.opapi  # every name of libnnopbase is found through libopapi, as torch_npu looks it up
        self._acl.aclGetRecentErrMsg.restype = c.c_char_p
        for name in ("Tensor", "Scalar", "IntArray", "FloatArray", "BoolArray", "TensorList", "ScalarList"):
            getattr(self.base, f"aclCreate{name}").restype = c.c_void_p
        self.ops = load()
        # Another client in this process, npu-core in a test of npu-ops, may have started CANN before.
        if (code := self._acl.aclInit(None)) != REPEAT_INITIALIZE:
            self.check("aclInit", code)
        self.acl("aclrtSetDevice", 0)

    def message(self) -> str:
        return (self._acl.aclGetRecentErrMsg() or b"").decode()

    def check(self, call: str, code: int) -> None:
        if code:
            raise AclError(call, code, self.message())

    def acl(self, name: str, *args: Any) -> None:
        wide = [c.c_uint64(a) if isinstance(a, int) and not isinstance(a, bool) else a for a in args]
        self.check(name, getattr(self._acl, name)(*wide))

    def malloc(self, nbytes: int) -> c.c_void_p:
        p = c.c_void_p()
        self.acl("aclrtMalloc", c.byref(p), nbytes, HUGE_FIRST)
        return p

    @contextmanager
    def arguments(self, name: str, *values: Any) -> Iterator[Call]:
        call = Call(self, self.ops[name], values)
        try:
            yield call
        finally:
            call.close()

    def run(self, name: str, *values: Any) -> dict[str, tuple[int, ...]]:
        """Runs an operator; outputs are written into the given CPU tensors. Answers the outputs' shapes."""
        with self.arguments(name, *values) as call:
            size, executor = call.prepare()
            workspace = self.malloc(size) if size else None
            call.launch(executor, workspace, size)
            call.finish()
            if workspace:
                self.acl("aclrtFree", workspace)
            out = [p.name for p in call.op.params if p.direction != "in" and p.name in call.buffers]
            return {n: call.buffers[n][0].shape() for n in out}


@pytest.fixture(scope="session")
def cann() -> Cann:
    return Cann()
