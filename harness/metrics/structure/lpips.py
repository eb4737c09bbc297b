"""LPIPS, a learned perceptual distance, on AlexNet or its shift-tolerant variant, VGG16 and
SqueezeNet.

The networks are written out (lpips_networks.py) and not called in the `lpips` package. So the
expected image's features are computed once, and an edit's only where it changed something. Regions
can be pooled, and neither torchvision nor a download is needed. A test compares the values with the
package's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import (
    Covers,
    make_covers,
    unmeasured_values,
    worst_window,
)
from editproof.harness.metrics.structure import lpips_networks
from editproof.harness.metrics.structure.lpips_networks import Box, Features, Span, Step
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.reasons import EMPTY
from editproof.pipelines.device import find_device, full_precision

if TYPE_CHECKING:
    from torch import Tensor

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""Of the input in [-1, 1], from the LPIPS code."""

MIN_EDGE_PX = 32
"""For smaller images, AlexNet's last layers are empty."""

STATS = ("mean", "worst")

Layer = npt.NDArray[np.float32]
"""h×w: the distance at every pixel of one feature map."""


class NetworkKind(NamedTuple):
    """A network that LPIPS can use."""

    steps: Callable[[lpips_networks.Weights], list[Step]]
    layers: int
    """Number of feature maps."""
    network: str
    source: str
    prefixes: Mapping[str, str] = {"features.": ""}
    """Prefix of its weights in their file -> torchvision's prefix."""
    golden: Mapping[str, float] = {}
    """A test compares the means with the packages that the networks come from."""
    file_hash: str = ""
    """First digits of the only SHA-256 that is accepted, for a network without golden values."""


KINDS: Mapping[str, NetworkKind] = {
    "alex": NetworkKind(
        lpips_networks.alexnet,
        5,
        "AlexNet",
        "Zhang et al. 2018, v0.1, AlexNet",
        golden={"mean": 0.0277107, "worst": 0.0679364},
    ),
    "st-alex": NetworkKind(
        lpips_networks.shift_tolerant_alexnet,
        5,
        "AlexNet",
        "Ghildyal & Liu 2022, shift-tolerant LPIPS, AlexNet",
        {
            "net.slice1.0.": "0.",
            "net.slice2.5.": "3.",
            "net.slice3.9.": "6.",
            "net.slice4.11.": "8.",
            "net.slice5.13.": "10.",
        },
        {"mean": 0.0531201, "worst": 0.134161},
    ),
    "vgg": NetworkKind(
        lpips_networks.vgg16,
        5,
        "VGG16",
        "Zhang et al. 2018, v0.1, VGG16",
        file_hash="397923af",
    ),
    "squeeze": NetworkKind(
        lpips_networks.squeezenet,
        7,
        "SqueezeNet 1.1",
        "Zhang et al. 2018, v0.1, SqueezeNet 1.1",
        golden={"mean": 0.0174945, "worst": 0.0386791},
    ),
}


class Network(NamedTuple):
    """A network with its weights, on the device that EDITPROOF_DEVICE names."""

    steps: Sequence[Step]
    heads: Sequence[Tensor]
    """For each feature map, one weight for each channel, 1×C×1×1."""


class PreparedFeatures(NamedTuple):
    """The expected image, its feature maps, how much each of their pixels counts in each region,
    and the regions.
    """

    expected: Image
    maps: list[Any]
    """Empty: the image is too small, or there are no weights."""
    shares: list[Layer]
    """For each map, regions×(h·w). Every row sums to 1, or to 0 if the region is empty."""
    covers: Covers


def lpips_metric(weights: LpipsWeights) -> Metric:
    """LPIPS on AlexNet, or on what stands in for it. The weights are loaded when they are first
    used.
    """
    return _make_metric("lpips", weights.variant, weights)


def lpips_vgg_metric(weights: LpipsWeights) -> Metric:
    """LPIPS on VGG16; unmeasured without its weights."""
    return _make_metric("lpips_vgg", "vgg", weights.get_other("vgg"))


def lpips_squeeze_metric(weights: LpipsWeights) -> Metric:
    """LPIPS on SqueezeNet 1.1; unmeasured without its weights."""
    return _make_metric("lpips_squeeze", "squeeze", weights.get_other("squeeze"))


