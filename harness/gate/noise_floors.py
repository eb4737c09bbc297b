"""The noise floor: how far a measurement moves though nothing has changed. Measured from runs, kept
as a TOML file.

Runs of the same pipelines tell two things about every metric, region, statistic, family and model.
*Between seeds*: the standard deviation of the difference of two seeds of one scene, pooled over
scenes; it shrinks as more cases are averaged. *Between repeats*: the largest difference of one case
on one seed, e.g. with another number of threads; it need not shrink. Where a case gives one of
several pictures (`modes.py`), what differs within its most frequent outcome is noise, and no more.
"""

from __future__ import annotations

import itertools
import json
import math
import tomllib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from editproof.harness.gate.statistics import Values, group_scenes, measure_badness, noise
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.number_grid import MEASURED, NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.suites.settings import convert_shown, read_toml

MOST_BYTES = 16 << 20
"""Of a noise file."""

LEVEL = 0.975
"""Share of clean changes that stay below the floor: one-sided."""
SURE = 0.95
"""Confidence with which the standard deviation is not larger than assumed."""


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file. Numbers are in the metric's unit."""

    family: str
    model: str
    metric: str
    """Identity."""
    region: str
    stat: str
    sd: float = 0.0
    """Standard deviation of the change from one seed to another; 0: one seed only, or no change."""
    freedom: int = 0
    """Its degrees of freedom: seeds beyond the first, over all scenes."""
    largest: float = 0.0
    """Largest change between two seeds of a scene."""
    repeat: float = 0.0
    """Largest change of one case between two runs."""
    repeats: int = 0
    """How many cases were in two runs or more."""

    def of_mean(self, cases: int) -> float:
        """What the mean change over so many cases reaches by chance: 97.5 % of clean reruns stay
        below, by the upper 95 % confidence bound of the standard deviation.
        """
        from scipy.special import chdtri, ndtri

        if not self.freedom or not self.sd:
            return self.repeat
        bound = self.sd * math.sqrt(self.freedom / float(chdtri(self.freedom, SURE)))
        return self.repeat + float(ndtri(LEVEL)) * bound / math.sqrt(max(cases, 1))


