"""One row of the sweep: an entry of torch's op_db in one dtype, on npu against cpu."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from launches import Launches
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import DecorateInfo, OpInfo, SampleInput
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = "npu"
#: What a fresh tensor of these holds is nobody's promise: only shape, dtype and strides are compared.
UNDEFINED = {"empty", "empty_like", "new_empty", "empty_permuted", "empty_strided", "new_empty_strided"}
#: Their tensors other than the input are on the host by torch's own contract.
HOST_ARGUMENTS = {"tensor_split"}
#: Failures kept for a row; the rest are counted.
KEEP = 3
#: Most launches that a composite may take.
COMPOSITE_AT_MOST = 20


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
    fallbacks: dict[str, str] = dataclasses.field(default_factory=dict)
    failures: int = 0
    unchecked: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    broken: bool = False  # the device: the next row needs a new process


def name_of(op: OpInfo) -> str:
    """`add`, `div.floor_rounding`: an entry and its variant."""
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


def entries() -> dict[str, OpInfo]:
    """Every entry of op_db by name."""
    return {name_of(op): op for op in op_db}


def tolerances(op: OpInfo, dtype: torch.dtype) -> dict[str, Any]:
    """torch's own: the widest that its tests of this entry name for the dtype, or assert_close's default."""
    found: dict[str, Any] = {}
    for decorator in op.decorators:
        wrapped = decorator.decorators if isinstance(decorator, DecorateInfo) else (decorator,)
        for one in wrapped:
            overrides = getattr(one, "d", None)  # toleranceOverride keeps {dtype: tol}
            if isinstance(overrides, dict) and dtype in overrides and hasattr(overrides[dtype], "atol"):
                atol, rtol = overrides[dtype].atol, overrides[dtype].rtol
                found = {"atol": max(atol, found.get("atol", 0.0)), "rtol": max(rtol, found.get("rtol", 0.0))}
    return found


def moved(op: OpInfo, sample: SampleInput, device: str) -> tuple[Any, Any, Any]:
    """Input, args and kwargs of `sample`, copied to `device`: strides, overlaps and requires_grad as they were."""
    storages: dict[tuple[int, torch.dtype], torch.Tensor] = {}

    def one(tensor: torch.Tensor) -> torch.Tensor:
        there = tensor.detach()
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if plain and not tensor.is_conj() and not tensor.is_neg() and tensor.numel():
            storage = there.untyped_storage()
            key = (storage.data_ptr(), tensor.dtype)
            if key not in storages:
                flat = torch.as_strided(there, (storage.nbytes() // there.element_size(),), (1,), 0)
                storages[key] = flat.to(device, copy=True)
            there = storages[key].as_strided(there.size(), there.stride(), there.storage_offset())
        elif tensor.device.type == "cpu":
            there = there.to(device, copy=True)
        return there.requires_grad_(tensor.requires_grad)

    def placed(value: Any) -> Any:
        return device if isinstance(value, (str, torch.device)) and str(value) == "cpu" else value

    first, args, kwargs = tree_map_only(torch.Tensor, one, (sample.input, sample.args, sample.kwargs))
    if name_of(op) in HOST_ARGUMENTS:
        args = sample.args
    kwargs = {k: placed(v) if k == "device" else v for k, v in kwargs.items()}
    if op.is_factory_function:
        kwargs.setdefault("device", device)
    return first, tuple(placed(a) for a in args), kwargs


class Skip(Exception):
    """cpu itself fails on the sample."""


class Entry:
    """Runs the samples of one entry in one dtype and fills the row."""

    def __init__(self, op: OpInfo, dtype: torch.dtype, launches: Launches) -> None:
        self.op, self.dtype, self.launches = op, dtype, launches
        self.row = Row(name_of(op), str(dtype).removeprefix("torch."))
        self.tolerance = tolerances(op, dtype)
        self.wrong = self.error = False
        self.random = False

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, first: bool) -> Row:
        """All samples in every form, or the `first` sample forward and backward."""
        grad = self.op.supports_autograd and self.dtype in self.op.supported_backward_dtypes("cpu")
        try:
            for number, sample in enumerate(self.op.sample_inputs("cpu", self.dtype, requires_grad=grad)):
                self.row.samples += 1
                self.sample(sample, f"sample {number}", grad, every_form=not first)
                if first:
                    break
                if number == 0:
                    self.sample(sample.noncontiguous(), "sample 0 non-contiguous", grad, every_form=False)
            if not first:
                self.error_inputs()
        except Exception as error:  # of the sweep itself: no row may pass for it
            self.error = True
            self.fail(
                f"sweep: {type(error).__name__}: {short(error)} ({traceback.extract_tb(error.__traceback__)[-1]})"
            )
        self.judge()
        return self.row

    def sample(self, sample: SampleInput, label: str, grad: bool, every_form: bool) -> None:
        try:
            expected = self.reference(sample)
        except Skip:
            self.row.skipped += 1
            return
        outputs = self.forward(sample, expected, label)
        if grad and outputs is not None:
            self.backward(sample, label)
        if every_form:
            self.out_form(sample, expected, label)
            self.in_place(sample, expected, label)

    def reference(self, sample: SampleInput) -> Any:
        def drawn(seed: int) -> Any:
            seeded = functools.partial(torch.manual_seed, seed)
            seeded()
            first, args, kwargs = moved(self.op, sample, "cpu")  # copies: some entries are in-place operators
            with mock.patch.object(torch, "manual_seed", side_effect=lambda _: seeded()):  # others seed for themselves
                return self.op(first, *args, **kwargs)

        try:
            expected = drawn(1)
            self.random = self.row.op in UNDEFINED or not same(drawn(2), expected)
        except Exception as error:
            raise Skip from error
        return expected

    def forward(self, sample: SampleInput, expected: Any, label: str) -> Any:
        there = moved(self.op, sample, DEVICE)
        with self.attempt(f"{label} forward", sample) as result:
            self.launches.mark()
            result.value = self.op(there[0], *there[1], **there[2])
            self.count()
            self.compare(result.value, expected)
        return result.value

    def backward(self, sample: SampleInput, label: str) -> None:
        try:
            torch.manual_seed(1)
            expected = gradients(self.op, sample, *moved(self.op, sample, "cpu"))
        except Exception:
            self.row.skipped += 1
            return
        there = moved(self.op, sample, DEVICE)
        with self.attempt(f"{label} backward", sample):
            self.compare(gradients(self.op, sample, *there), expected)

    def out_form(self, sample: SampleInput, expected: Any, label: str) -> None:
        results = tree_flatten(expected)[0]
        if not self.op.supports_out or not all(isinstance(r, torch.Tensor) for r in results):
            return

        def written(device: str) -> Any:
            first, args, kwargs = tree_map_only(torch.Tensor, torch.Tensor.detach, moved(self.op, sample, device))
            out = tree_map_only(torch.Tensor, lambda t: torch.empty_like(t, device=device), expected)
            self.op(first, *args, **kwargs, out=tuple(out) if isinstance(out, (list, tuple)) else out)
            return out

        if raised(functools.partial(written, "cpu")):
            self.row.skipped += 1  # cpu has no such form of this sample
            return
        with self.attempt(f"{label} out=", sample):
            self.compare(written(DEVICE), expected)

    def in_place(self, sample: SampleInput, expected: Any, label: str) -> None:
        form = self.op.get_inplace()
        if form is None or not isinstance(sample.input, torch.Tensor) or not isinstance(expected, torch.Tensor):
            return
        if expected.dtype != sample.input.dtype or expected.shape != sample.input.shape or sample.broadcasts_input:
            return
        here = sample.input.detach().clone()
        try:
            torch.manual_seed(1)
            form(here, *sample.args, **sample.kwargs)
        except Exception:
            self.row.skipped += 1
            return
        there, args, kwargs = moved(self.op, sample, DEVICE)
        there = there.detach()
        with self.attempt(f"{label} in place", sample):
            form(there, *args, **kwargs)
            self.compare(there, here)

    def error_inputs(self) -> None:
        """Each raises what cpu raises; a device that accepts it, or raises another type, is an error of the row."""
        if self.dtype is not torch.float32:
            return  # torch's generators choose their own dtypes: once an entry is enough
        try:
            inputs = list(self.op.error_inputs("cpu"))
        except Exception:
            return
        for number, one in enumerate(inputs):
            sample = one.sample_input
            there, args, kwargs = moved(self.op, sample, DEVICE)
            theirs = raised(functools.partial(self.op, sample.input, *sample.args, **sample.kwargs))
            if theirs is None:
                self.row.skipped += 1
                continue
            self.row.checks += 1
            ours = raised(functools.partial(self.op, there, *args, **kwargs)) or raised(torch.npu.synchronize)
            if isinstance(ours, torch.AcceleratorError) and isinstance(theirs, (RuntimeError, IndexError)):
                self.row.unchecked = len(inputs) - number - 1
                break  # found by the device, as it is there: nothing runs on it any more
            if not isinstance(ours, type(theirs)):
                found = f"{type(ours).__name__}: {short(ours)}" if ours else "nothing"
                self.fail(f"error input {number}: cpu raises {type(theirs).__name__}: {short(theirs)}; npu: {found}")

    # --- judging ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def attempt(self, label: str, sample: SampleInput) -> Iterator[Any]:
        """Runs the block as one check; what it raises becomes a failure of the row."""
        self.row.checks += 1
        result = type("Result", (), {"value": None})()
        try:
            torch.manual_seed(1)
            yield result
        except AssertionError as error:
            result.value = None
            self.wrong = True
            self.fail(f"{label}: {short(error)}; {described(sample)}")
        except Exception as error:
            result.value = None
            self.error = True
            self.fail(f"{label}: {type(error).__name__}: {short(error)}; {described(sample)}")
            with contextlib.suppress(Exception):
                torch.npu.synchronize()

    def fail(self, text: str) -> None:
        self.row.failures += 1
        if text.startswith("error input"):
            self.error = True
        if len(self.row.examples) < KEEP:
            self.row.examples.append(text)

    def count(self) -> None:
        self.row.launches = max(self.row.launches, self.launches.since_mark())

    def compare(self, found: Any, expected: Any) -> None:
        mine, theirs = tree_flatten(found)[0], tree_flatten(expected)[0]
        assert len(mine) == len(theirs), f"{len(mine)} results, cpu has {len(theirs)}"
        for ours, reference in zip(mine, theirs, strict=True):
            if not isinstance(reference, torch.Tensor):
                assert self.random or ours == reference, f"{ours!r}, cpu {reference!r}"
                continue
            assert ours.device.type != "cpu", "the result is on the CPU"
            assert ours.shape == reference.shape, f"shape {tuple(ours.shape)}, cpu {tuple(reference.shape)}"
            assert ours.dtype == reference.dtype, f"dtype {ours.dtype}, cpu {reference.dtype}"
            if not self.random:
                torch.testing.assert_close(
                    dense(ours).cpu(), dense(reference), equal_nan=True, check_stride=False, **self.tolerance
                )

    def judge(self) -> None:
        row = self.row
        try:
            torch.npu.synchronize()
        except RuntimeError:
            row.broken = True  # a fault stays until the device is reset
        if self.error and not self.launches.reports_fallbacks:
            row.broken = True  # torch_npu drops all work that comes after an inner error, without a word
        row.fallbacks = self.launches.fallbacks()
        if row.launches > COMPOSITE_AT_MOST and self.launches.reports_fallbacks:  # what torch_npu takes is its own
            self.error = True
            self.fail(f"{row.launches} launches; a composite takes at most {COMPOSITE_AT_MOST}")
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


def gradients(op: OpInfo, sample: SampleInput, first: Any, args: Any, kwargs: Any) -> list[torch.Tensor | None]:
    """The gradients of every input that wants one, for output gradients drawn on the CPU from one seed."""
    inputs = [t for t in tree_flatten((first, args, kwargs))[0] if isinstance(t, torch.Tensor) and t.requires_grad]
    result = sample.output_process_fn_grad(op(first, *args, **kwargs))
    outputs = [
        t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor) and t.requires_grad and t.grad_fn is not None
    ]
    if not inputs or not outputs:
        return []
    generator = torch.Generator().manual_seed(7)
    weights = [
        torch.randn(t.shape, dtype=t.dtype, generator=generator).to(t.device)
        if t.is_floating_point() or t.is_complex()
        else torch.ones_like(t)
        for t in outputs
    ]
    return list(torch.autograd.grad(outputs, inputs, weights, allow_unused=True))


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


def described(sample: SampleInput) -> str:
    """Shapes and dtypes of a sample's tensors, its other arguments as they are."""

    def one(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            kind = str(value.dtype).removeprefix("torch.")
            strided = value.layout is torch.strided and not value.is_contiguous()
            return f"{kind}{list(value.shape)}" + (f" strides {list(value.stride())}" if strided else "")
        return repr(value)[:40]

    flat = tree_flatten((sample.input, sample.args, sample.kwargs))[0]
    return "(" + ", ".join(one(v) for v in flat)[:200] + ")"
