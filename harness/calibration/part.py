"""One side of a trial, as the gate sees a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.calibration.plan import Side
from editproof.harness.records.runs import Manifest
from editproof.harness.records.sheet import ABSENT, Grid, Key, Sheet
from editproof.harness.records.types import Case, Model, Suite


@dataclass(frozen=True)
class Part(Sheet):
    """Some columns of a run, under the names of the suite: numbers that were read once for all
    trials. Its pictures lie in the run's folder, under the hashes in `ended`.
    """

    numbers: Grid
    rows: dict[Key, int]
    origin: dict[str, str]
    """Id of a case -> its id in the run's folder."""

    def grid(self, keys: Sequence[Key], ids: Sequence[str] | None = None) -> Grid:
        """These numbers of all cases, or of those that `ids` names; ABSENT where the run has
        none.
        """
        at = np.array([self.rows.get(key, -1) for key in keys], np.intp)
        columns = np.arange(self.numbers.values.shape[1])
        if ids is not None:
            columns = np.array([self.columns[case_id] for case_id in ids], np.intp)
        there = (at >= 0)[:, None]
        values = np.where(there, self.numbers.values[np.ix_(at, columns)], np.nan)
        states = np.where(there, self.numbers.states[np.ix_(at, columns)], ABSENT)
        return Grid(values, states, self.numbers.reasons)

    def keys(self) -> tuple[Key, ...]:
        """Every number that the run has."""
        return tuple(self.rows)


class Whole:
    """A run of many trials, read once."""

    def __init__(self, sheet: Sheet, suite: Suite) -> None:
        """`suite`: what was calibrated, whose rules hold."""
        self.sheet, self._suite = sheet, suite
        keys = sheet.keys()
        self._numbers, self._rows = sheet.grid(keys), {key: row for row, key in enumerate(keys)}

    def part(self, side: Side, known: Mapping[tuple[str, str, int], str]) -> Part:
        """A side of a trial as a run of the suite. `known`: scene, model and seed -> id in the
        suite's own run; a seed that is not in it gets an id of its own. A name that the suite does
        not have stands for a model of that name.
        """
        suite = {model.name: model for model in self._suite.models}
        called: dict[str, list[str]] = {}
        for was, now in side.models:
            called.setdefault(now, []).append(was)
        columns, cases, origin = [], [], {}
        for column, case in enumerate(self.sheet.manifest.cases):
            if side.seeds and case.seed not in side.seeds:
                continue
            for name in called.get(case.model.name, ()):
                case_id = known.get((case.scene, name, case.seed), f"{case.id}-{name}")
                columns.append(column)
                cases.append(
                    replace(case, id=case_id, model=suite.get(name, Model(name, case.model.spec)))
                )
                origin[case_id] = case.id
        ended = {
            mine: self.sheet.ended[theirs]
            for mine, theirs in origin.items()
            if theirs in self.sheet.ended
        }
        grid = Grid(
            self._numbers.values[:, columns],
            self._numbers.states[:, columns],
            self._numbers.reasons,
        )
        return Part(
            self.sheet.folder,
            self._manifest(side, tuple(cases)),
            ended,
            None,
            grid,
            self._rows,
            origin,
        )

    def _manifest(self, side: Side, cases: tuple[Case, ...]) -> Manifest:
        whole, called = self.sheet.manifest, dict(side.models)
        models = tuple(model for model in self._suite.models if model.name in called)
        suite = replace(self._suite, models=models, seeds=side.seeds or self._suite.seeds)
        pipelines = {was: whole.pipelines[now] for was, now in side.models}
        return replace(whole, suite=suite, pipelines=pipelines, cases=cases)
