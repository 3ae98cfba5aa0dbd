"""Sparse tensors on the device against the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

pytestmark = pytest.mark.filterwarnings("ignore:Sparse C.. tensor support is in beta state")  # torch's own


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix of coordinates with two elements at one place, on the CPU and on npu."""
    indices = torch.tensor([[0, 1, 1, 3], [2, 0, 0, 1]])
    x = torch.sparse_coo_tensor(indices, torch.tensor([3.0, 4.0, 5.0, -1.0]), (4, 3), check_invariants=True)
    return x, x.npu()


CALLS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "coalesce": lambda s, d: s.coalesce(),
    "to_dense": lambda s, d: s.to_dense(),
    "add": lambda s, d: s + s.coalesce(),
    "add with a factor": lambda s, d: torch.add(s, s, alpha=3),
    "add to a dense one": lambda s, d: torch.add(d, s, alpha=2),
    "sub": lambda s, d: s - s * 2,
    "mul by a number": lambda s, d: s * 2.5,
    "mul by a dense one": lambda s, d: s.coalesce() * d,
    "mul by a sparse one": lambda s, d: s * (s + s).coalesce(),
    "matrix product": lambda s, d: torch.sparse.mm(s, d.t()),
    "vector product": lambda s, d: s.mv(d[0]),
    "addmm": lambda s, d: torch.sparse.addmm(d @ d.t(), s, d.t(), beta=0.5, alpha=2.0),
    "transpose": lambda s, d: s.t(),
    "sum": lambda s, d: torch.sparse.sum(s, 1),
    "neg": lambda s, d: -s,
    "mul by more of dense ones": lambda s, d: s * torch.stack([d, d * 2]),
    "sparse mask": lambda s, d: (s + s).sparse_mask(s.coalesce()),
    "mask": lambda s, d: d.sparse_mask(s.coalesce()),
    "select": lambda s, d: s.index_select(0, torch.tensor([1, 0], device=s.device)),  # the CPU's
    "from dense": lambda s, d: d.relu().to_sparse(),
    "compressed rows": lambda s, d: d.relu().to_sparse_csr(),
    "rows times a dense matrix": lambda s, d: d.relu().to_sparse_csr() @ d.t(),  # the CPU's, as all below
    "rows plus other rows": lambda s, d: d.relu().to_sparse_csr() + d.neg().relu().to_sparse_csr(),
    "columns": lambda s, d: d.relu().to_sparse_csr().to_sparse_csc(),
    "smm": lambda s, d: torch.smm(s.coalesce(), d.t()),
    "diagonals": lambda s, d: torch.sparse.spdiags(d, torch.tensor([-1, 0, 2, 3], device=s.device), (3, 4)),
    "diagonals as rows": lambda s, d: torch.sparse.spdiags(
        d[0], torch.tensor([1], device=s.device), (3, 4), torch.sparse_csr
    ),
    "back from rows": lambda s, d: d.relu().to_sparse_csr().to_dense(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_what_the_cpu_gives(name: str, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    here, there = pair
    dense = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0], [2.0, 2.0, 0.0], [0.0, 1.0, 7.0]])
    expected, found = CALLS[name](here, dense), CALLS[name](there, dense.npu())
    assert found.device.type == "npu"
    assert found.layout == expected.layout
    torch.testing.assert_close(found.cpu().to_dense(), expected.to_dense())


def test_elements_of_one_place_are_added_and_sorted(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    there = pair[1]
    assert not there.is_coalesced()
    one = there.coalesce()
    assert one.is_coalesced()
    assert one.indices().tolist() == [[0, 1, 3], [2, 0, 1]]
    assert one.values().tolist() == [3.0, 9.0, -1.0]


def test_additions_in_place_do_not_grow_without_end(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    there = pair[1].coalesce()
    for _ in range(8):
        there.add_(there)
    assert there._nnz() <= there.numel()
    torch.testing.assert_close(there.to_dense().cpu(), pair[0].to_dense() * 256)


def test_gradients_of_compressed_rows() -> None:
    dense = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    grads = []
    for place in ("cpu", "npu"):
        x = dense.to(place).to_sparse_csr().requires_grad_()
        y = torch.ones(2, 3, device=place, requires_grad=True)
        (x @ y).sum().backward()
        assert y.grad is not None
        grads.append(y.grad.cpu())
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "amin"])
def test_gradients_of_reduced_products_are_the_cpus(reduce: str) -> None:
    dense = torch.tensor([[1.0, 0.0, -2.0], [0.0, 0.0, 0.0], [0.5, 3.0, 1.5]])  # a row has nothing
    grads = []
    for place in ("cpu", "npu"):
        x = dense.to(place).to_sparse_csr().requires_grad_()
        y = torch.arange(6.0).cos().reshape(3, 2).to(place).requires_grad_()
        (torch.sparse.mm(x, y, reduce) * torch.tensor([[1.0], [2.0], [3.0]], device=place)).sum().backward()
        assert x.grad is not None
        assert y.grad is not None
        grads.append((x.grad.cpu().values(), y.grad.cpu()))
    torch.testing.assert_close(*grads)


def test_sparse_gradients_of_an_embedding_train_it() -> None:
    torch.manual_seed(0)
    here = nn.Embedding(10, 4, sparse=True)
    there = nn.Embedding(10, 4, sparse=True)
    there.load_state_dict(here.state_dict())
    there.to("npu")
    index = torch.tensor([1, 3, 3, 7])
    for module, place in ((here, "cpu"), (there, "npu")):
        optimizer = torch.optim.SparseAdam(list(module.parameters()), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            rows: torch.Tensor = module(index.to(place))
            rows.square().sum().backward()
            assert module.weight.grad is not None
            assert module.weight.grad.is_sparse
            optimizer.step()
    torch.testing.assert_close(there.weight.detach().cpu(), here.weight.detach())


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_sparse_gradients_of_bags_train_them(mode: str) -> None:
    torch.manual_seed(0)
    here, there = (nn.EmbeddingBag(10, 3, mode=mode, sparse=True, padding_idx=2) for _ in range(2))
    there.load_state_dict(here.state_dict())
    there.to("npu")
    index, bags = torch.tensor([1, 2, 4, 5, 4, 3, 2, 9]), torch.tensor([0, 4, 4])
    weights = torch.arange(8.0) if mode == "sum" else None
    for module, place in ((here, "cpu"), (there, "npu")):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            rows = module(index.to(place), bags.to(place), None if weights is None else weights.to(place))
            rows.square().sum().backward()
            assert module.weight.grad is not None
            assert module.weight.grad.is_sparse
            optimizer.step()
    torch.testing.assert_close(there.weight.detach().cpu(), here.weight.detach())


def test_what_cann_has_not_is_counted(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    torch.npu.reset_fallback_report()
    torch.sparse.softmax(pair[1], 1)
    (use,) = (f for f in torch.npu.fallback_report() if "softmax" in f.operator)
    assert use.reason == "CANN computes nothing on sparse tensors"
