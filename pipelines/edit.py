"""The edit in progress: what each stage of the reference pipeline is given and hands on."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.config import ReferenceConfig
from pipelines.contract import EditRequest, Image, Mask, Status


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


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage hands on."""

    edit: Edit
    artefact: Image | Mask | None
    """The stage's output as a picture; None: it made none."""
    decision: str
    """What was decided and why, for a person."""
