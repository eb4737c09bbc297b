"""Pipelines with several right answers: which pictures a case gives when it is run again on the
same seed.

Many stacks choose among kernels by time or memory, so one case gives one of two pictures. The
pictures of its reruns are grouped into outcomes: what is equal bit for bit, or differs so that
nobody can see it, is one (single linkage). A pair that is in one outcome already is not measured
any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from editproof.harness.gate.looks import LookOptions, draw_areas
from editproof.harness.gate.noise_floors import Several
from editproof.harness.metrics.core.colorvideovdp import explain_unavailable
from editproof.harness.metrics.core.visibility import Difference, compare, compare_without_model
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.differences import DifferenceStore, PicturePair, viewing_of
from editproof.harness.processes.threads import one_thread_each
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import Case
from editproof.harness.records.endings import CaseEnding
from editproof.harness.records.pairing import list_answers
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import join_words, name_case

MOST_PICTURES = 8
"""Different pictures of a case that are compared with one another, the most frequent first: 28
pairs.
"""

LEAST_RUNS = 4
"""So many runs, each with a picture of its own, tell that there are no few right answers: the seed
does not hold.
"""

NOTHING_ALIKE = Difference(10.0, 10.0)
"""Of two pictures that are not of one size."""

SHOWN = 10
"""Cases that are told one by one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One of the pictures that a case gives, and whatever nobody can tell from it."""

    pictures: tuple[str, ...]
    """Hashes, the most frequent first."""
    runs: tuple[int, ...]
    """Places of the runs that gave it."""
    accepted: bool
    """Whether it is among the baseline's right answers."""


@dataclass(frozen=True, slots=True)
class Modes:
    """The outcomes of one case on one seed."""

    case: Case
    outcomes: tuple[Outcome, ...]
    """The most frequent first."""
    apart: float
    """JOD between the two outcomes that are nearest to each other; 0: there is one only."""
    left_out: int = 0
    """Pictures that were not compared, since there were too many; each counts in no outcome."""

    @property
    def runs(self) -> int:
        """How many runs gave a picture that was compared."""
        return sum(len(outcome.runs) for outcome in self.outcomes)

    @property
    def endless(self) -> bool:
        """Whether every run gave a picture of its own, so that there are no few right answers."""
        return self.runs >= LEAST_RUNS and all(len(outcome.runs) == 1 for outcome in self.outcomes)


def find(
    reruns: Sequence[Run], looking: LookOptions, baseline: Baseline | None = None
) -> tuple[Modes, ...]:
    """The cases that gave more than one outcome in these runs, in the order of the first run.

    What is measured stays in the first run's folder, and in the cache. A picture that is gone from
    its run counts in none.
    """
    repeated = [
        case
        for case in _list_repeated_cases(reruns)
        if len(set(_read_pictures(reruns, case).values())) > 1
    ]
    if not repeated:
        return ()
    store = DifferenceStore(reruns[0].folder, looking.cache)
    found = []
    with one_thread_each(), ThreadPoolExecutor(looking.jobs) as pool:
        for modes in pool.map(lambda case: _Case(reruns, baseline, case, store).modes(), repeated):
            found.append(modes)
            looking.report(len(found), len(repeated))
    return tuple(modes for modes in found if len(modes.outcomes) > 1)


def format_lines(found: Iterable[Modes]) -> list[Several]:
    """What the noise file says of them."""
    return [
        Several(
            name_case(one.case),
            one.case.id,
            [len(outcome.runs) for outcome in one.outcomes],
            round(one.apart, 3),
        )
        for one in found
    ]


def describe_modes(modes: Modes) -> str:
    """`logo/2 patch seed 42: 2 outcomes, 7 and 3 of 10 runs, JOD 0.8 apart`."""
    counts = join_words([str(len(outcome.runs)) for outcome in modes.outcomes])
    more = f"; {modes.left_out} more pictures were not compared" if modes.left_out else ""
    if modes.endless:
        more += ". Each run gives another picture: is the seed passed on?"
    return (
        f"{name_case(modes.case)}: {len(modes.outcomes)} outcomes, {counts} of {modes.runs} runs, "
        f"JOD {modes.apart:.2g} apart{more}"
    )


@dataclass(frozen=True, slots=True)
class Acceptable:
    """Cases of one run whose pictures are to be further right answers."""

    run: Path
    cases: tuple[str, ...]
    """Ids."""


def find_missing_answers(
    found: Iterable[Modes], reruns: Sequence[Run], *, has_baseline: bool
) -> list[Acceptable]:
    """Every outcome that the baseline lacks, by the run that has it: as few runs as can be. Without
    a baseline, every one but the first. A case of which the baseline accepts no outcome at all is
    left out: there, something else has changed.
    """
    wanted = {
        (modes.case.id, place): outcome.runs
        for modes in found
        if not modes.endless and (not has_baseline or is_known(modes))
        for place, outcome in enumerate(modes.outcomes)
        if (not outcome.accepted if has_baseline else place > 0)
    }
    chosen = []
    while wanted:
        by_run = [
            [key for key, runs in wanted.items() if place in runs] for place in range(len(reruns))
        ]
        best = max(range(len(reruns)), key=lambda place: len(by_run[place]))
        chosen.append(
            Acceptable(reruns[best].folder, tuple(case_id for case_id, _ in by_run[best]))
        )
        for key in by_run[best]:
            del wanted[key]
    return chosen


