"""What a night leaves in the history: made of a run and its verdict.

The score of an aspect is what a series is made of. Every number of the aspect that has a margin is
counted in its margins, turned so that more is worse. The score is the mean over a case's numbers,
then over a scene's seeds, then over the scenes of the family. So 1 is a margin in every number of
every scene.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from editproof.harness.gate.noise_floors import NO_NOISE, NoiseFloor
from editproof.harness.gate.numbers import Margins, Numbers, read
from editproof.harness.gate.statistics import Scenes, Values, group_scenes, noise
from editproof.harness.history.night_tables import Kind, Rows, encode_night, parse_time
from editproof.harness.records.accepted_cases import load_accepted_cases, load_pairs
from editproof.harness.records.cases import Case
from editproof.harness.records.nights import NIGHT_SCHEMA, Night, WaivedFinding
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Judgement, Outcome
from editproof.harness.records.vocabulary import ASPECTS


@dataclass(frozen=True, slots=True)
class NightPart:
    """A night's file, with its name."""

    night: Night
    name: str
    data: bytes


@dataclass(frozen=True)
class _Group:
    """The cases of a family and model that have ended, and their numbers in margins."""

    family: str
    model: str
    cases: tuple[Case, ...]
    raw: Values
    """Numbers × cases, as measured."""
    scores: Values
    """The same in margins, more is worse; NaN: not measured, or it has no margin."""
    accepted: Values
    """The scores of the baseline; NaN: a case was compared with nothing."""
    margins: Values


def make_part(run: Run, commit: str, floor: NoiseFloor = NO_NOISE) -> NightPart:
    """The part of a run. `commit`: of the user's repository; empty: not known. Raises
    DamagedError.
    """
    night = describe_night(run, commit)
    return NightPart(night, name_part(night), encode_night(night, summarise(run, floor, commit)))


def describe_night(run: Run, commit: str) -> Night:
    """What is known of a run as a whole."""
    manifest, verdict = run.manifest, run.verdict
    errors = sum(bool(ending.error) for ending in run.endings.values()) + len(run.missing)
    return Night(
        NIGHT_SCHEMA,
        manifest.editproof,
        manifest.suite.name,
        run.folder.name,
        parse_time(manifest.created).isoformat(timespec="seconds"),
        commit,
        verdict.outcome.value if verdict else "",
        int(verdict.exit_code) if verdict else None,
        len(manifest.cases),
        errors,
        {name: text for name, text in manifest.versions.items() if name != "editproof"},
        manifest.machine,
        load_pairs(run.folder).digest,
        tuple(
            WaivedFinding(one.families, one.models, one.text)
            for one in (verdict.findings if verdict else ())
            if one.outcome is Outcome.WAIVED
        ),
    )


def name_part(night: Night) -> str:
    """The name of a night's file: equal for one run, however often it is added."""
    stamp = parse_time(night.created).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(f"{night.suite}/{night.run}".encode()).hexdigest()
    return f"{stamp}-{digest[:8]}.parquet"


def summarise(run: Run, floor: NoiseFloor = NO_NOISE, commit: str = "") -> dict[Kind, Rows]:
    """The rows of a run, by their kind. `commit`: as for `make_part`."""
    columns = [run.column_of[case_id] for case_id in run.endings]
    keys = run.number_keys()
    numbers = read(run, [_find_accepted(run)], keys=keys, ours=columns, theirs=columns)
    margins = Margins(run, keys, floor)
    groups: dict[tuple[str, str], list[int]] = {}
    for column in columns:
        case = run.manifest.cases[column]
        groups.setdefault((case.family, case.model.name), []).append(column)
    gathered = [
        _gather(run, numbers, own, family, model, margins)
        for (family, model), own in groups.items()
    ]
    judged = {(one.family, one.model, one.aspect): one for one in _list_judgements(run)}
    return {
        "aspect": _transpose(
            row for group in gathered for row in _list_aspects(run, numbers, group, judged)
        ),
        "number": _transpose(
            row for group in gathered for row in _list_numbers(run, numbers, group)
        ),
        "case": _transpose(_list_cases(run, commit)),
    }


def _find_accepted(run: Run) -> Run:
    """The run as it would be, had every case the numbers of the accepted one."""
    cases = load_accepted_cases(run.folder)
    if not cases.pairs.ids:
        return Run.of_records(run.folder, run.manifest, ())
    known = ((record, cases.get(record.case.id)) for record in run.records)
    records = [replace(one, measurements=other.measurements) for one, other in known if other]
    return Run.of_records(run.folder, run.manifest, records)


def _list_judgements(run: Run) -> tuple[Judgement, ...]:
    return run.verdict.judgements if run.verdict else ()


def _gather(
    run: Run, numbers: Numbers, columns: Sequence[int], family: str, model: str, margins: Margins
) -> _Group:
    found = margins.find(family, model, cases=1)
    own = np.where(found > 0, found, np.nan)
    [theirs] = numbers.theirs
    turned, accepted = (
        np.stack([side[column] for column in columns], axis=1) for side in (numbers.ours, theirs)
    )
    return _Group(
        family,
        model,
        tuple(run.manifest.cases[column] for column in columns),
        np.stack([numbers.raw_ours[column] for column in columns], axis=1),
        turned / own[:, None],
        accepted / own[:, None],
        own,
    )


