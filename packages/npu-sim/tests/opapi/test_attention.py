"""Fused attention against torch's on the CPU: layouts, masks by position, dropout, shifts, sinks, their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from opapi.conftest import AclError

if TYPE_CHECKING:
    from opapi.conftest import Cann

B, N, S, T, D = 2, 4, 5, 7, 8
SCALE = 0.3
ALL = 2147483647
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "BNSD": lambda t: t.contiguous(),
    "BSND": lambda t: t.transpose(1, 2).contiguous(),
    "BSH": lambda t: t.transpose(1, 2).flatten(2),
    "SBH": lambda t: t.permute(2, 0, 1, 3).flatten(2),
}
COMPRESSED = torch.ones(2048, 2048, dtype=torch.bool).triu(1)
SHAPE_DOES_NOT_FIT = 561103


def inputs(heads_kv: int = N, q: int = S, kv: int = T, dim_v: int = D) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(4)
    return torch.randn(B, N, q, D), torch.randn(B, heads_kv, kv, D), torch.randn(B, heads_kv, kv, dim_v)


def reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    hidden: Tensor | None = None,
    kept: Tensor | None = None,
    before: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The result, the largest score of each row and the sum of the exponentials over it."""
    group = q.shape[1] // k.shape[1]
    scores = q @ k.repeat_interleave(group, 1).transpose(-1, -2)
    scores = (scores if before is None else scores + before) * SCALE
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    shares = scores.softmax(-1)
    most = scores.amax(-1)
    out = (shares if kept is None else shares * kept) @ v.repeat_interleave(group, 1)
    return out, most, (scores - most.unsqueeze(-1)).exp().sum(-1)


def attend(
    cann: Cann, layout: str, q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None, sparse: int = 0,
    tokens: tuple[int, int] = (ALL, ALL), prefix: list[int] | None = None, drop: Tensor | None = None,
    keep: float = 1.0, pse: Tensor | None = None,
) -> tuple[list[Tensor], Any]:  # fmt: skip
    """Result, statistics; and a function that gives the gradients for one of the result."""
    place = LAYOUTS[layout]
    placed = [place(t) for t in (q, k, v)]
    out = torch.empty_like(place(q.new_empty(*q.shape[:3], v.shape[3])))
    stats = [torch.empty(*q.shape[:3], 8) for _ in range(2)]
    attributes = [prefix, SCALE, keep, *tokens, q.shape[1], layout, 0, sparse]
    none = torch.empty(0, dtype=q.dtype)
    cann.run("aclnnFlashAttentionScore", *placed, pse, drop, None, mask, *attributes, *stats, none, out)

    def gradients(grad: Tensor) -> list[Tensor]:
        found = [torch.empty_like(t) for t in (*placed, *([pse] if pse is not None else []))]
        cann.run(
            "aclnnFlashAttentionScoreGrad", *placed, place(grad), pse, drop, None, mask, *stats, None, out,
            *attributes, *found, *([] if pse is not None else [None]),
        )  # fmt: skip
        return found

    return [out, *stats], gradients


