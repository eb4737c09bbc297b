"""The edit contract: what a pipeline is given, what it gives back, and the checks on both.

A pipeline is any callable `EditRequest -> EditResult`. Two optional attributes tell the harness
more about it: `fingerprint: str` names everything that determines its output (weights, settings,
code), and lets results be cached; `stochastic: bool` says whether the seed matters (assumed true).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
"""H×W×3, sRGB-encoded, in [0, 1]."""

Mask = npt.NDArray[np.float32]
"""H×W, in [0, 1]: 1 is what must be replaced."""

Param = str | int | float | bool

MAX_ARTEFACT_EDGE_PX = 16_384


class ContractError(ValueError):
    """A pipeline, or what it returned, is not what the contract asks for."""


class Status(StrEnum):
    """How an edit ended."""

    DONE = "done"
    NEEDS_REVIEW = "needs_review"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class EditRequest:
    """One edit to make."""

    image: Image
    mask: Mask | None = None
    """What must be replaced, or None: the pipeline detects it."""
    prompt: str = ""
    seed: int = 0
    scale: int = 1
    """Output pixels per input pixel."""
    config: Mapping[str, Param] = field(default_factory=dict)
    """Settings for this edit only, by dotted name; a pipeline ignores those it does not know."""
    metadata: Mapping[str, Param] = field(default_factory=dict)
    """Facts about the asset."""
    file: bytes = b""
    """The file that came in, where the asset came as one; `image` is what it shows, upright and in
    sRGB. For pipelines that read files themselves."""
    strokes_add: Mask | None = None
    """What somebody brushed over for removal, beyond `mask` or what is detected."""
    strokes_subtract: Mask | None = None
    """What somebody brushed over to keep it. Wins over everything else."""
    protect: Mapping[str, Mask] = field(default_factory=dict)
    """Micro-features that must survive, by name."""


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one stage did."""

    name: str
    seconds: float
    decision: str = ""
    """What was decided and why, for a person."""
    artefact: Image | Mask | None = None
    """The stage's output, as a picture: H×W or H×W×3 in [0, 1]."""
    peak_mb: float | None = None
    """The most memory that the process held meanwhile, MB; None: not known."""


@dataclass(frozen=True, slots=True)
class EditResult:
    """What a pipeline made of a request."""

    image: Image | None
    """(H·scale)×(W·scale)×3; None only where the edit was refused."""
    status: Status = Status.DONE
    reason: str = ""
    """Why it needs review or was refused."""
    stages: tuple[StageTrace, ...] = ()
    config: Mapping[str, Param] = field(default_factory=dict)
    """The exact settings used, by dotted name."""


class Pipeline(Protocol):
    """What the harness runs."""

    def __call__(self, request: EditRequest, /) -> EditResult:
        """Make one edit."""


@runtime_checkable
class StagedPipeline(Protocol):
    """What a Pipeline is, too, whose stages can be swapped one by one with another's, so that
    `editproof blame` can say which stage did it. `pipelines.edit.Step` says what a stage hands on;
    its `edit` may be anything that both pipelines' stages understand.
    """

    def __call__(self, request: EditRequest, /) -> EditResult:
        """Make one edit."""

    def start(self, request: EditRequest) -> Any:
        """What the first stage is given."""

    def stages(self, request: EditRequest) -> Sequence[tuple[str, Callable[[Any], Any]]]:
        """The stages in their order, by name, each bound to the pipeline's own settings; none: they
        can't be swapped.
        """

    def finish(self, edit: Any, traces: Sequence[StageTrace]) -> EditResult:
        """The result of what the last stage handed on."""


def check_request(request: EditRequest) -> None:
    """Raise ContractError unless the request's images have the shape, dtype and range that they
    promise.
    """
    check_image(request.image, "request.image")
    planes = {
        "mask": request.mask,
        "strokes_add": request.strokes_add,
        "strokes_subtract": request.strokes_subtract,
    }
    for name, plane in {
        **planes,
        **{f"protect[{name!r}]": plane for name, plane in request.protect.items()},
    }.items():
        if plane is not None:
            check_plane(plane, f"request.{name}")
            if plane.shape != request.image.shape[:2]:
                raise ContractError(
                    f"request.{name} is {_size(plane)}, request.image {_size(request.image)}: they"
                    " must be of one size"
                )
    if request.scale < 1:
        raise ContractError(f"request.scale must be at least 1, not {request.scale}")


