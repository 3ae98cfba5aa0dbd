"""The generator: entries in, C++ out, and errors that name the entry."""

from __future__ import annotations

import copy
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from codegen import emit, sparse
from codegen.aten import Model
from codegen.errors import TableError
from codegen.expressions import Apply, Literal, Name, parse
from codegen.rules import CHECKS, CONSTANTS, OVERLAPS, RULES, SHAPES
from codegen.tables import read_fallbacks, read_table, read_tables
from torch.utils.cpp_extension import include_paths

import npu_cann
import npu_core
from npu_cann import signatures

PACKAGE = Path(__file__).parents[1]


@cache
def model() -> Model:
    return Model()


def generated(tmp_path: Path, text: str) -> str:
    (tmp_path / "demo.yaml").write_text(text)
    return str(emit.family(read_table(tmp_path / "demo.yaml"), model(), signatures.load()))


@pytest.mark.parametrize("golden", sorted((PACKAGE / "tests" / "golden").glob("*.yaml")), ids=lambda p: p.stem)
def test_an_entry_becomes_the_golden_text(golden: Path) -> None:
    text = emit.family(read_table(golden), model(), signatures.load())
    assert text == golden.with_suffix(".cpp").read_text()


def test_kernels_that_pytorch_shares_among_devices_are_called_and_the_rest_are_the_cpus() -> None:
    """One of PyTorch's for all, one of the CPU's, one of csrc/ (_coalesce), one that is refused."""
    own = {"SparsePrivateUse1": {"_coalesce"}, "SparseCsrPrivateUse1": {"_sparse_mm_reduce_impl_backward"}}
    few = {"_values", "sparse_resize_", "_to_sparse_csr", "mul.out", "_coalesce", "_sparse_mm_reduce_impl_backward"}
    sample = copy.copy(model())
    sample.functions = [f for f in model().functions if str(f.func.name) in few]
    assert sparse.emit(sample, own) == (PACKAGE / "tests" / "golden" / "sparse.cpp").read_text()


def test_one_line_makes_functional_inplace_and_out(tmp_path: Path) -> None:
    text = generated(tmp_path, "mul.out: aclnnMul(self, other, out)\n")
    for overload in ("mul.Tensor", "mul_.Tensor", "mul.out"):
        assert f'impl<"{overload}"' in text


def test_a_line_says_what_becomes_of_shared_memory(tmp_path: Path) -> None:
    assert "Overlap" not in generated(tmp_path, "neg.out: aclnnNeg(self, out)\n")
    for rule in OVERLAPS:
        text = generated(tmp_path, f'tril.out: {{call: "aclnnTril(self, diagonal, out)", overlap: {rule}}}\n')
        assert f"_tril_, Overlap::{rule}>(m);" in text


def test_the_rules_of_shared_memory_are_those_of_the_header() -> None:
    body = (PACKAGE / "csrc" / "kernel.h").read_text().split("enum class Overlap")[1].split("};")[0]
    assert {"refused", *OVERLAPS} == set(re.findall(r"^  (\w+),", body, re.MULTILINE))


def test_a_check_may_see_a_given_result(tmp_path: Path) -> None:
    text = generated(tmp_path, 'neg.out: {call: "aclnnNeg(self, out)", check: "castable(self, out)"}\n')
    assert "check::castable(name, self, rule_.tensors[0]);" in text