def _make_metric(name: str, kind: str, weights: LpipsWeights | None) -> Metric:
    loaded: list[Network] = []

    def network(found: LpipsWeights) -> Network:
        if not loaded:
            loaded.append(load_network(found))
        return loaded[0]

    def prepare(reference: Reference) -> PreparedFeatures:
        expected = require_part(reference.expected)
        if weights is None or min(expected.shape[:2]) < MIN_EDGE_PX:
            return PreparedFeatures(expected, [], [], make_covers(reference.areas))
        maps = extract_features(network(weights), expected).maps
        areas = list(reference.areas.values())
        return PreparedFeatures(
            expected,
            maps,
            [_region_shares(areas, m.shape[2:]) for m in maps],
            make_covers(reference.areas),
        )

    def layers(prepared: PreparedFeatures, images: Sequence[Image]) -> Iterator[list[Layer]]:
        return _compute_layers(network(require_part(weights)), prepared, images)

    def measure(prepared: PreparedFeatures, actual: Image) -> list[Value]:
        return measure_many(prepared, [actual])[0]

    def measure_many(prepared: PreparedFeatures, images: Sequence[Image]) -> list[list[Value]]:
        if prepared.maps:
            return [_pool(found, prepared) for found in layers(prepared, images)]
        small = (
            f"the image is smaller than {MIN_EDGE_PX}×{MIN_EDGE_PX}, the least that LPIPS' networks"
            " take"
        )
        reason = f"no {KINDS[kind].network} weights: {_WHERE}" if weights is None else small
        return [unmeasured_values(prepared.covers, STATS, reason) for _ in images]

    def plane(prepared: PreparedFeatures, actual: Image) -> Plane:
        shape = actual.shape[:2]
        return (
            _distance_map(next(layers(prepared, [actual])), shape)
            if prepared.maps
            else np.zeros(shape)
        )

    return Metric(
        name=name,
        variant=kind if name == "lpips" else "",
        version=1,
        unit="",
        better="lower",
        range=(0.0, 2.0),
        stats=STATS,
        source=KINDS[kind].source,
        formula=(
            f"sum over {KINDS[kind].layers} layers of the mean of w · (f(actual) - f(expected))^2, "
            "f normalised over channels"
        ),
        sees=(
            "Texture and shapes that a person would call different: smears, ghosts, implausible"
            " fills."
        ),
        misses=(
            "Small tints, grain, and anything finer than the first layer resolves, such as"
            " microprint (see protect in ssim)."
        ),
        example="soft_fill",
        aspect="structure",
        prepare=prepare,
        measure=measure,
        golden={} if weights is None else KINDS[kind].golden,
        margins={"mean": 0.01, "worst": 0.03},
        unseen=0.005,
        map=plane,
        measure_many=measure_many,
    )


_WHERE = (
    "put torchvision's file into the folder that EDITPROOF_LPIPS_WEIGHTS or lpips.weights names, or"
    " torch's hub cache"
)


def load_network(weights: LpipsWeights) -> Network:
    """Load the weights. Raises IncompleteError if they are not the network's."""
    kind = KINDS[weights.variant]
    if not weights.sha256.startswith(
        kind.file_hash
    ):  # a network with a golden pair is checked by its numbers
        raise IncompleteError(
            f"{weights.path} is damaged or not torchvision's {kind.network}, with which LPIPS is"
            f" measured: its SHA-256 begins with {weights.sha256[:8]}, it should be"
            f" {kind.file_hash}. Fetch it again"
        )
    device = find_device()
    state = read_weights(weights.path)
    try:
        plain = {
            name: weight.to(device)
            for name, weight in _rename_weights(state, kind.prefixes).items()
        }
        steps = kind.steps(plain)
        head_state = state if weights.heads == weights.path else read_weights(weights.heads)
        heads = [
            head_state[f"lin{k}.model.1.weight"].float().to(device) for k in range(kind.layers)
        ]
    except KeyError as error:
        raise IncompleteError(
            f"{weights.path} holds no {kind.network}: it lacks {error}. Check lpips.weights"
        ) from error
    return Network(steps, heads)


def extract_features(
    network: Network, images: Image, like: Sequence[Any] = (), changed: Box | None = None
) -> Features:
    """Compute the feature maps of images, (n×)H×W×3 in [0, 1]. `like` are the maps of an image from
    which they differ only in the box `changed`.
    """
    import torch

    with torch.inference_mode(), full_precision():
        shift, scale = (torch.tensor(constant).view(1, 3, 1, 1) for constant in (SHIFT, SCALE))
        batch = images if images.ndim == 4 else images[None]
        pictures = torch.from_numpy(np.require(batch, requirements=["C", "W"])).permute(0, 3, 1, 2)
        normal = torch.addcmul(-(1 + shift) / scale, pictures, 2 / scale)
        return lpips_networks.run_network(
            network.steps, normal.to(network.heads[0].device), like, changed
        )


def measure_distances(
    network: Network, expected: Sequence[Any], actual: Features, number: int = 0
) -> list[Layer]:
    """Weighted squared distance at every pixel of every feature map, for one of the pictures. LPIPS
    sums their means.
    """
    import torch

    with torch.inference_mode():
        rows = zip(expected, actual.maps, actual.boxes, network.heads, strict=True)
        return [
            _measure_layer(one, other[number : number + 1], box, head)
            for one, other, box, head in rows
        ]


