"""op_db's samples, run on npu and on cpu and compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, SampleInput
from torch.utils._pytree import tree_flatten, tree_map

#: OpInfos whose samples reach an ATen operator of another name; of one with variants, "name/variant" is that one.
REACHED_BY = {
    "_softmax": ["softmax"],
    "_log_softmax": ["log_softmax"],
    "_softmax_backward_data": ["softmax"],
    "_log_softmax_backward_data": ["log_softmax"],
    "threshold_backward": ["nn.functional.relu"],
    "leaky_relu": ["nn.functional.leaky_relu"],
    "leaky_relu_backward": ["nn.functional.leaky_relu"],
    "gelu_backward": ["nn.functional.gelu"],
    "silu_backward": ["nn.functional.silu"],
    "tanh_backward": ["tanh"],
    "sigmoid_backward": ["sigmoid"],
    "rsub": ["__rsub__"],
    "mse_loss_backward": ["nn.functional.mse_loss"],
    "binary_cross_entropy_backward": ["nn.functional.binary_cross_entropy"],
    "embedding_dense_backward": ["nn.functional.embedding"],
    "linalg_vector_norm": ["linalg.vector_norm"],
    "zero": ["zeros_like"],
    "fill": ["fill"],
    "smooth_l1_loss_backward": ["nn.functional.smooth_l1_loss"],
    "nll_loss2d_forward": ["nn.functional.cross_entropy"],
    "nll_loss2d_backward": ["nn.functional.cross_entropy"],
    "nll_loss_forward": ["nn.functional.nll_loss"],
    "hardtanh_backward": ["nn.functional.hardtanh"],
    "hardswish_backward": ["nn.functional.hardswish"],
    "hardsigmoid_backward": ["nn.functional.hardsigmoid"],
    "elu_backward": ["nn.functional.elu"],
    "softplus_backward": ["nn.functional.softplus"],
    "mish_backward": ["nn.functional.mish"],
    "log_sigmoid_forward": ["nn.functional.logsigmoid"],
    "log_sigmoid_backward": ["nn.functional.logsigmoid"],
    "softshrink_backward": ["nn.functional.softshrink"],
    "hardshrink_backward": ["nn.functional.hardshrink"],
    "glu_backward": ["nn.functional.glu"],
    "max_pool2d_with_indices": ["nn.functional.max_pool2d"],
    "avg_pool2d_backward": ["nn.functional.avg_pool2d"],
    "_adaptive_avg_pool2d": ["nn.functional.adaptive_avg_pool2d"],
    "_adaptive_avg_pool2d_backward": ["nn.functional.adaptive_avg_pool2d"],
    "adaptive_max_pool2d_backward": ["nn.functional.adaptive_max_pool2d"],
    "upsample_nearest2d": ["nn.functional.upsample_nearest"],
    "upsample_nearest2d_backward": ["nn.functional.upsample_nearest"],
    "upsample_bilinear2d": ["nn.functional.upsample_bilinear"],
    "upsample_bilinear2d_backward": ["nn.functional.upsample_bilinear"],
    "im2col": ["nn.functional.unfold"],
    "col2im": ["nn.functional.unfold"],
    "logit_backward": ["logit"],
    "_add_relu": ["add"],
    "__lshift__": ["bitwise_left_shift"],
    "__rshift__": ["bitwise_right_shift"],
    "embedding_renorm": ["nn.functional.embedding"],
    "reflection_pad1d": ["nn.functional.pad"],
    "reflection_pad1d_backward": ["nn.functional.pad"],
    "reflection_pad2d": ["nn.functional.pad"],
    "reflection_pad2d_backward": ["nn.functional.pad"],
    "replication_pad1d": ["nn.functional.pad"],
    "replication_pad1d_backward": ["nn.functional.pad"],
    "replication_pad2d": ["nn.functional.pad"],
    "replication_pad2d_backward": ["nn.functional.pad"],
    **{
        f"{name}{form}": [f"nn.functional.interpolate/{variant}"]
        for name, variant in (
            ("upsample_nearest1d", "nearest"),
            ("upsample_nearest3d", "nearest"),
            ("_upsample_nearest_exact1d", "nearest-exact"),
            ("_upsample_nearest_exact2d", "nearest-exact"),
            ("_upsample_nearest_exact3d", "nearest-exact"),
            ("upsample_linear1d", "linear"),
            ("upsample_bicubic2d", "bicubic"),
            ("_upsample_bicubic2d_aa", "bicubic"),
            ("upsample_trilinear3d", "trilinear"),
        )
        for form in ("", "_backward")
    },
    "_upsample_bilinear2d_aa_backward": ["_upsample_bilinear2d_aa"],
    "avg_pool3d_backward": ["nn.functional.avg_pool3d"],
    "_adaptive_avg_pool3d_backward": ["nn.functional.adaptive_avg_pool3d"],
    "adaptive_max_pool3d_backward": ["nn.functional.adaptive_max_pool3d"],
    **{
        f"{name}_pad3d{form}": [f"nn.functional.pad/{variant}"]
        for name, variant in (("reflection", "reflect"), ("replication", "replicate"))
        for form in ("", "_backward")
    },
    "linalg_qr": ["linalg.qr"],
    "linalg_cross": ["linalg.cross"],
}

#: Samples a dtype. The whole of op_db takes minutes.
LIMIT = 8


def infos(base: str) -> list[OpInfo]:
    """The OpInfos whose samples call ATen's operator `base` (``add``, ``_softmax``)."""
    for names in (REACHED_BY.get(base, []), [base], [f"nn.functional.{base}"]):
        if found := [o for o in op_db if o.name in names or f"{o.name}/{o.variant_test_name}" in names]:
            return found
    return [o for o in op_db if o.aten_name == base]


