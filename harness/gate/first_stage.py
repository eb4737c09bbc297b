"""The first stage whose artefact is not the baseline's: where to start looking, for every finding
and at no cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from editproof.harness.records.pairing import Pairing, is_stochastic
from editproof.harness.records.runs import Run
from editproof.harness.records.tables import KeptStage, read_stages

KeptStages = Mapping[str, Sequence[KeptStage]]
"""Case id -> its stages, in their order."""


def find_first_difference(ours: Sequence[KeptStage], theirs: Sequence[KeptStage]) -> str:
    """The first stage that stands elsewhere, or made another picture; where all made the same, the
    first that decided otherwise; empty: there is none that is known.
    """
    for mine, yours in zip(ours, theirs, strict=False):
        if (mine.name, mine.artefact) != (yours.name, yours.artefact):
            return mine.name
    shorter, longer = sorted((ours, theirs), key=len)
    if len(shorter) < len(longer) and shorter:
        return longer[len(shorter)].name
    return next(
        (
            mine.name
            for mine, yours in zip(ours, theirs, strict=False)
            if mine.decision != yours.decision
        ),
        "",
    )


def find_first_stages(
    run: Run, baseline: Run, pairing: Pairing, columns: Iterable[int]
) -> dict[int, str]:
    """For each of these columns of the run, the first stage that differs from its accepted case's.

    Only where both sides ran on one seed: on another, every stochastic stage differs. A later turn
    has the stage of its chain's first turn: after that, both sides are given different pictures.
    """
    starts = _find_first_turns(run, [*dict.fromkeys(columns)])
    ids = run.case_table.column("id")
    pairs = match_seeds(run, baseline, pairing, [ids[column] for column in starts.values()])
    if not pairs:
        return {}
    ours, theirs = (
        read_stages(run.folder, pairs.keys()),
        read_stages(baseline.folder, set(pairs.values())),
    )
    found = {
        run.column_of[mine]: find_first_difference(ours[mine], theirs[yours])
        for mine, yours in pairs.items()
        if mine in ours and yours in theirs
    }
    return {column: found[start] for column, start in starts.items() if start in found}


def _find_first_turns(run: Run, columns: Sequence[int]) -> dict[int, int]:
    """For each column that of its chain's first turn; itself, where there is none."""
    cases, turns = run.manifest.cases, run.case_table.column("turn")
    if all(turns[column] == 1 for column in columns):
        return {column: column for column in columns}
    first = {case.chain: column for column, case in enumerate(cases) if case.turn == 1}
    return {column: first.get(cases[column].chain, column) for column in columns}


def match_seeds(run: Run, baseline: Run, pairing: Pairing, ids: Iterable[str]) -> dict[str, str]:
    """Of these cases, those that the baseline has on the same seed, or without one, and their ids
    there.
    """
    seeds, found = baseline.case_table.column("seed"), {}
    for one in dict.fromkeys(ids):
        case = run.manifest.cases[run.column_of[one]]
        partner = pairing.ids.find_partner(one)
        if partner is not None and (
            (case.seed == seeds[partner] and not case.repeat)
            or not is_stochastic(run, case.model.name)
        ):
            found[one] = pairing.ids[one]
    return found
