"""The convolutional networks of LPIPS, computed only where a picture differs from a known one.

A network is a chain of steps, each with a window. The maps of tapped steps are LPIPS' features. A
changed pixel affects only the windows that contain it. So only a box of an edited picture's maps is
computed, and the rest is copied from the unedited picture's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Weights: TypeAlias = "Mapping[str, Tensor]"
"""Under torchvision's names, without `features.`."""

Padding = Literal["constant", "reflect"]


class Step(NamedTuple):
    """One step and its square window, in pixels of the map before it."""

    run: Callable[[Any, int], Any]
    """`run(map, zeros)` returns the map after it, with `zeros` rows and columns of zeros around the
    map before.
    """
    size: int = 1
    stride: int = 1
    padding: int = 0
    beyond: Padding = "constant"
    """What lies beyond the border: zeros, or the mirrored map."""
    ragged: bool = False
    """Whether a window may extend beyond the lower and right border."""
    tapped: bool = False

    def length(self, before: int) -> int:
        """Edge of the map after the step."""
        room = before + 2 * self.padding - self.size
        return (-(-room // self.stride) if self.ragged else room // self.stride) + 1


class Span(NamedTuple):
    """Pixels from `start` to `stop` along one axis, stop excluded."""

    start: int
    stop: int


Box = tuple[Span, Span]
"""Along y and x."""


class Features(NamedTuple):
    """The feature maps of n pictures, n×C×h×w each, and the boxes in which they may differ from the
    known picture's.
    """

    maps: list[Any]
    boxes: list[Box]


def run_network(
    steps: Sequence[Step], picture: Tensor, known: Sequence[Any] = (), changed: Box | None = None
) -> Features:
    """Compute the tapped maps of pictures, n×3×H×W.

    `known` are the maps of a picture from which they differ only in the box `changed`. Without
    them, everything is computed.
    """
    box = changed or _whole_box(picture)
    features = Features([], [])
    before = picture
    for number, chain in enumerate(_split_chains(steps)):
        box, patch = _compute_patch(chain, before, box)
        before = _paste(known[number], patch, box) if known else patch
        features.maps.append(before)
        features.boxes.append(box)
    return features


def _split_chains(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Split the steps after each tapped one."""
    chain: list[Step] = []
    for step in steps:
        chain.append(step)
        if step.tapped:
            yield chain
            chain = []


def _compute_patch(chain: Sequence[Step], before: Tensor, changed: Box) -> tuple[Box, Tensor]:
    """Compute what a change in the map before a chain affects: the box of the last map, and its
    content.

    The maps in between are computed around that box only, and not kept.
    """
    shapes: list[tuple[int, int]] = [(before.shape[2], before.shape[3])]
    for step in chain:
        shapes.append((step.length(shapes[-1][0]), step.length(shapes[-1][1])))
        changed = _apply_both_axes(_span_after, changed, step, shapes[-1])
    wanted = [changed]
    for step, shape in zip(reversed(chain), reversed(shapes[:-1]), strict=True):
        wanted.insert(0, _apply_both_axes(_span_before, wanted[0], step, shape))
    patch = _cut(before, wanted[0])
    for step, after, shape in zip(chain, wanted[1:], shapes[:-1], strict=True):
        patch = _apply(step, patch, _apply_both_axes(_overhang, after, step, shape))
    return changed, patch


def _apply(step: Step, patch: Tensor, beyond: Box) -> Tensor:
    from torch.nn.functional import pad

    (top, bottom), (left, right) = beyond
    if step.beyond == "constant" and top == bottom == left == right:
        return step.run(patch, top)  # type: ignore[no-any-return]
    return step.run(pad(patch, (left, right, top, bottom), mode=step.beyond), 0)  # type: ignore[no-any-return]


def _cut(whole: Tensor, box: Box) -> Tensor:
    rows, columns = box
    return whole[:, :, rows.start : rows.stop, columns.start : columns.stop]


def _paste(whole: Tensor, patch: Tensor, box: Box) -> Tensor:
    import torch

    if patch.shape[1:] == whole.shape[1:]:
        return patch
    pasted = torch.cat([whole] * len(patch))
    _cut(pasted, box).copy_(patch)
    return pasted


def _whole_box(picture: Tensor) -> Box:
    height, width = picture.shape[2:]
    return Span(0, height), Span(0, width)


def _apply_both_axes(
    rule: Callable[[Span, Step, int], Span], box: Box, step: Step, shape: tuple[int, int]
) -> Box:
    """Apply a rule for one axis along both."""
    return rule(box[0], step, shape[0]), rule(box[1], step, shape[1])


def _span_after(span: Span, step: Step, length: int) -> Span:
    """The pixels after a step, of `length`, whose windows contain a pixel of the span; the last one
    if none does.
    """
    first = -(-(span.start + step.padding - step.size + 1) // step.stride)
    last = (span.stop - 1 + step.padding) // step.stride
    # What is mirrored is held from beyond the border, too.
    more = step.padding if step.beyond == "reflect" else 0
    first = min(first - more, length - 1)
    return _clip(Span(first, max(last + more, first) + 1), length)


def _span_before(span: Span, step: Step, length: int) -> Span:
    """The pixels before a step, of `length`, that the span's windows contain."""
    return _clip(_window_span(span, step), length)


def _overhang(span: Span, step: Step, length: int) -> Span:
    """How far the span's windows extend beyond the map before the step, at its start and its
    end.
    """
    windows = _window_span(span, step)
    return Span(max(-windows.start, 0), max(windows.stop - length, 0))


def _window_span(span: Span, step: Step) -> Span:
    """From the first pixel of the first window to the last pixel of the last window."""
    start = span.start * step.stride - step.padding
    return Span(start, start + (span.stop - 1 - span.start) * step.stride + step.size)


def _clip(span: Span, length: int) -> Span:
    return Span(min(max(span.start, 0), length), min(max(span.stop, 0), length))


def alexnet(weights: Weights) -> list[Step]:
    """Krizhevsky 2014, torchvision's variant: five tapped maps."""
    return [
        _conv(weights, "0", stride=4, padding=2, tapped=True),
        _max_pool(3, 2),
        _conv(weights, "3", padding=2, tapped=True),
        _max_pool(3, 2),
        *(_conv(weights, name, padding=1, tapped=True) for name in ("6", "8", "10")),
    ]


def shift_tolerant_alexnet(weights: Weights) -> list[Step]:
    """AlexNet with a blur and a stride of 2 in place of every stride (Ghildyal & Liu 2022, fig. 4):
    five tapped maps.
    """
    return [
        _conv(weights, "0", padding=2, rectified=False),
        _blur_down(weights["0.bias"].shape[0], rectified=True)._replace(tapped=True),
        _max_pool(3, 1),
        _blur_down(weights["0.bias"].shape[0]),
        _conv(weights, "3", padding=2, tapped=True),
        _max_pool(3, 1),
        _blur_down(weights["3.bias"].shape[0]),
        *(_conv(weights, name, padding=1, tapped=True) for name in ("6", "8", "10")),
    ]


def vgg16(weights: Weights) -> list[Step]:
    """Simonyan & Zisserman 2015, configuration D: the last map before each pooling is tapped, five
    in total.
    """
    blocks = (("0", "2"), ("5", "7"), ("10", "12", "14"), ("17", "19", "21"), ("24", "26", "28"))
    steps = []
    for block in blocks:
        steps += [_conv(weights, name, padding=1, tapped=name == block[-1]) for name in block]
        steps.append(_max_pool(2, 2))
    return steps[:-1]


def squeezenet(weights: Weights) -> list[Step]:
    """Iandola et al. 2016, version 1.1: seven tapped maps."""
    return [
        _conv(weights, "0", stride=2, tapped=True),
        _max_pool(3, 2, ragged=True),
        *_fire(weights, "3"),
        *_fire(weights, "4", tapped=True),
        _max_pool(3, 2, ragged=True),
        *_fire(weights, "6"),
        *_fire(weights, "7", tapped=True),
        _max_pool(3, 2, ragged=True),
        *(step for name in ("9", "10", "11", "12") for step in _fire(weights, name, tapped=True)),
    ]


def _conv(
    weights: Weights,
    name: str,
    *,
    stride: int = 1,
    padding: int = 0,
    rectified: bool = True,
    tapped: bool = False,
) -> Step:
    import torch
    from torch.nn.functional import conv2d

    weight = weights[f"{name}.weight"].float().contiguous(memory_format=torch.channels_last)
    bias = weights[f"{name}.bias"].float()

    def apply(x: Tensor, zeros: int) -> Tensor:
        y = conv2d(x, weight, bias, stride=stride, padding=zeros)
        return y.relu_() if rectified else y

    return Step(apply, weight.shape[2], stride, padding, tapped=tapped)


def _fire(weights: Weights, name: str, *, tapped: bool = False) -> Iterator[Step]:
    """SqueezeNet's module: a narrow layer, then a layer that is half 1×1 and half 3×3."""
    import torch

    yield _conv(weights, f"{name}.squeeze")
    one = _conv(weights, f"{name}.expand1x1").run
    three = _conv(weights, f"{name}.expand3x3").run

    def expand(x: Tensor, zeros: int) -> Tensor:
        inner = x if zeros else x[:, :, 1:-1, 1:-1]
        return torch.cat([one(inner, 0), three(x, zeros)], dim=1)

    yield Step(expand, 3, 1, 1, tapped=tapped)


def _max_pool(size: int, stride: int, *, ragged: bool = False) -> Step:
    from torch.nn.functional import max_pool2d

    # Maps are rectified, so the zeros around a window that reaches over the border are never the
    # largest.
    return Step(lambda x, zeros: max_pool2d(x, size, stride, zeros), size, stride, ragged=ragged)


def _blur_down(channels: int, *, rectified: bool = False) -> Step:
    """Binomial 3×3 blur with mirrored borders that keeps every second pixel."""
    import torch
    from torch.nn.functional import conv2d

    one = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(one, one).expand(channels, 1, 3, 3)

    def apply(x: Tensor, _: int) -> Tensor:
        y = conv2d(x, kernel.to(x.device), stride=2, groups=channels)
        return y.relu_() if rectified else y

    return Step(apply, 3, 2, 2, beyond="reflect")
