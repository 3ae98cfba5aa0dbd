"""What npu-sim's libraries export, against what torch_npu asks of CANN and what npu-cann declares; both ways."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch  # noqa: F401  libopapi finds torch's libraries in the process

import npu_cann
import npu_sim
from npu_cann.signatures import load

HERE = Path(__file__).parent
sys.path.append(str(HERE))

import abi_page  # noqa: E402
from acl_calls import Acl, error_codes  # noqa: E402

USED, SECTIONS = abi_page.used(), abi_page.not_done()
LIB = Path(npu_sim.LIBRARY_DIR)
C_NAME = re.compile(r"(acl|Acl|rt[A-Z]|Hccl|Hcomm|mspti|mstx|Msprof)")


def opened(library: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(LIB / library))


@pytest.mark.parametrize("library", USED)
def test_a_client_finds_every_name_through_the_library_that_it_asks(library: str) -> None:
    names = [name for group in USED[library].values() for name in group]
    if library in SECTIONS["absent"]:
        assert not (LIB / library).exists()
        return
    handle = opened(library)
    assert [name for name in names if not hasattr(handle, name)] == []


def test_what_torch_npu_is_linked_to_comes_with_the_libraries_that_it_needs() -> None:
    # of the four owners of these names, two are not among them: they come through the others
    needed = ("libhccl", "libascendcl", "libacl_op_compiler", "libge_runner", "libgraph", "libacl_tdt_channel")
    handles = [opened(f"{name}.so") for name in needed]
    linked = {name for kinds in USED.values() for name in kinds.get("linked", [])}
    assert len(linked) == 84
    assert [name for name in sorted(linked) if not any(hasattr(handle, name) for handle in handles)] == []


def test_every_exported_c_function_is_one_that_npu_cann_declares() -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.fail("nm (binutils) is needed")
    include = Path(npu_cann.__file__).parent / "include" / "npu" / "cann"
    declared = {n for h in include.glob("*.h") for n in re.findall(r"\b(\w+)\(", h.read_text())}
    operators = {name + phase for name in load() for phase in ("", "GetWorkspaceSize")}
    for path in sorted(LIB.glob("lib*.so")):
        done = subprocess.run([nm, "-D", "--defined-only", path], capture_output=True, text=True, check=True)
        names = {line.split()[2] for line in done.stdout.splitlines() if line.split()[1] == "T"}
        ours = {name for name in names if C_NAME.match(name)}
        assert ours - declared - operators == set(), path.name


def test_little_is_refused_and_each_name_is_one_that_torch_npu_uses() -> None:
    names = {name: kind for kinds in USED.values() for kind, group in kinds.items() for name in group}
    assert set(SECTIONS["refused"]) <= set(names)
    assert set(SECTIONS["partly"]) <= set(names)
    assert set(SECTIONS["absent"]) <= set(USED)
    assert sum(names[name] == "looked_up" for name in SECTIONS["refused"]) <= 20


P, SIZE = ctypes.c_void_p, ctypes.c_size_t
HANDLE = P(0x1234)


def codes_of(acl: Acl, handle: Callable[[str], ctypes.CDLL]) -> dict[str, int]:
    """What every refused function answers to arguments that are right as far as they can be."""
    compiler, dump, runtime, hccl = map(handle, ("acl_op_compiler", "ascend_dump", "runtime", "hccl"))
    out, stream = ctypes.byref(P()), P(acl.stream())
    compiler.aclCreateGraphDumpOpt.restype = P
    assert compiler.aclCreateGraphDumpOpt() is None
    no_option = acl.lib.aclrtGetLastError(0)
    run = (b"Add", 0, None, None, 0, None, None, None, 0, 0, None, stream)
    binary = (ctypes.c_uint64 * 3)()
    return {
        "aclopCompileAndExecute": compiler.aclopCompileAndExecute(*run),
        "aclopCompileAndExecuteV2": compiler.aclopCompileAndExecuteV2(*run),
        "aclCreateGraphDumpOpt": no_option,
        "aclDestroyGraphDumpOpt": compiler.aclDestroyGraphDumpOpt(HANDLE),
        "aclGenGraphAndDumpForOp": compiler.aclGenGraphAndDumpForOp(*run[:8], 0, b"/tmp/graph", None),
        "aclopStartDumpArgs": dump.aclopStartDumpArgs(1, b"/tmp"),
        "aclopStopDumpArgs": dump.aclopStopDumpArgs(1),
        "aclrtBinaryLoadFromData": acl.lib.aclrtBinaryLoadFromData(b"elf", SIZE(3), None, out),
        "aclrtBinaryGetFunction": acl.lib.aclrtBinaryGetFunction(HANDLE, b"kernel", out),
        "aclrtGetFunctionAddr": acl.lib.aclrtGetFunctionAddr(HANDLE, out, out),
        "aclrtLaunchKernelWithHostArgs": acl.lib.aclrtLaunchKernelWithHostArgs(
            HANDLE, 1, stream, None, None, SIZE(0), None, SIZE(0)
        ),
        "aclrtGetHardwareSyncAddr": acl.lib.aclrtGetHardwareSyncAddr(out),
        "rtDevBinaryRegister": runtime.rtDevBinaryRegister(binary, out),
        "rtFunctionRegister": runtime.rtFunctionRegister(HANDLE, HANDLE, b"stub", None, 0),
        "rtGetC2cCtrlAddr": runtime.rtGetC2cCtrlAddr(out, ctypes.byref(ctypes.c_uint32())),
        "rtKernelLaunch": runtime.rtKernelLaunch(HANDLE, 1, None, 0, None, stream),
        "HcclCommWorkingDevNicSet": working_nics(hccl),
    }


def working_nics(hccl: ctypes.CDLL) -> int:
    comm, ranks, backup = P(), (ctypes.c_uint32 * 1)(0), (ctypes.c_bool * 1)(True)
    assert hccl.HcclCommInitAll(1, (ctypes.c_int32 * 1)(0), ctypes.byref(comm)) == 0
    code = int(hccl.HcclCommWorkingDevNicSet(comm, ranks, backup, 1))
    assert hccl.HcclCommDestroy(comm) == 0
    return code


def test_refused_functions_answer_their_code_and_say_why() -> None:
    acl = Acl().start()
    header = (Path(npu_cann.__file__).parent / "include/npu/cann/hccl.h").read_text()
    values = error_codes() | {n: int(v) for n, v in re.findall(r"(HCCL_E_\w+) = (\d+)", header)}
    answered = codes_of(acl, lambda name: opened(f"lib{name}.so"))
    assert answered == {name: values[entry["code"]] for name, entry in SECTIONS["refused"].items()}
    assert acl.message()


def test_the_page_is_the_data() -> None:
    assert abi_page.PAGE.read_text() == abi_page.render(), "run python packages/npu-sim/tests/abi_page.py"
