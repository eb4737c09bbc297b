"""Rules about how a pipeline behaves beside the baseline, whatever its pictures look like: does it
still finish its edits, and does the seed still matter?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from editproof.harness.gate.limits import Groups
from editproof.harness.gate.looks import Looks
from editproof.harness.gate.steps import LARGE_JOD
from editproof.harness.records.case_table import Columns
from editproof.harness.records.cases import Case
from editproof.harness.records.pairing import Pairing, Scene, is_stochastic, takes_seed
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Finding, Outcome
from editproof.harness.records.wording import count_noun, join_words, name_case

STATUSES = ("done", "needs_review", "refused")
"""From best to worst."""

SHARE_OF_SEEDS = 0.8
"""A scene ends otherwise where at least this share of its seeds does: 2 of 2, 3 of 3, 4 of 5, 8 of
10.
"""


@dataclass(frozen=True)
class _Ending:
    """Edits of one family and model that end otherwise than the accepted ones."""

    outcome: Outcome
    family: str
    model: str
    case: Case
    """The one to look at."""
    cases: tuple[Case, ...]
    edits: int
    """How many the family and model have in all."""
    was: str
    now: str
    reason: str


def join_all(family: str, model: str) -> int:  # noqa: ARG001
    """All families of a model may be one finding."""
    return 0


def find_status_changes(
    run: Run,
    baseline: Run,
    groups: Groups,
    pairing: Pairing,
    apart: Callable[[str, str], int] = join_all,
) -> Iterable[Finding]:
    """One for each model of which edits ended worse, or better, than the baseline's: sent to review
    or refused. Families for which `apart` gives different numbers are never one finding.

    Of a stochastic model nearly all seeds of a scene must have, since one that lies near a limit
    falls on either side; where only some have got worse, it is a change that warns.
    """
    ranks = _count_ranks(run, baseline, pairing)
    alike: dict[tuple[object, ...], list[_Ending]] = {}
    for (family, model), columns in groups.items():
        if one := _compare_endings(run, baseline, pairing, family, model, columns, ranks):
            key = (one.outcome, model, one.was, one.now, apart(family, model))
            alike.setdefault(key, []).append(one)
    for endings in alike.values():
        first = endings[0]
        cases = [case for one in endings for case in one.cases]
        words = (
            f"{len(cases)} of {count_noun(sum(one.edits for one in endings), 'edit')} "
            f"{_describe_change(first.was, first.now, one=len(cases) == 1)}"
            f"{f': {first.reason}' if first.reason else ''}"
        )
        if first.outcome is Outcome.CHANGED:
            words += ". On other seeds of these scenes nothing changed"
        families = [one.family for one in endings]
        yield _make_finding(
            "status", first.outcome, families, first.model, first.case, cases, words
        )


def _compare_endings(
    run: Run,
    baseline: Run,
    pairing: Pairing,
    family: str,
    model: str,
    columns: Columns,
    ranks: Columns,
) -> _Ending | None:
    """How a family's edits end now; None: as before."""
    steps = ranks[columns]
    if not steps.any():
        return None
    seeded = is_stochastic(baseline, model) or is_stochastic(run, model)
    worse = _list_scenes(run, columns, steps > 0, seeded=seeded)
    better = _list_scenes(run, columns, steps < 0, seeded=seeded)
    some = _list_scenes(run, columns, steps > 0, seeded=False)
    if not worse and not better and not some:
        return None
    outcome = Outcome.REGRESSED if worse else Outcome.CHANGED if some else Outcome.IMPROVED
    way = steps < 0 if outcome is Outcome.IMPROVED else steps > 0
    case = run.manifest.cases[(worse or some or better)[0]]
    cases = tuple(run.manifest.cases[int(column)] for column in columns[way])
    was, now = _list_statuses(run, baseline, pairing, case.id)
    return _Ending(
        outcome, family, model, case, cases, len(columns), was, now, run.endings[case.id].reason
    )


