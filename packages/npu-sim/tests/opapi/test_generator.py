"""The generator of libopapi's exports."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from npu_cann.signatures import Operator, load, parse_params

SCRIPT = Path(__file__).parents[2] / "codegen" / "aclnn_exports.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("aclnn_exports", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kernel_file(tmp_path: Path, name: str, *operators: str) -> Path:
    path = tmp_path / name
    path.write_text("".join(f"NPU_SIM_KERNEL({o}, rules::same) = [] {{}};\n" for o in operators))
    return path


def test_a_kernel_of_an_operator_that_cann_has_not_is_named(generator: ModuleType, tmp_path: Path) -> None:
    source = kernel_file(tmp_path, "a.cpp", "aclnnAdd", "aclnnFrobnicate")
    with pytest.raises(generator.CodegenError, match=r"a\.cpp: CANN has no operator aclnnFrobnicate"):
        list(generator.exports(load(), [source]))


def test_two_kernels_of_one_operator_are_named_with_their_files(generator: ModuleType, tmp_path: Path) -> None:
    files = [kernel_file(tmp_path, "a.cpp", "aclnnAdd"), kernel_file(tmp_path, "b.cpp", "aclnnAdd")]
    with pytest.raises(generator.CodegenError, match=r"b\.cpp: aclnnAdd has a kernel in .*a\.cpp too"):
        list(generator.exports(load(), files))


def test_a_commented_kernel_is_not_exported(generator: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.cpp"
    path.write_text("//   NPU_SIM_KERNEL(aclnnMul) = ...\nNPU_SIM_KERNEL(aclnnAdd) = ...\n")
    assert list(generator.kernels([path])) == ["aclnnAdd"]


def test_both_phases_have_canns_prototypes(generator: ModuleType) -> None:
    op = Operator("aclnnX", parse_params("aclnnX", "tensor self, double p, bool b, out tensor out"), products=("A2",))
    text = "\n".join(generator.export(op))
    first = "aclnnXGetWorkspaceSize(const aclTensor* self, double p, bool b, aclTensor* out, uint64_t* workspaceSize, "
    assert first + "aclOpExecutor** executor)" in text
    assert "words[] = {pointer(self), real(p), integer(b), pointer(out)}" in text
    assert "aclnnX(void* workspace, uint64_t workspaceSize, aclOpExecutor* executor," in text


def test_in_place_takes_the_kernel_of_its_twin_unless_it_has_its_own(generator: ModuleType, tmp_path: Path) -> None:
    twins = generator.in_place_twins(
        load(), ["aclnnMish", "aclnnAddmm", "aclnnSqrt", "aclnnInplaceSqrt", "aclnnVarMean"]
    )
    assert twins == {"aclnnInplaceMish": ("aclnnMish", 1), "aclnnInplaceAddmm": ("aclnnAddmm", 5)}


def test_in_place_gives_the_written_tensor_for_the_output(generator: ModuleType) -> None:
    ops = load()
    text = "\n".join(generator.export(ops["aclnnInplaceAddmm"], ops["aclnnAddmm"], 5))
    assert "pointer(beta), pointer(alpha), pointer(selfRef), integer(cubeMathType)}" in text
    assert "&npu_sim::ops::kernel_aclnnAddmm, 5};" in text


def test_every_kind_of_parameter_has_a_letter(generator: ModuleType) -> None:
    assert {p.kind for op in load().values() for p in op.params} <= set(generator.KINDS)
    assert 'aclnnAdd[] = "ttst";' in "\n".join(generator.signatures(load()))


def test_a_file_is_written_only_when_it_changes(generator: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "out.cpp"
    generator.write(out, iter(["a"]))
    before = out.stat().st_mtime_ns
    generator.write(out, iter(["a"]))
    assert out.stat().st_mtime_ns == before
    generator.write(out, iter(["b"]))
    assert out.read_text() == "b\n"
