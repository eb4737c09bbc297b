"""The types that carry a run: suite, cases, records, measurements, verdict. Frozen, plain, without
logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal, get_args

from editproof.harness.records.digests import Digest
from editproof.harness.records.exit_codes import ExitCode

Param = str | int | float | bool

Region = Literal["all", "edit", "ring", "keep", "protect", "seams", "border"]
REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep", "protect", "seams", "border")

Aspect = Literal[
    "structure",
    "detail",
    "colour and tone",
    "ghosts and residue",
    "seams",
    "edge of the edit",
    "legibility",
    "what had to be kept",
    "geometry",
]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
"""What can get better or worse about an edit. Each metric belongs to one."""

VERDICT_SCHEMA = 2

MaskColour = Literal["white", "black"]

Better = Literal["higher", "lower", "zero"]
"""Which way a measurement is good; `zero`: the nearer to 0 the better."""


class Outcome(StrEnum):
    """What the gate says of a family, model and aspect, of a rule that somebody wrote, or of a
    whole run.
    """

    ERROR = "error"
    REGRESSED = "regressed"
    """Visibly worse; or past a budget or limit that somebody wrote."""
    TRADED = "traded"
    """Visibly better in one aspect and worse in another."""
    UNDERPOWERED = "underpowered"
    """Visibly worse by a lot, on too few seeds to be sure."""
    CHANGED = "changed"
    """Visibly different, and there is no right answer that says which is better."""
    NOT_JUDGED = "not judged"
    WAIVED = "waived"
    """It would fail the build, and somebody answers for it until a date."""
    IMPROVED = "improved"
    INVISIBLE = "invisible"
    """Changed, and nobody can see it."""
    UNCHANGED = "unchanged"
    """Every picture is the accepted one, bit for bit; or differs no more than seeds do."""
    PASS = "pass"  # noqa: S105 - a verdict
    """A budget or limit is kept."""


OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)
"""Worst first: a run's outcome is the first of these that it has."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One rung of a vector's ladder."""

    family: str
    step: int
    """1 is the easiest."""

    @property
    def name(self) -> str:
        """`family/step`."""
        return f"{self.family}/{self.step}"


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """A user's own cases, under a name."""

    name: str
    """The family that they are listed as."""
    path: str
    """Absolute."""
    input: str = ""
    """Pattern of the inputs, relative to `path`; empty: NAME/input.png, or input/NAME.png."""
    mask: str = ""
    """Pattern of the masks; empty: there are none. Only beside `input` or `expected`."""
    expected: str = ""
    """Pattern of the right answers; empty: none is known."""
    prompts: str = ""
    """File of prompts, relative to `path`: one row a case; empty: every input is a case."""
    prompt_column: str = "prompt"
    name_column: str = "name"
    group_column: str = ""
    """Column that becomes a part of the family; empty: none."""
    mask_means_edit: MaskColour = "white"
    """The colour of a mask where the picture is to be edited."""
    groups: tuple[str, ...] = ()
    """Groups to run; empty: all."""


@dataclass(frozen=True, slots=True)
class Model:
    """A pipeline under a name: what one column of a comparison is."""

    name: str
    spec: str
    """What `--pipeline` takes, e.g. `reference?inpaint.model=ns`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """An absolute limit: every measurement that it covers must keep it."""

    metric: str
    region: Region
    stat: str
    min: float | None = None
    max: float | None = None
    families: tuple[str, ...] = ()
    """Families that it covers; empty: all."""
    until_step: int | None = None
    """The last rung that it covers: what a shipping pipeline has to handle. None: the whole ladder,
    and cases of one's own.
    """


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse than the baseline a measurement may be."""

    metric: str
    region: Region
    stat: str
    margin: float
    """In the metric's unit."""
    families: tuple[str, ...] = ()
    """Families that it covers; empty: all."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What an edit may cost at most."""

    of: Literal["seconds", "cpu", "memory", "growth"]
    """`seconds`: wall time of the edit. `cpu`: its processor time. `memory`: the most that the
    pipeline's process held meanwhile, in MB. `growth`: how much more it holds after each edit, in
    MB."""
    max: float
    families: tuple[str, ...] = ()
    """Families that it covers; empty: all."""
    until_step: int | None = None
    """The last rung that it covers. None: the whole ladder, and cases of one's own."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody answers for a finding until a day: it is still measured and shown, and does not fail
    the run.
    """

    owner: str
    reason: str
    expires: date
    """The last day that it counts, UTC."""
    family: str = ""
    """Empty: every one; so are `model` and `metric`. One of the three must be named."""
    model: str = ""
    metric: str = ""
    """Name, without variant and version."""


FAIL_ON = ("regressed", "traded")
"""What fails the build where nobody says otherwise."""

MAY_FAIL = ("regressed", "traded", "changed", "improved", "invisible", "underpowered")
"""What `fail_on` may name."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """How people look at the pictures of some families: what counts as visible depends on it."""

    display: str = "standard_4k"
    """A display that ColorVideoVDP knows."""
    distance_m: float = 0.0
    """Of the eye from the display, metres; 0: the display's own."""
    zoom: float = 1.0
    """How much larger the picture is shown; 2 is half the distance."""
    families: tuple[str, ...] = ()
    """Families that it covers; empty: all."""


