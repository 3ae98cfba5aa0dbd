"""One random sequence of calls of the ABI: what `abi_fuzz.py` runs in a process of its own."""

from __future__ import annotations

import ctypes
import os
import random
import re
import sys
from pathlib import Path
from typing import Any

import torch  # noqa: F401  libopapi finds torch's libraries in the process

import npu_sim
from npu_cann.signatures import load

sys.path.append(str(Path(__file__).parents[2] / "codegen"))

from traced_calls import HEADERS, Function, prototypes

LIB = Path(npu_sim.LIBRARY_DIR)
SCRATCH = 1 << 16
#: They wait for what a sequence of one thread cannot bring, or for other processes.
WAITS = re.compile(
    r"aclrtValueWait|aclrtWaitAndResetNotify|aclrtLaunchCallback|aclrtProcessReport|HcclCommInit(Root|Cl)"
)
#: They tell of an earlier call's code.
TELLS = {"aclrtGetLastError", "aclrtPeekAtLastError"}
OPAQUE = {
    "aclrtStream", "aclrtEvent", "aclrtContext", "aclrtNotify", "aclmdlRI", "aclmdlRICondHandle", "aclrtTaskGrp",
    "HcclComm", "HcclCommSymWindow", "aclrtDrvMemHandle", "aclrtBinHandle", "aclrtFuncHandle", "aclTensor*",
    "aclScalar*", "aclIntArray*",
    "aclFloatArray*", "aclBoolArray*", "aclTensorList*", "aclScalarList*", "aclOpExecutor*", "aclTensorDesc*",
    "aclDataBuffer*", "aclopAttr*", "aclGraphDumpOption*", "acltdtChannelHandle*", "acltdtDataItem*", "acltdtDataset*",
    "aclprofConfig*", "aclprofStepInfo*", "mstxDomainHandle_t", "mstxMemHeapHandle_t", "msptiSubscriberHandle",
}  # fmt: skip
#: Kinds of operators' parameters that are objects of libnnopbase.
OBJECTS = {
    "tensor": "aclTensor*", "tensors": "aclTensorList*", "scalar": "aclScalar*", "scalars": "aclScalarList*",
    "ints": "aclIntArray*", "floats": "aclFloatArray*", "bools": "aclBoolArray*",
}  # fmt: skip
CODES = {"aclError", "aclnnStatus", "HcclResult", "rtError_t"}
SIZES = (0, 1, 2, 7, 64, 4096)
HUGE = (1 << 40, 1 << 63, (1 << 64) - 1)
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 9, 12, 16, 27, 64, 255, -1, -2, 1 << 31)
NAMES = (b"BNSD", b"TND", b"CdistGrad", b"LpNormReduceV2")
TEXTS = (None, b"", b"x", b"aclnnAdd", b"/nonexistent/file.json", b"\xff\xfe", b"y" * 300, *NAMES)
#: What an array of ones may be.
NUMBER = r"(u?int\d+_t|size_t|int|float|double|bool)\*"
#: Device memory, or addresses that a call must refuse without looking there.
ADDRESSES = {"devPtr", "virPtr", "hostPtr", "ptr", "expectPtr", "devAddr", "workspace", "addr", "tensorData"}
#: The host's, or nothing: a device address there is what the program may not give.
HOST = {"value", "data", "hostArgs", "userData", "userdata", "args", "arg", "arg0"}
GARBAGE = (0x1234, 1 << 40 | 5, 0xDEADBEEF, (1 << 64) - 8)


def documented() -> set[int]:
    """Every code of error.h and of HcclResult."""
    text = (HEADERS / "error.h").read_text() + (HEADERS / "hccl.h").read_text()
    return {0, *(int(v) for v in re.findall(r"X\(\w+, (\d+)\)|HCCL_E_\w+ = (\d+)", text) for v in v if v)}


def functions() -> dict[str, tuple[Function, Any]]:
    """The functions by name, with what calls them."""
    libraries = [ctypes.CDLL(str(p)) for p in sorted(LIB.glob("lib*.so"))]
    found = {}
    for header in sorted(HEADERS.glob("*.h")):
        for f in prototypes(header):
            owner = next((library for library in libraries if hasattr(library, f.name)), None)
            if owner is not None and not WAITS.match(f.name):
                call = owner[f.name]
                call.restype = ctypes.c_int if f.answer in CODES else ctypes.c_void_p
                found[f.name] = f, call
    return found


