"""Drift: how much a number changes a turn, where outputs are edited again.

Each chain of turns gets a slope by least squares. The slopes of a scene's seeds are averaged, and
the mean over scenes has a 95 % interval by Student's t. So scenes count. The turns of a chain, each
made from the one before, do not count as samples. Of a single scene the seeds count instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import Region

DRIFT_KEYS = (
    NumberKey("psnr", "keep", "mean"),
    NumberKey("psnr", "edit", "mean"),
    NumberKey("lpips", "edit", "mean"),
)
"""Numbers whose drift is shown, those that a person sees first."""

BLIND_KEYS = (NumberKey("outside_change", "keep", "p99"),)
"""The same where no right answer is known: how far the picture is from the first input."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TurnDrift:
    """How much one number of a model changes a turn."""

    model: str
    family: str
    """Empty: over all families."""
    metric: str
    """Name, without variant and version."""
    region: Region
    stat: str
    unit: str
    slope: float
    """Change a turn, in `unit`."""
    interval: tuple[float, float] | None
    """95 % interval of the slope; None: one chain has none."""
    samples: int
    """Scenes that the interval is over; of a single scene its seeds."""

    @property
    def is_plain(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def measure_turn_drift(run: Run, *, by_family: bool = False) -> tuple[TurnDrift, ...]:
    """The drift of every model, over all families or in each, in the order of the run. A number
    without two values in any chain has none.
    """
    chains = _find_chains(run)
    if not chains:
        return ()
    keys = [key for key in (*DRIFT_KEYS, *BLIND_KEYS) if key.metric in run.manifest.metrics]
    values = dict(zip(keys, run.number_grid(keys).values, strict=True))
    groups: dict[tuple[str, str], list[list[int]]] = {}
    for columns in chains:
        case = run.manifest.cases[columns[0]]
        groups.setdefault((case.model.name, case.family if by_family else ""), []).append(columns)
    return tuple(
        drift
        for (model, family), own in groups.items()
        for drift in (
            _measure_group(run, model, family, own, values, DRIFT_KEYS)
            or _measure_group(run, model, family, own, values, BLIND_KEYS)
        )
    )


def _find_chains(run: Run) -> list[list[int]]:
    """Columns of the chains of more than one turn."""
    found: dict[tuple[object, ...], list[int]] = {}
    if all(turn == 1 for turn in run.case_table.column("turn")):
        return []
    for column, case in enumerate(run.manifest.cases):
        found.setdefault(case.chain, []).append(column)
    return [columns for columns in found.values() if len(columns) > 1]


def _measure_group(
    run: Run,
    model: str,
    family: str,
    chains: Sequence[list[int]],
    values: Mapping[NumberKey, Values],
    keys: Sequence[NumberKey],
) -> list[TurnDrift]:
    """The drift of some numbers over some chains."""
    found = (
        _measure_number(run, model, family, chains, values[key], key)
        for key in keys
        if key in values
    )
    return [drift for drift in found if drift]


def _measure_number(
    run: Run, model: str, family: str, chains: Sequence[list[int]], values: Values, key: NumberKey
) -> TurnDrift | None:
    """The drift of one number; None: no chain has two values."""
    scenes: dict[tuple[str, str], list[float]] = {}
    for columns in chains:
        case = run.manifest.cases[columns[0]]
        turns = np.array([run.manifest.cases[column].turn for column in columns], np.float64)
        for slope in _fit_slope(turns, values[columns]):
            scenes.setdefault((case.family, case.first_turn_name), []).append(slope)
    if not scenes:
        return None
    seeds = [slope for slopes in scenes.values() for slope in slopes]
    samples = seeds if len(scenes) == 1 else [float(np.mean(slopes)) for slopes in scenes.values()]
    unit = run.manifest.metrics[key.metric].unit_of(key.stat)
    slope = float(np.mean(samples))
    return TurnDrift(model, family, *key, unit, slope, _find_interval(samples), len(samples))


def _fit_slope(turns: Values, values: Values) -> Iterator[float]:
    """The slope by least squares; none where fewer than two turns have a value. Less than 1e-9 is
    what rounding leaves of equal numbers.
    """
    known = np.isfinite(values)
    if known.sum() > 1:
        across = turns[known] - turns[known].mean()
        yield round(float((across * values[known]).sum() / np.square(across).sum()), 9)


def _find_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean; None: of one sample."""
    from scipy.special import stdtrit

    count = len(samples)
    if count < 2:
        return None
    reach = float(stdtrit(count - 1, 0.975) * np.std(samples, ddof=1) / math.sqrt(count))
    mean = float(np.mean(samples))
    return mean - reach, mean + reach
