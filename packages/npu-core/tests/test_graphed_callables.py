"""`make_graphed_callables` and captured optimizers, against the same code without graphs."""

import copy
from typing import Any

import pytest
import torch


class FromDict(torch.nn.Module):
    """Takes a dictionary, one of whose inputs it does not use."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(inputs, outputs), torch.nn.Dropout(0.1))

    def forward(self, given: dict[str, torch.Tensor]) -> torch.Tensor:
        out: torch.Tensor = self.net(given["x"])
        return out


class ToDict(torch.nn.Module):
    """Has no parameters, and answers a dictionary."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        rows = torch.arange(x.size(0), device=x.device).view(-1, 1).repeat(1, x.size(1))
        return {"output": torch.gather(x, 0, rows)}


@pytest.fixture(autouse=True)
def seeded(npu: Any) -> None:
    npu.set_device(0)
    torch.manual_seed(5)


def test_modules_and_functions_in_a_row_train_as_eager_ones(npu: Any) -> None:
    eager: Any = torch.nn.Sequential(FromDict(16, 8), torch.nn.Linear(8, 4), ToDict()).to("npu")
    graphed = copy.deepcopy(eager)
    relu, loss = torch.nn.functional.relu, torch.nn.functional.mse_loss

    def sample(*shape: int, gradient: bool = True) -> torch.Tensor:
        return torch.randn(shape, device="npu", requires_grad=gradient)

    x, unused, y = sample(6, 16, gradient=False), sample(6, 8), sample(6, 4, gradient=False)
    parts = (*graphed, relu, loss)
    samples = (({"x": x, "unused": unused},), (sample(6, 8),), (sample(6, 4),), (sample(6, 4),), (sample(6, 4), y))
    *modules, relu_graphed, loss_graphed = npu.make_graphed_callables(parts, samples, allow_unused_input=True)
    assert modules == list(graphed)
    inputs = [(torch.rand_like(x), torch.rand_like(y)) for _ in range(3)]
    for model, act, measure in ((eager, relu, loss), (graphed, relu_graphed, loss_graphed)):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        npu.manual_seed(5)
        for a, b in inputs:
            optimizer.zero_grad(set_to_none=True)
            measure(act(model({"x": a, "unused": unused})["output"]), b).backward()
            optimizer.step()
    torch.testing.assert_close(list(graphed.parameters()), list(eager.parameters()))
    eager.eval()
    graphed.eval()
    torch.testing.assert_close(graphed({"x": inputs[0][0]}), eager({"x": inputs[0][0]}))


def test_a_module_without_parameters_and_gradients_is_graphed(npu: Any) -> None:
    module, x = ToDict(), torch.randn(64, 32, device="npu")
    graphed = npu.make_graphed_callables(ToDict(), (x,))
    given = torch.rand_like(x)
    assert graphed(given)["output"].cpu().equal(module(given)["output"].cpu())


def test_graphs_of_several_modules_in_one_pool_keep_their_gradients_apart(npu: Any) -> None:
    eager = [torch.nn.Sequential(torch.nn.Linear(32, 16), torch.nn.ReLU()).to("npu") for _ in range(3)]
    pool = npu.graph_pool_handle()
    graphed = [
        npu.make_graphed_callables(copy.deepcopy(m), (torch.randn(8, 32, device="npu"),), pool=pool) for m in eager
    ]
    for module, replayed in zip(eager, graphed, strict=True):
        x = torch.randn(8, 32, device="npu")
        y, z = module(x), replayed(x)
        torch.testing.assert_close(z, y)
        y.norm().backward()
        z.norm().backward()
        for p, q in zip(module.parameters(), replayed.parameters(), strict=True):
            assert p.grad is not None
            assert q.grad is not None
            torch.testing.assert_close(q.grad, p.grad)
            assert p.grad.data_ptr() != q.grad.data_ptr()


OPTIMIZERS = ["Adadelta", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_captured_step_of_an_optimizer_is_the_eager_one(npu: Any, name: str) -> None:
    gradients = [torch.randn(3, device="npu") for _ in range(4)]

    def optimizer(capturable: bool) -> tuple[torch.nn.Parameter, Any]:
        parameter = torch.nn.Parameter(torch.ones(3, device="npu"))
        return parameter, getattr(torch.optim, name)([{"params": [parameter], "capturable": capturable}])

    expected, eager = optimizer(False)
    for gradient in gradients:
        expected.grad = gradient.clone()
        eager.step()
    parameter, captured = optimizer(True)
    for gradient in gradients[:2]:
        parameter.grad = gradient.clone()
        captured.step()
    graph = npu.NPUGraph()
    with npu.graph(graph):
        captured.step()
    assert parameter.grad is not None
    for gradient in gradients[2:]:
        parameter.grad.copy_(gradient)
        graph.replay()
    torch.testing.assert_close(parameter, expected)


def test_an_lstm_with_dropout_is_captured_between_eager_calls(npu: Any) -> None:
    lstm, x = torch.nn.LSTM(8, 8, 2, dropout=0.5).to("npu"), torch.ones(4, 3, 8, device="npu")
    lstm(x)
    graph = npu.NPUGraph()
    with npu.graph(graph):
        out, _ = lstm(x)
    npu.manual_seed(1)
    expected = lstm(x)[0].detach().cpu()
    npu.manual_seed(1)
    graph.replay()
    torch.testing.assert_close(out.detach().cpu(), expected)
