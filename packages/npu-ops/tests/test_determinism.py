"""torch.use_deterministic_algorithms: what is refused at the call, and that nobody sees uninitialised memory."""

from collections.abc import Callable, Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def put() -> torch.Tensor:
    x = torch.zeros(4, device="npu")
    return x.put_(torch.tensor([0, 0], device="npu"), torch.ones(2, device="npu"))


def unpooled() -> torch.Tensor:
    x = torch.ones(1, 1, 2, 2, device="npu")
    return torch.nn.functional.max_unpool2d(x, torch.zeros(1, 1, 2, 2, dtype=torch.int64, device="npu"), [2, 2])


@pytest.mark.parametrize("call", [put, unpooled])
def test_what_depends_on_the_order_of_writes_is_refused_and_the_device_goes_on(
    call: Callable[[], torch.Tensor],
) -> None:
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        call()
    assert (torch.ones(2, device="npu") + 1).tolist() == [2.0, 2.0]
    torch.use_deterministic_algorithms(True, warn_only=True)
    with pytest.warns(UserWarning, match="does not have a deterministic implementation"):
        call()
    torch.npu.synchronize()


def test_a_grown_tensor_shows_no_old_memory() -> None:
    junk = torch.full((512,), 5.0, device="npu")
    del junk
    assert torch.empty(2, device="npu").resize_(6).isnan().all()