def find_dead_seeds(
    run: Run,
    baseline: Run,
    pairing: Pairing,
    looks: Looks,
    apart: Callable[[str, str], int] = join_all,
) -> Iterable[Finding]:
    """One for each stochastic model with a scene on which every seed gives the same picture, and
    did not before: the seed is not passed on, and what is meant to be many tries is one. Families
    for which `apart` gives different numbers are never one finding.

    A scene does not count where nobody sees that its accepted pictures differ, or where the one
    picture lies plainly nearer to the right answer: then there is nothing left to try.
    """
    by_group: dict[tuple[str, str], list[Scene]] = {}
    for scene in pairing.scenes:
        by_group.setdefault((scene.family, scene.model), []).append(scene)
    alike: dict[tuple[str, int], list[Scene]] = {}
    for (family, model), own in by_group.items():
        if is_stochastic(baseline, model) and is_stochastic(run, model):
            alike.setdefault((model, apart(family, model)), []).extend(own)
    for (model, _), scenes in alike.items():
        stuck = [
            scene
            for scene in scenes
            if len(scene.ours) > 1
            and len(_list_pictures(run, scene.ours)) == 1
            and len(_list_pictures(baseline, scene.theirs)) > 1
            and _has_lost_variety(scene, looks)
        ]
        if stuck:
            cases = [run.manifest.cases[scene.ours[0]] for scene in stuck]
            families = tuple(dict.fromkeys(scene.family for scene in stuck))
            word, check = (
                ("seed", "Is the seed passed on?")
                if takes_seed(run, model)
                else ("repeat", "Does a cache answer?")
            )
            words = (
                f"every {word} gives the same picture on {len(stuck)} of"
                f" {count_noun(len(scenes), 'scene')}, but the accepted pictures differ. {check}"
            )
            yield _make_finding("seed", Outcome.REGRESSED, families, model, cases[0], cases, words)


def _has_lost_variety(scene: Scene, looks: Looks) -> bool:
    """Whether anybody sees that the accepted pictures differed from the one that is left. If that
    one is plainly better, nothing is lost.
    """
    known = [one for column in scene.ours if (one := looks.find_difference(column))]
    steps = [one.step for one in known if one.steps]
    is_nearer = bool(steps) and float(np.mean(steps)) <= -LARGE_JOD
    is_seen = any(one.visible for one in known) or bool(looks.of(scene.ours, "unknown"))
    return is_seen and not is_nearer


def _list_pictures(run: Run, columns: Iterable[int]) -> set[str]:
    """Hashes of their pictures; a refused edit has none."""
    pictures = run.ending_table.texts("actual")
    return {pictures[column] for column in columns} - {""}


def _count_ranks(run: Run, baseline: Run, pairing: Pairing) -> Columns:
    """How many ranks worse each case of the run ended; 0: no worse, or nothing to compare."""
    ranks = np.zeros(len(run.manifest.cases), np.intp)
    now, then = (side.ending_table.texts("status") for side in (run, baseline))
    ours, theirs = pairing.ids.ours, pairing.ids.theirs
    moved = now[ours] != then[theirs]
    for column, partner in zip(ours[moved].tolist(), theirs[moved].tolist(), strict=True):
        if now[column] in STATUSES and then[partner] in STATUSES:
            ranks[column] = STATUSES.index(now[column]) - STATUSES.index(then[partner])
    return ranks


def _list_statuses(run: Run, baseline: Run, pairing: Pairing, case_id: str) -> tuple[str, str]:
    other = baseline.endings.get(pairing.ids.get(case_id, ""))
    return other.status if other else "", run.endings[case_id].status


def _list_scenes(
    run: Run, columns: Columns, flags: npt.NDArray[np.bool_], *, seeded: bool
) -> list[int]:
    """A column of each scene of which enough seeds are flagged."""
    flagged = dict(zip(columns.tolist(), flags.tolist(), strict=True))
    scenes: dict[str, list[int]] = {}
    for column in columns.tolist():
        scenes.setdefault(run.case_table.names[column], []).append(column)
    found = []
    for scene in scenes.values():
        hit = [column for column in scene if flagged[column]]
        needed = math.ceil(SHARE_OF_SEEDS * len(scene)) if seeded else 1
        if len(hit) >= max(needed, 1):
            found.append(hit[0])
    return found


def _describe_change(before: str, after: str, *, one: bool) -> str:
    """`was done and is now refused`."""
    was, now = ("was", "is now") if one else ("were", "are now")
    words = {"done": "done", "needs_review": "sent to review", "refused": "refused"}
    return f"{was} {words[before]} and {now} {words[after]}"


def _make_finding(
    rule: str,
    outcome: Outcome,
    families: Sequence[str],
    model: str,
    case: Case,
    cases: Sequence[Case],
    words: str,
) -> Finding:
    return Finding(
        rule=rule,
        outcome=outcome,
        families=tuple(families),
        models=(model,),
        case_id=case.id,
        cases=tuple(dict.fromkeys([case.id, *(one.id for one in cases)])),
        words=words,
        text=f"{join_words(families)} · {model}: {words} ({name_case(case)})",
        fails=outcome is Outcome.REGRESSED,
    )
