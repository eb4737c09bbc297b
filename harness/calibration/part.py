"""One trial of a run that holds many, as the gate sees a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.calibration.plan import Trial
from harness.runs import Manifest
from harness.sheet import ABSENT, Grid, Key, Sheet
from harness.types import Case, Suite


@dataclass(frozen=True)
class Part(Sheet):
    """One trial of a run, under the names of the suite: numbers that were read once for all trials."""

    numbers: Grid
    rows: dict[Key, int]

    def grid(self, keys: Sequence[Key]) -> Grid:
        """These numbers; ABSENT where the run has none."""
        at = np.array([self.rows.get(key, -1) for key in keys], np.intp)
        there = (at >= 0)[:, None]
        values = np.where(there, self.numbers.values[at], np.nan)
        return Grid(values, np.where(there, self.numbers.states[at], ABSENT), self.numbers.reasons)

    def keys(self) -> tuple[Key, ...]:
        """Every number that the run has."""
        return tuple(self.rows)


class Whole:
    """A run of many trials, read once."""

    def __init__(self, sheet: Sheet, suite: Suite) -> None:
        """`suite`: what was calibrated, whose names and rules hold."""
        self._sheet, self._suite = sheet, suite
        keys = sheet.keys()
        self._numbers, self._rows = sheet.grid(keys), {key: row for row, key in enumerate(keys)}

    def part(self, trial: Trial, known: Mapping[tuple[str, str, int], str]) -> tuple[Part, dict[str, str]]:
        """A trial as a run of the suite, and which of its cases is which of this run. `known`: scene, model and seed ->
        id in the baseline; a seed that is not in it gets an id of its own.
        """
        suite = {model.name: model for model in self._suite.models}
        called = {now: was for was, now in trial.models}
        columns, cases, origin = [], [], {}
        for column, case in enumerate(self._sheet.manifest.cases):
            if case.model.name not in called or (trial.seeds and case.seed not in trial.seeds):
                continue
            model = suite[called[case.model.name]]
            case_id = known.get((case.scene, model.name, case.seed), f"{case.id}-{model.name}")
            renamed = replace(case, id=case_id, model=model)
            columns.append(column)
            cases.append(renamed)
            origin[case_id] = case.id
        manifest = self._manifest(trial, tuple(cases))
        ended = {mine: self._sheet.ended[theirs] for mine, theirs in origin.items() if theirs in self._sheet.ended}
        grid = Grid(self._numbers.values[:, columns], self._numbers.states[:, columns], self._numbers.reasons)
        return Part(self._sheet.folder, manifest, ended, None, grid, self._rows), origin

    def _manifest(self, trial: Trial, cases: tuple[Case, ...]) -> Manifest:
        whole = self._sheet.manifest
        called = dict(trial.models)
        suite = replace(
            self._suite,
            models=tuple(model for model in self._suite.models if model.name in called),
            seeds=trial.seeds or self._suite.seeds,
        )
        pipelines = {was: whole.pipelines[now] for was, now in trial.models}
        return replace(whole, suite=suite, pipelines=pipelines, cases=cases)
