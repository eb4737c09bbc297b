"""The first stage whose artefact is not the baseline's: where to start looking, for every finding
and at no cost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from editproof.harness.records import runs
from editproof.harness.records.pairing import Pairing, stochastic
from editproof.harness.records.sheet import Sheet

OVER_BUDGET = "; over budget:"
"""What the reference pipeline adds to a decision that took too long: no two runs take the same
time.
"""


class Kept(NamedTuple):
    """What a run keeps of a stage."""

    name: str
    artefact: str
    """Hash of its picture; empty: it made none."""
    decision: str = ""
    """What it decided, in words, times aside."""


KeptStages = Mapping[str, Sequence[Kept]]
"""Case id -> its stages, in their order."""


def first_difference(ours: Sequence[Kept], theirs: Sequence[Kept]) -> str:
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


def first_stages(
    run: Sheet, baseline: Sheet, pairing: Pairing, columns: Iterable[int]
) -> dict[int, str]:
    """For each of these columns of the run, the first stage that differs from its accepted case's.

    Only where both sides ran on one seed: on another, every stochastic stage differs.
    """
    pairs = same_seed(
        run, baseline, pairing, [run.manifest.cases[column].id for column in dict.fromkeys(columns)]
    )
    if not pairs:
        return {}
    ours, theirs = (
        read_stages(run.folder, pairs.keys()),
        read_stages(baseline.folder, set(pairs.values())),
    )
    return {
        run.columns[mine]: first_difference(ours[mine], theirs[yours])
        for mine, yours in pairs.items()
        if mine in ours and yours in theirs
    }


def same_seed(run: Sheet, baseline: Sheet, pairing: Pairing, ids: Iterable[str]) -> dict[str, str]:
    """Of these cases, those that the baseline has on the same seed, or without one, and their ids
    there.
    """
    ours = {case.id: case for case in run.manifest.cases}
    seeds = {case.id: case.seed for case in baseline.manifest.cases}
    return {
        one: pairing.ids[one]
        for one in dict.fromkeys(ids)
        if one in pairing.ids
        and (ours[one].seed == seeds[pairing.ids[one]] or not stochastic(run, ours[one].model.name))
    }


def read_stages(folder: Path, ids: Collection[str]) -> dict[str, list[Kept]]:
    """The stages of these cases of a run. A run without tables has none."""
    path = folder / runs.STAGES
    if not path.is_file() or not ids:
        return {}
    import pyarrow as pa
    from pyarrow import compute

    found: dict[str, list[Kept]] = {}
    wanted = pa.array(sorted(ids))
    with runs.opened_table(path) as file:
        for batch in file.iter_batches(columns=["case_id", "stage", "artefact", "decision"]):
            rows = batch.filter(compute.is_in(batch.column("case_id"), value_set=wanted))
            for row in rows.to_pylist():
                decision = row["decision"].partition(OVER_BUDGET)[0]
                found.setdefault(row["case_id"], []).append(
                    Kept(row["stage"], row["artefact"], decision)
                )
    return found
