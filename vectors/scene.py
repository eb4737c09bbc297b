"""What a failure vector draws: a scene with exact ground truth, and the vector that draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
"""H×W×3, sRGB-encoded, in [0, 1]."""

Mask = npt.NDArray[np.float32]
"""H×W, in [0, 1]: 1 is inside."""

Param = str | int | float | bool

MIN_SIZE_PX = 64
MAX_SIZE_PX = 2048
"""Edges of the inputs that families draw."""


@dataclass(frozen=True, slots=True)
class Box:
    """One thing drawn, and where: pixels of the input image, end-exclusive."""

    kind: str
    """What it is: `text`, `logo`, `microprint`."""
    label: str
    """The string, or the logo's name."""
    y0: int
    x0: int
    y1: int
    x1: int


@dataclass(frozen=True, slots=True)
class Scene:
    """An image to edit and everything that is known about the right answer.

    "Input" fields are h×w; "output" fields are (h·scale)×(w·scale), drawn at that resolution, never
    upscaled.
    """

    input: Image
    """What the pipeline is given. Input."""
    clean: Image
    """The expected output. Output."""
    clean_input: Image
    """The input before the overlay was put on it. Input."""
    overlay: Mask
    """Alpha of what must go: `input = (1 - overlay) * clean_input + overlay * overlay_rgb`. Input.
    """
    overlay_rgb: Image
    """Colour of what must go. Input."""
    edit: Mask
    """1 where the overlay lies, however faintly. Output. `edit`, `ring` and `keep` are 0 or 1 and
    partition the image.
    """
    ring: Mask
    """1 within a few pixels around `edit`, where halos and seams show. Output."""
    keep: Mask
    """1 everywhere else: what must not change. Output."""
    protect: Mapping[str, Mask]
    """Named micro-features that must survive, each 0 or 1, outside `edit`. Output."""
    seams: Mask
    """1 along the borders that the requested tiling will have; all 0 where no tiling is asked for.
    Output.
    """
    truth: tuple[Box, ...]
    """What was drawn, overlay and micro-features alike."""
    scale: int
    """Output pixels per input pixel."""
    mask: Mask | None
    """The mask that the caller gives, or None where the pipeline must detect. Input."""
    prompt: str
    """What the caller asks for, in words."""
    config: Mapping[str, Param] = field(default_factory=dict)
    """Settings that the caller asks for by dotted name, e.g. `tile.overlap_px`."""
    metadata: Mapping[str, Param] = field(default_factory=dict)
    """Facts about the asset: ground, parameters."""
    file: bytes = b""
    """The file that shows `input`, where its encoding is what makes the scene hard. Empty: any file
    will do.
    """


@dataclass(frozen=True, slots=True)
class Vector:
    """A parametric failure family: how an edit breaks, in steps from trivial to hard."""

    family: str
    """Name, unique in the registry."""
    about: str
    """What it draws and why that breaks pipelines, in sentences of at most 25 words."""
    damage: str
    """What to look for when a pipeline fails it: one clause of at most 25 words."""
    units: Mapping[str, str]
    """Every parameter that a step sets, with its unit and meaning."""
    ladder: tuple[Mapping[str, Param], ...]
    """Parameters of `draw` for each step, the easiest first."""
    draw: Callable[..., Scene]
    """`draw(seed, size, scale, **params)`: a pure function."""
    graded: bool = True
    """Whether the steps are degrees of one difficulty, on an input of size×size. False: they are
    kinds of input, each with its own shape."""
    moves: bool = False
    """Whether what must go lies elsewhere in each turn, where an output is edited again. `draw`
    then takes `turn`, 1 or above, and `edit` is every place that was edited by then. False: every
    turn edits the same place."""
    least_scale: int = 1
    """The smallest scale at which it asks what it is about; 2: it is about enlarging."""
    version: int = 1
    """Goes up when the drawing changes, so that results of two drawings are never compared."""

    def render(self, seed: int, size: int, *, step: int, scale: int = 2, turn: int = 1) -> Scene:
        """Draw step `step` (1 is the easiest) with an input of size×size pixels. The scene of a
        later `turn` is another only where the vector moves; the right answer never is.

        The same arguments give the same bits. Raises ValueError on a step that the ladder does not
        have, or a size outside 64 to 2048.
        """
        if not 1 <= step <= len(self.ladder):
            raise ValueError(f"{self.family} has steps 1 to {len(self.ladder)}, not {step}")
        if not MIN_SIZE_PX <= size <= MAX_SIZE_PX:
            raise ValueError(f"size must be {MIN_SIZE_PX} to {MAX_SIZE_PX} px, not {size}")
        moved = {"turn": turn} if self.moves else {}
        return self.draw(seed, size, scale, **self.ladder[step - 1], **moved)
