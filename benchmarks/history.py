"""What the history finds, how soon, and how often it is wrong: `python -m benchmarks.history`.

It writes HISTORY.md. The noise of a series is that of a real run: with a run's folder as argument,
it reads the noise of the run's stochastic models, and writes `history_noise.json`. A night that
draws fresh seeds moves a score by the spread between seeds over the root of its pictures.

The rules were chosen on histories of other random numbers than those of FIRST_SEED and after.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from editproof.harness.history.cusum import find_limit
from editproof.harness.history.night_tables import FLOATS, Kind, Rows, encode_night
from editproof.harness.history.series import SeriesTable
from editproof.harness.history.summarise import describe_night, summarise
from editproof.harness.history.trends import FALSE_DISCOVERY, LEAST_SIZE, find_trends
from editproof.harness.records import runs
from editproof.harness.records.nights import NIGHT_SCHEMA, Night, SeriesTrend

NOISE = Path(__file__).with_name("history_noise.json")

SERIES = 459
"""Of the suite `nightly`: 17 families, 3 models, 9 aspects."""
MODELS = 3
NIGHT_CASES = 475
NIGHT_SCENES = 285
"""Scenes of that suite, counted for each model."""
SEEDS = 3
PICTURES = 15
"""Of a family and a stochastic model in it: five steps, three seeds."""
FREEDOM = 10
"""Of the spread between their seeds: two a step."""
FIRST_SEED = 8_000_000
HISTORIES = 200
PROCESSES = 4
BEFORE = 30
"""Nights before anything changes."""
CLEAN_NIGHTS = 50
CLEAN_HISTORIES = 20

Values = npt.NDArray[np.float64]


def main() -> None:
    """Measure, and write the page; or read the noise of a run."""
    if len(sys.argv) > 1:
        read_noise(Path(sys.argv[1]))
        return
    noise = json.loads(NOISE.read_text())
    spreads = np.array(noise["spreads"]) / math.sqrt(PICTURES)
    seeds = range(FIRST_SEED, FIRST_SEED + HISTORIES)
    some = seeds[:CLEAN_HISTORIES]
    with ProcessPoolExecutor(PROCESSES) as pool:
        steps = list(pool.map(partial(find_change, spreads, make_step, 3), seeds))
        drifts = list(pool.map(partial(find_change, spreads, make_drift, 9), seeds))
        equal = [
            *pool.map(partial(find_change, np.zeros(1), make_step, 1), some),
            *pool.map(partial(find_change, np.zeros(1), make_drift, 9), some),
        ]
        alarms = list(pool.map(partial(count_alarms, spreads), some))
    page = write_page(noise, steps, drifts, equal, alarms)
    Path(__file__).with_name("HISTORY.md").write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def read_noise(folder: Path) -> None:
    """Write the noise that a run's stochastic models show, and the size of its part."""
    run = runs.load(folder)
    rows = summarise(run)
    aspects = rows["aspect"]
    stochastic = {name for name, info in run.manifest.pipelines.items() if info.stochastic}
    spreads = [
        float(f"{spread:.3g}")
        for model, spread in zip(aspects["model"], aspects["spread"], strict=True)
        if model in stochastic and spread is not None
    ]
    cases = len(run.manifest.cases)
    found = {
        "suite": run.manifest.suite.name,
        "models": sorted(stochastic),
        "cases": cases,
        "part_bytes": len(encode_night(describe_night(run, "0" * 40), grow(rows, cases))),
        "spreads": spreads,
    }
    NOISE.write_text(json.dumps(found, indent=1) + "\n")


def grow(rows: Mapping[Kind, Rows], cases: int) -> dict[Kind, Rows]:
    """Rows of a night as large as one of NIGHT_CASES, from those of a smaller run: its scenes again
    and again under other names, every number a little different.
    """
    rng = np.random.default_rng(0)
    times = {"case": math.ceil(NIGHT_CASES / cases)}
    grown: dict[Kind, Rows] = {}
    for kind, columns in rows.items():
        again = times.get(kind, math.ceil(NIGHT_SCENES * SEEDS / cases))
        grown[kind] = {
            name: [_vary(name, value, turn, rng) for turn in range(again) for value in values]
            for name, values in columns.items()
        }
    return grown


