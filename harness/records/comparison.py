"""What a comparison of two runs, or of two models of one run, found. Frozen, plain, without
logic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from editproof.harness.records.vocabulary import Aspect, Better, Region

Outcome = Literal["lost", "won", "unchanged", "not comparable"]
OUTCOMES: tuple[Outcome, ...] = ("lost", "not comparable", "won", "unchanged")
"""In the order in which people must look."""

AspectOutcome = Literal["better", "worse", "traded", "even", "not measured"]
"""What B is on an aspect. `traded`: better on some pictures or numbers, worse on others."""

Take = Literal["a", "b", "either"]
"""Which of the two the pictures speak for; where they say nothing, which costs less. `either`: it
depends, or is all one.
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    label: str
    """What people call it: the model's name, or the run's folder."""
    folder: str
    created: str
    """UTC, ISO 8601."""
    models: tuple[str, ...]
    editproof: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cases that ask the same."""

    a: str
    """Case id of A."""
    b: str
    family: str
    name: str
    """Within its family."""
    model: str
    """`ns`, or `ns → patch`."""
    seed: int
    change: float
    """Of the row's measurement; above 0: B is worse."""
    repeat: int = 0
    """Which repeat it is, where B takes no seed; 0: it takes one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement of one family and model, B beside A."""

    family: str
    model: str
    """`ns`, or `ns → patch`."""
    metric: str
    """Identity."""
    region: Region
    stat: str
    unit: str
    better: Better
    outcome: Outcome
    why: str
    """What the outcome rests on, or why there is none."""
    a: float | None
    """Mean over the pairs."""
    b: float | None
    change: float | None
    """Mean over the pairs; above 0: B is worse."""
    interval: tuple[float, float] | None
    """95 % confidence interval of `change` over scenes like these; None: one pair."""
    p: float | None
    """How likely such a change on these scenes is by the noise between seeds in any row (Holm,
    two-sided); None: one pair, or both sides are deterministic."""
    samples: int
    worse: int
    """Pairs in which B is worse by more than `tolerance`."""
    improved: int
    """Pairs in which B is better by more than `tolerance`."""
    tolerance: float
    """Changes below this are none: the suite's margin, else the metric's own."""
    aspect: str = ""
    """What the metric is about, one of ASPECTS."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether colours turned and detail went, in the edit: what a change of conditioning does
    first.
    """

    family: str
    model: str
    hue_a: float | None
    """Mean hue offset from what is expected, degrees."""
    hue_b: float | None
    fine_a: float | None
    """Mean energy of the finest octave over what is expected, dB."""
    fine_b: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What an edit costs, beside what it is worth."""

    model: str
    seconds_a: float | None
    """Mean wall time of an edit that was not taken from the cache."""
    seconds_b: float | None
    memory_a: float | None
    """The most of any case, MB."""
    memory_b: float | None
    quality_a: float | None
    """Mean of `quality` over the pairs."""
    quality_b: float | None
    cpu_a: float | None = None
    """Mean processor time of an edit that was not taken from the cache; None: not known."""
    cpu_b: float | None = None


@dataclass(frozen=True, slots=True)
class AspectAnswer:
    """What B is on one aspect, over all families and models."""

    aspect: Aspect
    outcome: AspectOutcome
    lost: float
    """In margins, over the pictures that differ visibly: numbers that are worse in B."""
    won: float
    """Likewise: numbers that are better in B."""
    jod: float
    """How visible the most visible picture is in which the aspect moved, JOD; 0: it moved in none.
    """


@dataclass(frozen=True, slots=True)
class Pictures:
    """How many pictures of B are what beside those of A."""

    same: int
    """Bit for bit."""
    unseen: int
    """They differ, and nobody can see it."""
    seen: int
    """They differ visibly."""
    unknown: int
    """A picture is gone: only numbers tell."""
    only_a: int
    """A made a picture, and B refused to."""
    only_b: int
    """B made a picture, and A refused to."""

    @property
    def compared(self) -> int:
        """How many there are on both sides."""
        return self.same + self.unseen + self.seen + self.unknown


@dataclass(frozen=True, slots=True)
class Comparison:
    """What B won and lost against A."""

    suite: str
    a: Side
    b: Side
    pairs: int
    left_out: tuple[str, ...]
    """What was not compared, and why."""
    rows: tuple[Row, ...]
    """Worst first."""
    drift: tuple[Drift, ...]
    costs: tuple[Cost, ...]
    quality: str
    """What cases are ranked by: `lpips mean in edit`."""
    losses: tuple[Pair, ...]
    """The largest, at most so many a family that no family hides the others."""
    gains: tuple[Pair, ...]
    answer: str = ""
    """What B is beside A, what it costs, and which to take: two sentences."""
    take: Take = "either"
    aspects: tuple[AspectAnswer, ...] = ()
    """Every aspect, in the order of ASPECTS."""
    pictures: Pictures = Pictures(0, 0, 0, 0, 0, 0)
    notes: tuple[str, ...] = ()
    """Large losses on too few seeds to be sure, a sentence each."""
    seen_by: str = ""
    """How visibility was measured."""