def check(cann: Cann, layout: str, *inputs: Tensor, tolerance: float = 1e-5, **how: Any) -> None:
    """Forward and backward agree with the reference, which gets what hides, drops and shifts as `reference` has it."""
    known: dict[str, Any] = {name: how.pop(name) for name in ("hidden", "kept") if name in how}
    q, k, v = inputs
    leaves = [t.float().requires_grad_() for t in inputs]
    if "pse" in how:
        known["before"] = how["pse"].float().requires_grad_()
    want, most, total = reference(*leaves, **known)
    grad = torch.randn_like(want).to(q.dtype)
    expected = torch.autograd.grad(want, [*leaves, *([known["before"]] if "pse" in how else [])], grad.float())
    (out, *stats), gradients = attend(cann, layout, q, k, v, **how)
    place = LAYOUTS[layout]
    torch.testing.assert_close(out.float(), place(want.detach()), rtol=tolerance, atol=tolerance)
    for found, one in zip(stats, (most, total), strict=True):
        torch.testing.assert_close(found, one.detach().unsqueeze(-1).expand_as(found), rtol=tolerance, atol=tolerance)
    placed = [*map(place, expected[:3]), *expected[3:]]
    for found, one in zip(gradients(grad), placed, strict=True):
        torch.testing.assert_close(found.float(), one, rtol=4 * tolerance, atol=4 * tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_what_torch_gives(cann: Cann, layout: str) -> None:
    q, k, v = inputs()
    want = F.scaled_dot_product_attention(q, k, v, scale=SCALE)
    torch.testing.assert_close(reference(q, k, v)[0], want)
    check(cann, layout, q, k, v)


@pytest.mark.parametrize("layout", ["BNSD", "BSH"])
def test_heads_share_keys_and_values_may_be_narrower(cann: Cann, layout: str) -> None:
    check(cann, layout, *inputs(heads_kv=2, dim_v=6))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32(cann: Cann, dtype: torch.dtype) -> None:
    q, k, v = (t.to(dtype) for t in inputs())
    check(cann, "BSND", q, k, v, tolerance=2e-2 if dtype is torch.bfloat16 else 2e-3)


AHEAD = torch.arange(T) - torch.arange(S).unsqueeze(1)  # columns right of the diagonal from the upper left
GIVEN = torch.rand(S, T, generator=torch.Generator().manual_seed(2)) > 0.7
GIVEN[:, 3] = False
HIDDEN = {
    "the mask": (0, GIVEN, (ALL, ALL), GIVEN),
    "the mask and a band": (0, GIVEN, (3, 3), GIVEN | (AHEAD > 3) | (AHEAD < -3)),
    "all of the mask": (1, GIVEN.view(1, 1, S, T), (0, 0), GIVEN),
    "above the diagonal": (2, COMPRESSED, (0, 0), AHEAD > 0),
    "above the lower diagonal": (3, COMPRESSED, (0, 0), AHEAD > T - S),
    "nothing of an endless band": (4, COMPRESSED, (2**63 - 1, 2**63 - 1), AHEAD > T),
    "outside of a band": (4, COMPRESSED, (1, 1), (AHEAD > T - S + 1) | (AHEAD < T - S - 1)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_scores_are_hidden_as_the_sparse_mode_says(cann: Cann, name: str) -> None:
    mode, mask, tokens, hidden = HIDDEN[name]
    check(cann, "BNSD", *inputs(), sparse=mode, mask=mask, tokens=tokens, hidden=hidden)


def test_a_prefix_of_each_sequence_is_seen_by_all_rows(cann: Cann) -> None:
    prefix = [3, 6]
    hidden = (AHEAD > T - S) & (torch.arange(T) >= torch.tensor(prefix).view(B, 1, 1, 1))
    mask = torch.ones(3072, 2048, dtype=torch.bool)
    check(cann, "BSH", *inputs(), sparse=6, mask=mask, prefix=prefix, hidden=hidden)


def test_dropout_keeps_the_scores_whose_bits_are_set(cann: Cann) -> None:
    kept = torch.rand(B, N, S, T) < 0.8
    bits = torch.nn.functional.pad(kept.flatten(), (0, -kept.numel() % 8)).view(-1, 8)
    drop = (bits * 2 ** torch.arange(8)).sum(1).to(torch.uint8)
    check(cann, "BNSD", *inputs(), drop=drop, keep=0.8, kept=kept / 0.8)


@pytest.mark.parametrize("shape", [(B, N, S, T), (1, N, S, T), (B, N, 1, T)])
def test_scores_are_shifted_before_they_are_scaled(cann: Cann, shape: tuple[int, ...]) -> None:
    check(cann, "SBH", *inputs(), pse=torch.randn(shape))


def test_a_sink_takes_a_share_of_each_row(cann: Cann) -> None:
    q, k, v = (t.half() for t in inputs())
    sink = torch.randn(N, requires_grad=True)
    leaves = [t.float().requires_grad_() for t in (q, k, v)]
    scores = leaves[0] @ leaves[1].transpose(-1, -2) * SCALE
    shares = torch.cat([scores, sink.view(1, N, 1, 1).expand(B, N, S, 1)], -1).softmax(-1)
    want = shares[..., :-1] @ leaves[2]
    grad = torch.randn_like(want).half()
    expected = torch.autograd.grad(want, [*leaves, sink], grad.float())
    out, none, stats = torch.empty_like(q), q.new_empty(0), [torch.empty(B, N, S, 8) for _ in range(2)]
    attributes = [None, None, None, SCALE, 1.0, ALL, ALL, N, "BNSD", 0, 0, 1]
    cann.run(
        "aclnnFlashAttentionScoreV3", q, k, v, None, None, None, None, sink.detach(), *attributes, *stats, none, out
    )
    torch.testing.assert_close(out.float(), want.detach(), rtol=2e-3, atol=2e-3)
    found = [*(torch.empty_like(t) for t in (q, k, v)), torch.empty(N)]
    cann.run(
        "aclnnFlashAttentionScoreGradV3", q, k, v, grad, None, None, None, None, *stats, None, out, sink.detach(),
        *attributes, *found[:3], None, found[3],
    )  # fmt: skip
    for one, reference_ in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), reference_, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kept_as", ["", "same_as_input"])
def test_sequences_of_many_lengths_attend_within_themselves(cann: Cann, kept_as: str) -> None:
    torch.manual_seed(5)
    lengths, ends = [(3, 4), (0, 0), (5, 5)], ([3, 3, 8], [4, 4, 9])
    q, k, v = torch.randn(8, N, D), torch.randn(9, 2, D), torch.randn(9, 2, D)
    leaves = [t.clone().requires_grad_() for t in (q, k, v)]
    parts, at, at_kv = [], 0, 0
    for n, m in lengths:
        mine = [leaves[0][at : at + n], *(t[at_kv : at_kv + m] for t in leaves[1:])]
        at, at_kv = at + n, at_kv + m
        if n:
            hidden = torch.ones(n, m, dtype=torch.bool).triu(m - n + 1)
            heads = [t.transpose(0, 1).unsqueeze(0) for t in mine]
            parts.append(reference(heads[0], heads[1], heads[2], hidden=hidden))
    want = torch.cat([p[0].squeeze(0).transpose(0, 1) for p in parts])
    grad = torch.randn_like(want)
    expected = torch.autograd.grad(want, leaves, grad)
    out, none, stats = torch.empty_like(q), torch.empty(0), [torch.empty(8, N, 8) for _ in range(2)]
    how = [SCALE, 1.0, ALL, ALL, N, "TND", 0, 3]
    given = [None, None, None, COMPRESSED]
    cann.run("aclnnFlashAttentionVarLenScoreV4", q, k, v, *given, None, *ends, *how, kept_as, *stats, none, out)
    torch.testing.assert_close(out, want.detach(), rtol=1e-5, atol=1e-5)
    rows = [p[1].detach().squeeze(0) for p in parts]  # heads, rows
    if kept_as:
        torch.testing.assert_close(stats[0][..., 0], torch.cat(rows, 1).t())
    else:
        torch.testing.assert_close(stats[0].view(-1, 8)[:, 0], torch.cat([r.flatten() for r in rows]))
    gradients = [torch.empty_like(t) for t in (q, k, v)]
    cann.run(
        "aclnnFlashAttentionUnpaddingScoreGradV4", q, k, v, grad, *given, *stats, None, out, None, *ends, *how,
        *gradients, None, kept_as,
    )  # fmt: skip
    for one, reference_ in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, reference_, rtol=1e-4, atol=1e-5)


def test_a_row_that_sees_nothing_gives_zeros(cann: Cann) -> None:
    q, k, v = inputs(q=T, kv=S)
    (out, *_), gradients = attend(cann, "BNSD", q, k, v, sparse=3, mask=COMPRESSED)
    assert torch.equal(out[:, :, : T - S], torch.zeros(B, N, T - S, D))
    assert torch.isfinite(torch.cat([g.flatten() for g in gradients(torch.randn_like(out))])).all()


def test_without_keys_the_result_is_zeros(cann: Cann) -> None:
    q, k, v = inputs(kv=0)
    (out, *_), gradients = attend(cann, "BNSD", q, k, v)
    assert not out.any()
    assert not gradients(torch.ones_like(out))[0].any()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a layout": ({"layout": "TND"}, "parameter 'inputLayout' is TND; expected BSH, SBH, BNSD or BSND"),
    "a mode": ({"sparse": 9, "mask": COMPRESSED}, "parameter 'sparseMode' is 9"),
    "a whole mask where a compressed one is due": ({"sparse": 2, "mask": GIVEN}, "parameter 'attenMaskOptional'"),
    "a share of nothing": ({"keep": 0.0}, "parameter 'keepProb'"),
    "too few bits": ({"keep": 0.5, "drop": torch.zeros(2, dtype=torch.uint8)}, "parameter 'dropMaskOptional'"),
    "a prefix for one sequence": ({"sparse": 5, "mask": GIVEN, "prefix": [1]}, "parameter 'prefixOptional'"),
    "a prefix beyond the columns": ({"sparse": 5, "mask": GIVEN, "prefix": [3, T + 1]}, "parameter 'prefixOptional'"),
    "a prefix that all rows see": ({"sparse": 5, "mask": GIVEN, "prefix": [T - S - 1, 3]}, "expected 2 to 7"),
    "a shift of another dtype": ({"pse": torch.zeros(B, N, S, T).half()}, "parameter 'realShiftOptional'"),
    "a shift of another shape": ({"pse": torch.zeros(2, 2)}, "parameter 'realShiftOptional'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_the_first_phase(cann: Cann, name: str) -> None:
    how, words = REFUSED[name]
    layout = how.get("layout", "BNSD")
    LAYOUTS.setdefault("TND", LAYOUTS["BNSD"])
    try:
        with pytest.raises(AclError, match=words) as caught:
            attend(cann, layout, *inputs(), **{k: v for k, v in how.items() if k != "layout"})
    finally:
        LAYOUTS.pop("TND")
    assert caught.value.code == SHAPE_DOES_NOT_FIT


def test_a_gradient_of_another_dtype_is_refused(cann: Cann) -> None:
    (out, *_), gradients = attend(cann, "BNSD", *inputs())
    with pytest.raises(AclError, match="parameter 'dy'"):
        gradients(out.half())


def test_a_mask_for_another_number_of_sequences_is_refused(cann: Cann) -> None:
    q, k, v = torch.randn(8, N, D), torch.randn(9, N, D), torch.randn(9, N, D)
    stats, none = [torch.empty(8, N, 8) for _ in range(2)], torch.empty(0)
    ends, how = ([3, 8], [4, 9]), [SCALE, 1.0, ALL, ALL, N, "TND", 0, 1]
    for batch, fits in ((2, True), (1, True), (3, False)):
        mask = torch.zeros(batch, 1, 5, 5, dtype=torch.bool)
        arguments = [q, k, v, None, None, None, mask, None, *ends, *how, "", *stats, none, torch.empty_like(q)]
        if fits:
            cann.run("aclnnFlashAttentionVarLenScoreV4", *arguments)
            continue
        with pytest.raises(AclError, match="parameter 'attenMaskOptional'"):
            cann.run("aclnnFlashAttentionVarLenScoreV4", *arguments)


def test_without_keys_a_sink_has_no_gradient(cann: Cann) -> None:
    q, k, v = (t.half() for t in inputs(kv=0))
    stats, none = [torch.zeros(B, N, S, 8) for _ in range(2)], None
    found = [*(torch.empty_like(t) for t in (q, k, v)), torch.full((N,), 5.0)]
    cann.run(
        "aclnnFlashAttentionScoreGradV3", q, k, v, torch.ones_like(q), none, none, none, none, *stats, none,
        torch.zeros_like(q), torch.zeros(N), none, none, none, SCALE, 1.0, ALL, ALL, N, "BNSD", 0, 0, 1, *found[:3],
        none, found[3],
    )  # fmt: skip
    assert not found[0].any()
    assert not found[3].any()


def test_heads_that_do_not_divide_are_refused(cann: Cann) -> None:
    with pytest.raises(AclError, match="a multiple of the heads of 'key', 3"):
        attend(cann, "BNSD", *inputs(heads_kv=3))