@dataclass(frozen=True, slots=True)
class Suite:
    """What to run and how to judge it: vectors × models × seeds."""

    name: str
    about: str
    size: int
    """Input edge in pixels."""
    scale: int
    """Output pixels per input pixel; a pipeline that does not make it is asked at the nearest that
    it makes."""
    scene_seed: int
    """Seed of the scenes: the same for every model and seed."""
    seeds: tuple[int, ...]
    """Seeds given to stochastic models; a deterministic model gets the first only."""
    variants: tuple[Variant, ...]
    models: tuple[Model, ...]
    metrics: tuple[str, ...]
    budgets: tuple[Budget, ...]
    margins: tuple[Margin, ...]
    folders: tuple[CaseFolder, ...] = ()
    """The user's own cases, run beside the variants."""
    grounds: str = ""
    """Folder of the user's own photographs, drawn on instead of scikit-image's; absolute; empty:
    none.
    """
    limits: tuple[Limit, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    noise: str = ""
    """File of the measured noise floor that margins come from; absolute; empty: none."""
    default_margins: bool = True
    """Whether a number that no margin names is held to its metric's own."""
    viewing: tuple[Viewing, ...] = ()
    """How people look at the pictures; empty: as `Viewing` says."""
    fail_on: tuple[str, ...] = FAIL_ON
    """Outcomes that fail the build. `traded` does where what is lost is more visible than what is
    won.
    """
    turns: int | Mapping[str, int] = 1
    """How many times each output is edited in a row: of all families, or by family; one that is not
    named: once.
    """
    only_scale: bool = False
    """Whether nothing is asked at another scale than `scale`."""
    repeats: int = 0
    """Edits of each scene by a model that takes no seed; 0: as many as there are seeds."""
    narrowed: bool = False
    """Whether somebody took only some of its families or models, so that a rule may have nothing
    left to judge.
    """


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
        return self.own or str(self.step)

    @property
    def name(self) -> str:
        """As `first_turn_name`, and which turn it is, after the first: `3 turn 2`."""
        return self.first_turn_name + (f" turn {self.turn}" if self.turn > 1 else "")

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number that was judged: of one case, or of a family's cases on average."""

    metric: str
    """Identity; of a limit `seconds` or `memory`; of what is counted `scenes` or `edits`."""
    region: Region
    stat: str
    unit: str
    before: float | None
    """The accepted value; None: it was held to a limit alone."""
    after: float
    limit: float
    """The budget, the limit, or the margin by which it may get worse."""
    headroom: float
    """How far inside the limit it is, in `unit`; negative: past it."""
    interval: tuple[float, float] | None = None
    """95 % confidence interval of the change for the worse; None: no statistics were needed."""
    p: float | None = None
    """How likely such a change for the worse is by chance in any rule of the run; None: as for
    `interval`.
    """
    samples: int = 1
    """Pictures that it was judged on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding for one cause: what happened, where, how visible it is, and what it looks
    like.
    """

    rule: str
    """`picture` (a picture beside the accepted one), `budget`, `limit`, `status` (how edits end),
    `seed` (whether the seed matters), or `cost` (time and memory beside the baseline's)."""
    outcome: Outcome
    families: tuple[str, ...]
    models: tuple[str, ...]
    case_id: str
    """The case to look at: the most visible, or the furthest past its limit. Empty: there is none.
    """
    cases: tuple[str, ...]
    """Every case that it counts, the one to look at first."""
    words: str
    """What it looks like: `the fill is blurrier`."""
    text: str
    """The finding in one sentence, families and models included."""
    aspect: str = ""
    """The aspect that changed most; empty: the rule is about no picture."""
    lost: tuple[str, ...] = ()
    """Aspects that got worse, worst first."""
    won: tuple[str, ...] = ()
    """Aspects that got better, best first."""
    jod: float | None = None
    """JOD: how visible the difference is in the case to look at; None: not known."""
    stage: str = ""
    """The first stage whose artefact is not the baseline's; empty: not known."""
    evidence: Evidence | None = None
    """The number that was judged and shows it best."""
    checks: int = 1
    """How many numbers changed by more than their margin."""
    fails: bool = False
    """Whether it fails the build."""
    at_risk: bool = False
    """A budget or limit that is kept with less than a twentieth of it left."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one aspect of a family and model."""

    family: str
    model: str
    aspect: str
    outcome: Outcome
    lost: float
    """In margins, over the visible cases: numbers that got worse."""
    won: float
    """Likewise: numbers that got better."""
    jod: float
    """How visible its most visible case is."""
    cases: int
    """Cases that were judged."""


@dataclass(frozen=True, slots=True)
class Change:
    """A picture that is not the accepted one."""

    case_id: str
    outcome: Outcome
    whole: float
    """JOD lost against the accepted picture: over the whole picture."""
    worst: float
    """In the worst window."""
    step: float | None = None
    """JOD: how much further from the right answer than the accepted picture it is, where they
    differ; below 0: nearer. None: the right answer is not known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's word on a run."""

    exit_code: ExitCode
    outcome: Outcome
    """The worst of all findings and judgements."""
    invalid: tuple[str, ...]
    """Why the run could not be judged, each with what to do; empty: it could."""
    findings: tuple[Finding, ...]
    """What failed the build first, then by how visible it is."""
    judgements: tuple[Judgement, ...]
    """Every aspect of every family and model that was compared with the baseline, in the suite's
    order.
    """
    changes: tuple[Change, ...]
    """Every picture that changed, invisible ones too, the most visible first."""
    unchanged: int
    """How many pictures are the accepted ones, bit for bit."""
    baseline: str
    """The baseline's folder; empty: judged against budgets only."""
    notes: tuple[str, ...] = ()
    """What a person should know though it changes nothing: expired waivers, unused entries of the
    baseline, other seeds.
    """
    seen_by: str = ""
    """How visibility was measured: the viewing conditions, or the limits that stood in for them."""
    schema: int = VERDICT_SCHEMA
    """Version of `docs/verdict.schema.json`: raised when a field changes its meaning or goes, not
    when one is added.
    """