def samples(info: OpInfo, dtype: torch.dtype, grad: bool) -> Iterator[SampleInput]:
    torch.manual_seed(0)
    for i, sample in enumerate(info.sample_inputs("cpu", dtype, requires_grad=grad)):
        if i == LIMIT:
            return
        yield sample


def to_npu(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return x.detach().to("npu").requires_grad_(x.requires_grad)
    if isinstance(x, torch.device) or (isinstance(x, str) and x == "cpu"):
        return torch.device("npu")
    return x


def moved(sample: SampleInput) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    return tree_map(to_npu, (sample.input, sample.args, sample.kwargs))  # type: ignore[no-any-return]


def compare(got: Any, want: Any, what: str) -> None:
    """Equal but for rounding, and on the npu wherever the other is a CPU tensor."""
    left, right = tree_flatten(got)[0], tree_flatten(want)[0]
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        if not isinstance(b, torch.Tensor):
            assert a == b, what
            continue
        assert a.device.type == "npu", what
        loose = b.dtype in (torch.float16, torch.bfloat16)
        torch.testing.assert_close(
            a.detach().cpu(),
            b.detach(),
            rtol=2e-2 if loose else 1e-4,
            atol=2e-2 if loose else 1e-5,
            equal_nan=True,
            msg=lambda m: f"{what}: {m}",
        )


def grads(result: Any, inputs: Any) -> list[torch.Tensor]:
    """The gradients of the sum of the differentiable results."""
    leaves = [t for t in tree_flatten(inputs)[0] if isinstance(t, torch.Tensor) and t.requires_grad]
    outs = [t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor) and t.requires_grad]
    if not leaves or not outs:
        return []
    ones = [torch.ones_like(o) for o in outs]
    found: tuple[torch.Tensor | None, ...] = torch.autograd.grad(outs, leaves, ones, allow_unused=True)
    return [g for g in found if g is not None]


