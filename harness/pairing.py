"""Which case of a baseline a case of a run is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from harness.sheet import Sheet

_Subject = tuple[str, str, str]
"""Family, case and model: what the seeds of one scene have in common."""


class Pairing(NamedTuple):
    """The counterparts of a run's cases."""

    ids: Mapping[str, str]
    """Case id of the run -> case id of the baseline."""
    other_seeds: int
    """How many are paired though their seeds differ."""
    unused: tuple[str, ...]
    """Ids of the baseline's cases that the run does not ask for."""


def pair(run: Sheet, baseline: Sheet) -> Pairing:
    """The same case; or where the baseline's model is deterministic, its one seed for every seed; or where a stochastic model
    ran on other seeds altogether, the first with the first, the second with the second, and so on.
    """
    known = {case.id: case for case in baseline.manifest.cases if case.id in baseline.ended}
    first: dict[_Subject, str] = {}
    ids: dict[str, str] = {}
    left: dict[_Subject, list[str]] = {}
    for case in run.manifest.cases:
        subject = (case.family, case.name, case.model.name)
        leader = first.setdefault(subject, case.id)
        if case.id in known:
            ids[case.id] = case.id
        elif leader in known and not stochastic(baseline, case.model.name):
            ids[case.id] = leader
        else:
            left.setdefault(subject, []).append(case.id)
    free: dict[_Subject, list[str]] = {}
    taken = set(ids.values())
    for case_id, case in known.items():
        if case_id not in taken and stochastic(baseline, case.model.name):
            free.setdefault((case.family, case.name, case.model.name), []).append(case_id)
    touched = {(case.family, case.name, case.model.name) for case in run.manifest.cases if case.id in ids}
    other_seeds = 0
    for subject, ours in left.items():
        theirs = free.get(subject, [])
        if subject not in touched and len(theirs) == len(ours) and stochastic(run, subject[2]):
            ids.update(zip(ours, theirs, strict=True))
            other_seeds += len(ours)
    used = set(ids.values())
    return Pairing(ids, other_seeds, tuple(case_id for case_id in known if case_id not in used))


def stochastic(sheet: Sheet, model: str) -> bool:
    """Whether a model's seed matters, as far as the run knows it."""
    pipeline = sheet.manifest.pipelines.get(model)
    return pipeline is not None and pipeline.stochastic
