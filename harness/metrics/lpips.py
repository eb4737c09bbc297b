"""Learned perceptual distance: LPIPS on AlexNet, or its shift-tolerant sibling.

The networks are written out here, rather than called in the `lpips` package, so that the expected image's features are
computed once, regions can be pooled, and neither torchvision nor a download is needed. A test holds the values to the
package's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.errors import IncompleteError
from harness.metrics.lpips_weights import LpipsWeights
from harness.metrics.metric import Areas, Image, Metric, Plane, Reference, Value, known
from harness.metrics.pooling import EMPTY, unmeasured, worst_window

if TYPE_CHECKING:
    from torch import Tensor

    Weights = Mapping[str, Tensor]

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""Of the input in [-1, 1], from the LPIPS code."""

MIN_EDGE_PX = 32
"""Smaller images leave AlexNet's last layers nothing."""

STATS = ("mean", "worst")

GOLDEN: Mapping[str, Mapping[str, float]] = {
    "alex": {"mean": 0.02771, "worst": 0.06794},
    "st-alex": {"mean": 0.05312, "worst": 0.13416},
}
"""By variant; a test holds both means to the packages that the networks come from."""


class Prepared(NamedTuple):
    """The expected image's five feature maps, None where it is too small, and the regions."""

    features: list[Tensor] | None
    areas: Areas


class Network(NamedTuple):
    """Weights by name, and which of the two networks they are."""

    variant: str
    layers: list[tuple[Tensor, Tensor]]
    """Weight and bias of the five convolutions."""
    heads: list[Tensor]
    """One weight per channel for each of the five feature maps."""


def lpips_metric(weights: LpipsWeights) -> Metric:
    """The metric on the weights that were found; they are loaded at the first use."""
    loaded: list[Network] = []

    def network() -> Network:
        if not loaded:
            loaded.append(load_network(weights))
        return loaded[0]

    def prepare(reference: Reference) -> Prepared:
        expected = known(reference.expected)
        large = min(expected.shape[:2]) >= MIN_EDGE_PX
        return Prepared(features(network(), expected) if large else None, reference.areas)

    def measure(prepared: Prepared, actual: Image) -> list[Value]:
        if prepared.features is None:
            reason = f"the image is smaller than {MIN_EDGE_PX}×{MIN_EDGE_PX}, the least that AlexNet takes"
            return unmeasured(prepared.areas, STATS, reason)
        return _pool(distances(network(), prepared.features, features(network(), actual)), prepared.areas)

    def plane(prepared: Prepared, actual: Image) -> Plane:
        if prepared.features is None:
            return np.zeros(actual.shape[:2])
        return _plane(distances(network(), prepared.features, features(network(), actual)), actual.shape[:2])

    return Metric(
        name="lpips",
        variant=weights.variant,
        version=1,
        unit="",
        better="lower",
        range=(0.0, 2.0),
        stats=STATS,
        source="Zhang et al. 2018, v0.1, AlexNet"
        if weights.variant == "alex"
        else "Ghildyal & Liu 2022, shift-tolerant LPIPS, AlexNet",
        formula="sum over five layers of the mean of w · (f(actual) - f(expected))^2, f normalised over channels",
        sees="Texture and shapes that a person would call different: smears, ghosts, implausible fills.",
        misses=(
            "Small tints and grain, and anything finer than its first layer sees: micro-features (see protect in ssim)."
        ),
        prepare=prepare,
        measure=measure,
        golden=GOLDEN[weights.variant],
        map=plane,
    )


def load_network(weights: LpipsWeights) -> Network:
    """Read the weights. Raises IncompleteError where they are not an AlexNet's."""
    state = _read(weights.path)
    prefix, numbers = ("features.", (0, 3, 6, 8, 10)) if weights.variant == "alex" else ("net.slice", _ST_LAYERS)
    try:
        layers = [(state[f"{prefix}{n}.weight"].float(), state[f"{prefix}{n}.bias"].float()) for n in numbers]
        head_state = state if weights.heads == weights.path else _read(weights.heads)
        heads = [head_state[f"lin{k}.model.1.weight"].float() for k in range(5)]
    except KeyError as error:
        raise IncompleteError(f"{weights.path} holds no AlexNet: it lacks {error}. Check lpips.weights") from error
    return Network(weights.variant, layers, heads)


