"""The edit contract: what a pipeline is given, what it gives back, and the checks on both.

A pipeline is any callable `EditRequest -> EditResult`. Three optional attributes tell the harness
more about it: `fingerprint: str` names everything that determines its output (weights, settings,
code), and lets results be cached; `stochastic: bool` says whether the seed matters (assumed true);
`capabilities: Capabilities` says what it can be asked for (assumed: everything).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
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

MAX_ENTRIES = 10_000
"""Stages, or settings, that a result may name."""


class ContractError(ValueError):
    """A pipeline, or what it returned, is not what the contract asks for."""


class Status(StrEnum):
    """How an edit ended."""

    DONE = "done"
    NEEDS_REVIEW = "needs_review"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CaseName:
    """Which case asks for an edit. For pipelines that look pictures up, and for logs."""

    family: str = ""
    name: str = ""
    """Within its family: the step, or the name of the user's own case."""
    model: str = ""
    id: str = ""
    """The case's, the same in every run."""
    turn: int = 1
    """Above 1: the input is what the turn before gave."""
    is_own: bool = False
    """Whether it is the user's own, so that its name alone says which it is."""

    def __str__(self) -> str:
        return f"{self.family}/{self.name}"


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
    case: CaseName = CaseName()


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
    waited_s: float = 0.0
    """How long the call waited for its turn at a service: not part of the edit's time."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a pipeline can be asked for. The suite fits itself to it."""

    scales: tuple[int, ...] = ()
    """Output pixels per input pixel that it can make; empty: any."""
    needs_mask: bool = False
    """Whether it can't find out itself what to replace."""
    needs_prompt: bool = False
    takes_seed: bool = True
    """Whether the same seed can be asked for twice. Where not, edits are repeats."""
    smallest_px: int = 1
    """Shortest edge of an input that it accepts."""
    largest_px: int = MAX_ARTEFACT_EDGE_PX
    """Longest edge of an input that it accepts."""
    multiple_px: int = 1
    """Both edges of an input must be multiples of it."""
    keeps_outside: bool | None = None
    """Whether pixels outside the mask come back as they were; None: not known."""
    resizes: bool = False
    """Whether a picture that comes back in another size is resized to the size that was asked for;
    where not, it is an error."""
    remote: bool = False
    """Whether it is a service, which may change between two edits."""
    concurrency: int = 0
    """Edits that it makes at a time, over all workers; 0: any number."""
    price: float = 0.0
    """Of one edit, in the user's currency."""


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


def check_capabilities(stated: object) -> Capabilities:
    """Give what a pipeline says that it can do. Raises ContractError where it can't be meant."""
    if not isinstance(stated, Capabilities):
        raise ContractError(
            f"the pipeline's capabilities are {type(stated).__name__}; they must be"
            " pipelines.Capabilities"
        )
    amounts = {
        **{f"scales[{number}]": scale for number, scale in enumerate(stated.scales)},
        "smallest_px": stated.smallest_px,
        "largest_px": stated.largest_px,
        "multiple_px": stated.multiple_px,
    }
    for name, amount in amounts.items():
        if not isinstance(amount, int) or amount < 1:
            raise ContractError(f"capabilities.{name} is {amount!r}; it must be 1 or more")
    if stated.smallest_px > stated.largest_px:
        raise ContractError(
            f"capabilities.smallest_px is {stated.smallest_px}, above largest_px"
            f" {stated.largest_px}"
        )
    if not isinstance(stated.concurrency, int) or stated.concurrency < 0:
        raise ContractError(f"capabilities.concurrency is {stated.concurrency!r}; 0 means no limit")
    if not _is_amount(stated.price):
        raise ContractError(f"capabilities.price is {stated.price!r}; it must be 0 or more")
    return stated


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
    """Give the result, its arrays copied, if it is what the contract asks for, else raise
    ContractError naming what is not.

    Each field is read once and each array is looked at as the memory that it is, so what is given
    is what was checked, whatever a subclass says of itself.
    """
    if not issubclass(type(result), EditResult) or not isinstance(result, EditResult):
        raise ContractError(
            f"the pipeline returned {type(result).__name__}; it must return an EditResult (from"
            " editproof.pipelines import EditResult; return EditResult(image))"
        )
    status, image, stages, config = result.status, result.image, result.stages, result.config
    waited_s = result.waited_s
    if not _is_amount(waited_s):
        raise ContractError(
            f"result.waited_s is {waited_s!r}; it must be a finite number, 0 or more"
        )
    if not isinstance(status, Status):
        raise ContractError(
            f"result.status is {status!r}; it must be an editproof.pipelines.Status"
        )
    plain = EditResult(
        None, status, result.reason, _copy_stages(stages), _copy_config(config), float(waited_s)
    )
    if image is None:
        if status is not Status.REFUSED:
            raise ContractError(
                f"result.image is None, but the status is {status.value}, not refused"
            )
        return plain
    return replace(plain, image=_copy_image(image, request))


