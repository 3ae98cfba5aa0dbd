"""What the first phase refuses, with which code, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from opapi.conftest import Cann

X = torch.randn(2, 3)
IDX = torch.tensor([0, 1])
IMAGE = torch.randn(1, 3, 4, 4)
HOW: list[Any] = [[1, 1], [0, 0], [1, 1], False, [0, 0], 1]
COMPLEX, WIDE = torch.complex(X[0, :2], X[1, :2]), torch.zeros(2, 3, dtype=torch.int64)
F16 = torch.float16
NULL, INVALID = 161001, 161002


def refusal(cann: Cann, op: str, *args: Any) -> tuple[int, str]:
    """The code and message with which the first phase answers."""
    with cann.arguments(op, *args) as call:
        with pytest.raises(Exception, match=op) as e:
            call.prepare()
    return e.value.code, e.value.message


@pytest.mark.parametrize(("at", "name"), [(0, "self"), (1, "other"), (3, "out")])
def test_a_null_tensor_is_refused_by_name(cann: Cann, at: int, name: str) -> None:
    args: list[Any] = [X, X, 1, X]
    args[at] = None
    code, message = refusal(cann, "aclnnAdd", *args)
    assert code == NULL
    assert f"parameter '{name}' is null" in message


def test_a_negative_standard_deviation_has_the_code_that_cann_gives_it(cann: Cann) -> None:
    code, message = refusal(cann, "aclnnInplaceNormal", X, 0.0, -1.0, 0, 0)
    assert code == NULL
    assert "'std' is -1.000000; expected at least 0" in message


def test_an_optional_parameter_may_be_null(cann: Cann) -> None:
    with cann.arguments("aclnnBinaryCrossEntropyWithLogits", X, X, None, None, 1, torch.empty(())) as call:
        size, executor = call.prepare()
        call.launch(executor, None, size)
        call.finish()


def test_a_dtype_that_the_operator_has_not_is_refused_with_those_it_has(cann: Cann) -> None:
    code, message = refusal(cann, "aclnnMm", X.int(), X.t().int(), torch.empty(2, 2), 0)
    assert code == INVALID
    assert "parameter 'self' has dtype int32; expected one of float32, float16, bfloat16" in message


def test_more_than_eight_dims_are_refused(cann: Cann) -> None:
    deep = torch.empty([1] * 9)
    code, message = refusal(cann, "aclnnAdd", deep, deep, 1, deep)
    assert code == INVALID
    assert "9 dims; expected at most 8" in message


@pytest.mark.parametrize(
    ("op", "args", "says"),
    [
        ("aclnnAdd", (X, torch.empty(4), 1, X), "'other' is float32[4]; expected a shape that broadcasts"),
        ("aclnnAdd", (X, X, 1, torch.empty(2, 4)), "'out' is float32[2, 4]; expected shape [2, 3]"),
        (
            "aclnnAdd",
            (X, X, 1, X.int()),
            "'out' is int32[2, 3]; expected a dtype that a floating point result casts to",
        ),
        ("aclnnExp", (X.long(), X.long()), "'out' has dtype int64"),
        ("aclnnInplaceAdd", (torch.empty(3), X, 1), "'selfRef' is float32[3]; expected shape [2, 3]"),
        ("aclnnReduceSum", (X, [2], False, torch.float32, X), "'dims' is 2; expected a dim from -2 to 1"),
        ("aclnnReduceSum", (X, [0, 0], False, torch.float32, X), "'dims' is [0, 0]; expected each dim once"),
        ("aclnnReduceSum", (X, [1], True, torch.float32, torch.empty(2)), "expected shape [2, 1]"),
        ("aclnnMm", (X, X, X, 0), "'mat2' is float32[2, 3]; expected size 3 to contract"),
        ("aclnnMm", (X, X[0], X, 0), "'mat2' is float32[3]; expected a tensor of 2 dims"),
        ("aclnnMm", (X, X.t(), torch.empty(2, 2), 9), "'cubeMathType' is 9; expected 0 to 4"),
        ("aclnnSoftmax", (X, 2, X), "'dim' is 2; expected a dim from -2 to 1"),
        ("aclnnCat", ([X, X[:, :1]], 0, X), "'tensors' is float32[2, 1] at 1"),
        ("aclnnIndex", (X, [IDX, IDX], torch.empty(3)), "'out' is float32[3]; expected shape [2], that of 'self'"),
        ("aclnnIndex", (X, [IDX, IDX[:1], IDX], X), "'indices' is 3 tensors; expected at most one for each dim"),
        ("aclnnIndexPutImpl", (X, [IDX], torch.empty(4), False, False), "'values' is float32[4]"),
        ("aclnnEmbeddingDenseBackward", (X, IDX, 5, 0, False, X), "'out' is float32[2, 3]; expected shape [5, 3]"),
        ("aclnnArange", (0, 10, 3, torch.empty(3)), "'out' is float32[3]; expected 4 elements"),
        ("aclnnArange", (0, 10, -3, torch.empty(3)), "'step' is -3.000000; expected a step from 'start'"),
        ("aclnnRandperm", (5, 0, 0, IDX), "'out' is int64[2]; expected 5 elements"),
        ("aclnnEye", (2, 2, X), "'out' is float32[2, 3]; expected shape [2, 2]"),
        ("aclnnRepeat", (X, [2], X), "'repeats' is [2]; expected a number for each dim"),
        ("aclnnDropoutGenMaskV2", ([256], 0.5, 0, 0, torch.float32, torch.empty(8).byte()), "expected 32 bytes"),
        ("aclnnNLLLoss", (X, IDX, X[0], 3, 0, X[0, 0], X[0, 0]), "'reduction' is 3; expected 0 (none)"),
        ("aclnnNLLLoss", (X, IDX, X[0, :2], 1, 0, X[0, 0], X[0, 0]), "a weight for each of 3 classes"),
        ("aclnnMseLoss", (X, X, 1, X), "'out' is float32[2, 3]; expected one element"),
        (
            "aclnnConvolution",
            (IMAGE, IMAGE, None, *HOW, X, 0),
            "'output' is float32[2, 3]; expected shape [1, 1, 1, 1]",
        ),
        ("aclnnConvolution", (IMAGE[:, :2], IMAGE, None, *HOW, X, 0), "expected 3 channels"),
        ("aclnnAvgPool2d", (IMAGE, [2, 2], [2, 2], [0, 0], False, True, 0, 0, X), "expected shape [1, 3, 2, 2]"),
        ("aclnnTopk", (X, 4, 1, True, True, X, X.long()), "'k' is 4; expected 0 to 3"),
        # how dtypes hang together
        ("aclnnReduceSum", (X, [1], False, F16, X[:, 0]), "expected dtype float16, that of the parameter 'dtype'"),
        ("aclnnCumsum", (X, 1, F16, X), "'out' is float32[2, 3]; expected dtype float16"),
        ("aclnnProd", (X, F16, X[0, 0]), "'out' is float32[]; expected dtype float16"),
        ("aclnnCast", (X, F16, X), "'out' is float32[2, 3]; expected dtype float16"),
        ("aclnnMean", (X, [1], False, torch.int32, IDX), "'dtype' is int32; expected a dtype that a floating point"),
        ("aclnnRelu", (X, X.half()), "'out' is float16[2, 3]; expected dtype float32, that of the first input"),
        ("aclnnGeluV2", (X, 0, X.half()), "'y' is float16[2, 3]; expected dtype float32"),
        ("aclnnAbs", (COMPLEX, X[0, :2].half()), "'out' is float16[2]; expected dtype float32"),
        ("aclnnAmax", (X, [1], False, IDX.half()), "'out' is float16[2]; expected dtype float32, that of the input"),
        ("aclnnGather", (X, 0, WIDE, X.half()), "'out' is float16[2, 3]; expected dtype float32"),
        ("aclnnScatter", (X, 0, WIDE, X.half(), 0, X), "'src' is float16[2, 3]; expected dtype float32"),
        ("aclnnIndexPutImpl", (X, [IDX], X.half(), False, False), "'values' is float16[2, 3]; expected dtype float32"),
        ("aclnnInplaceMaskedScatter", (X, X > 0, X.half()), "'source' is float16[2, 3]; expected dtype float32"),
        ("aclnnSoftmaxBackward", (X, X.half(), 1, X), "'output' is float16[2, 3]; expected dtype float32"),
        ("aclnnPowTensorTensor", (X > 0, X > 0, X > 0), "'exponent' is bool to the power of bool"),
        ("aclnnAdds", (IDX, 0.5, 1, IDX), "'out' is int64[2]; expected a dtype that a floating point result casts to"),
        ("aclnnInplaceMuls", (X > 0, 2), "'selfRef' is bool[2, 3]; expected a dtype that an integer result casts to"),
        ("aclnnAdd", (IDX, IDX, 0.5, IDX), "'alpha' is float64; expected a number that an integer result"),
        ("aclnnGeluBackwardV2", (X, X, "none", X.half()), "'gradInput' is float16[2, 3]; expected dtype float32"),
        # attributes
        ("aclnnGeluBackwardV2", (X, X, "erf", X), "'approximate' is erf; expected none or tanh"),
        ("aclnnDivMod", (X, X, 3, X), "'mode' is 3; expected 0 (true), 1 (trunc) or 2 (floor)"),
        ("aclnnDivMods", (COMPLEX, 2, 1, COMPLEX), "'self' is complex64[2]; expected no complex dtype in modes 1"),
        ("aclnnInplaceBernoulli", (X, 1.5, 0, 0), "'prob' is 1.500000; expected a probability from 0 to 1"),
        ("aclnnDropoutGenMask", ([256], -0.5, 0, 0, torch.empty(32).byte()), "'prob' is -0.500000; expected"),
        ("aclnnDropoutDoMask", (X, torch.empty(16).byte(), 2.0, X), "'prob' is 2.000000; expected a probability"),
        ("aclnnDropoutDoMask", (X, torch.empty(8).byte(), 0.5, X), "'mask' is uint8[8]; expected at least 16 bytes"),
        (
            "aclnnDropoutGenMaskV2",
            ([256], 0.5, 0, 0, torch.float64, torch.empty(32).byte()),
            "'probDataType' is float64; expected float32, float16 or bfloat16",
        ),
        ("aclnnInplaceUniform", (X, 1.0, 0.0, 0, 0), "'from' is 1.000000; expected at most 'to', 0.000000"),
        ("aclnnInplaceRandom", (X, 5, 5, 0, 0), "'from' is 5; expected less than 'to', 5"),
        ("aclnnSmoothL1Loss", (X, X, 1, -1.0, X[0, 0]), "'beta' is -1.000000; expected at least 0"),
        ("aclnnRoll", (X, [1, 1], [0], X), "'shifts' is [1, 1]; expected a number for each of [0]"),
        # shapes
        ("aclnnCast", (X, torch.float32, X.reshape(6)), "'out' is float32[6]; expected shape [2, 3]"),
        ("aclnnSmoothL1Loss", (X, X, 0, 1.0, X[0]), "'result' is float32[3]; expected shape [2, 3]"),
        ("aclnnGather", (X[:1], 1, WIDE, X), "'index' is int64[2, 3]; expected sizes of at most those of 'self'"),
        ("aclnnScatter", (X, 0, WIDE, X[:1], 0, X), "expected sizes of at most those of 'src', float32[1, 3]"),
        ("aclnnInplaceMaskedFillScalar", (X[0], X > 0, 1.0), "'mask' is bool[2, 3]; expected a shape that broadcasts"),
        ("aclnnInplaceMaskedFillTensor", (X, X > 0, X[0, :1]), "'value' is float32[1]; expected a tensor of no dims"),
        ("aclnnMaskedSelect", (X, X > 0, X[0]), "'out' is float32[3]; expected 6 elements"),
        ("aclnnNonzero", (X, WIDE), "'out' is int64[2, 3]; expected room for 12 indices"),
        ("aclnnInplaceFillTensor", (X, X[0]), "'value' is float32[3]; expected one element in at most 1 dim"),
        ("aclnnInplaceIndexFill", (X, 2, IDX, 1), "'dim' is 2; expected a dim from -2 to 1"),
        ("aclnnIndexAdd", (X, 0, IDX, X[:1], 1, X), "'source' is float32[1, 3]; expected shape [2, 3]"),
        ("aclnnNLLLoss2d", (X, IDX, X[0], 1, 0, X[0, 0], X[0, 0]), "'self' is float32[2, 3]; expected a tensor of 4"),
        ("aclnnBatchNorm", (IMAGE, *[X[0, :2]] * 4, True, 0.1, 0.1, IMAGE, X[0], X[0]), "'weight' is float32[2]"),
        (
            "aclnnLayerNormBackward",
            (X, X, [3], *[X[:, 0]] * 2, *[X[0]] * 2, [True] * 3, X, X[0], X[:, 0]),
            "'gradBiasOut' is float32[2]; expected 3 elements",
        ),
        ("aclnnAdaptiveAvgPool2d", (IMAGE, [2, 2], IMAGE), "'out' is float32[1, 3, 4, 4]; expected shape [1, 3, 2, 2]"),
        ("aclnnForeachNorm", ([X], 2.0, [X]), "'out' is float32[2, 3] at 0; expected one element"),
    ],
)
def test_a_wrong_shape_or_value_is_refused_with_found_and_expected(
    cann: Cann, op: str, args: tuple[Any, ...], says: str
) -> None:
    code, message = refusal(cann, op, *args)
    assert code == INVALID
    assert says in message


def on_soc(soc: str, body: str) -> str:
    """What `body` prints in a process whose devices are `soc`."""
    code = (
        "import importlib.util as u\n"
        f"spec = u.spec_from_file_location('client', {os.path.join(os.path.dirname(__file__), 'conftest.py')!r})\n"
        "m = u.module_from_spec(spec); spec.loader.exec_module(m)\n"
        "import torch; cann = m.Cann(); x = torch.ones(2, dtype=torch.bfloat16)\n"
        f"try:\n    {body}\nexcept m.AclError as e:\n    print(e)\n"
    )
    env = {**os.environ, "NPU_SIM_SOC": soc, "NPU_SIM_HBM": str(1 << 30), "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return run.stdout


@pytest.mark.parametrize(("soc", "works"), [("Ascend910B2", True), ("Ascend910A", False)])
def test_bfloat16_is_refused_by_a_soc_that_has_none(soc: str, works: bool) -> None:
    said = on_soc(soc, "cann.run('aclnnAdd', x, x, 1, x); print('works')")
    assert said == "works\n" if works else "'self' has dtype bfloat16, which Ascend910A does not compute in" in said


def test_an_operator_that_the_product_has_not_is_refused() -> None:
    said = on_soc("Ascend910A", "x = x.float(); cann.run('aclnnExp', x, x)")
    assert "161002" in said
    assert "aclnnExp does not exist on Ascend910A" in said


@pytest.mark.parametrize(
    ("soc", "math", "works"), [("Ascend910B2", 0, True), ("Ascend910A", 0, False), ("Ascend910A", 1, True)]
)
def test_a_soc_without_float32_products_must_be_allowed_to_round(soc: str, math: int, works: bool) -> None:
    said = on_soc(soc, f"z = torch.ones(2, 2); cann.run('aclnnMm', z, z, z, {math}); print('works')")
    assert said == "works\n" if works else "'cubeMathType' is 0; expected 1 or 2 for float32: Ascend910A" in said


def test_operators_that_only_a_newer_product_has_run_there() -> None:
    said = on_soc(
        "Ascend950DT_950x",
        "m1, sd = torch.rand(9), torch.rand(9); z, a, b, r, q = (torch.empty(9) for _ in range(5));"
        "cann.run('aclnnNormalFloatFloat', 0.0, 1.0, 7, 0, z);"
        "cann.run('aclnnNormalTensorFloat', m1, 2.0, 7, 0, a);"
        "cann.run('aclnnNormalTensorTensor', m1, sd, 7, 0, b);"
        "cann.run('aclnnInplaceRandomWithoutFromTo', r, 7, 4);"
        "cann.run('aclnnInplaceRandomWithoutFromToTensor', q, torch.tensor([7]), torch.tensor([0]), 4);"
        "print(torch.allclose(a, m1 + 2 * z), torch.allclose(b, m1 + sd * z), torch.equal(r, q), r.max() < 2**25)",
    )
    assert said == "True True True tensor(True)\n"