def _list_aspects(
    run: Run,
    numbers: Numbers,
    group: _Group,
    judged: Mapping[tuple[str, str, str], Judgement],
) -> Iterator[dict[str, Any]]:
    for place, aspect in enumerate(ASPECTS):
        rows = np.flatnonzero((numbers.aspects == place) & ~np.isnan(group.margins))
        known = ~np.isnan(group.scores[rows])
        used = np.flatnonzero(known.any(axis=0))
        if not len(used):
            continue
        scenes = group_scenes(np.array([group.cases[column].name for column in used]))
        scores = _average_numbers(group.scores[np.ix_(rows, used)])
        accepted = _average_numbers(group.accepted[np.ix_(rows, used)])
        means = _average_seeds(scores, scenes)
        spread, freedom = noise(scores[None], scenes)
        told = judged.get((group.family, group.model, aspect))
        yield {
            "family": group.family,
            "model": group.model,
            "aspect": aspect,
            "value": float(means.mean()),
            "spread": float(spread[0]) if freedom[0] else None,
            "samples": len(used),
            "scenes": len(means),
            "made_of": _sign(run, numbers, group, rows, known),
            "outcome": told.outcome.value if told else None,
            "jod": told.jod if told else None,
            "lost": told.lost if told else None,
            "won": told.won if told else None,
            "accepted": float(_average_seeds(accepted, scenes).mean()),
        }


def _average_numbers(scores: Values) -> Values:
    """The score of each case, from those of its numbers; NaN: it has none."""
    counts = (~np.isnan(scores)).sum(axis=0)
    sums = np.nansum(scores, axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _average_seeds(scores: Values, scenes: Scenes) -> Values:
    """The score of each scene, from those of its cases."""
    means = scenes.sum_by_scene(scores[None])[0]
    return np.asarray(means / scenes.sum_by_scene(np.ones((1, len(scores))))[0], np.float64)


def _sign(
    run: Run,
    numbers: Numbers,
    group: _Group,
    rows: npt.NDArray[np.intp],
    known: npt.NDArray[np.bool_],
) -> int:
    """A checksum of what was measured: cases, numbers, versions of metrics, and margins."""
    identities = run.manifest.metrics
    names = [
        f"{identities[numbers.keys[row].metric].identity} {numbers.keys[row].region}"
        f" {numbers.keys[row].stat} {group.margins[row]:.6g}"
        for row in rows
    ]
    measured = "\n".join(
        f"{case.id} {','.join(map(str, np.flatnonzero(known[:, column])))}"
        for column, case in sorted(enumerate(group.cases), key=lambda pair: pair[1].id)
    )
    return zlib.crc32("\n".join([*names, measured]).encode())


def _list_numbers(run: Run, numbers: Numbers, group: _Group) -> Iterator[dict[str, Any]]:
    by_scene: dict[tuple[int, str], list[int]] = {}
    for column, case in enumerate(group.cases):
        by_scene.setdefault((case.step, case.name), []).append(column)
    for row in np.flatnonzero(~np.isnan(group.margins)):
        key = numbers.keys[row]
        info = run.manifest.metrics[key.metric]
        for (step, scene), columns in by_scene.items():
            values = group.raw[row, columns]
            values = values[~np.isnan(values)]
            if len(values):
                yield {
                    "family": group.family,
                    "model": group.model,
                    "scene": scene,
                    "step": step,
                    "aspect": ASPECTS[numbers.aspects[row]],
                    "metric": info.identity,
                    "region": key.region,
                    "stat": key.stat,
                    "unit": info.unit_of(key.stat),
                    "value": float(values.mean()),
                    "spread": float(values.std(ddof=1)) if len(values) > 1 else None,
                    "samples": len(values),
                    "margin": float(group.margins[row]),
                }


def _list_cases(run: Run, commit: str) -> Iterator[dict[str, Any]]:
    verdict = run.verdict
    changes = {one.case_id: one.outcome.value for one in verdict.changes} if verdict else {}
    for case_id, ending in run.endings.items():
        case = run.manifest.cases[run.column_of[case_id]]
        yield {
            "family": case.family,
            "model": case.model.name,
            "scene": case.name,
            "step": case.step,
            "seed": case.repeat or case.seed,
            "case_id": case_id,
            "fingerprint": _find_fingerprint(run, case, commit),
            "picture": ending.actual,
            "status": ending.status,
            "outcome": changes.get(case_id, "unchanged") if verdict and verdict.baseline else None,
            "cached": ending.cached,
        }


def _find_fingerprint(run: Run, case: Case, commit: str) -> str:
    """Equal where nothing changed that could change the outcome, as far as it is known. The source
    of a pipeline without a fingerprint is one file, and it may import others: so its commit counts.
    """
    manifest = run.manifest
    pipeline = manifest.pipelines[case.model.name]
    facts = [
        case.key or f"{case.id} {pipeline.spec} {pipeline.source} {commit}",
        *(f"{name} {text}" for name, text in sorted(manifest.versions.items())),
        *(f"{name} {text}" for name, text in sorted(manifest.machine.items())),
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _transpose(rows: Iterator[dict[str, Any]]) -> Rows:
    """Rows as columns; of no rows, the one column that every kind has."""
    listed = list(rows)
    return {name: [row[name] for row in listed] for name in (listed[0] if listed else ("family",))}