@dataclass
class Outcome:
    """What came of an operator's samples on the npu."""

    ran: int = 0
    refused: int = 0  # for a dtype that the operator does not take
    reached: set[str] = field(default_factory=set)  # ATen overloads that were dispatched, "add.Tensor"

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Notes the overloads that are dispatched inside."""
        names = torch._C._profiler._ExperimentalConfig(capture_overload_names=True)
        with torch.autograd.profiler.profile(experimental_config=names) as profile:
            yield
        for e in profile.function_events:
            self.reached.add(e.name.removeprefix("aten::") + (f".{e.overload_name}" if e.overload_name else ""))


#: Says whether a refusal is the operator's own, for a dtype that it lacks ("refused"), or another operator's
#: ("elsewhere"). Anything else it raises again.
Judge = Callable[[NotImplementedError], str]


def own(error: NotImplementedError) -> str:
    """The judge of hand-written kernels: nothing may be refused."""
    raise error


def check(info: OpInfo, dtype: torch.dtype, backward: bool, outcome: Outcome, judge: Judge = own) -> Outcome:
    """Runs the samples on both devices and adds what came of them."""
    for sample in samples(info, dtype, backward):
        try:
            run(info, sample, dtype, backward, outcome)
        except NotImplementedError as error:
            outcome.refused += judge(error) == "refused"
    return outcome


def run(info: OpInfo, sample: SampleInput, dtype: torch.dtype, backward: bool, outcome: Outcome) -> None:
    """One sample on both devices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = (sample.input, sample.args, sample.kwargs)
        there = moved(sample)
        what = f"{info.name} {info.variant_test_name} {dtype}: {sample.summary()}"
        want = info.op(here[0], *here[1], **here[2])
        with outcome.recorded():
            got = info.op(there[0], *there[1], **there[2])
        compare(got, want, what)
        outcome.ran += 1
        if backward:
            with outcome.recorded():
                gradients = grads(got, there)
            compare(gradients, grads(want, here), f"gradient of {what}")


def check_entry(name: str, *dtypes: torch.dtype) -> None:
    """The samples of op_db's entry `name` in float32 and in those of `dtypes` that it has, with gradients."""
    outcome = Outcome()
    for info in infos(name):
        for dtype in (torch.float32, *(d for d in dtypes if d in info.dtypes)):
            check(info, dtype, info.supports_autograd and dtype.is_floating_point, outcome)
    assert outcome.ran


def nothing_is_the_cpus() -> Iterator[None]:
    """For a fixture: no call of the test falls back to the CPU."""
    torch.npu.reset_fallback_report()
    yield
    assert not list(torch.npu.fallback_report())


def check_forms(info: OpInfo, dtype: torch.dtype, outcome: Outcome, judge: Judge = own) -> None:
    """The samples again with `out=` and in place, where the operator has these forms."""
    for sample in samples(info, dtype, grad=False):
        want = info.op(sample.input, *sample.args, **sample.kwargs)
        x, args, kwargs = moved(sample)
        try:
            if info.supports_out:
                out = tree_map(lambda t: torch.empty(0, dtype=t.dtype, device="npu"), want)
                out = tuple(out) if isinstance(want, tuple | list) else out
                with outcome.recorded():
                    result = info.op(x, *args, out=out, **kwargs)
                compare(tuple(result) if isinstance(out, tuple) else result, out_of(want), f"{info.name} out=")
                compare(out, out_of(want), f"{info.name} out=")
            inplace: Any = info.inplace_variant
            single = isinstance(want, torch.Tensor) and not sample.broadcasts_input
            if inplace is None or not single or want.dtype != x.dtype or want.shape != x.shape:
                continue
            target = x.clone()
            with outcome.recorded():
                inplace(target, *args, **kwargs)
            compare(target, want, f"{info.name}_")
        except NotImplementedError as error:
            outcome.refused += judge(error) == "refused"


def out_of(want: Any) -> Any:
    """Results as `out=` gives them: a plain tuple for several."""
    return tuple(want) if isinstance(want, tuple | list) else want