def _vary(name: str, value: Any, turn: int, rng: np.random.Generator) -> Any:
    if name in {"family", "model"}:
        return f"{value}{turn // 3 if name == 'family' else turn % 3}"
    if name in {"case_id", "fingerprint", "picture"}:
        return rng.bytes(len(value) // 2).hex()
    if name == "made_of":
        return int(rng.integers(2**32))
    return value * (1 + 1e-3 * rng.normal()) if name in FLOATS and value is not None else value


def make_step(nights: int) -> Values:
    """A margin worse from its first night on."""
    return np.ones(nights)


def make_drift(nights: int) -> Values:
    """A tenth of a margin worse every night."""
    return np.arange(1, nights + 1) / 10


def find_change(
    spreads: Values, change: Callable[[int], Values], nights: int, seed: int
) -> tuple[bool, float]:
    """Whether a change of one series of the suite is found so many nights after it began; and the
    noise of that series.
    """
    table, noise = make_history(seed, spreads, BEFORE + nights)
    table.values[0, BEFORE:] += change(nights)
    found = find_trends("made", table).series
    own = next(one for one in found if one.family == "f000")
    return _is_found(own), float(noise[0])


def _is_found(trend: SeriesTrend) -> bool:
    """Whether it is said to be worse, from a night near the one that it changed in."""
    nights = [one.before for one in trend.points if one.size > 0]
    nights += [one.since for one in trend.drifts if one.size > 0]
    return any(night >= BEFORE - 4 for night in nights)


def count_alarms(spreads: Values, seed: int) -> int:
    """Series of a history without any change in which something was found on any night."""
    table, _ = make_history(seed, spreads, CLEAN_NIGHTS)
    found: set[str] = set()
    for nights in range(1, CLEAN_NIGHTS + 1):
        trends = find_trends("made", take_nights(table, nights))
        found |= {one.family for one in trends.series if one.points or one.drifts}
    return len(found)


def make_history(seed: int, spreads: Values, nights: int) -> tuple[SeriesTable, Values]:
    """A suite of three models in which nothing changes, and the noise of its series."""
    rng = np.random.default_rng(seed)
    noise = rng.choice(spreads, SERIES)
    shape = (SERIES, nights)
    values = rng.normal(size=shape) * noise[:, None]
    errors = np.sqrt(rng.chisquare(FREEDOM, shape) / FREEDOM) * noise[:, None]
    nothing = np.full(shape, np.nan)
    table = SeriesTable(
        tuple(
            Night(NIGHT_SCHEMA, "0", "made", f"{n:03}", f"{n:03}", "", "", None, 0, 0, {}, {})
            for n in range(nights)
        ),
        tuple((f"f{row:03}", f"m{row % MODELS}", "structure") for row in range(SERIES)),
        values,
        errors,
        np.full(shape, float(FREEDOM)),
        nothing,
        nothing,
        np.ones(shape, np.int64),
    )
    return table, noise


def take_nights(table: SeriesTable, nights: int) -> SeriesTable:
    """The first nights of a history."""
    fields = ("values", "errors", "freedom", "jods", "accepted", "made_of")
    some = {name: getattr(table, name)[:, :nights] for name in fields}
    return replace(table, nights=table.nights[:nights], **some)


def write_page(
    noise: dict[str, Any],
    steps: list[tuple[bool, float]],
    drifts: list[tuple[bool, float]],
    equal: list[tuple[bool, float]],
    alarms: list[int],
) -> str:
    """The page."""
    spreads = np.array(noise["spreads"]) / math.sqrt(PICTURES)
    cases = noise["cases"]
    shares = [sum(found for found, _ in rows) / len(rows) for rows in (steps, drifts, equal)]
    missed = sorted(spread for found, spread in (*steps, *drifts) if not found)
    quantiles = ", ".join(f"{value:.3f}" for value in np.quantile(spreads, (0.5, 0.9, 1)))
    rows = [
        ("a step of a margin, 3 nights after it", f"{shares[0]:.1%} found", "≥ 95 %"),
        ("a drift of a tenth of a margin a night, after 9", f"{shares[1]:.1%} found", "yes"),
        ("both where nights are bit-equal, after 1 and 9", f"{shares[2]:.1%} found", "all"),
        (
            f"{CLEAN_HISTORIES} clean histories of {CLEAN_NIGHTS} nights",
            f"{sum(alarms)} false alarms",
            "≤ 1",
        ),
        (
            f"a part of {NIGHT_CASES} cases",
            f"{noise['part_bytes'] / 1000:.0f} kB",
            "≤ 500 kB",
        ),
    ]
    table = "\n".join(f"| {what} | {found} | {wanted} |" for what, found, wanted in rows)
    worst = f" The missed ones have a noise of {missed[0]:.3f} or more." if missed else ""
    return f"""# What the history finds

Measured by `python -m benchmarks.history`: {HISTORIES} histories of {SERIES} series each, of which
one changes after {BEFORE} nights. Clean histories are examined every night.

We chose the rules on other random numbers, and first used those from seed {FIRST_SEED:,} on for
this page. An earlier set, from seed 7,000,000 on, showed 2 false alarms in 19 clean histories,
examined every night. So what seeds say now counts no more than their own degrees of freedom.

| | measured | goal |
|---|---|---|
{table}

The noise is that of the model `{", ".join(noise["models"])}` in {cases} cases, as if a night drew
fresh seeds for {PICTURES} pictures a series. From night to night, it is, in margins, {quantiles}
(median, 90 %, most of {len(spreads)} series).{worst}
With the suite's own seeds, its nights are bit-equal.

False discovery rate {FALSE_DISCOVERY:g}, least size {LEAST_SIZE:g} margins, limit of the sum
{find_limit(SERIES * 3650):.2f}.
"""


if __name__ == "__main__":
    main()
