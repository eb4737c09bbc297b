"""A case, and what came of it: measurements, stages, errors. Frozen, plain, without logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from editproof.harness.records.digests import Digest
from editproof.harness.records.suites import Model
from editproof.harness.records.vocabulary import Param, Region


@dataclass(frozen=True, slots=True)
class Case:
    """One edit to make and measure."""

    id: str
    """Hash of what the case is (vector and its parameters, size, scale, model name, seed): the same
    in every run, so that runs can be compared case by case."""
    key: str
    """Hash of everything that determines its outcome (id, pipeline fingerprint, code, versions):
    what the cache goes by. Empty: the pipeline names no fingerprint, so its results are not cached.
    """
    family: str
    """The vector's, or the name of the folder that it comes from, or `folder/group`."""
    step: int
    """The rung; 0: the user's own case."""
    params: Mapping[str, Param]
    size: int
    """Input edge in pixels; 0: as large as the user's own picture."""
    scale: int
    scene_seed: int
    model: Model
    seed: int
    own: str = ""
    """The user's own case: its name in `folder`; empty: the scene is drawn."""
    folder: str = ""
    """The user's own: folder of the case, or of the photographs that the scene is drawn on; empty:
    all is ours.
    """
    request: str = ""
    """The user's own case: hash of what is asked beside its pictures (prompt, settings, boxes);
    empty: not known.
    """
    turn: int = 1
    """1: the scene is edited. Above: the output of the turn before is edited again."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The user's own case, where patterns found it: part -> path, relative to `folder`. Empty: the
    parts lie where `own` says.
    """
    prompt: str = ""
    """The user's own case: its prompt in a prompt file; empty: as its `case.toml` says."""
    given_mask: bool = False
    """Whether the pipeline is handed the true mask though the scene gives none: it needs one."""
    repeat: int = 0
    """Which repeat it is, from 1, where the pipeline takes no seed; 0: it takes one."""

    @property
    def first_turn_name(self) -> str:
        """Within its family: the name in the user's folder, or the rung's number."""
        return make_case_name(self.own, self.step)

    @property
    def name(self) -> str:
        """As `first_turn_name`, and which turn it is, after the first: `3 turn 2`."""
        return make_case_name(self.own, self.step, self.turn)

    @property
    def scene(self) -> str:
        """`family/name`."""
        return f"{self.family}/{self.name}"

    @property
    def scene_key(self) -> tuple[object, ...]:
        """Equal for cases that ask the same of different models and seeds."""
        return (
            self.family,
            self.name,
            self.size,
            self.scale,
            self.scene_seed,
            self.folder,
            self.given_mask,
        )

    @property
    def chain(self) -> tuple[object, ...]:
        """Equal for the turns of one scene, model and seed."""
        scene = (self.family, self.first_turn_name, self.size, self.scale, self.scene_seed)
        return (*scene, self.folder, self.model.name, self.seed)

    def follows(self, other: Case) -> bool:
        """Whether it edits the output of the other case."""
        return self.turn == other.turn + 1 and self.chain == other.chain


def make_case_name(own: str, step: int, turn: int = 1) -> str:
    """A case's name within its family, by the fields of that name."""
    return (own or str(step)) + (f" turn {turn}" if turn > 1 else "")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number about one case, or the reason why there is none."""

    metric: str
    """Identity: name, variant and version, e.g. `lpips[alex]@1`."""
    region: Region
    stat: str
    value: float | None
    """None where it could not be measured."""
    unit: str
    reason: str = ""
    """Why there is no value."""
    y: int | None = None
    x: int | None = None
    """Centre of the worst window, in output pixels, where the statistic has one."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What one edit cost in the process of its pipeline."""

    seconds: float
    """Wall time."""
    cpu_s: float
    """Processor time, all threads together."""
    peak_mb: float | None
    """The most memory held meanwhile; None: the system does not say."""
    held_mb: float | None
    """Memory held when it was done."""
    turn: int
    """How many edits the process had made before."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What one stage of a pipeline did in one case."""

    name: str
    seconds: float
    decision: str
    artefact: Digest
    """Hash of the PNG in `blobs/`; empty: none."""
    peak_mb: float | None = None
    """The most memory that the pipeline's process held meanwhile, MB; None: not known."""


@dataclass(frozen=True, slots=True)
class CaseError:
    """Why a case has no result."""

    kind: str
    """Name of the exception's class."""
    message: str
    """One line."""
    traceback: str


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A finished case: one line of the journal."""

    case: Case
    status: str
    """`done`, `needs_review`, `refused`, or `error`."""
    reason: str
    seconds: float
    """Wall time of the edit, without rendering and measuring."""
    cached: bool
    blobs: Mapping[str, Digest] = field(default_factory=dict)
    """`input`, `expected`, `actual`, `difference`, `regions`, `overlay`, and of every region that
    the scene has, e.g. `outline_edit` -> hash of the PNG in `blobs/`."""
    config: Mapping[str, Param] = field(default_factory=dict)
    """The settings that the pipeline says it used."""
    stages: tuple[StageRecord, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    error: CaseError | None = None
    peak_mb: float | None = None
    """The most memory that the pipeline's process held during the edit, MB; None: the system does
    not say.
    """
    cpu_s: float | None = None
    """Processor time that the edit took in the pipeline's process, all its threads together; None:
    not known.
    """
    held_mb: float | None = None
    """Memory that the pipeline's process held when the edit was done, MB; None: not known."""
    turn: int | None = None
    """How many edits the process had made before; None: not known."""


def list_pictures(record: CaseRecord) -> list[str]:
    """Hashes of every picture that a record names, each once."""
    stages = (stage.artefact for stage in record.stages)
    return list(dict.fromkeys(filter(None, (*record.blobs.values(), *stages))))
