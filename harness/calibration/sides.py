"""One side of a trial, in the form in which the gate reads a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.calibration.plan import Side
from editproof.harness.records.cases import Case
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.number_grid import ABSENT, NumberGrid, NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Model, Suite


@dataclass(frozen=True, kw_only=True)
class SideRun(Run):
    """Some columns of a run, under the suite's names. Its numbers are read once for all trials. Its
    pictures lie in the run's folder, under the hashes in `endings`.
    """

    numbers: NumberGrid
    rows: dict[NumberKey, int]
    origin: dict[str, str]
    """Id of a case -> its id in the run's folder."""

    def number_grid(
        self, keys: Sequence[NumberKey], case_ids: Sequence[str] | None = None
    ) -> NumberGrid:
        """These numbers of all cases, or of `case_ids` only; ABSENT where the run has none."""
        rows = np.array([self.rows.get(key, -1) for key in keys], np.intp)
        columns = np.arange(self.numbers.values.shape[1])
        if case_ids is not None:
            columns = np.array([self.column_of[case_id] for case_id in case_ids], np.intp)
        is_known = (rows >= 0)[:, None]
        values = np.where(is_known, self.numbers.values[np.ix_(rows, columns)], np.nan)
        states = np.where(is_known, self.numbers.states[np.ix_(rows, columns)], ABSENT)
        return NumberGrid(values, states, self.numbers.reasons)

    def number_keys(self) -> tuple[NumberKey, ...]:
        """Every number that the run has."""
        return tuple(self.rows)


class LoadedRun:
    """A run of many trials, read once."""

    def __init__(self, run: Run, suite: Suite) -> None:
        """`suite` is what is calibrated. Its rules hold."""
        self.run, self._suite = run, suite
        keys = run.number_keys()
        self._numbers, self._rows = (
            run.number_grid(keys),
            {key: row for row, key in enumerate(keys)},
        )

    def select_side(self, side: Side, case_ids: Mapping[tuple[str, str, int], str]) -> SideRun:
        """Select one side of a trial, as a run of the suite.

        `case_ids` maps scene, model and seed to the id in the suite's own run. Other seeds get an
        id of their own. A name that the suite does not have stands for a model of that name.
        """
        suite = {model.name: model for model in self._suite.models}
        names_of_run: dict[str, list[str]] = {}
        for was, now in side.models:
            names_of_run.setdefault(now, []).append(was)
        columns, cases, origin = [], [], {}
        for column, case in enumerate(self.run.manifest.cases):
            if side.seeds and case.seed not in side.seeds:
                continue
            for name in names_of_run.get(case.model.name, ()):
                case_id = case_ids.get((case.scene, name, case.seed), f"{case.id}-{name}")
                columns.append(column)
                cases.append(
                    replace(case, id=case_id, model=suite.get(name, Model(name, case.model.spec)))
                )
                origin[case_id] = case.id
        ended = {
            mine: self.run.endings[theirs]
            for mine, theirs in origin.items()
            if theirs in self.run.endings
        }
        grid = NumberGrid(
            self._numbers.values[:, columns],
            self._numbers.states[:, columns],
            self._numbers.reasons,
        )
        return SideRun(
            self.run.folder,
            self._manifest(side, tuple(cases)),
            ended,
            numbers=grid,
            rows=self._rows,
            origin=origin,
        )

    def _manifest(self, side: Side, cases: tuple[Case, ...]) -> Manifest:
        whole, names_of_run = self.run.manifest, dict(side.models)
        models = tuple(model for model in self._suite.models if model.name in names_of_run)
        suite = replace(self._suite, models=models, seeds=side.seeds or self._suite.seeds)
        pipelines = {was: whole.pipelines[now] for was, now in side.models}
        return replace(whole, suite=suite, pipelines=pipelines, cases=cases)
