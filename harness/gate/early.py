"""Is a model worse than the baseline, whatever the rest of the run will show? Asked while it runs.

Each scene says once whether its numbers got worse or better, all margins counted. Where nothing
changed, one is as likely as the other, scene by scene. A bet on worse then wins nothing on average:
its stake is a share of what it has, so its wealth is a martingale that begins at 1 and never is
below 0. The chance that it ever reaches 1 / ALARM is at most ALARM (Ville 1939), however often one
looks and whenever one stops. docs/statistics.md says more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from editproof.harness.gate.noise_floors import NO_NOISE, NoiseFloor
from editproof.harness.gate.numbers import Margins, find_comparable, turn_sign
from editproof.harness.gate.scoring import clip_margins, in_margins
from editproof.harness.gate.statistics import Values
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.manifest import Manifest, metric_name
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.pairing import Subject, find_subjects, match_seeds
from editproof.harness.records.runs import Run

ALARM = 0.0003
"""Chance that a run stops a model though nothing changed; shared among its models."""

STAKE = 0.5
"""Share of its wealth that each scene's bet puts at stake. The larger, the sooner it is certain
where nearly all scenes got worse; the smaller, where only most of them did.
"""


class Bet:
    """What a bet on worse has become."""

    def __init__(self) -> None:
        self.wealth = 1.0

    def add(self, way: int) -> None:
        """Take a scene's word: 1 worse, -1 better, 0 neither."""
        self.wealth *= 1 + STAKE * way


class EarlyStop:
    """Finds the models of a run that are certain to be worse than the baseline."""

    def __init__(self, baseline: Baseline, noise: NoiseFloor = NO_NOISE) -> None:
        self._accepted, self._noise = baseline.run, noise
        self._subjects = find_subjects(baseline.run)
        self._numbers: _Numbers | None = None
        self._seen: set[Subject] = set()
        self._bets: dict[str, Bet] = {}

    def __call__(self, manifest: Manifest, records: Sequence[CaseRecord]) -> frozenset[str]:
        """Take records as they end; give the models that are certain by now."""
        if self._numbers is None:
            self._numbers = _Numbers(manifest, self._accepted, self._noise)
        for record in records:
            case = record.case
            subject = (case.family, case.name, case.model.name)
            accepted = self._subjects.get(subject)
            if record.error is None and accepted and case.turn == 1 and subject not in self._seen:
                self._seen.add(subject)
                (partner,) = match_seeds([case.seed], self._accepted, accepted)
                way = self._numbers.find_way(record, partner)
                self._bets.setdefault(case.model.name, Bet()).add(way)
        needed = len(manifest.pipelines) / ALARM
        return frozenset(name for name, bet in self._bets.items() if bet.wealth >= needed)


class _Numbers:
    """The accepted numbers that have a margin."""

    def __init__(self, manifest: Manifest, accepted: Run, noise: NoiseFloor) -> None:
        self._run = Run.of_records(accepted.folder, manifest, ())
        alike = find_comparable(self._run, accepted)
        self._keys = [key for key in accepted.number_keys() if key.metric in alike]
        self._margins = Margins(self._run, self._keys, noise)
        self._accepted = self._turn(accepted.number_grid(self._keys).values)

    def find_way(self, record: CaseRecord, partner: int) -> int:
        """Whether the numbers of a case got worse, all in all."""
        found = {
            NumberKey(metric_name(one.metric), one.region, one.stat): one.value
            for one in record.measurements
            if one.value is not None
        }
        values = np.array([found.get(key, np.nan) for key in self._keys])[:, None]
        margins = self._margins.find(record.case.family, record.case.model.name, cases=1)
        change = self._turn(values)[:, 0] - self._accepted[:, partner]
        return int(np.sign(clip_margins(in_margins(change, margins)).sum()))

    def _turn(self, values: Values) -> Values:
        """Rules × cases, turned so that more is worse."""
        rows: Iterable[Values] = (
            turn_sign(self._run, key, row) for key, row in zip(self._keys, values, strict=True)
        )
        return np.array([*rows]).reshape(values.shape)
