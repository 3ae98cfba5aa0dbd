"""Operators that the CPU computes: every line of tables/fallback.yaml gives the CPU's results, and is counted."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from codegen.emit import kernels_in
from codegen.tables import EVERY, read_fallbacks, read_tables
from opinfo import Outcome, check_forms, compare, infos, run, samples

PACKAGE = Path(__file__).parents[1]
REASONS = read_fallbacks(PACKAGE / "tables" / "fallback.yaml")
#: Lines of operators that have a kernel, and go to the CPU in some dtypes only.
PARTLY = {e.key for t in read_tables(PACKAGE / "tables") for e in t.entries} | kernels_in(
    p.read_text() for p in (PACKAGE / "csrc").glob("*.cpp")
)
pytestmark = pytest.mark.filterwarnings("ignore")


def name_of(key: str) -> str:
    """What op_db calls it: ``special.zeta`` for ``special_zeta.out``."""
    name = key.split(".")[0].strip("_")
    for prefix in ("special", "linalg"):
        if name.startswith(f"{prefix}_"):
            name = f"{prefix}.{name.removeprefix(prefix + '_')}"
    return name


#: Lines that an entry of op_db reaches under its own name.
NAMED = sorted(k for k in REASONS if k != EVERY and k not in PARTLY and infos(name_of(k)))


def used() -> set[str]:
    return {row.operator.removeprefix("aten::").split(".")[0].rstrip("_") for row in torch.npu.fallback_report()}


@pytest.mark.parametrize("key", NAMED)
def test_results_and_out_forms_are_those_of_the_cpu(key: str) -> None:
    outcome = Outcome()
    for info in infos(name_of(key)):
        dtype = next(d for d in (torch.float32, torch.int64, torch.complex64) if d in info.dtypes)
        if sample := next(samples(info, dtype, grad=False), None):
            run(info, sample, dtype, False, outcome)
            check_forms(info, dtype, outcome)
    assert outcome.ran


def test_a_use_is_counted_with_its_reason() -> None:
    torch.npu.reset_fallback_report()
    torch.igamma(torch.ones(3).npu(), torch.ones(3).npu())
    [row] = torch.npu.fallback_report()
    assert (row.operator, row.reason) == ("aten::igamma", REASONS["igamma.out"])


def test_dtypes_that_cann_lacks_are_the_cpus_and_others_the_devices() -> None:
    torch.npu.reset_fallback_report()
    x = torch.arange(6, dtype=torch.float32).view(2, 3)
    compare(x.npu() @ x.npu().t(), x @ x.t(), "float32")
    assert not torch.npu.fallback_report()
    wide = x.to(torch.complex128)
    compare(wide.npu() @ wide.npu().t(), wide @ wide.t(), "complex128")
    out = torch.empty(0, dtype=wide.dtype).npu()
    torch.mm(wide.npu(), wide.npu().t(), out=out)
    compare(out, wide @ wide.t(), "complex128 out=")
    assert used() == {"mm"}


DOUBLE, COMPLEX = torch.linspace(-3, 3, 12, dtype=torch.float64).view(3, 4), torch.arange(6).view(2, 3) * (1 + 2j)
#: Calls in dtypes that CANN's operators lack, none of which a line names; the operator that the CPU is asked for.
LACKED: dict[str, tuple[str, torch.Tensor, Callable[[torch.Tensor], Any]]] = {
    "an activation": ("relu", DOUBLE, torch.relu),
    "in place": ("elu", DOUBLE, lambda x: F.elu(x.clone(), inplace=True)),
    "two results": ("sort", DOUBLE, lambda x: tuple(torch.sort(x))),
    "two outs": (
        "max",
        DOUBLE,
        lambda x: torch.max(x, 1, out=(x.new_empty(0), torch.empty(0, dtype=torch.int64).to(x.device))),
    ),
    "places": ("sort", DOUBLE, torch.argsort),
    "running statistics": ("native_batch_norm", DOUBLE, lambda x: statistics(x)),
    "a list": ("cat", DOUBLE.to(torch.uint16), lambda x: torch.cat([x, x])),
    "optional indices": ("index", DOUBLE.to(torch.uint16), lambda x: x[:, torch.tensor([2, 0], device=x.device)]),
    "a factory": ("logspace", DOUBLE.char(), lambda x: torch.logspace(0, 1, 5, dtype=x.dtype, device=x.device)),
    "short integers": (
        "upsample_bilinear2d",
        DOUBLE.to(torch.uint8),
        lambda x: F.interpolate(x[None, None], size=(4, 4), mode="bilinear"),
    ),
}


def statistics(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    mean, var = torch.zeros_like(x[0]), torch.ones_like(x[0])
    return F.batch_norm(x, mean, var, training=True), mean, var


@pytest.mark.parametrize("name", LACKED)
def test_dtypes_that_no_line_names_are_the_cpus_too(name: str) -> None:
    operator, x, call = LACKED[name]
    torch.npu.reset_fallback_report()
    compare(call(x.npu()), call(x), name)
    rows = torch.npu.fallback_report()
    assert {row.reason for row in rows} == {REASONS[EVERY]}
    assert operator in used()


def test_forms_that_change_their_operand_change_it() -> None:
    x = torch.rand(4)
    compare(x.npu().igamma_(x.npu()), x.clone().igamma_(x), "in place")
    mantissa, exponent = torch.frexp(x.npu())
    compare((mantissa, exponent), tuple(torch.frexp(x)), "two results")
    compare(tuple(torch.frexp(x.double().npu())), tuple(torch.frexp(x.double())), "two results in float64")
    values, places = torch.empty(0).npu(), torch.empty(0, dtype=torch.int64).npu()
    torch.mode(x.npu(), out=(values, places))
    compare((values, places), tuple(torch.mode(x)), "two outs")
    found = torch.histogramdd(torch.rand(5, 2).npu(), [3, 3])
    assert [t.device.type for t in (found.hist, *found.bin_edges)] == ["npu"] * 3


@pytest.mark.parametrize("diagonal", [[1e-8, 1.0], [1e-4, 1e4], [4.0, 9.0]])
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_factors_of_graded_matrices_are_those_of_the_cpu(diagonal: list[float], upper: bool) -> None:
    a = torch.diag(torch.tensor(diagonal))
    a[0, 1] = a[1, 0] = diagonal[0] / 2
    for f in (torch.linalg.cholesky, torch.cholesky):
        compare(f(a.npu(), upper=upper), f(a, upper=upper), f"{f.__name__} of {diagonal}")
    compare(tuple(torch.linalg.cholesky_ex(-a.npu())), tuple(torch.linalg.cholesky_ex(-a)), "no factors")
    with pytest.raises(torch.linalg.LinAlgError, match="positive-definite"):
        torch.linalg.cholesky(-a.npu())


def test_operands_on_two_devices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        torch.nextafter(torch.ones(2).npu(), torch.ones(2))


def test_the_devices_generator_decides_random_numbers() -> None:
    rates = torch.full((50,), 4.0).npu()
    torch.npu.manual_seed(3)
    first = torch.poisson(rates)
    second = torch.poisson(rates)
    torch.manual_seed(0)
    torch.npu.manual_seed(3)
    assert torch.equal(torch.poisson(rates), first)
    assert not torch.equal(first, second)
    own = torch.Generator("npu").manual_seed(3)
    assert torch.equal(torch.poisson(rates, generator=own), first)
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match="generator"):
        torch.poisson(rates, generator=torch.Generator())


@pytest.mark.parametrize(
    ("soc", "others"),
    [("Ascend910A", ["linalg_det", "linalg_lu_solve"]), ("Ascend310P3", ["linalg_qr", "linalg_solve_triangular"])],
)
def test_socs_leave_to_the_cpu_what_cann_has_for_others_only(soc: str, others: list[str]) -> None:
    code = """
