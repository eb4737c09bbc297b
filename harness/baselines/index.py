"""`baseline.json`: who accepted what and why, in words that git shows well; and what else lies in
the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.digests import Digest
from editproof.harness.records.number_grid import MEASURED, NumberKey
from editproof.harness.records.suites import Budget, Margin
from editproof.harness.records.wording import name_case

INDEX = "baseline.json"


class Acceptance(msgspec.Struct, frozen=True):
    """Who accepted what, and why: a line of the index."""

    number: int
    what: str
    reason: str
    author: str
    when: str
    """UTC, ISO 8601."""
    run: str
    """Name of its folder."""
    editproof: str
    pipelines: dict[str, str]
    """Model -> fingerprint."""
    cases: int
    also: bool


class Outcomes(msgspec.Struct, frozen=True):
    """What is right for a case."""

    id: str
    pictures: list[Digest]
    """Hashes: the first is the one accepted in place of what was before, others are right too.
    Empty hash: no picture.
    """
    acceptances: list[int]
    """Which acceptance each comes from."""


class Spread(msgspec.Struct, frozen=True):
    """How far a family's numbers spread."""

    family: str
    model: str
    metric: str
    """Identity."""
    region: str
    stat: str
    samples: int
    mean: float
    sd: float
    """Over cases and seeds."""


class Index(msgspec.Struct, frozen=True):
    """`baseline.json`."""

    suite: str
    metrics: dict[str, str]
    machine: dict[str, str]
    versions: dict[str, str]
    accepted: list[Acceptance]
    cases: dict[str, Outcomes]
    """By name, sorted."""
    spread: list[Spread]
    numbers: dict[str, int] = {}
    """How many numbers there are: `psnr mean in edit` -> over all cases and answers."""
    contents: dict[str, str] = {}
    """Path of a file in the folder -> its SHA-256; 0.1 did not say."""


def build_index(
    baseline: Baseline,
    accepted: Sequence[Acceptance],
    answers: Mapping[str, Sequence[tuple[str, int]]],
    contents: Mapping[str, str],
) -> Index:
    """The index of a baseline. `answers`: case id -> each right picture and its acceptance."""
    manifest = baseline.run.manifest
    return Index(
        suite=manifest.suite.name,
        metrics={name: metric.identity for name, metric in manifest.metrics.items()},
        machine=dict(manifest.machine),
        versions=dict(manifest.versions),
        accepted=list(accepted),
        cases={
            name_case(case): _list_outcomes(case, answers[case.id])
            for case in sorted(manifest.cases, key=name_case)
        },
        spread=list(_measure_spread(baseline)),
        numbers=_count_numbers(
            record for run in (baseline.run, *baseline.also) for record in run.records
        ),
        contents=dict(contents),
    )


def _list_outcomes(case: Case, answers: Sequence[tuple[str, int]]) -> Outcomes:
    return Outcomes(case.id, [picture for picture, _ in answers], [number for _, number in answers])


def _count_numbers(records: Iterable[CaseRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in records:
        for row in record.measurements:
            name = f"{row.metric} {row.stat} in {row.region}"
            counts[name] = counts.get(name, 0) + 1
    return counts


def _measure_spread(baseline: Baseline) -> Iterator[Spread]:
    """Of every number that the suite's rules ask for."""
    manifest = baseline.run.manifest
    rules: tuple[Margin | Budget, ...] = (*manifest.suite.margins, *manifest.suite.budgets)
    keys = tuple(dict.fromkeys(NumberKey(rule.metric, rule.region, rule.stat) for rule in rules))
    grid = baseline.run.number_grid(keys)
    groups: dict[tuple[str, str], list[int]] = {}
    for column, case in enumerate(manifest.cases):
        groups.setdefault((case.family, case.model.name), []).append(column)
    for (family, model), columns in groups.items():
        for row, key in enumerate(keys):
            values = grid.values[row, columns][grid.states[row, columns] == MEASURED]
            if len(values):
                identity = manifest.metrics[key.metric].identity
                mean, sd = (float(f"{value:.6g}") for value in (np.mean(values), np.std(values)))
                yield Spread(family, model, identity, key.region, key.stat, len(values), mean, sd)
