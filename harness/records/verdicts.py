"""What the gate says of a run. Frozen, plain, without logic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.vocabulary import Region

VERDICT_SCHEMA = 2


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


SUBJECTS = ("the fill is ", "the picture is ", "seams ", "the edge of the edit ")
"""How words begin that need no second subject after `but`."""


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
    """What it looks like: `the fill is blurrier`. Of a trade, what is lost."""
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
    accepted: bool = False
    """A budget that ships with the suite, and that the accepted run is past as well."""
    gain: str = ""
    """What is won by a trade: `colours are 6 % stronger`. Empty: nothing was traded."""

    @property
    def whole_words(self) -> str:
        """What it looks like, the gain included."""
        if not self.gain:
            return self.words
        subject = next((one for one in SUBJECTS if self.words.startswith(one)), "\0")
        return f"{self.words}, but {self.gain.removeprefix(subject)}"

    def words_of(self, outcome: Outcome) -> str:
        """What one of its cases looks like, by what became of that case."""
        if self.gain and outcome is Outcome.IMPROVED:
            return self.gain
        return self.words if outcome is Outcome.REGRESSED else self.whole_words

    def aspect_of(self, outcome: Outcome) -> str:
        """The aspect that changed most in one of its cases, likewise."""
        return self.won[0] if self.won and outcome is Outcome.IMPROVED else self.aspect


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
    preliminary: bool = False
    """Only a part of the cases has ended, and nothing else keeps the run from being judged."""
    seen_by: str = ""
    """How visibility was measured: the viewing conditions, or the limits that stood in for them."""
    schema: int = VERDICT_SCHEMA
    """Version of `docs/verdict.schema.json`: raised when a field changes its meaning or goes, not
    when one is added.
    """