FUNCTIONS = functions()
OPERATORS = {n: op for n, op in load().items() if hasattr(ctypes.CDLL(str(LIB / "libopapi.so")), n)}
OPAPI = ctypes.CDLL(str(LIB / "libopapi.so"))
DOCUMENTED = documented()
#: What fills the pools; half of the calls are of these.
MAKERS = [
    "aclInit", "aclrtSetDevice", "aclrtCreateStream", "aclrtCreateStreamWithConfig", "aclrtCreateEventExWithFlag",
    "aclrtCreateEvent", "aclrtCreateContext", "aclrtMalloc", "aclrtMallocHost", "aclrtMallocPhysical",
    "aclrtReserveMemAddress", "aclrtRecordEvent", "aclrtStreamWaitEvent", "aclrtMemcpyAsync", "aclrtMemcpy",
    "aclrtMemset", "aclrtMemsetAsync", "aclmdlRICaptureBegin", "aclmdlRICaptureEnd", "aclmdlRIExecuteAsync",
    "aclCreateTensor",
    "aclCreateScalar", "aclCreateIntArray", "aclCreateTensorList", "aclrtSynchronizeStream", "aclrtSynchronizeDevice",
    "aclrtFree", "aclrtDestroyStream", "aclrtDestroyEvent", "HcclCommInitAll", "HcclAllReduce", "aclrtCreateNotify",
    "aclFinalize", "aclrtResetDevice", "aclrtMapMem", "aclrtGetMemInfo", "aclrtQueryEventStatus",
]  # fmt: skip
#: A function for callbacks: it takes no notice of its arguments.
NOTHING = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value or 0


#: The pipe that calls are written to before they are made.
NOTES = -1


def note(text: str) -> None:
    """Kept whatever happens to the process."""
    os.write(NOTES, text.encode() + b"\n")


