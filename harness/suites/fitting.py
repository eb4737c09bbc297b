"""Fit a case to what a pipeline can do: its scale, size and mask; or say why it can't be asked.

- *Scale*: the suite's where the pipeline makes it, else the nearest that it makes. Of two that are
  equally near, the smaller. A right answer of the user's own, or `--scale`, leaves no choice.
- *Size* of a drawn scene: the suite's where the pipeline takes it, else the nearest that it takes.
  Of two that are equally near, the smaller. A user's own picture is never resized.
- *Mask*: a scene that gives none hands over the true one where the pipeline needs one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from editproof.harness.records.cases import Case
from editproof.harness.records.wording import join_words
from editproof.pipelines.contract import MAX_ARTEFACT_EDGE_PX, Capabilities
from editproof.vectors import Vector
from editproof.vectors.scene import MAX_SIZE_PX, MIN_SIZE_PX, Scene

MAX_SCALE = 8


class Question(Protocol):
    """What a scene asks, whatever the pipeline."""

    @property
    def gives_mask(self) -> bool:
        """Whether it says itself what to replace."""

    @property
    def knows_mask(self) -> bool:
        """Whether the true mask is known."""

    @property
    def has_prompt(self) -> bool:
        """Whether it says in words what to do."""

    @property
    def needs_scale(self) -> str:
        """Why it is asked at its own scale only; empty: at any."""

    @property
    def least_scale(self) -> int:
        """The smallest scale at which it asks what it is about."""

    @property
    def is_drawn(self) -> bool:
        """Whether it can be drawn at another size."""

    def shape_at(self, size: int) -> tuple[int, int]:
        """Height and width of its input, px, where it is drawn at that size."""


class DrawnQuestion:
    """A step of a family. What it asks is found out by drawing it, as small as it can be."""

    knows_mask = True
    needs_scale = ""
    is_drawn = True

    def __init__(self, vector: Vector, step: int) -> None:
        self._vector = vector
        self._step = step
        self.least_scale = vector.least_scale

    @property
    def gives_mask(self) -> bool:
        """Whether the family gives a mask."""
        return self._sample.mask is not None

    @property
    def has_prompt(self) -> bool:
        """Whether the family gives a prompt."""
        return bool(self._sample.prompt)

    def shape_at(self, size: int) -> tuple[int, int]:
        """A square, unless the steps have shapes of their own."""
        if self._vector.graded:
            return size, size
        height, width = self._draw(size).input.shape[:2]
        return height, width

    @cached_property
    def _sample(self) -> Scene:
        return self._draw(MIN_SIZE_PX)

    def _draw(self, size: int) -> Scene:
        return self._vector.render(0, size, step=self._step, scale=1)


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """One of the user's own cases."""

    gives_mask: bool
    knows_mask: bool
    has_prompt: bool
    needs_scale: str
    shape: tuple[int, int]
    least_scale: int = 1
    is_drawn: bool = False

    def shape_at(self, size: int) -> tuple[int, int]:
        """Its picture's, always."""
        del size
        return self.shape


def fit_case(case: Case, asks: Question, can: Capabilities, *, any_scale: bool) -> Case | str:
    """The case as the pipeline can be asked, or why it can't be. `any_scale`: whether the suite's
    scale may be left.
    """
    scale = _fit_scale(case.scale, can) if any_scale and not asks.needs_scale else case.scale
    size = fit_size(case.size, can) if asks.is_drawn else case.size
    if size is None:
        return f"no scene can be drawn in a size that the pipeline takes: {describe_sizes(can)}"
    fitted = replace(
        case, scale=scale, size=size, given_mask=can.needs_mask and not asks.gives_mask
    )
    return next(_list_obstacles(fitted, asks, can), fitted)


def _list_obstacles(case: Case, asks: Question, can: Capabilities) -> Iterator[str]:
    """Why the pipeline can't be asked."""
    if can.scales and case.scale not in can.scales:
        made = join_words([f"×{one}" for one in can.scales])
        why = asks.needs_scale or f"it is asked at ×{case.scale}"
        yield f"{why}, and the pipeline makes {made}"
    if case.scale < asks.least_scale:
        yield (
            f"the family asks for a sharper picture than it gives: at ×{case.scale} nothing is"
            " enlarged"
        )
    if not takes_any_size(can) and not takes_shape(asks.shape_at(case.size), can):
        height, width = asks.shape_at(case.size)
        yield f"it is {width}×{height} px, and the pipeline takes {describe_sizes(can)}"
    if can.needs_prompt and not asks.has_prompt:
        yield "the pipeline needs a prompt, and the case has none"
    if case.given_mask and not asks.knows_mask:
        yield "the pipeline needs a mask, and none is known"


def describe_sizes(can: Capabilities) -> str:
    """What inputs a pipeline takes, in words."""
    said = []
    if can.smallest_px > 1:
        said.append(f"from {can.smallest_px} px")
    if can.largest_px < MAX_ARTEFACT_EDGE_PX:
        said.append(f"up to {can.largest_px} px")
    if can.multiple_px > 1:
        said.append(f"in multiples of {can.multiple_px} px")
    return f"edges {' '.join(said)}" if said else "any size"


def takes_any_size(can: Capabilities) -> bool:
    """Whether inputs of all sizes are accepted."""
    return can.smallest_px <= 1 and can.largest_px >= MAX_ARTEFACT_EDGE_PX and can.multiple_px <= 1


def takes_shape(shape: Iterable[int], can: Capabilities) -> bool:
    """Whether an input of that height and width is accepted."""
    return all(
        can.smallest_px <= edge <= can.largest_px and edge % can.multiple_px == 0 for edge in shape
    )


def _fit_scale(wanted: int, can: Capabilities) -> int:
    possible = [scale for scale in can.scales if scale <= MAX_SCALE]
    return min(possible, key=lambda scale: (abs(scale - wanted), scale), default=wanted)


def fit_size(wanted: int, can: Capabilities) -> int | None:
    """The nearest edge that is accepted; None: there is none."""
    step = can.multiple_px
    smallest = -(-max(can.smallest_px, MIN_SIZE_PX) // step) * step
    largest = min(can.largest_px, MAX_SIZE_PX) // step * step
    if smallest > largest:
        return None
    below = min(max(wanted // step * step, smallest), largest)
    above = min(max(-(-wanted // step) * step, smallest), largest)
    return min(below, above, key=lambda size: (abs(size - wanted), size))