def is_known(modes: Modes) -> bool:
    """Whether the baseline accepts one of the outcomes."""
    return any(outcome.accepted for outcome in modes.outcomes)


def find_usual_runs(found: Iterable[Modes]) -> dict[str, frozenset[int]]:
    """Case id -> places of the runs that gave its most frequent outcome: what differs among these
    is noise.
    """
    return {modes.case.id: frozenset(modes.outcomes[0].runs) for modes in found}


def _list_repeated_cases(reruns: Sequence[Run]) -> Iterator[Case]:
    known = {case.id: case for run in reversed(reruns) for case in run.manifest.cases}
    yield from (
        case for case_id, case in known.items() if sum(case_id in run.endings for run in reruns) > 1
    )


def _read_pictures(reruns: Sequence[Run], case: Case) -> dict[int, str]:
    """Place of a run -> hash of the case's picture there."""
    ended = {
        place: run.endings[case.id] for place, run in enumerate(reruns) if case.id in run.endings
    }
    return {place: end.actual for place, end in ended.items() if end.actual}


class _Case:
    """One case's pictures, being grouped."""

    def __init__(
        self, reruns: Sequence[Run], baseline: Baseline | None, case: Case, store: DifferenceStore
    ) -> None:
        self._case, self._store, self._reruns = case, store, reruns
        self._read_pictures = _read_pictures(reruns, case)
        self._accepted = _list_answers(baseline, case)
        self._folders = [run.folder for run in (*reruns, *([baseline.run] if baseline else []))]
        counts: dict[str, int] = {}
        for digest in self._read_pictures.values():
            counts[digest] = counts.get(digest, 0) + 1
        ranked = sorted(counts, key=lambda digest: -counts[digest])
        self._pictures, self._left = ranked[:MOST_PICTURES], ranked[MOST_PICTURES:]
        self._group: dict[str, int] = {}

    def modes(self) -> Modes:
        """Its outcomes."""
        compared = list(dict.fromkeys([*self._pictures, *self._accepted]))
        self._group = {digest: place for place, digest in enumerate(compared)}
        apart: dict[tuple[str, str], float] = {}
        for one, other in combinations(compared, 2):
            if self._group[one] == self._group[other]:
                continue
            difference = self._measure_difference(one, other)
            if difference is not None and not difference.visible:
                self._join(one, other)
            elif difference is not None:
                apart[one, other] = difference.jod
        outcomes = sorted(self._cluster_outcomes(), key=lambda outcome: -len(outcome.runs))
        between = [
            jod
            for (one, other), jod in apart.items()
            if self._group[one] != self._group[other] and {one, other} <= set(self._pictures)
        ]
        return Modes(
            self._case, tuple(outcomes), min(between, default=0.0), self._count(self._left)
        )

    def _join(self, one: str, other: str) -> None:
        kept, gone = self._group[one], self._group[other]
        self._group = {
            digest: kept if group == gone else group for digest, group in self._group.items()
        }

    def _cluster_outcomes(self) -> Iterator[Outcome]:
        for group in dict.fromkeys(self._group[digest] for digest in self._pictures):
            own = tuple(digest for digest in self._pictures if self._group[digest] == group)
            places = tuple(place for place, digest in self._read_pictures.items() if digest in own)
            yield Outcome(
                own, places, any(self._group[digest] == group for digest in self._accepted)
            )

    def _count(self, digests: Sequence[str]) -> int:
        return sum(digest in digests for digest in self._read_pictures.values())

    def _measure_difference(self, one: str, other: str) -> Difference | None:
        """Measured before, or now. None: a picture is gone."""
        paths = [pictures.path_in(self._folders, digest) for digest in (one, other)]
        ended = self._read_ending()
        pair = PicturePair(
            one,
            other,
            ended.expected,
            viewing_of(self._reruns[0].manifest.suite.viewing, self._case.family),
        )
        known = self._store.get(pair)
        if known or not all(paths):
            return known
        accepted, image = (pictures.load(path) for path in paths if path)
        if accepted.shape != image.shape:
            return NOTHING_ALIKE
        if explain_unavailable():
            return compare_without_model(accepted, image)
        expected = pictures.path_in(self._folders, ended.expected) if ended.expected else None
        found = compare(
            accepted,
            image,
            viewing=pair.viewing,
            areas=draw_areas(self._case, image.shape[:2]),
            expected=pictures.load(expected) if expected else None,
        )
        self._store.put(pair, found)
        return found

    def _read_ending(self) -> CaseEnding:
        return next(
            run.endings[self._case.id] for run in self._reruns if self._case.id in run.endings
        )


def _list_answers(baseline: Baseline | None, case: Case) -> tuple[str, ...]:
    """Hashes of the pictures that are right for the case, as far as somebody accepted any."""
    if baseline is None or case.id not in baseline.run.column_of:
        return ()
    return list_answers(baseline, baseline.run.column_of[case.id])