def _copy_image(image: object, request: EditRequest) -> Image:
    height, width = _expected_size(request)
    memory = _view_memory(image, "result.image", "H×W×3")
    _check_shape(memory, "result.image", ndim=3, shape="H×W×3")
    if memory.shape[:2] != (height, width):
        raise ContractError(
            f"result.image is {_size(memory)}; {height}×{width} was expected: "
            f"the input's {_size(request.image)} at scale {request.scale}"
        )
    return _copy_values(memory, "result.image")


def _copy_config(config: object) -> dict[str, Param]:
    if not isinstance(config, Mapping):
        raise ContractError(
            f"result.config is {type(config).__name__}; it must be a mapping of names to values"
        )
    _check_length(config, "result.config")
    return dict(config.items())


def _copy_stages(stages: object) -> tuple[StageTrace, ...]:
    if not isinstance(stages, tuple | list):
        raise ContractError(
            f"result.stages is {type(stages).__name__}; it must be a tuple of StageTrace"
        )
    _check_length(stages, "result.stages")
    return tuple(_copy_stage(stage) for stage in stages)


def _check_length(entries: Sized, name: str) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ContractError(f"{name} has {len(entries)} entries; at most {MAX_ENTRIES} are kept")


def _copy_stage(stage: object) -> StageTrace:
    if not isinstance(stage, StageTrace):
        raise ContractError(
            f"result.stages holds a {type(stage).__name__}; it must hold pipelines.StageTrace"
        )
    name, seconds, peak_mb, artefact = stage.name, stage.seconds, stage.peak_mb, stage.artefact
    if not _is_amount(seconds):
        raise ContractError(
            f"stage {name!r} has seconds {seconds!r}; it must be a finite number, 0 or more"
        )
    if peak_mb is not None and not _is_amount(peak_mb):
        raise ContractError(
            f"stage {name!r} has peak_mb {peak_mb!r}; it must be a finite number, 0 or more, or"
            " None"
        )
    if artefact is not None:
        artefact = _copy_artefact(artefact, f"the artefact of stage {name!r}")
    return StageTrace(name, seconds, stage.decision, artefact, peak_mb)


def _is_amount(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number) and number >= 0


def _copy_artefact(artefact: object, where: str) -> Image | Mask:
    memory = _view_memory(artefact, where, "H×W")
    if max(memory.shape, default=0) > MAX_ARTEFACT_EDGE_PX:
        raise ContractError(
            f"{where} has shape {memory.shape}; at most {MAX_ARTEFACT_EDGE_PX} px an edge are kept"
        )
    if memory.ndim == 3:
        _check_shape(memory, where, ndim=3, shape="H×W×3")
    else:
        _check_shape(memory, where, ndim=2, shape="H×W")
    return _copy_values(memory, where)


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
    memory = _view_memory(array, name, shape)
    _check_shape(memory, name, ndim=ndim, shape=shape)
    _check_values(memory, name)


def _view_memory(array: object, name: str, shape: str) -> npt.NDArray[Any]:
    """The array's memory as a plain array: a subclass may say anything of itself."""
    if not issubclass(type(array), np.ndarray) or not isinstance(array, np.ndarray):
        raise ContractError(
            f"{name} is {type(array).__name__}; it must be a NumPy array, float32 {shape}"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise ContractError(
            f"{name} is a masked array; fill it, since what is under the mask would also be"
            " measured"
        )
    return np.ndarray.view(array, np.ndarray)


def _check_shape(array: npt.NDArray[Any], name: str, *, ndim: int, shape: str) -> None:
    if array.ndim != ndim or (ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise ContractError(f"{name} has shape {array.shape}; it must be {shape}")
    if array.dtype != np.float32:
        raise ContractError(f"{name} is {array.dtype}; it must be float32 in [0, 1]")


def _check_values(array: npt.NDArray[Any], name: str) -> None:
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise ContractError(
            f"{name} holds {np.count_nonzero(~np.isfinite(array))} values that are NaN or infinite"
        )
    if low < 0.0 or high > 1.0:
        raise ContractError(
            f"{name} has values from {low:.4g} to {high:.4g}; they must be in [0, 1]"
        )


def _copy_values(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """A copy that nobody else holds, in this machine's byte order, and checked."""
    copied = np.array(array, np.float32, order="C")
    _check_values(copied, name)
    return copied


def _size(array: npt.NDArray[Any]) -> str:
    return f"{array.shape[0]}×{array.shape[1]}"