import torch
a = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
for f in (torch.frexp, torch.linalg.inv, torch.linalg.slogdet, lambda x: torch.linalg.solve(x, x),
          lambda x: torch.histogram(x, 3), lambda x: torch.cholesky_inverse(x), torch.linalg.svdvals, torch.linalg.qr,
          torch.fft.rfft, lambda x: torch.fft.irfft2(torch.fft.fft2(x), x.shape),
          lambda x: torch.linalg.solve_triangular(x, x, upper=True),
          lambda x: torch.linalg.solve_triangular(x, x, upper=True, out=torch.empty_like(x))):
    found, wanted = f(a.npu()), f(a)
    pairs = [(found, wanted)] if isinstance(wanted, torch.Tensor) else zip(found, wanted, strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine.cpu(), theirs)
if "910A" in torch.npu.get_device_name():  # 310P has no comparison with a number, which PyTorch's gradient makes
    leaf = a.npu().requires_grad_()
    torch.linalg.det(leaf).backward()
    torch.testing.assert_close(leaf.grad.cpu(), torch.tensor([[3.0, -1.0], [-1.0, 2.0]]))
print(*sorted({row.operator.removeprefix("aten::").split(".")[0].strip("_") for row in torch.npu.fallback_report()}))
"""
    env = {**os.environ, "NPU_SIM_SOC": soc, "NPU_SIM_HBM": "1073741824"}
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    names = (
        "cholesky_inverse fft_c2c fft_c2r fft_r2c frexp histogram linalg_inv_ex linalg_slogdet "
        "linalg_solve_ex linalg_svd"
    )
    assert run.stdout.split() == sorted(names.split() + others)
