"""Objects, executors, workspace, and what happens when a kernel fails."""

from __future__ import annotations

import ctypes as c
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Cann

NULL, INVALID, AICORE = 161001, 161002, 507015
X, Y = torch.randn(4, 4), torch.randn(4, 4)


def code_of(e: pytest.ExceptionInfo[Exception]) -> int:
    return int(e.value.code)


def test_a_repeatable_executor_runs_again_at_other_addresses(cann: Cann) -> None:
    z = torch.empty(4, 4)
    with cann.arguments("aclnnAdd", X, Y, 1.0, z) as first, cann.arguments("aclnnAdd", Y, Y, 1.0, z.clone()) as second:
        _, executor = first.prepare()
        cann.check("repeat", cann.base.aclSetAclOpExecutorRepeatable(executor))
        first.launch(executor, None, 0)
        for index, name in enumerate(("self", "other", "out")):
            data, handle = second.buffers[name][0].data, first.words[0]
            cann.check("set", cann.base.aclSetTensorAddr(executor, c.c_size_t(index), handle, data))
        first.launch(executor, None, 0)
        first.finish()
        second.finish()
        torch.testing.assert_close(z, X + Y)
        torch.testing.assert_close(second.buffers["out"][0].tensor, Y + Y)
        cann.check("destroy", cann.base.aclDestroyAclOpExecutor(executor))


def test_input_and_output_addresses_count_within_their_own_kind(cann: Cann) -> None:
    z = torch.empty(4, 4)
    with cann.arguments("aclnnAdd", X, Y, 1.0, z) as call, cann.arguments("aclnnNeg", Y, z.clone()) as other:
        _, executor = call.prepare()
        cann.check("repeat", cann.base.aclSetAclOpExecutorRepeatable(executor))
        tensor = call.words[0]
        set_in, set_out = cann.base.aclSetInputTensorAddr, cann.base.AclSetOutputTensorAddr
        cann.check("in", set_in(executor, c.c_size_t(0), tensor, other.buffers["self"][0].data))
        cann.check("out", set_out(executor, c.c_size_t(0), tensor, other.buffers["out"][0].data))
        assert set_out(executor, c.c_size_t(1), tensor, None) == INVALID
        assert set_in(executor, c.c_size_t(0), None, None) == NULL
        assert set_in(executor, c.c_size_t(0), c.c_void_p(0x1234), None) == INVALID
        assert "was destroyed, or is none" in cann.message()
        call.launch(executor, None, 0)
        other.finish()
        torch.testing.assert_close(other.buffers["out"][0].tensor, Y + Y)
        cann.check("destroy", cann.base.aclDestroyAclOpExecutor(executor))


def test_addresses_of_a_list_are_set_by_parameter_and_element(cann: Cann) -> None:
    z = torch.empty(8, 4)
    with cann.arguments("aclnnCat", [X, X], 0, z) as call, cann.arguments("aclnnNeg", Y, Y.clone()) as other:
        _, executor = call.prepare()
        cann.check("repeat", cann.base.aclSetAclOpExecutorRepeatable(executor))
        data = other.buffers["self"][0].data
        set_dynamic = cann.base.aclSetDynamicInputTensorAddr
        cann.check("set", set_dynamic(executor, c.c_size_t(0), c.c_size_t(1), call.words[0], data))
        call.launch(executor, None, 0)
        call.finish()
        torch.testing.assert_close(z, torch.cat([X, Y]))
        cann.check("destroy", cann.base.aclDestroyAclOpExecutor(executor))


def test_an_executor_is_consumed_unless_repeatable(cann: Cann) -> None:
    with cann.arguments("aclnnAdd", X, Y, 1.0, X.clone()) as call:
        _, executor = call.prepare()
        assert cann.base.aclSetTensorAddr(executor, c.c_size_t(0), call.words[0], None) == INVALID
        assert "not repeatable" in cann.message()
        call.launch(executor, None, 0)
        cann.acl("aclrtSynchronizeDevice")


def test_an_operator_whose_shape_depends_on_data_cannot_be_repeated(cann: Cann) -> None:
    with cann.arguments("aclnnNonzero", X > 0, torch.empty(16, 2, dtype=torch.int64)) as call:
        _, executor = call.prepare()
        assert cann.base.aclSetAclOpExecutorRepeatable(executor) == INVALID
        cann.check("destroy", cann.base.aclDestroyAclOpExecutor(executor))


def test_arguments_may_be_destroyed_after_the_first_phase(cann: Cann) -> None:
    z = torch.empty(4, 4)
    with cann.arguments("aclnnAdds", X, 2.0, 1.0, z) as call:
        _, executor = call.prepare()
        for destroy, handle in call._drop:
            cann.check(destroy, getattr(cann.base, destroy)(handle))
        call._drop.clear()
        call.launch(executor, None, 0)
        call.finish()
    torch.testing.assert_close(z, X + 2)


@pytest.mark.parametrize("given", ["null", "small", "host"])
def test_a_workspace_that_is_not_enough_device_memory_is_refused(cann: Cann, given: str) -> None:
    host = c.create_string_buffer(1 << 16)
    with cann.arguments("aclnnMm", X, Y, torch.empty(4, 4), 0) as call:
        size, executor = call.prepare()
        assert size > 0
        space = cann.malloc(size)
        pointer = {"null": None, "small": space, "host": c.cast(host, c.c_void_p)}[given]
        with pytest.raises(Exception, match="workspace") as e:
            call.launch(executor, pointer, size - 1 if given == "small" else size)
        assert code_of(e) == (NULL if given == "null" else INVALID)
        call.launch(executor, space, size)  # it was not consumed
        call.finish()
        cann.acl("aclrtFree", space)


