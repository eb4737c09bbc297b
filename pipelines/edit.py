"""The edit in progress: what each stage of the reference pipeline is given and hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import ContractError, EditRequest, Image, Mask, StageTrace, Status

Pixels = npt.NDArray[np.bool_]
"""H×W: some of a picture's pixels."""


class RefusedError(ContractError):
    """A stage will not make this edit; the pipeline answers `refused` with the error's text as the
    reason.
    """


@dataclass(frozen=True, slots=True)
class TextRegion:
    """A line of text in the request's image."""

    corners: tuple[tuple[float, float], ...]
    """Four corners, (x, y) in pixels."""
    confidence: float
    """The detector's score, 0 to 1, or, once the line was read, the lower of it and the reader's.
    """
    text: str = ""
    """What it says; empty where it was not read."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The state between two stages."""

    request: EditRequest
    config: ReferenceConfig
    image: Image
    """The picture so far: input size before `upscale`, output size after."""
    mask: Mask
    """Alpha of what is replaced, input size. 1 is replaced wholly, 0 is left bit-equal."""
    fill: Image
    """The inpainter's proposal, input size; equals the request's image where the mask is 0."""
    blended: Image
    """The picture with the fill in it, input size: what `upscale` starts from."""
    status: Status = Status.DONE
    reason: str = ""
    needs_text_removal: bool = True
    """Whether there may be text to find or to remove; `precheck` decides."""
    needs_inpainting: bool = True
    """Whether there may be anything to fill; `precheck` decides."""
    regions: tuple[TextRegion, ...] = ()
    """The text lines among what is masked."""
    enlarged_from: Image | None = None
    """What `upscale` enlarged, input size; None: nothing."""
    artefact_score: float = 0.0
    """How artificial the fill looks in the result, 0 to 1; `verify` finds it."""
    filled: Pixels | None = None
    """Pixels of `fill` that are final before `inpaint` starts; None: there are none."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage hands on."""

    edit: Edit
    artefact: Image | Mask | None
    """The stage's output as a picture; None: it made none."""
    decision: str
    """What was decided and why, for a person."""
    within: tuple[StageTrace, ...] = ()
    """What is kept from within the stage, its name without the stage's."""
    found: Mapping[str, float] = field(default_factory=dict)
    """What the stage measured, by name; the names say the unit."""