def features(network: Network, image: Image) -> list[Tensor]:
    """The five feature maps, each normalised to length 1 over its channels. image: H×W×3 in [0, 1]."""
    import torch

    with torch.inference_mode():
        tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None] * 2 - 1
        shift, scale = (torch.tensor(constant).view(1, 3, 1, 1) for constant in (SHIFT, SCALE))
        forward = _alexnet if network.variant == "alex" else _shift_tolerant_alexnet
        maps = forward((tensor - shift) / scale, network.layers)
        return [m / (m.square().sum(dim=1, keepdim=True).sqrt() + 1e-10) for m in maps]


def distances(network: Network, expected: list[Tensor], actual: list[Tensor]) -> list[Any]:
    """Weighted squared distance of each of the five layers, h×w NumPy arrays; LPIPS is the sum of their means."""
    import torch

    with torch.inference_mode():
        pairs = zip(expected, actual, network.heads, strict=True)
        return [((e - a).square() * head).sum(dim=1)[0].numpy() for e, a, head in pairs]


def _pool(layers: list[Any], areas: Areas) -> list[Value]:
    """LPIPS over each region: a layer's pixels count by how much of the region each covers; worst window by the map."""
    import cv2

    plane = _plane(layers, next(iter(areas.values())).shape)
    values = []
    for region, area in areas.items():
        if not area.any():
            values += unmeasured([region], STATS, EMPTY)
            continue
        total = 0.0
        for layer in layers:
            cover = cv2.resize(area.astype(np.float32), layer.shape[::-1], interpolation=cv2.INTER_AREA)
            total += float((layer * cover).sum(dtype=np.float64) / cover.sum(dtype=np.float64))
        values.append(Value(region, "mean", total))
        values.append(worst_window(plane, area, region, better="lower"))
    return values


def _plane(layers: list[Any], shape: tuple[int, ...]) -> Plane:
    """The distance at every pixel: all layers, interpolated."""
    import cv2

    height, width = shape
    resized = [cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR) for layer in layers]
    return np.asarray(np.sum(resized, axis=0, dtype=np.float32))


def _alexnet(x: Tensor, layers: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """AlexNet's five ReLU outputs (Krizhevsky 2014, torchvision's variant)."""
    from torch.nn.functional import conv2d, max_pool2d, relu

    first = relu(conv2d(x, *layers[0], stride=4, padding=2))
    second = relu(conv2d(max_pool2d(first, 3, 2), *layers[1], padding=2))
    third = relu(conv2d(max_pool2d(second, 3, 2), *layers[2], padding=1))
    fourth = relu(conv2d(third, *layers[3], padding=1))
    return [first, second, third, fourth, relu(conv2d(fourth, *layers[4], padding=1))]


_ST_LAYERS = ("1.0", "2.5", "3.9", "4.11", "5.13")


def _shift_tolerant_alexnet(x: Tensor, layers: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """The same with every stride replaced by a blur and a stride of 2 (Ghildyal & Liu 2022, fig. 4)."""
    from torch.nn.functional import conv2d, max_pool2d, relu

    first = relu(_blur_down(conv2d(x, *layers[0], padding=2)))
    second = relu(conv2d(_blur_down(max_pool2d(first, 3, 1)), *layers[1], padding=2))
    third = relu(conv2d(_blur_down(max_pool2d(second, 3, 1)), *layers[2], padding=1))
    fourth = relu(conv2d(third, *layers[3], padding=1))
    return [first, second, third, fourth, relu(conv2d(fourth, *layers[4], padding=1))]


def _blur_down(x: Tensor) -> Tensor:
    """Binomial 3×3 blur with reflected borders, every second pixel kept."""
    import torch
    from torch.nn.functional import conv2d, pad

    one = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(one, one).expand(x.shape[1], 1, 3, 3)
    return conv2d(pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def _read(path: Any) -> Weights:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    state: Weights = torch.load(path, map_location="cpu", weights_only=True)
    return state
