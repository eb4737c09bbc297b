"""Convolutions by Winograd's way are convolutions."""

from __future__ import annotations

import pytest

from editproof.harness.metrics.core import winograd


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (7, 90), (130, 140)])
@pytest.mark.parametrize(("kernel", "zeros"), [(3, 0), (3, 1), (5, 0), (5, 2)])
def test_it_is_as_exact_as_a_direct_one(kernel: int, zeros: int, size: tuple[int, int]) -> None:
    """Beside double precision, whatever the size: also where the last tiles stand over, and where
    strips are cut.
    """
    import torch
    from torch.nn.functional import conv2d

    torch.manual_seed(kernel)
    x = torch.rand(2, 64, *size)
    weight, bias = torch.randn(70, 64, kernel, kernel), torch.randn(70)
    exact = conv2d(x.double(), weight.double(), bias.double(), padding=zeros)
    found = winograd.convolve(x, winograd.transform_kernels(weight), bias, zeros)
    assert found.shape == exact.shape
    assert float((found - exact).abs().max()) < 1e-5 * float(exact.abs().max())


def test_it_is_used_where_it_is_faster() -> None:
    """Wide layers without a stride, on maps that are large enough."""
    import torch

    wide, narrow = torch.rand(64, 64, 3, 3), torch.rand(64, 16, 3, 3)
    assert winograd.is_suitable(wide, 1)
    assert not winograd.is_suitable(narrow, 1)
    assert not winograd.is_suitable(wide, 2)
    assert not winograd.is_suitable(torch.rand(64, 64, 11, 11), 1)
    kernels = winograd.transform_kernels(wide)
    assert winograd.is_worthwhile(torch.rand(1, 64, 16, 16), kernels, 1)
    assert not winograd.is_worthwhile(torch.rand(1, 64, 16, 16), kernels, 0)
