"""The generator's entries over lists of tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
from codegen import emit
from codegen.aten import Model
from codegen.errors import TableError
from codegen.lists import LIST_RULES
from codegen.tables import read_table

from npu_cann import signatures

PACKAGE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


def generated(tmp_path: Path, model: Model, line: str) -> str:
    (tmp_path / "demo.yaml").write_text(line + "\n")
    return str(emit.family(read_table(tmp_path / "demo.yaml"), model, signatures.load()))


def test_a_line_makes_the_functional_and_the_inplace_kernel(tmp_path: Path, model: Model) -> None:
    text = generated(tmp_path, model, "_foreach_mul.List: aclnnForeachMulList(self, other, out)")
    assert 'impl<"_foreach_mul.List"' in text
    assert 'impl<"_foreach_mul_.List"' in text
    assert "_foreach_mul.List_out" not in text
    assert "launch<aclnnForeachMulList>(cut_(self), cut_(other), cut_(out))" in text


def test_what_one_launch_cannot_do_goes_to_pytorchs_own_kernel(tmp_path: Path, model: Model) -> None:
    text = generated(tmp_path, model, "_foreach_sqrt: aclnnForeachSqrt(self, out)")
    assert "return at::compositeexplicitautograd::_foreach_sqrt(self);" in text
    assert "return at::compositeexplicitautograd::_foreach_sqrt_(self);" in text


def test_an_inplace_launch_counts_no_list_of_results(tmp_path: Path, model: Model) -> None:
    text = generated(tmp_path, model, "_foreach_mul.List: aclnnForeachMulList(self, other, out)")
    assert "run(foreach_mul_List_op::lists, self, self, other)" in text
    assert "run(foreach_mul_List_op::lists + 1, out, self, other)" in text


def test_the_list_that_gives_the_results_shapes_need_not_come_first(tmp_path: Path, model: Model) -> None:
    line = "_foreach_pow.ScalarAndTensor: aclnnForeachPowScalarAndTensor(self, exponent, out)"
    assert "foreach::like(exponent)" in generated(tmp_path, model, line)


def test_floats_leaves_integers_to_pytorch(tmp_path: Path, model: Model) -> None:
    assert 'dtypes("bhfscu")' in generated(tmp_path, model, "_foreach_exp: aclnnForeachExp(self, out)")
    assert 'dtypes("bhf")' in generated(tmp_path, model, "_foreach_exp: aclnnForeachExp(floats(self), out)")


def test_a_factor_must_fit_the_list(tmp_path: Path, model: Model) -> None:
    text = generated(tmp_path, model, "_foreach_mul.Tensor: aclnnForeachMulScalar(self, factor(other), out)")
    assert "foreach::is_factor(other, self)" in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("_foreach_abs: aclnnForeachAbsolute(self, out)", "CANN has no operator aclnnForeachAbsolute"),
        ("_foreach_abs: aclnnForeachAbs(self)", r"takes 2 arguments \(tensors x, tensors out\), got 1"),
        ("_foreach_abs: aclnnForeachAbs(other, out)", "'other'"),
        ("_foreach_abs: aclnnForeachAbs(dims(self), out)", "no rule 'dims' for lists"),
        ("_foreach_abs: aclnnForeachAbs(floats(self, out), out)", "rule floats takes one name"),
        ("_foreach_add.Scalar: aclnnForeachAddScalar(self, scalar, out)", r"'scalar' \(Scalar\) does not become"),
        ("_foreach_mul.Scalar: aclnnForeachMulScalar(self, factor(scalar), out)", "rule factor wants a Tensor"),
        ("_foreach_abs: {call: 'aclnnForeachAbs(self, out)', shape: like(self)}", "has the field 'call' alone"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, model: Model, line: str, message: str) -> None:
    with pytest.raises(TableError, match=message) as error:
        generated(tmp_path, model, line)
    assert "demo.yaml: _foreach" in str(error.value)


def test_the_readme_lists_every_rule_of_lists() -> None:
    readme = (PACKAGE / "README.md").read_text()
    for name in LIST_RULES:
        assert f"`{name}(" in readme, f"README.md does not document the rule {name}"
