"""What a suite asks for, and the rules that its runs are judged by. Frozen, plain, without
logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from editproof.harness.records.vocabulary import Region

MaskColour = Literal["white", "black"]


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
    """Empty: every one; so are `model` and `metric`. One of the three must be named, or pictures.
    """
    model: str = ""
    metric: str = ""
    """Name, without variant and version."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Case id -> SHA-256 of the picture that was waived: it covers these alone, as long as they are
    the case's pictures. Empty: whatever `family`, `model` and `metric` name.
    """


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
