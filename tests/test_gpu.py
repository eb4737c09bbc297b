"""The stand-in for a GPU refuses what a GPU refuses: a test on it can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.gpu import stand_in

MISTAKES: dict[str, Callable[[torch.Tensor], Any]] = {
    "a product of both sides": lambda x: x @ torch.ones(3, 2),
    "a sum of both sides": lambda x: x + torch.ones(3),
    "a layer left behind": torch.nn.Linear(3, 2),
    "NumPy": lambda x: x.numpy(),
    "NumPy, asked otherwise": np.asarray,
    "a generator of the other side": lambda x: torch.randn(
        2, device=x.device, generator=torch.Generator("cpu")
    ),
    "a result of the other side": lambda x: torch.add(x, x, out=torch.zeros(2, 3)),
}


@pytest.fixture(autouse=True)
def entered() -> Iterator[None]:
    with stand_in():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_a_gpu_refuses_is_refused(mistake: str) -> None:
    """With and without gradients."""
    for gradients in (torch.enable_grad, torch.inference_mode):
        with gradients(), pytest.raises((RuntimeError, TypeError)):
            MISTAKES[mistake](torch.ones(2, 3).to("cuda"))


def test_numbers_are_brought_over_as_copies() -> None:
    """And back; a number alone may come from anywhere."""
    here = torch.arange(6.0).view(2, 3)
    there = here.to("cuda")
    there += torch.tensor(1.0)
    there[0, [1, 2]] *= 10
    assert there.device.type == "cuda"
    assert here.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert there.tolist() == [[1, 20, 30], [4, 5, 6]]
    back = there.cpu()
    back.zero_()
    assert there.sum().item() == 66


def test_a_network_is_moved() -> None:
    """Its parameters and what it gives; the processor's numbers come out."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    pictures = torch.rand(2, 3, 8, 9)
    with torch.inference_mode():
        expected = network(pictures)
        found = network.to("cuda")(pictures.to("cuda"))
    assert {parameter.device.type for parameter in network.parameters()} == {"cuda"}
    assert found.device.type == "cuda"
    assert torch.equal(found.cpu(), expected)
