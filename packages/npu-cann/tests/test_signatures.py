"""The signature data loads whole, and what is malformed or doubled is refused by name."""

from pathlib import Path

import pytest

from npu_cann import signatures
from npu_cann.signatures import SignatureError, load, load_yaml, parse_params


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ops.yaml"
    path.write_text(text)
    return path


def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *texts: str) -> dict[str, signatures.Operator]:
    """Loads `texts` as if they were the files of the package's data folder."""
    paths = [tmp_path / f"{i}.yaml" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    monkeypatch.setattr(signatures, "_files", lambda: iter(paths))
    return load.__wrapped__()


def test_every_operator_of_the_data_loads() -> None:
    ops = load()
    assert len(ops) == 905
    assert all(op.name == name and op.params for name, op in ops.items())


def test_add_is_as_cann_declares_it() -> None:
    add = load()["aclnnAdd"]
    assert [(p.name, p.kind, p.direction) for p in add.params] == [
        ("self", "tensor", "in"),
        ("other", "tensor", "in"),
        ("alpha", "scalar", "in"),
        ("out", "tensor", "out"),
    ]
    assert [p.c_type for p in add.params] == ["const aclTensor*", "const aclTensor*", "const aclScalar*", "aclTensor*"]
    assert "ACL_BF16" in add.dtypes["self"]


def test_every_dtype_is_an_enumerator_of_the_header() -> None:
    from npu_cann import INCLUDE_DIR

    header = (INCLUDE_DIR / "npu/cann/acl_types.h").read_text()
    used = {d for op in load().values() for accepted in op.dtypes.values() for d in accepted}
    assert not {d for d in used if f"  {d} = " not in header}


def test_dtypes_are_given_for_parameters_that_exist() -> None:
    wrong = {op.name: set(op.dtypes) - {p.name for p in op.params} for op in load().values()}
    assert not {name: extra for name, extra in wrong.items() if extra}


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SignatureError, match=r"aclnnAdd has no parameter 'beta'.*alpha"):
        load()["aclnnAdd"].param("beta")


def test_a_doubled_entry_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"ops\.yaml.*duplicate entry 'aclnnAdd'"):
        load_yaml(write(tmp_path, "aclnnAdd: {params: ''}\naclnnSub: {params: ''}\naclnnAdd: {params: ''}\n"))


def test_an_entry_of_two_files_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = "aclnnAdd: {params: 'tensor self'}\n"
    with pytest.raises(SignatureError, match=r"1\.yaml: aclnnAdd is listed in another file"):
        load_text(tmp_path, monkeypatch, entry, entry)


@pytest.mark.parametrize("params", ["tensor", "matrix self", "in tensor self", "tensor self,tensor other"])
def test_a_malformed_parameter_is_refused_by_operator(params: str) -> None:
    with pytest.raises(SignatureError, match="aclnnX: "):
        parse_params("aclnnX", params)


def test_an_unknown_field_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SignatureError, match=r"aclnnX: unknown fields \['dtype'\]"):
        load_text(tmp_path, monkeypatch, "aclnnX: {params: 'tensor self', dtype: {self: FLOAT}}\n")


@pytest.mark.parametrize("entry", ["{dtypes: {self: FLOAT}}", "'tensor self'", ""])
def test_an_entry_without_parameters_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    with pytest.raises(SignatureError, match="aclnnX"):
        load_text(tmp_path, monkeypatch, f"aclnnX: {entry}\n")
