"""The first stage whose artefact is not the baseline's: where to start looking, for every finding and at no cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness import runs
from harness.pairing import pair
from harness.sheet import Sheet
from harness.types import Finding, Outcome, Verdict

OVER_BUDGET = "; over budget:"
"""What the reference pipeline adds to a decision that took too long: no two runs take the same time."""

CALLED_OUT = {Outcome.REGRESSED, Outcome.UNDERPOWERED, Outcome.WAIVED}


class Kept(NamedTuple):
    """What a run keeps of a stage."""

    name: str
    artefact: str
    """Hash of its picture; empty: it made none."""
    decision: str = ""
    """What it decided, in words, times aside."""


Traces = Mapping[str, Sequence[Kept]]
"""Case id -> its stages, in their order."""


def first_difference(ours: Sequence[Kept], theirs: Sequence[Kept]) -> str:
    """The first stage that stands elsewhere, or made another picture; where all made the same, the first that decided
    otherwise; empty: there is none that is known.
    """
    for mine, yours in zip(ours, theirs, strict=False):
        if (mine.name, mine.artefact) != (yours.name, yours.artefact):
            return mine.name
    shorter, longer = sorted((ours, theirs), key=len)
    if len(shorter) < len(longer) and shorter:
        return longer[len(shorter)].name
    return next((mine.name for mine, yours in zip(ours, theirs, strict=False) if mine.decision != yours.decision), "")


def with_first_stages(verdict: Verdict, run: Sheet, baseline: Sheet) -> Verdict:
    """The verdict, each finding for the worse with the first stage that differs in the case that it names.

    Only where both sides ran on one seed: on another, every stochastic stage differs.
    """
    pairs = same_seed(run, baseline, [f.case_id for f in verdict.findings if f.outcome in CALLED_OUT])
    if not pairs:
        return verdict
    ours, theirs = read_traces(run.folder, pairs.keys()), read_traces(baseline.folder, set(pairs.values()))
    return replace(verdict, findings=tuple(named(verdict.findings, pairs, ours, theirs)))


def same_seed(run: Sheet, baseline: Sheet, ids: Iterable[str]) -> dict[str, str]:
    """Of these cases, those that the baseline has on the same seed, and their ids there."""
    found = pair(run, baseline).ids
    ours = {case.id: case.seed for case in run.manifest.cases}
    theirs = {case.id: case.seed for case in baseline.manifest.cases}
    return {one: found[one] for one in dict.fromkeys(ids) if one in found and ours[one] == theirs[found[one]]}


def named(findings: Iterable[Finding], pairs: Mapping[str, str], ours: Traces, theirs: Traces) -> Iterable[Finding]:
    """The findings, those for the worse with their stage."""
    for finding in findings:
        other = pairs.get(finding.case_id, "")
        if finding.outcome in CALLED_OUT and finding.case_id in ours and other in theirs:
            yield replace(finding, stage=first_difference(ours[finding.case_id], theirs[other]))
        else:
            yield finding


def read_traces(folder: Path, ids: Collection[str]) -> dict[str, list[Kept]]:
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
                found.setdefault(row["case_id"], []).append(Kept(row["stage"], row["artefact"], decision))
    return found
