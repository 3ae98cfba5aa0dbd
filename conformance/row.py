"""One row of the sweep: what is tried on npu against cpu, how it went, and the word for it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from launches import Launches
from torch.testing._internal.opinfo.core import DecorateInfo
from torch.utils._pytree import tree_flatten

DEVICE = "npu"
#: assert_close's own.
DEFAULT_RTOL = {torch.bfloat16: 1.6e-2} | {
    dtype: rtol
    for rtol, dtypes in {
        1e-3: (torch.float16, torch.complex32),
        1.3e-6: (torch.float32, torch.complex64),
        1e-7: (torch.float64, torch.complex128),
    }.items()
    for dtype in dtypes
}
#: Failures kept for a row; the rest are counted.
KEEP = 3


@dataclasses.dataclass
class Row:
    """What one entry did in one dtype. `status` is native, composite, fallback, wrong, error or none (no sample)."""

    op: str
    dtype: str
    status: str = "none"
    samples: int = 0
    checks: int = 0
    skipped: int = 0
    launches: int = 0
    copies: int = 0  # from the device to the host, of one call
    fallbacks: dict[str, str] = dataclasses.field(default_factory=dict)
    failures: int = 0
    unchecked: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    broken: bool = False  # the device: the next row needs a new process


def tolerances(decorators: Iterable[Any], dtype: torch.dtype) -> dict[str, Any]:
    """torch's own: the widest that its tests of an entry name for the dtype, or assert_close's default.

    Integers become float32 where their results are not integers, and are held to that.
    """
    key = dtype if dtype.is_floating_point or dtype.is_complex else torch.float32
    found: dict[str, Any] = {}
    for decorator in decorators:
        wrapped = decorator.decorators if isinstance(decorator, DecorateInfo) else (decorator,)
        for one in wrapped:
            named = getattr(one, "d", None)  # toleranceOverride keeps {dtype: tol}, precisionOverride {dtype: atol}
            if not isinstance(named, dict) or key not in named:
                continue
            given = named[key]
            atol, rtol = (given.atol, given.rtol) if hasattr(given, "atol") else (given, DEFAULT_RTOL[key])
            found = {"atol": max(atol, found.get("atol", 0.0)), "rtol": max(rtol, found.get("rtol", 0.0))}
    return found


@functools.cache
def reads_by_nature() -> dict[str, str]:
    """Entries that must read the device, with the reason: others that do are no better than a fallback."""
    path = Path(__file__).with_name("host_reads.yaml")
    return {entry: reason for reason, entries in yaml.safe_load(path.read_text()).items() for entry in entries}


class Skip(Exception):
    """cpu itself fails on the sample."""


class Trial:
    """Fills the row of one entry in one dtype. What it runs is a subclass's `samples`."""

    #: Most launches of one call; None where no such limit makes sense.
    launches_at_most: int | None = None

    def __init__(self, name: str, dtype: torch.dtype, decorators: Iterable[Any], launches: Launches) -> None:
        self.dtype, self.launches = dtype, launches
        self.row = Row(name, str(dtype).removeprefix("torch."))
        self.tolerance = tolerances(decorators, dtype)
        self.wrong = self.error = False
        self.random = False

    def samples(self, first: bool) -> None:
        """Tries all samples in every form, or the `first` sample forward and backward."""
        raise NotImplementedError

    def run(self, first: bool) -> Row:
        """The row, filled."""
        try:
            self.samples(first)
        except Exception as error:  # of the sweep itself: no row may pass for it
            self.error = True
            self.fail(
                f"sweep: {type(error).__name__}: {short(error)} ({traceback.extract_tb(error.__traceback__)[-1]})"
            )
        self.judge()
        return self.row

    # --- judging ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def attempt(self, label: str, arguments: Any) -> Iterator[Any]:
        """Runs the block as one check; what it raises becomes a failure of the row."""
        self.row.checks += 1
        result = type("Result", (), {"value": None})()
        try:
            torch.manual_seed(1)
            yield result
        except AssertionError as error:
            result.value = None
            self.wrong = True
            self.fail(f"{label}: {short(error)}; {described(arguments)}")
        except Exception as error:
            result.value = None
            self.error = True
            self.fail(f"{label}: {type(error).__name__}: {short(error)}; {described(arguments)}")
            with contextlib.suppress(Exception):
                torch.npu.synchronize()

    def fail(self, text: str) -> None:
        self.row.failures += 1
        if text.startswith("error input"):
            self.error = True
        if len(self.row.examples) < KEEP:
            self.row.examples.append(text)

    def count(self) -> None:
        launches, copies = self.launches.since_mark()
        self.row.launches, self.row.copies = max(self.row.launches, launches), max(self.row.copies, copies)

    def paired(self, found: Any, expected: Any) -> list[tuple[Any, Any]]:
        """Ours beside the CPU's: as many results, on the device, of its shapes and dtypes. Nothing excuses these."""
        mine, theirs = tree_flatten(found)[0], tree_flatten(expected)[0]
        assert len(mine) == len(theirs), f"{len(mine)} results, cpu has {len(theirs)}"
        for ours, reference in zip(mine, theirs, strict=True):
            if not isinstance(reference, torch.Tensor):
                continue
            assert isinstance(ours, torch.Tensor), f"{ours!r}, cpu has a tensor"
            assert ours.device.type != "cpu", "the result is on the CPU"
            assert ours.shape == reference.shape, f"shape {tuple(ours.shape)}, cpu {tuple(reference.shape)}"
            assert ours.dtype == reference.dtype, f"dtype {ours.dtype}, cpu {reference.dtype}"
        return list(zip(mine, theirs, strict=True))

    def compare_values(self, ours: Any, reference: Any) -> None:
        if self.random:
            return
        if not isinstance(reference, torch.Tensor):
            assert ours == reference, f"{ours!r}, cpu {reference!r}"
            return
        torch.testing.assert_close(
            dense(ours).cpu(), dense(reference), equal_nan=True, check_stride=False, **self.tolerance
        )

    def compare(self, found: Any, expected: Any) -> None:
        for ours, reference in self.paired(found, expected):
            self.compare_values(ours, reference)

    def compare_nearer(self, found: Any, expected: Any, exact: Any, factor: float = 1) -> None:
        """As `compare`, but a number may also be that of `exact`, rounded, or be at most `factor` times as far from it
        as the CPU's farthest in the same tensor."""
        for (ours, reference), truth in zip(self.paired(found, expected), tree_flatten(exact)[0], strict=True):
            try:
                self.compare_values(ours, reference)
            except AssertionError:
                if not isinstance(truth, torch.Tensor) or not self.nearer(ours, reference, truth, factor):
                    raise

    def nearer(self, given: torch.Tensor, given_reference: torch.Tensor, exact: torch.Tensor, factor: float) -> bool:
        """What `compare_nearer` asks of a tensor. Whole numbers are never near."""
        ours, reference, truth = dense(given).cpu(), dense(given_reference), dense(exact)
        if not (ours.is_floating_point() or ours.is_complex()) or ours.shape != truth.shape:
            return False
        limits = {"atol": 1e-5, "rtol": DEFAULT_RTOL[ours.dtype]} | self.tolerance
        right = [torch.isclose(ours, t, equal_nan=True, **limits) for t in (reference, truth.to(ours.dtype))]
        error, allowed = ((t.to(truth.dtype) - truth).abs() for t in (ours, reference))
        farthest = allowed[allowed.isfinite()].max() if allowed.isfinite().any() else torch.zeros(())
        return bool((right[0] | right[1] | (error <= factor * farthest)).all())

    def judge(self) -> None:
        row = self.row
        try:
            torch.npu.synchronize()
        except RuntimeError:
            row.broken = True  # a fault stays until the device is reset
        if self.error and not self.launches.reports_fallbacks:
            row.broken = True  # torch_npu drops all work that comes after an inner error, without a word
        row.fallbacks = self.launches.fallbacks()
        if row.copies and self.launches.reports_fallbacks and row.op not in reads_by_nature():
            row.fallbacks["copies to the host"] = (
                f"{row.copies} in one call, and host_reads.yaml has no reason for {row.op}"
            )
        most = self.launches_at_most
        if most and row.launches > most and self.launches.reports_fallbacks and not row.fallbacks:
            # What torch_npu takes is its own; what goes to the CPU between is no composite.
            self.error = True
            self.fail(f"{row.launches} launches; a composite takes at most {most}")
        if self.error:
            row.status = "error"
        elif self.wrong:
            row.status = "wrong"
        elif not row.checks:
            row.status = "none"
        elif row.fallbacks:
            row.status = "fallback"
        else:
            row.status = "native" if row.launches <= 1 else "composite"


def dense(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    return tensor.resolve_conj().resolve_neg() if tensor.layout is torch.strided else tensor.to_dense()


def same(one: Any, other: Any) -> bool:
    try:
        torch.testing.assert_close(one, other, equal_nan=True)
    except Exception:
        return False
    return True


def raised(call: Callable[[], Any]) -> BaseException | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except Exception as error:
        return error
    return None


def short(error: BaseException) -> str:
    """The first lines of a message, on one line."""
    return " ".join(str(error).split())[:300]


def described(arguments: Any) -> str:
    """Shapes and dtypes of the tensors among a sample's arguments, the others as they are."""

    def one(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            kind = str(value.dtype).removeprefix("torch.")
            strided = value.layout is torch.strided and not value.is_contiguous()
            return f"{kind}{list(value.shape)}" + (f" strides {list(value.stride())}" if strided else "")
        return repr(value)[:40]

    flat = tree_flatten(arguments)[0]
    return "(" + ", ".join(one(v) for v in flat)[:200] + ")"
