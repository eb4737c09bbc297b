"""Histories made by hand: nights, and series of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from editproof.harness.history.series import SeriesTable
from editproof.harness.records.nights import NIGHT_SCHEMA, Night

FIRST = datetime.fromisoformat("2026-01-01T02:00:00+00:00")


def night(number: int, **fields: object) -> Night:
    """A night of the suite `made`, so many days after the first."""
    created = (FIRST + timedelta(days=number)).isoformat(timespec="seconds")
    made = Night(
        NIGHT_SCHEMA, "0", "made", f"made-{number}", created, f"{number:040x}", "unchanged", 0, 10,
        0, {"torch": "2.4"}, {"device": "cpu"},
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def table_of(
    *series: Sequence[float] | npt.NDArray[np.float64],
    jods: Sequence[float] = (),
    nights: Mapping[int, Night] | None = None,
    made_of: Sequence[int] = (),
    error: float = np.nan,
) -> SeriesTable:
    """A table of these series, all of one length; the first is of the family `f0`. `error`: of
    every night, by its seeds.
    """
    values = np.array(series, np.float64)
    shape = values.shape
    return SeriesTable(
        tuple((nights or {}).get(number, night(number)) for number in range(shape[1])),
        tuple((f"f{row}", "ns", "structure") for row in range(shape[0])),
        values,
        np.full(shape, error),
        np.full(shape, 10.0),
        np.tile(jods, (shape[0], 1)) if len(jods) else np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.tile(np.array(made_of or [1] * shape[1], np.int64), (shape[0], 1)),
    )


def noise(nights: int, spread: float = 0.1, seed: int = 0) -> npt.NDArray[np.float64]:
    """So many nights that nothing changed in."""
    return np.random.default_rng(seed).normal(0, spread, nights)