def _measure_layer(expected: Tensor, actual: Tensor, box: Box, head: Tensor) -> Layer:
    (top, bottom), (left, right) = box
    one, other = (m[:, :, top:bottom, left:right] for m in (expected, actual))
    difference = (other * _inverse_length(other)).addcmul_(one, _inverse_length(one), value=-1)
    layer = np.zeros(tuple(expected.shape[2:]), np.float32)
    layer[top:bottom, left:right] = (
        (difference.square_().permute(0, 2, 3, 1) @ head.flatten())[0].cpu().numpy()
    )
    return layer


def _inverse_length(maps: Tensor) -> Tensor:
    """1 / length over the channels, 1×1×h×w."""
    import torch

    inverse: Tensor = 1 / (torch.linalg.vector_norm(maps, dim=1, keepdim=True) + 1e-10)
    return inverse


def _compute_layers(
    network: Network, prepared: PreparedFeatures, images: Sequence[Image]
) -> Iterator[list[Layer]]:
    """The distances of each image. A GPU takes all images at once. A processor takes them one by
    one, since a batch is no faster there and rounds differently.
    """
    step = 1 if network.heads[0].device.type == "cpu" else max(len(images), 1)
    for first in range(0, len(images), step):
        yield from _compute_batch(network, prepared, images[first : first + step])


def _compute_batch(
    network: Network, prepared: PreparedFeatures, images: Sequence[Image]
) -> Iterator[list[Layer]]:
    """The distances of each image. Images that differ from the expected one go through the network
    in one batch.
    """
    boxes = [_find_changed(prepared.expected, image) for image in images]
    changed = [number for number, box in enumerate(boxes) if box is not None]
    if changed:
        stacked = np.stack([images[number] for number in changed])
        found = extract_features(
            network,
            stacked,
            prepared.maps,
            _enclosing_box([box for box in boxes if box is not None]),
        )
    for number in range(len(images)):
        if number in changed:
            yield measure_distances(network, prepared.maps, found, changed.index(number))
        else:
            yield [np.zeros(tuple(m.shape[2:]), np.float32) for m in prepared.maps]


def _enclosing_box(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all boxes."""
    rows, columns = (
        Span(min(span.start for span in spans), max(span.stop for span in spans))
        for spans in zip(*boxes, strict=True)
    )
    return rows, columns


def _find_changed(expected: Image, actual: Image) -> Box | None:
    """The smallest box that holds all differences; None: there are none."""
    differs = (expected != actual).reshape(len(expected), -1)
    rows = np.flatnonzero(differs.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(differs.any(axis=0)) // expected.shape[2]
    return Span(int(rows[0]), int(rows[-1]) + 1), Span(int(columns[0]), int(columns[-1]) + 1)


def _region_shares(areas: Sequence[Area], shape: tuple[int, int]) -> Layer:
    """Weights of a map's pixels by how much of each region they cover. Regions×(h·w)."""
    rows = [
        cv2.resize(area.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA).ravel()
        for area in areas
    ]
    return np.stack([row / max(float(row.sum(dtype=np.float64)), 1e-30) for row in rows]).astype(
        np.float32
    )


def _pool(layers: Sequence[Layer], prepared: PreparedFeatures) -> list[Value]:
    """LPIPS of each region by the shares, and its worst window by the map."""
    plane = _distance_map(layers, prepared.expected.shape[:2])
    means = np.stack(
        [share @ layer.ravel() for share, layer in zip(prepared.shares, layers, strict=True)]
    )
    values = []
    for total, (region, cover) in zip(means.sum(axis=0), prepared.covers.items(), strict=True):
        if not cover.pixels:
            values += unmeasured_values([region], STATS, EMPTY)
            continue
        values.append(Value(region, "mean", float(total)))
        values.append(worst_window(plane, cover, region, better="lower"))
    return values


def _distance_map(layers: Sequence[Layer], shape: tuple[int, ...]) -> Plane:
    """The distance at every pixel: all layers, interpolated."""
    height, width = shape
    plane = np.zeros((height, width), np.float32)
    for layer in layers:
        plane += cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR)
    return plane


def _rename_weights(
    state: lpips_networks.Weights, prefixes: Mapping[str, str]
) -> lpips_networks.Weights:
    return {
        plain + name.removeprefix(prefix): weight
        for prefix, plain in prefixes.items()
        for name, weight in state.items()
        if name.startswith(prefix)
    }


def read_weights(path: Any) -> lpips_networks.Weights:
    """Read a network's weights by name, from a .safetensors or .pth file."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    state: lpips_networks.Weights = torch.load(path, map_location="cpu", weights_only=True)
    return state