class Sequence:
    """The calls of one process."""

    crash = False

    def __init__(self) -> None:
        self.pools: dict[str, list[int]] = {}
        self.kept: list[Any] = []  # what calls were given lives as long as they may use it

    # --- arguments ----------------------------------------------------------------------------------------------------

    def scratch(self, value: int = 0) -> int:
        buffer = ctypes.create_string_buffer(SCRATCH)
        if value:
            ctypes.memset(buffer, value, SCRATCH)
        self.kept.append(buffer)
        return ctypes.addressof(buffer)

    def handle(self, r: random.Random, kind: str) -> int:
        mine = self.pools.get(kind, [])
        if mine and r.random() < 0.8:
            return r.choice(mine)
        every = [h for pool in self.pools.values() for h in pool]
        return r.choice([0, 0, r.choice(every) if every else 0, r.choice(GARBAGE)])

    def address(self, r: random.Random, name: str) -> int:
        mine = [] if name in HOST else self.pools.get("void*", [])
        if mine and r.random() < 0.7:
            return r.choice(mine) + r.choice((0, 0, 0, 1, 64))
        if name in ADDRESSES and r.random() < 0.3:
            return r.choice(GARBAGE)
        return r.choice((0, self.scratch()))

    def value(self, r: random.Random, f: Function, name: str, declared: str) -> tuple[Any, str | None]:
        """An argument, and the pool for what the call writes through it."""
        kind = declared.removeprefix("const ").replace(" const", "").replace(" ", "")
        if kind in OPAQUE:
            return ctypes.c_void_p(self.handle(r, kind)), None
        if re.search("Func$|Callback$|CommandHandle$", kind):
            return ctypes.c_void_p(r.choice((0, NOTHING))), None
        if kind == "void*":
            return ctypes.c_void_p(self.address(r, name)), None
        if kind.removesuffix("*") in OPAQUE and re.search(r"\*\s*const\s*\*|\[\]$", declared):
            array = self.scratch()  # of nulls, after eight handles
            for i in range(8):
                ctypes.c_uint64.from_address(array + 8 * i).value = self.handle(r, kind.removesuffix("*"))
            return ctypes.c_void_p(r.choice((0, array, array))), None
        if kind.removesuffix("*") in OPAQUE or kind == "void**":
            missing = r.random() < 0.05
            return ctypes.c_void_p(0 if missing else self.scratch()), None if missing else kind.removesuffix("*")
        if kind == "char*":
            writes = not declared.startswith("const")
            text = r.choice(TEXTS)
            return (ctypes.c_void_p(r.choice((0, self.scratch()))) if writes else ctypes.c_char_p(text)), None
        if kind.endswith("*"):
            ones = 1 if re.fullmatch(NUMBER, kind) else 0  # of a struct these would be pointers to nothing
            return ctypes.c_void_p(r.choice((0, self.scratch(), self.scratch(), self.scratch(ones)))), None
        if kind in ("float", "double"):
            return (ctypes.c_float if kind == "float" else ctypes.c_double)(
                r.choice((0.0, 1.5, -1.0, float("nan")))
            ), None
        if kind == "size_t" or name in ("size", "count", "length", "len") or name.lower().endswith("num"):
            allocates = re.search("Malloc|Reserve|MapMem", f.name) and r.random() < 0.2
            return ctypes.c_uint64(r.choice(HUGE if allocates else SIZES)), None
        if name == "timeout":
            return ctypes.c_int64(r.choice((0, 1, -2))), None
        return ctypes.c_int64(r.choice(NUMBERS) if r.random() < 0.6 else r.choice((0, 1))), None

    # --- calls --------------------------------------------------------------------------------------------------------

    def function(self, name: str, r: random.Random) -> str:
        f, call = FUNCTIONS[name]
        made = [self.value(r, f, p.name, p.type) for p in f.parameters]
        arguments = ", ".join(
            f"{p.name}={getattr(v, 'value', v)}" for p, (v, _) in zip(f.parameters, made, strict=True)
        )
        note(f"{name}({arguments})")
        answer = call(*(v for v, _ in made))
        if f.answer in CODES:
            self.check(name, answer)
        elif f.answer.endswith("*") and answer:
            self.pools.setdefault(f.answer.removeprefix("const ").replace(" ", ""), []).append(answer)
        for value, pool in made:
            if pool and answer == 0 and (written := ctypes.c_uint64.from_address(value.value).value):
                self.pools.setdefault(pool, []).append(written)
        return name

    def tensor(self, r: random.Random) -> None:
        shape = [
            r.choice((0, 1, 2, 3, 8, 1 << 40, -1)) if r.random() < 0.2 else r.choice((1, 2, 3))
            for _ in range(r.randint(0, 4))
        ]
        strides = [r.choice((0, 1, 2, 1 << 60, -1)) for _ in shape]
        size = 1
        if r.random() < 0.8:
            for i in reversed(range(len(shape))):
                strides[i], size = size, max(size * shape[i], -(1 << 62)) % (1 << 62)
        dims, steps = (ctypes.c_int64 * 8)(*shape), (ctypes.c_int64 * 8)(*strides)
        dtype, data = r.choice((0, 0, 0, 1, 3, 9, 12, 16, 27, 99)), self.handle(r, "void*") if r.random() < 0.9 else 0
        note(f"aclCreateTensor({shape}, {dtype}, {strides}, {hex(data)})")
        create = FUNCTIONS["aclCreateTensor"][1]
        count, offset = ctypes.c_uint64(len(shape)), ctypes.c_int64(r.choice((0, 0, 0, 1, -1, 1 << 50)))
        layout = r.choice((2, 2, 2, 0, 29, 77))
        handle = create(dims, count, dtype, steps, offset, layout, dims, count, ctypes.c_void_p(data))
        if handle:
            self.pools.setdefault("aclTensor*", []).append(handle)

    def operator(self, name: str, r: random.Random) -> None:
        op = OPERATORS[name]
        words: list[Any] = []
        for p in op.params:
            if p.kind in OBJECTS:
                words.append(ctypes.c_void_p(self.handle(r, OBJECTS[p.kind])))
            elif p.kind == "string":
                words.append(ctypes.c_char_p(r.choice(TEXTS)))
            elif p.kind in ("float", "double"):
                real = ctypes.c_float if p.kind == "float" else ctypes.c_double
                words.append(real(r.choice((0.0, 1.0, 0.5, -1.0, float("nan")))))
            else:
                words.append(ctypes.c_int64(r.choice((0, 1, 0, 1, -1, 2, 99))))
        size, executor = ctypes.c_uint64(), ctypes.c_void_p()
        outputs = [None if r.random() < 0.03 else ctypes.byref(o) for o in (size, executor)]
        note(f"{name}GetWorkspaceSize({', '.join(str(w.value) for w in words)})")
        code = OPAPI[name + "GetWorkspaceSize"](*words, *outputs)
        self.check(name, code)
        if code == 0 and executor.value:
            self.pools.setdefault("aclOpExecutor*", []).append(executor.value)
        if r.random() < 0.8:
            workspace = ctypes.c_void_p(self.address(r, "workspace"))
            given = executor if code == 0 and r.random() < 0.8 else ctypes.c_void_p(self.handle(r, "aclOpExecutor*"))
            stream = ctypes.c_void_p(self.handle(r, "aclrtStream"))
            note(f"{name}({workspace.value}, {size.value}, {given.value}, {stream.value})")
            self.check(name, OPAPI[name](workspace, size, given, stream))

    def check(self, name: str, code: int) -> None:
        message = FUNCTIONS["aclGetRecentErrMsg"][1]() if code and name not in TELLS else 1
        if code not in DOCUMENTED:
            note(f"{name} answered {code}, which CANN does not document")
            os._exit(3)
        if not message:
            note(f"{name} answered {code} without a message")
            os._exit(3)

    def run(self, steps: list[tuple[str, int]], begun: bool) -> None:
        r = random.Random(0)
        if begun:
            for name in ("aclInit", "aclrtSetDevice"):
                note(f"{name}(0)")
                FUNCTIONS[name][1](ctypes.c_void_p(0))
            for name in (
                "aclrtMalloc",
                "aclrtMalloc",
                "aclrtCreateStream",
                "aclrtCreateEventExWithFlag",
                "aclCreateScalar",
            ):
                self.function(name, random.Random(1))
            for _ in range(3):
                self.tensor(random.Random(2))
        for name, number in steps:
            r.seed(number)
            if name == "tensor":
                self.tensor(r)
            elif name in OPERATORS:
                self.operator(name, r)
            else:
                self.function(name, r)
        if self.crash:
            note("abort()")
            os.abort()
        note("aclrtSynchronizeDevice() at the end")
        FUNCTIONS["aclrtSynchronizeDevice"][1]()