def check_result(request: EditRequest, result: object) -> EditResult:
    """Give the result back if it is what the contract asks for, else raise ContractError naming
    what is not.
    """
    if not isinstance(result, EditResult):
        raise ContractError(
            f"the pipeline returned {type(result).__name__}; it must return pipelines.EditResult"
        )
    if not isinstance(result.status, Status):
        raise ContractError(f"result.status is {result.status!r}; it must be a pipelines.Status")
    _check_notes(result)
    if result.image is None:
        if result.status is not Status.REFUSED:
            raise ContractError(
                f"result.image is None, but the status is {result.status.value}, not refused"
            )
        return result
    check_image(result.image, "result.image")
    if result.image.shape[:2] != _expected_size(request):
        height, width = _expected_size(request)
        raise ContractError(
            f"result.image is {_size(result.image)}; {height}×{width} was expected: "
            f"the input's {_size(request.image)} at scale {request.scale}"
        )
    return result


def _check_notes(result: EditResult) -> None:
    """Raise ContractError unless stages and config are of the types that they should be."""
    if not isinstance(result.stages, tuple | list):
        raise ContractError(
            f"result.stages is {type(result.stages).__name__}; it must be a tuple of StageTrace"
        )
    if not isinstance(result.config, Mapping):
        raise ContractError(
            f"result.config is {type(result.config).__name__}; it must be a mapping of names to"
            " values"
        )
    for stage in result.stages:
        if not isinstance(stage, StageTrace):
            raise ContractError(
                f"result.stages holds a {type(stage).__name__}; it must hold pipelines.StageTrace"
            )
        if not _is_amount(stage.seconds):
            raise ContractError(
                f"stage {stage.name!r} has seconds {stage.seconds!r}; it must be a finite number, 0"
                " or more"
            )
        if stage.peak_mb is not None and not _is_amount(stage.peak_mb):
            raise ContractError(
                f"stage {stage.name!r} has peak_mb {stage.peak_mb!r}; it must be a finite number, 0"
                " or more, or None"
            )
        if stage.artefact is not None:
            _check_artefact(stage.artefact, f"the artefact of stage {stage.name!r}")


def _is_amount(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number) and number >= 0


def _check_artefact(artefact: object, where: str) -> None:
    if isinstance(artefact, np.ndarray) and max(artefact.shape, default=0) > MAX_ARTEFACT_EDGE_PX:
        raise ContractError(
            f"{where} has shape {artefact.shape}; at most {MAX_ARTEFACT_EDGE_PX} px an edge are"
            " kept"
        )
    if isinstance(artefact, np.ndarray) and artefact.ndim == 3:
        check_image(artefact, where)
    else:
        check_plane(artefact, where)


def _expected_size(request: EditRequest) -> tuple[int, int]:
    height, width = request.image.shape[:2]
    return height * request.scale, width * request.scale


def check_image(image: object, name: str) -> None:
    """Raise ContractError unless `image` is float32 H×W×3, finite, in [0, 1]."""
    _check_array(image, name, ndim=3, shape="H×W×3")


def check_plane(plane: object, name: str) -> None:
    """Raise ContractError unless `plane` is float32 H×W, finite, in [0, 1]."""
    _check_array(plane, name, ndim=2, shape="H×W")


def _check_array(array: object, name: str, *, ndim: int, shape: str) -> None:
    if not isinstance(array, np.ndarray):
        raise ContractError(
            f"{name} is {type(array).__name__}; it must be a NumPy array, float32 {shape}"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise ContractError(
            f"{name} is a masked array; fill it, since what lies under the mask would be"
            " measured, too"
        )
    if array.ndim != ndim or (ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise ContractError(f"{name} has shape {array.shape}; it must be {shape}")
    if array.dtype != np.float32:
        raise ContractError(f"{name} is {array.dtype}; it must be float32 in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise ContractError(
            f"{name} holds {np.count_nonzero(~np.isfinite(array))} values that are NaN or infinite"
        )
    if low < 0.0 or high > 1.0:
        raise ContractError(
            f"{name} has values from {low:.4g} to {high:.4g}; they must be in [0, 1]"
        )


def _size(array: npt.NDArray[np.float32]) -> str:
    return f"{array.shape[0]}×{array.shape[1]}"