def test_an_executor_of_another_operator_is_refused(cann: Cann) -> None:
    with cann.arguments("aclnnAdd", X, Y, 1.0, X.clone()) as call:
        _, executor = call.prepare()
        with pytest.raises(Exception, match="aclnnMul"):
            cann.check("aclnnMul", cann.opapi.aclnnMul(None, c.c_uint64(0), executor, None))
        cann.check("destroy", cann.base.aclDestroyAclOpExecutor(executor))


def test_destroying_twice_is_refused(cann: Cann) -> None:
    assert cann.base.aclDestroyTensor(None) == 0
    with cann.arguments("aclnnNeg", X, X.clone()) as call:
        handle = call.words[0]
        assert cann.base.aclGetDataType(handle, None) == NULL
        assert cann.base.aclDestroyScalar(handle) == INVALID


def test_a_tensor_tells_what_it_was_made_from(cann: Cann) -> None:
    view = torch.arange(12.0).view(3, 4)[1:, ::2]
    with cann.arguments("aclnnNeg", view, view.clone()) as call:
        handle = call.words[0]
        strides, n = c.POINTER(c.c_int64)(), c.c_uint64()
        cann.check("strides", cann.base.aclGetViewStrides(handle, c.byref(strides), c.byref(n)))
        assert strides[: n.value] == [4, 2]
        offset = c.c_int64()
        cann.check("offset", cann.base.aclGetViewOffset(handle, c.byref(offset)))
        assert offset.value == 4
        assert call.buffers["self"][0].shape() == (2, 2)


def in_own_process(body: str) -> str:
    import os
    import subprocess
    import sys

    code = (
        "import importlib.util as u\n"
        f"spec = u.spec_from_file_location('client', {os.path.join(os.path.dirname(__file__), 'conftest.py')!r})\n"
        "m = u.module_from_spec(spec); spec.loader.exec_module(m)\n"
        "import torch; cann = m.Cann(); x = torch.ones(4)\n" + body
    )
    env = {**os.environ, "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return run.stdout


def test_an_index_out_of_range_is_an_error_of_the_device_at_the_next_synchronisation() -> None:
    said = in_own_process(
        "try:\n    cann.run('aclnnEmbedding', torch.ones(3, 2), torch.tensor([5]), torch.empty(1, 2))\n"
        "except m.AclError as e:\n    print(e)\n"
    )
    assert said.startswith(f"aclrtSynchronizeDevice: {AICORE}: ")
    assert "aclnnEmbedding" in said
    assert "out of range" in said


def test_memory_that_was_freed_is_out_of_range_for_a_kernel() -> None:
    said = in_own_process(
        "with cann.arguments('aclnnNeg', x, x.clone()) as call:\n"
        "    _, executor = call.prepare()\n"
        "    b = call.buffers['self'][0]; cann.acl('aclrtFree', b.data); b.data = None\n"
        "    call.launch(executor, None, 0)\n"
        "    try:\n        call.finish()\n    except m.AclError as e:\n        print(e)\n"
        "    import os; os._exit(os.write(1, b'') and 1 if __import__('sys').stdout.flush() else 0)\n"
    )
    assert f"{AICORE}" in said
    assert "float32[4] is not allocated device memory" in said


def test_an_executor_is_found_again_by_its_key_at_other_addresses(cann: Cann) -> None:
    """The calls in the order in which torch_npu makes them."""
    base, key = cann.base, c.create_string_buffer(b"aclnnAdd 4x4 float", 18)
    base.PTAFindExecCache.restype = c.c_void_p
    base.CanUsePTACache.restype = c.c_bool
    assert base.CanUsePTACache(b"aclnnAdd")
    size = c.c_uint64()
    for x, y in ((X, Y), (Y, Y), (X, X)):
        z = torch.empty(4, 4)
        with cann.arguments("aclnnAdd", x, y, 1.0, z) as call:
            base.InitPTACacheThreadLocal()
            for name in ("self", "other", "out"):
                base.AddTensorAddrToCachedList(call.buffers[name][0].data)
            base.SetPTACacheHashKey(key, c.c_size_t(18))
            found = base.PTAFindExecCache(key, c.c_size_t(18), c.byref(size))
            assert bool(found) == (x is not X or y is not Y)
            executor = c.c_void_p(found) if found else call.prepare()[1]
            call.launch(executor, None, 0)
            base.UnInitPTACacheThreadLocal()
            call.finish()
        torch.testing.assert_close(z, x + y)


def test_an_executor_with_another_number_of_tensors_is_not_found(cann: Cann) -> None:
    base, size = cann.base, c.c_uint64()
    base.PTAGetExecCache.restype = c.c_void_p
    with cann.arguments("aclnnNeg", X, X.clone()) as call:
        base.InitPTACacheThreadLocal()
        base.SetPTAHashKey(c.c_uint64(99))
        call.launch(call.prepare()[1], None, 0)
        cann.acl("aclrtSynchronizeDevice")
        base.AddTensorAddrToCachedList(call.buffers["self"][0].data)
        assert not base.PTAGetExecCache(c.c_uint64(99), c.byref(size))
        base.AddTensorAddrToCachedList(call.buffers["out"][0].data)
        found = base.PTAGetExecCache(c.c_uint64(99), c.byref(size))
        assert found
        cann.check("destroy", base.aclDestroyAclOpExecutor(c.c_void_p(found)))
        base.UnInitPTACacheThreadLocal()