class Several(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case that gave more than one outcome on one seed: a line of the file."""

    case: str
    """`logo/2 patch seed 42`."""
    id: str
    runs: list[int]
    """How many runs gave each outcome, the most frequent first."""
    jod: float = 0.0
    """Between the two outcomes that are nearest to each other."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    suite: str
    runs: list[str]
    seeds: list[int]
    versions: dict[str, str]
    machine: dict[str, str]
    floors: list[Floor]
    modes: list[Several] = []


Subject = tuple[str, str, NumberKey]
"""Family, model, and the number."""


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """Everything that a noise file says."""

    source: str
    """The file."""
    floors: Mapping[Subject, Floor]
    machine: Mapping[str, str]
    modes: tuple[Several, ...] = ()

    def of(self, family: str, model: str, key: NumberKey, identity: str) -> Floor | None:
        """The floor of a number; None: it was not measured, or with another version of the
        metric.
        """
        floor = self.floors.get((family, model, key))
        return floor if floor and floor.metric == identity else None


NO_NOISE = NoiseFloor("", {}, {})


def check(reruns: Sequence[Run]) -> None:
    """Raise UsageError where runs are not of the same pipelines, or hold the same edits, so that
    they show no noise.
    """
    _check_alike(reruns)
    _check_apart(reruns)


def measure(
    reruns: Sequence[Run], usual: Mapping[str, Container[int]] | None = None
) -> list[Floor]:
    """The noise floor that these runs show. `usual`: of a case with several outcomes, places of the
    runs that count.

    Raises UsageError where the runs are not of the same pipelines, or show none.
    """
    check(reruns)
    keys = tuple(dict.fromkeys(key for run in reruns for key in run.number_keys()))
    pools = [_read_values(run, keys) for run in reruns]
    cases = {
        case.id: case for run in reruns for case in run.manifest.cases if case.id in run.endings
    }
    ids = list(cases)
    stacked = np.stack(
        [_align_values(values, run, ids) for values, run in zip(pools, reruns, strict=True)]
    )
    for case_id, counted in (usual or {}).items():
        stacked[
            [place for place in range(len(reruns)) if place not in counted], :, ids.index(case_id)
        ] = np.nan
    runs_of = np.array([sum(case_id in run.endings for run in reruns) for case_id in ids])
    groups: dict[tuple[str, str], list[int]] = {}
    for column, case in enumerate(cases.values()):
        groups.setdefault((case.family, case.model.name), []).append(column)
    floors = []
    for (family, model), columns in groups.items():
        names = np.array([cases[ids[column]].name for column in columns])
        part = stacked[:, :, columns]
        floors += _measure_floors(
            family, model, keys, part, names, int((runs_of[columns] > 1).sum()), reruns[0]
        )
    if not any(floor.freedom or floor.repeats for floor in floors):
        raise UsageError(
            "these runs show no noise: each case is there once, on one seed. Add a second run of"
            " the same pipelines, or run a stochastic one on more seeds: editproof run --seed 1"
            " --seed 2 …"
        )
    return floors


def write(
    path: Path, reruns: Sequence[Run], floors: Iterable[Floor], modes: Iterable[Several] = ()
) -> None:
    """Write the file, its evidence beside every number."""
    from editproof.harness.records.json_files import write_atomically

    manifest = reruns[0].manifest
    seeds = sorted({case.seed for run in reruns for case in run.manifest.cases})
    lines = [
        (
            "# How far measurements move when nothing has changed: `editproof noise` measured it."
            " Name this file as `noise` in"
        ),
        (
            "# editproof.toml or a suite, and margins come from it. sd: of the change from one seed"
            " to another; freedom: how many"
        ),
        (
            "# changes it rests on; largest: of those; repeat: largest change of a case between two"
            " runs, in `repeats` cases."
        ),
        f"suite = {json.dumps(manifest.suite.name)}",
        f"runs = {json.dumps([run.folder.name for run in reruns])}",
        f"seeds = {json.dumps(seeds)}",
        *_format_table("versions", manifest.versions),
        *_format_table("machine", manifest.machine),
        *_format_rows("floors", floors),
        "",
        (
            "# Cases that gave visibly different pictures on one seed: how many runs gave each, and"
            " how far apart they are, JOD."
        ),
        *_format_rows("modes", modes),
    ]
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    write_atomically(path, text.encode())


def read(path: Path) -> NoiseFloor:
    """Read a noise file. Raises UsageError naming file and key."""
    if not path.is_file():
        raise UsageError(
            f"there is no noise file {path}. `editproof noise RUN --out {path.name}` writes one"
        )
    file = convert_shown(read_toml(path, MOST_BYTES), _File, path)
    floors = {}
    for floor in file.floors:
        name = floor.metric.partition("@")[0].partition("[")[0]
        floors[floor.family, floor.model, NumberKey(name, floor.region, floor.stat)] = floor  # type: ignore[arg-type]
    return NoiseFloor(str(path), floors, file.machine, tuple(file.modes))


def _check_alike(reruns: Sequence[Run]) -> None:
    """Raise UsageError where two runs are not of the same suite, pipelines, metrics and machine."""
    parts = ("metrics", "machine", "pipelines", "suite.name", "suite.size", "suite.scale")
    for run in reruns[1:]:
        for one in manifest_differences(reruns[0].manifest, run.manifest, *parts):
            pipeline = one.part == "pipelines"
            if pipeline and None in {one.before, one.now}:  # a model of one run only says nothing
                continue
            what = one.name.replace("pipelines.", "pipeline ") if pipeline else one.part
            raise UsageError(
                f"{reruns[0].folder} and {run.folder} differ in their {what}: the noise floor is"
                " what differs when nothing has changed. Name runs of the same suite and"
                " pipelines"
            )


def _check_apart(reruns: Sequence[Run]) -> None:
    """Raise UsageError where two runs hold the same edits, so that nothing was repeated."""
    for one, other in itertools.combinations(reruns, 2):
        again = bool(one.manifest.edits_of or other.manifest.edits_of)
        pairs = [
            (one.endings[case_id], other.endings[case_id])
            for case_id in one.endings.keys() & other.endings.keys()
        ]
        # Two edits do not take the same time to the last bit.
        if any(
            (again or mine.cached or theirs.cached) and mine.seconds == theirs.seconds
            for mine, theirs in pairs
        ):
            raise UsageError(
                f"{one.folder} and {other.folder} hold the same edits, from the cache or measured"
                " again: nothing is repeated. Run one of them with --no-cache"
            )


def _read_values(run: Run, keys: Sequence[NumberKey]) -> Values:
    grid = run.number_grid(keys)
    better = [run.manifest.metrics[key.metric].better for key in keys]
    rows = [measure_badness(row, way) for row, way in zip(grid.values, better, strict=True)]
    return np.where(grid.states == MEASURED, np.stack(rows), np.nan)


def _align_values(values: Values, run: Run, ids: Sequence[str]) -> Values:
    at = np.array([run.column_of.get(case_id, -1) for case_id in ids])
    return np.where(at >= 0, values[:, np.maximum(at, 0)], np.nan)


def _measure_floors(
    family: str,
    model: str,
    keys: Sequence[NumberKey],
    values: Values,
    names: npt.NDArray[np.str_],
    repeats: int,
    run: Run,
) -> list[Floor]:
    """`values` is runs × numbers × cases."""
    there = np.asarray(~np.isnan(values).all(axis=(0, 2)))
    filled_low, filled_high = (
        np.where(np.isnan(values), sign * np.inf, values) for sign in (1, -1)
    )
    low, high = filled_low.min(axis=0), filled_high.max(axis=0)
    low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
    repeat = np.nan_to_num(high - low).max(axis=1)
    middle = (high + low) / 2
    scenes = group_scenes(names)
    spread, freedom = noise(middle, scenes)
    largest = np.zeros(len(keys))
    for start, stop in zip(scenes.starts, [*scenes.starts[1:], len(names)], strict=True):
        part = middle[:, scenes.order[start:stop]]
        top = np.where(np.isnan(part), -np.inf, part).max(axis=1) - np.where(
            np.isnan(part), np.inf, part
        ).min(axis=1)
        largest = np.maximum(largest, np.where(np.isfinite(top), top, 0.0))
    return [
        Floor(
            family=family,
            model=model,
            metric=run.manifest.metrics[key.metric].identity,
            region=key.region,
            stat=key.stat,
            sd=_round_number(math.sqrt(2) * float(spread[row])) if freedom[row] else 0.0,
            freedom=int(freedom[row]),
            largest=_round_number(float(largest[row])),
            repeat=_round_number(float(repeat[row])),
            repeats=repeats,
        )
        for row, key in enumerate(keys)
        if there[row]
    ]


def _round_number(value: float) -> float:
    return float(f"{value:.4g}")


def _format_toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _format_rows(name: str, rows: Iterable[msgspec.Struct]) -> list[str]:
    """A list of tables, one a line; what is nothing is left out."""
    told = [
        {key: value for key, value in msgspec.structs.asdict(row).items() if value} for row in rows
    ]
    lines = [
        f"  {{ {', '.join(f'{key} = {_format_toml(value)}' for key, value in row.items())} }},"
        for row in told
    ]
    return [f"{name} = [", *lines, "]"]


def _format_table(name: str, values: Mapping[str, str]) -> list[str]:
    pairs = (f"{json.dumps(key)} = {_format_toml(value)}" for key, value in values.items())
    return [f"{name} = {{ {', '.join(pairs)} }}"]