def test_a_group_without_structured_meta_gets_the_overloads_that_pytorch_lacks(tmp_path: Path) -> None:
    text = generated(tmp_path, 'abs.out: {call: "aclnnAbs(self, out)", shape: unary(self)}\n')
    assert 'impl<"abs.out"' in text
    assert 'impl<"abs"' not in text  # PyTorch makes it of abs.out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense.out: aclnnAdd(self)", "PyTorch has no operator 'nonsense.out'"),
        ("add.out: aclnnAddition(self, other, alpha, out)", "CANN has no operator aclnnAddition"),
        ("add.out: aclnnAdd(self, other, out)", r"takes 4 arguments \(tensor self, tensor other"),
        ("add.out: aclnnAdd(self, other, beta, out)", "'beta' is neither an argument"),
        ("add.out: aclnnAdd(self, alpha, alpha, out)", "'alpha' is Scalar, which does not become tensor"),
        ("add.out: aclnnAdd(self, square(other), alpha, out)", "no rule 'square'"),
        ("add.out: aclnnAdd(self, dims(other), alpha, out)", "rule dims fits"),
        ("add.out: aclnnAdds(self, other, alpha, out)", "belongs to the field 'scalar'"),
        ("add.out: {call: 'aclnnAdd(self, other, alpha, out)', shape: like(self)}", "drop the field 'shape'"),
        ("add.out: {call: 'aclnnAdd(self, other, alpha, out)', when: never}", "unknown fields"),
        ("add.out: {call: 'aclnnAdd(self, other, alpha, out)', overlap: never}", "no rule 'never'"),
        ("add.out: {call: 'aclnnAdd(self, other, alpha, out)', check: 'alike(self, sum)'}", "are no arguments"),
        ("add.out: aclnnAdd(self, other", "is missing"),
        ("relu: aclnnRelu(self, out)", "add the field 'shape'"),
        ("relu: {call: 'aclnnRelu(self, out)', shape: square(self)}", "no rule 'square'"),
        ("relu: {call: 'aclnnRelu(self, out)', shape: like(other)}", "is no argument"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(TableError, match=message) as error:
        generated(tmp_path, line + "\n")
    assert line.split(":")[0] in str(error.value)
    assert "demo.yaml" in str(error.value)


def test_an_entry_twice_is_refused(tmp_path: Path) -> None:
    line = "neg.out: aclnnNeg(self, out)\n"
    with pytest.raises(TableError, match=r"duplicate entry 'neg\.out'"):
        generated(tmp_path, line + line)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(line)
    (tmp_path / "demo.yaml").unlink()
    with pytest.raises(TableError, match=r"b.yaml: neg.out: also in a.yaml: neg.out"):
        read_tables(tmp_path)


def test_a_fallback_needs_a_reason_and_is_no_view(tmp_path: Path) -> None:
    path = tmp_path / "fallback.yaml"
    path.write_text("histc: because\n")
    with pytest.raises(TableError, match=r"fallback.yaml: 'histc': write 'why"):
        read_fallbacks(path)
    path.write_text("one: [histc]\nanother: [histc]\n")
    with pytest.raises(TableError, match=r"fallback.yaml: histc is there twice: 'one' and 'another'"):
        read_fallbacks(path)
    with pytest.raises(TableError, match="view"):
        emit.fallbacks({"view_as_real": "because"}, model())


def test_a_fallback_stands_for_all_forms_and_leaves_kernels_alone() -> None:
    text = emit.fallbacks({"igamma.out": "a", "mm.out": "b"}, model(), {"mm", "mm.out"})
    for overload in ("igamma", "igamma_", "igamma.out"):
        assert f'm.impl("{overload}"' in text
    assert 'm.impl("mm' not in text
    assert '{"aten::mm.out", "b"}' in text


def test_a_star_is_the_reason_of_all_kernels_that_no_line_names() -> None:
    text = emit.fallbacks({"*": "a dtype", "igamma.out": "a"}, model())
    assert '{"*", "a dtype"}' in text
    assert 'm.impl("*"' not in text


def test_expressions_take_keywords_as_names() -> None:
    assert parse("f(from, 'a b', -1, 2.5, null, g(x))", "here") == Apply(
        "f", (Name("from"), Literal("a b"), Literal(-1), Literal(2.5), Literal(None), Apply("g", (Name("x"),)))
    )


def test_the_readme_lists_every_rule() -> None:
    readme = (PACKAGE / "README.md").read_text()
    for name in (*RULES, *CONSTANTS, *SHAPES, *CHECKS, *OVERLAPS):
        assert f"`{name}" in readme, f"README.md does not document the rule {name}"


def test_an_added_line_becomes_a_kernel(tmp_path: Path) -> None:
    """README, "Adding an operator": without its line the operator has no kernel, with it three."""
    readme = (PACKAGE / "README.md").read_text()
    line = readme.split("```yaml\n")[1].split("```")[0]
    base = line.split(".")[0]
    tables = (PACKAGE / "tables" / "pointwise.yaml").read_text()
    assert line in tables
    kernels = [f'impl<"{overload}"' for overload in (base, f"{base}_", f"{base}.out")]
    without = generated(tmp_path, tables.replace(line, ""))
    assert not [k for k in kernels if k in without]
    with_it = generated(tmp_path, tables.replace(line, "") + line)
    assert [k for k in kernels if k in with_it] == kernels
    compile_alone(tmp_path, line)


def compile_alone(tmp_path: Path, line: str) -> None:
    """Compiles the translation unit of a table that holds only `line`, with the headers of the installed wheels."""
    (tmp_path / "demo_ops.cpp").write_text(generated(tmp_path, line))
    operators = signatures.load()
    used = emit.used_operators([(tmp_path / "demo_ops.cpp").read_text()], operators)
    (tmp_path / "aclnn_ops.h").write_text(emit.aclnn_header(used))
    folders = [PACKAGE / "csrc", tmp_path, *(Path(m.__path__[0]) / "include" for m in (npu_cann, npu_core))]
    command = ["g++", "-std=c++20", "-fsyntax-only", *(f"-I{f}" for f in [*folders, *include_paths()])]
    done = subprocess.run([*command, str(tmp_path / "demo_ops.cpp")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
