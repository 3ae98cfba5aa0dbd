"""Entries of torch's op_db: each in one dtype, on npu against cpu."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from halves import HALVES, SINGLE, converted, rounded, widened
from launches import Launches
from row import DEVICE, Skip, Trial, raised, same, short
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, SampleInput
from torch.utils._pytree import tree_flatten, tree_map_only

#: What a fresh tensor of these holds is nobody's promise: only shape, dtype and strides are compared.
UNDEFINED = {"empty", "empty_like", "new_empty", "empty_permuted", "empty_strided", "new_empty_strided"}
#: The statistics of halves that they return are float32 on devices, torch's CUDA too; on cpu they are halves.
STATISTICS = {"native_layer_norm", "native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update"}
#: Entries that may differ from cpu where they are at least as near to the results of float64, with the reason.
NEARER = {
    "renorm": "cpu's gradient of complex numbers is NaN for the largest magnitude: it looks in float32 for float64's",
    "linalg.lstsq": "gradients of it are products of pseudoinverses, and grow with the square of a condition number",
    "linalg.lstsq.grad_oriented": "the same",
    "linalg.pinv.hermitian": "gradients of the second order grow with the fourth power of a condition number",
    "special.i1": "cpu's kernel is off by up to 9 units in the last place, and torch allows 3 between two devices",
    "special.erfcx": "its gradients are differences of nearly equal numbers: one unit of either is many of the result",
    "special.log_ndtr": "its gradients are powers of e whose exponents are such differences",
}
#: Entries that give values of a dimension and places that hold them. Which of several such places, torch leaves open,
#: and cpu takes the one that an unstable sort of that size ends with: what counts is the value there.
PLACES = {"mode"}
#: Their tensors other than the input are on the host by torch's own contract.
HOST_ARGUMENTS = {"tensor_split"}
#: Error inputs that torch's kernel of the CPU words by itself; npu raises what torch raises on other devices.
WORDED_BY_CPU = {"narrow_copy": IndexError}
#: Most launches that a composite may take.
COMPOSITE_AT_MOST = 20
#: Draws that are compared before an operator that torch calls random passes for one that is not: few numbers of few
#: values are often the same twice.
DRAWS = 16


def name_of(op: OpInfo) -> str:
    """`add`, `div.floor_rounding`: an entry and its variant."""
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


def entries() -> dict[str, OpInfo]:
    """Every entry of op_db by name."""
    return {name_of(op): op for op in op_db}


def moved(op: OpInfo, sample: SampleInput, device: str) -> tuple[Any, Any, Any]:
    """Input, args and kwargs of `sample`, copied to `device`: strides, overlaps and requires_grad as they were."""
    storages: dict[tuple[int, torch.dtype], torch.Tensor] = {}
    seen: dict[int, torch.Tensor] = {}  # a tensor that stands twice in the arguments does so there

    def one(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in seen:
            seen[id(tensor)] = copied(tensor)
        return seen[id(tensor)]

    def copied(tensor: torch.Tensor) -> torch.Tensor:
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


def is_random(op: OpInfo) -> bool:
    """Whether torch tags the operator as one whose result depends on the generator."""
    packet = getattr(torch.ops.aten, op.aten_name or op.name, None)
    overloads = packet.overloads() if packet else []
    return any(torch.Tag.nondeterministic_seeded in getattr(packet, o).tags for o in overloads)


def told(sample: SampleInput, results: list[Any]) -> list[Any]:
    """Results of an entry of PLACES without what it leaves open: of values and places, the values there; of a gradient,
    its sum over the places of one value. Both go along the dimension that the sample names, the last by default."""
    x = sample.input.detach()
    dim = sample.kwargs.get("dim", sample.args[0] if sample.args else -1)
    if len(results) == 2:
        places = results[1].cpu()
        there = x.gather(dim, places if places.dim() == x.dim() else places.unsqueeze(dim))
        return [results[0], there.to(results[1].device)]
    if x.dim() == 0 or not results or results[0] is None:
        return results
    rows, slopes = x.movedim(dim, -1), results[0].cpu().movedim(dim, -1)
    equal = (rows.unsqueeze(-1) == rows.unsqueeze(-2)).to(slopes)
    return [(equal @ slopes.unsqueeze(-1)).squeeze(-1).movedim(-1, dim).to(results[0].device)]


def is_sparse(value: Any) -> bool:
    """Whether it is a tensor that has no strides."""
    return isinstance(value, torch.Tensor) and value.layout is not torch.strided


class OperatorTrial(Trial):
    """An entry of op_db."""

    launches_at_most = COMPOSITE_AT_MOST

    def __init__(self, op: OpInfo, dtype: torch.dtype, launches: Launches) -> None:
        super().__init__(name_of(op), dtype, op.decorators, launches)
        self.op = op

    def samples(self, first: bool) -> None:
        grad = self.op.supports_autograd and self.dtype in self.op.supported_backward_dtypes("cpu")
        for number, sample in enumerate(self.op.sample_inputs("cpu", self.dtype, requires_grad=grad)):
            self.row.samples += 1
            self.sample(sample, f"sample {number}", grad, every_form=not first)
            if first:
                return
            if number == 0 and not any(is_sparse(t) for t in tree_flatten((sample.input, sample.args))[0]):
                self.sample(sample.noncontiguous(), "sample 0 non-contiguous", grad, every_form=False)
                if grad and self.op.supports_gradgrad:
                    self.backward(sample, "sample 0 second", order=2)
        self.error_inputs()

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
            draws = range(2, DRAWS if is_random(self.op) else 3)
            self.random = self.row.op in UNDEFINED or not all(same(drawn(seed), expected) for seed in draws)
        except Exception as error:
            raise Skip from error
        return expected

    def once(self, sample: SampleInput) -> Any:
        first, args, kwargs = moved(self.op, sample, "cpu")
        return self.op(first, *args, **kwargs)

    def gradients_once(self, order: int, sample: SampleInput) -> Any:
        there = moved(self.op, sample, "cpu")
        return gradients(self.op, sample, *there, order=order, drawn_in=self.dtype)

    def compare_rounded(
        self, found: Any, expected: Any, sample: SampleInput, again: Callable[[SampleInput], Any]
    ) -> None:
        """Compares with cpu's result; in halves, and for entries that are listed so, what differs with what cpu gives
        in float64."""
        mine, theirs = tree_flatten(found)[0], tree_flatten(expected)[0]
        if self.dtype in HALVES and self.row.op in STATISTICS:
            mine[1:] = rounded(mine[1:], theirs[1:])
        if self.row.op in PLACES:
            self.paired(mine, theirs)
            mine, theirs = [told(sample, results) for results in (mine, theirs)]
        try:
            self.compare(mine, theirs)
        except AssertionError:
            if self.dtype not in HALVES and self.row.op not in NEARER:
                raise
            try:
                exact = tree_flatten(again(widened(sample, self.dtype)))[0]
            except Exception:
                exact = None
            if exact is None or len(exact) != len(theirs):
                raise
            try:
                self.compare_nearer(mine, theirs, exact)
            except AssertionError:
                if self.dtype not in HALVES:
                    raise
                single = tree_flatten(again(converted(sample, SINGLE)))[0]
                self.compare(mine, rounded(single, theirs))

    def forward(self, sample: SampleInput, expected: Any, label: str) -> Any:
        there = moved(self.op, sample, DEVICE)
        with self.attempt(f"{label} forward", there) as result:
            self.launches.mark()
            result.value = self.op(there[0], *there[1], **there[2])
            self.count()
            self.compare_rounded(result.value, expected, sample, self.once)
        return result.value

    def backward(self, sample: SampleInput, label: str, order: int = 1) -> None:
        try:
            torch.manual_seed(1)
            expected = gradients(self.op, sample, *moved(self.op, sample, "cpu"), order=order)
        except Exception:
            self.row.skipped += 1
            return
        there = moved(self.op, sample, DEVICE)
        with self.attempt(f"{label} backward", there):
            found = gradients(self.op, sample, *there, order=order)
            again = functools.partial(self.gradients_once, order)
            self.compare_rounded(found, expected, sample, again)

    def out_form(self, sample: SampleInput, expected: Any, label: str) -> None:
        results = tree_flatten(expected)[0]
        if not self.op.supports_out or not all(isinstance(r, torch.Tensor) for r in results):
            return

        def written(device: str) -> Any:
            first, args, kwargs = tree_map_only(torch.Tensor, torch.Tensor.detach, moved(self.op, sample, device))
            out = tree_map_only(torch.Tensor, lambda t: torch.empty_like(t, device=device), expected)
            self.op(first, *args, **kwargs, out=tuple(out) if isinstance(out, (list, tuple)) else out)
            return out

        try:
            wrote = self.random or same(written("cpu"), expected)
        except Exception:
            wrote = False
        if not wrote:  # cpu has no such form of this sample, or leaves `out` alone, as it does for ihfftn
            self.row.skipped += 1
            return
        with self.attempt(f"{label} out=", (sample.input, sample.args, sample.kwargs)):
            self.compare_rounded(written(DEVICE), expected, sample, self.once)

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
        with self.attempt(f"{label} in place", (sample.input, sample.args, sample.kwargs)):
            form(there, *args, **kwargs)
            self.compare_rounded(there, here, sample, self.once)

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
            wanted = WORDED_BY_CPU.get(self.row.op, type(theirs))
            if not isinstance(ours, (type(theirs), wanted)):
                found = f"{type(ours).__name__}: {short(ours)}" if ours else "nothing"
                self.fail(f"error input {number}: cpu raises {type(theirs).__name__}: {short(theirs)}; npu: {found}")


def gradients(
    op: OpInfo, sample: SampleInput, first: Any, args: Any, kwargs: Any, order: int, drawn_in: torch.dtype | None = None
) -> list[torch.Tensor | None]:
    """The gradients of every input that wants one, for output gradients drawn on the CPU from one seed.

    Of the second `order`: those of the gradients. They are drawn in the outputs' dtypes, or as narrow as `drawn_in`.
    """

    def drawn(t: torch.Tensor) -> torch.dtype:
        if drawn_in is None:
            return t.dtype
        return drawn_in.to_complex() if t.is_complex() else drawn_in.to_real()

    inputs = [t for t in tree_flatten((first, args, kwargs))[0] if isinstance(t, torch.Tensor) and t.requires_grad]
    results: Any = sample.output_process_fn_grad(op(first, *args, **kwargs))
    generator = torch.Generator().manual_seed(7)
    for last in (False,) * (order - 1) + (True,):
        outputs = [
            t
            for t in tree_flatten(results)[0]
            if isinstance(t, torch.Tensor) and t.requires_grad and t.grad_fn is not None
        ]
        if not inputs or not outputs:
            return []
        weights = [
            torch.randn(t.shape, dtype=drawn(t), generator=generator).to(t)
            if t.is_floating_point() or t.is_complex()
            else torch.ones_like(t)
            for t in outputs
        ]
        results = torch.autograd.grad(outputs, inputs, weights, allow_unused=True, create_graph=not last)
    return list(results)
