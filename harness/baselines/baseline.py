"""Baselines: what somebody accepted, trimmed to what a comparison needs.

baseline.json          for people and for git: which outcomes, by whom, why, from which run, and how
                       far their numbers spread
manifest.json          as a run's, and so are journal.jsonl, cases.parquet and measurements.parquet
also/1/ …              further right answers for some of the cases, each like a run
blobs/                 the accepted pictures, named by their SHA-256
history/1/ …           what was there before acceptance 2, 3, …: `editproof baseline undo`
"""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from editproof.harness.records import runs, sheet
from editproof.harness.records.errors import IncompleteError, UsageError, unknown
from editproof.harness.records.runs import Journal, Manifest, Run, blob_path
from editproof.harness.records.sheet import MEASURED, Baseline, Key
from editproof.harness.records.types import Budget, Case, CaseRecord, Margin
from editproof.harness.records.wording import case_name, counted, names
from editproof.harness.running.cache import bring

KEPT_PICTURE = "actual"
INDEX = "baseline.json"
ALSO = "also"
HISTORY = "history"
KEPT_STATES = 10
"""How many acceptances can be taken back."""

_PLAIN = frozenset({"manifest.json", "journal.jsonl", "blobs"})
"""What the folder of a baseline held before there was an index."""
CONTENTS = _PLAIN | {INDEX, ALSO, HISTORY, runs.MEASUREMENTS, runs.CASES, runs.STAGES}
"""What a baseline's folder holds, and nothing else: a folder with anything more is not ours to
replace.
"""


@dataclass(frozen=True, slots=True)
class AcceptRequest:
    """What of a run is accepted, and why."""

    reason: str = ""
    author: str = ""
    """Empty: the user's name here."""
    families: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    """`family/name` or ids. Neither families nor cases: the whole run."""
    also: bool = False
    """Beside what was accepted before, instead of in its place."""

    @property
    def what(self) -> str:
        """In words."""
        return ", ".join((*self.families, *self.cases)) or "all"


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
    pictures: list[str]
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


@dataclass(frozen=True, slots=True)
class _State:
    """A baseline in memory."""

    manifest: Manifest
    records: tuple[CaseRecord, ...]
    numbers: dict[str, int]
    """Case id -> the acceptance that its record comes from."""
    also: tuple[tuple[int, Run], ...] = ()
    """Acceptance, and its further answers."""
    accepted: tuple[Acceptance, ...] = ()


def load(folder: Path) -> Baseline:
    """Read a baseline for the gate. Raises UsageError where the folder is none, or damaged."""
    return Baseline(
        sheet.load(folder), tuple(sheet.load(path) for _, path in _numbered(folder / ALSO))
    )


def accept(run: Run, target: Path, how: AcceptRequest | None = None) -> Path:
    """Write the run, or what `how` names of it, as the baseline in `target`; give its folder. What
    was there can be had back.

    Raises IncompleteError on a run with missing or failed cases, since what was not measured can't
    be held to later, and UsageError where `target` holds anything but a baseline, or one that does
    not fit.
    """
    how = how or AcceptRequest()
    _check_whole(run)
    target = target.resolve()
    _check_target(target, run.folder.resolve())
    before = _read(target) if (target / "manifest.json").is_file() else None
    after = _merged(before, run, how)
    try:
        _put(target, before, after, [run.folder])
    except FileNotFoundError as error:
        raise IncompleteError(
            f"{run.folder} can't become a baseline: {error.filename} is gone. Run it again"
        ) from error
    return target


def measure_again(target: Path, again: Callable[[Run], Run], how: AcceptRequest) -> Path:
    """Put the numbers that `again` finds for the accepted pictures in the place of those there;
    give the folder.

    Raises IncompleteError where a picture could not be measured, and UsageError where `target` is
    no baseline.
    """
    target = target.resolve()
    foreign = _foreign(target)
    if foreign:
        raise UsageError(
            f"{target} is not a baseline (it holds {foreign}). A run is measured by `editproof"
            " measure`"
        )
    before = _read(target)
    main = again(Run(target, before.manifest, before.records, None))
    # Further answers' pictures lie beside the first ones'.
    also = [(number, again(replace(run, folder=target))) for number, run in before.also]
    for run in (main, *(run for _, run in also)):
        _check_measured(target, run)
    acceptance = replace(
        how, reason=how.reason or f"measured again with editproof {main.manifest.editproof}"
    )
    noted = _acceptance(before, main, acceptance, len(main.records))
    if before.accepted:  # the stages' artefacts lie where they did
        noted = msgspec.structs.replace(noted, run=before.accepted[-1].run)
    after = _State(
        main.manifest,
        tuple(map(_trimmed, main.records)),
        before.numbers,
        tuple(
            (number, replace(run, records=tuple(map(_trimmed, run.records))))
            for number, run in also
        ),
        (*before.accepted, noted),
    )
    _put(target, before, after, [])
    return target


def undo(folder: Path) -> str:
    """Take back the last acceptance, and say what it was. Raises UsageError where there is none to
    take back.
    """
    past = list(_numbered(folder / HISTORY))
    if not past:
        raise UsageError(
            f"{folder}: there is no earlier state to go back to. To do without a baseline, remove"
            " the folder"
            if folder.exists()
            else f"there is no baseline in {folder}"
        )
    folder = folder.resolve()
    _check_target(folder, None)
    last = _read(folder).accepted
    _replace(folder, _read(past[-1][1]), past[:-1], [folder], keep=0)
    return (
        f"acceptance {last[-1].number} ({last[-1].what}: {last[-1].reason or 'no reason given'})"
        if last
        else "it"
    )


def _check_whole(run: Run) -> None:
    failed = [record for record in run.records if record.error is not None]
    if run.missing or failed or not run.records:
        raise IncompleteError(
            f"{run.folder} can't become a baseline: of {len(run.manifest.cases)} cases"
            f" {len(run.missing)} are missing and {len(failed)} failed. Finish it with `editproof"
            " run --resume`, or fix the failing cases"
        )


def _check_measured(target: Path, run: Run) -> None:
    failed = [record for record in run.records if record.error is not None]
    if failed:
        why = f"{case_name(failed[0].case)}: {failed[0].reason}"
        raise IncompleteError(
            f"{target} is left as it was: {len(failed)} of {counted(len(run.records), 'picture')}"
            f" could not be measured ({why})"
        )


def _check_target(target: Path, run_folder: Path | None) -> None:
    if run_folder and (
        target == run_folder
        or run_folder.is_relative_to(target)
        or target.is_relative_to(run_folder)
    ):
        raise UsageError(
            f"the baseline can't be written to {target}: it overlaps the run {run_folder}. Choose"
            " another"
        )
    if target.exists() and not target.is_dir():
        raise UsageError(f"the baseline can't be written to {target}: that is a file")
    foreign = _foreign(target)
    if foreign:
        raise UsageError(
            f"{target} is not a baseline (it holds {foreign}), so it is not replaced. Name a folder"
            " that does not exist"
        )


def _foreign(target: Path) -> str:
    """Something in a folder that no baseline holds; empty: there is none."""
    allowed = CONTENTS if (target / INDEX).is_file() else _PLAIN
    others = (
        sorted(path.name for path in target.iterdir() if path.name not in allowed)
        if target.exists()
        else []
    )
    return others[0] if others else ""


def _merged(before: _State | None, run: Run, how: AcceptRequest) -> _State:
    """The baseline as it is after the acceptance."""
    chosen = _chosen(run, how)
    acceptance = _acceptance(before, run, how, len(chosen))
    accepted = (*(before.accepted if before else ()), acceptance)
    numbers = {record.case.id: acceptance.number for record in chosen}
    trimmed = tuple(map(_trimmed, chosen))
    partly = bool(how.families or how.cases)
    if before is None:
        if partly or how.also:
            raise UsageError(
                "there is no baseline yet: accept a whole run first, then parts of others"
            )
        return _State(run.manifest, trimmed, numbers, (), accepted)
    if not partly and not how.also:
        _check_covers(before, run)
        return _State(run.manifest, trimmed, numbers, (), accepted)
    _check_fits(before.manifest, run)
    if how.also:
        cases = tuple(record.case for record in chosen)
        known = {case.id for case in before.manifest.cases}
        new = [case_name(case) for case in cases if case.id not in known]
        if new:
            raise UsageError(
                f"the baseline has no first answer for {names(new)}: accept it without --also"
            )
        answer = Run(run.folder, replace(run.manifest, cases=cases), trimmed, None)
        return replace(before, also=(*before.also, (acceptance.number, answer)), accepted=accepted)
    # By name: an own case whose pixels changed has another id, and takes the place of the old one.
    kept = {case_name(record.case): record for record in (*before.records, *trimmed)}
    ids = {record.case.id for record in kept.values()}
    gone = {record.case.id for record in before.records} - ids | set(numbers)
    also = tuple((number, _without(other, gone)) for number, other in before.also)
    return _State(
        replace(before.manifest, cases=tuple(record.case for record in kept.values())),
        tuple(kept.values()),
        {
            case_id: number
            for case_id, number in (before.numbers | numbers).items()
            if case_id in ids
        },
        tuple((number, other) for number, other in also if other.records),
        accepted,
    )


def _without(run: Run, ids: Iterable[str]) -> Run:
    gone = set(ids)
    records = tuple(record for record in run.records if record.case.id not in gone)
    return replace(
        run,
        records=records,
        manifest=replace(run.manifest, cases=tuple(record.case for record in records)),
    )


def _chosen(run: Run, how: AcceptRequest) -> tuple[CaseRecord, ...]:
    """The records that are accepted. Raises UsageError on a name that the run does not have."""
    if not how.families and not how.cases:
        return run.records
    families = dict.fromkeys(record.case.family for record in run.records)
    for family in how.families:
        if family not in families:
            raise unknown("family in that run", family, families)
    known = dict.fromkeys(
        name for record in run.records for name in (record.case.scene, record.case.id)
    )
    for case in how.cases:
        if case not in known:
            raise unknown(
                "case in that run", case, dict.fromkeys(record.case.scene for record in run.records)
            )
    return tuple(
        record
        for record in run.records
        if record.case.family in how.families
        or {record.case.scene, record.case.id} & set(how.cases)
    )


def _acceptance(before: _State | None, run: Run, how: AcceptRequest, cases: int) -> Acceptance:
    number = before.accepted[-1].number + 1 if before and before.accepted else 2 if before else 1
    return Acceptance(
        number=number,
        what=how.what,
        reason=how.reason,
        author=how.author or _user(),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        run=run.folder.name,
        editproof=run.manifest.editproof,
        pipelines={name: pipeline.fingerprint for name, pipeline in run.manifest.pipelines.items()},
        cases=cases,
        also=how.also,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _check_covers(before: _State, run: Run) -> None:
    """Raise UsageError where the run has only a part of the baseline's cases: the others would be
    lost unseen.
    """
    here = {case.id for case in run.manifest.cases}
    lost = [case_name(case) for case in before.manifest.cases if case.id not in here]
    if lost and len(lost) < len(before.manifest.cases):
        raise UsageError(
            f"{run.folder} has only a part of the baseline's cases (not {names(lost)}): accept its"
            " part with --family or --case, or write another baseline with --to. Where the suite"
            " has shrunk, remove the old baseline first"
        )


def _check_fits(there: Manifest, run: Run) -> None:
    """Raise UsageError where a part of the run can't stand beside what was accepted before, with
    the key that differs.
    """
    here = run.manifest
    for name in ("name", "size", "scale", "scene_seed"):
        if getattr(here.suite, name) != getattr(there.suite, name):
            raise UsageError(
                f"a part of {run.folder} does not fit the baseline: its suite's {name} is"
                f" {getattr(here.suite, name)}, the baseline's {getattr(there.suite, name)}. Accept"
                " a whole run"
            )
    identities = [
        {name: info.identity for name, info in side.metrics.items()} for side in (here, there)
    ]
    for what, ours, theirs in (("metrics", *identities), ("machine", here.machine, there.machine)):
        if ours != theirs:
            raise UsageError(
                f"a part of {run.folder} does not fit the baseline: their {what} differ, so its"
                " numbers would not be comparable. Accept a whole run"
            )


def _trimmed(record: CaseRecord) -> CaseRecord:
    """Its numbers, its stages by their hashes, its picture, and the hashes of its scene's; see
    `_pictures`.
    """
    return replace(
        record, blobs={kind: record.blobs[kind] for kind in runs.PICTURES if kind in record.blobs}
    )


def _read(folder: Path) -> _State:
    run = runs.load(folder)
    path = folder / INDEX
    if not path.is_file():
        return _State(
            run.manifest, run.records, dict.fromkeys((record.case.id for record in run.records), 1)
        )
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is damaged or of another version: {error}") from error
    numbers = {outcomes.id: outcomes.acceptances[0] for outcomes in index.cases.values()}
    also = tuple((number, runs.load(path)) for number, path in _numbered(folder / ALSO))
    return _State(run.manifest, run.records, numbers, also, tuple(index.accepted))


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    if folder.is_dir():
        yield from sorted(
            (int(path.name), path) for path in folder.iterdir() if path.name.isdecimal()
        )


def _put(target: Path, before: _State | None, after: _State, sources: Sequence[Path]) -> None:
    """Write a new state, and keep the one before for `undo`."""
    past = list(_numbered(target / HISTORY))[-KEPT_STATES + 1 :]
    _replace(target, after, past, sources, keep=len(before.accepted) or 1 if before else 0)


def _replace(
    target: Path,
    state: _State,
    past: Sequence[tuple[int, Path]],
    sources: Sequence[Path],
    *,
    keep: int,
) -> None:
    """Write the state in place of what is there, `past` states beside it; and where `keep` is not
    0, what is there as that.
    """
    partial, old = (target.with_name(f".{target.name}.{suffix}") for suffix in ("new", "old"))
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    _write(state.manifest, state.records, partial)
    for number, run in state.also:
        _write(run.manifest, run.records, partial / ALSO / str(number))
    index = _index(state, Baseline(sheet.load(partial)))
    runs.write_atomically(
        partial / INDEX, msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"
    )
    for number, path in past:
        shutil.copytree(path, partial / HISTORY / str(number))
    if keep:
        shutil.copytree(
            target,
            partial / HISTORY / str(keep),
            ignore=lambda folder, found: _skipped(folder, found, target),
        )
    states = [
        partial,
        *(path for _, path in _numbered(partial / ALSO)),
        *_states(partial / HISTORY),
    ]
    for digest in dict.fromkeys(digest for path in states for digest in _pictures(path)):
        bring(_where(digest, [target, *sources]), blob_path(partial, digest))
    if target.exists():
        target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def _skipped(folder: str, found: list[str], target: Path) -> set[str]:
    return {name for name in found if Path(folder) == target and name in {"blobs", HISTORY}}


def _states(history: Path) -> Iterator[Path]:
    for _, path in _numbered(history):
        yield path
        yield from (also for _, also in _numbered(path / ALSO))


def _pictures(folder: Path) -> Iterator[str]:
    """What lies in a baseline as a picture; of the right answer it keeps the hash, by which a scene
    is known again.
    """
    yield from (
        record.blobs[KEPT_PICTURE]
        for record in runs.read_journal(folder)
        if KEPT_PICTURE in record.blobs
    )


def _where(digest: str, folders: Sequence[Path]) -> Path:
    paths = [blob_path(folder, digest) for folder in folders]
    return next((path for path in paths if path.is_file()), paths[-1])


def _write(manifest: Manifest, records: Sequence[CaseRecord], folder: Path) -> None:
    runs.write_manifest(folder, manifest)
    journal = Journal(folder)
    try:
        for record in records:
            journal.append(record)
    finally:
        journal.close()
    runs.write_tables(Run(folder, manifest, tuple(records), None))


def _index(state: _State, baseline: Baseline) -> Index:
    manifest = state.manifest
    answers: dict[str, list[tuple[str, int]]] = {}
    for record in state.records:
        answers[record.case.id] = [
            (record.blobs.get(KEPT_PICTURE, ""), state.numbers.get(record.case.id, 1))
        ]
    for number, run in state.also:
        for record in run.records:
            answers[record.case.id].append((record.blobs.get(KEPT_PICTURE, ""), number))
    cases = sorted(manifest.cases, key=case_name)
    return Index(
        suite=manifest.suite.name,
        metrics={name: metric.identity for name, metric in manifest.metrics.items()},
        machine=dict(manifest.machine),
        versions=dict(manifest.versions),
        accepted=list(state.accepted),
        cases={case_name(case): _outcomes(case, answers[case.id]) for case in cases},
        spread=list(_spread(baseline)),
    )


def _outcomes(case: Case, answers: Sequence[tuple[str, int]]) -> Outcomes:
    return Outcomes(case.id, [picture for picture, _ in answers], [number for _, number in answers])


def _spread(baseline: Baseline) -> Iterator[Spread]:
    """Of every number that the suite's rules ask for."""
    manifest = baseline.sheet.manifest
    rules: tuple[Margin | Budget, ...] = (*manifest.suite.margins, *manifest.suite.budgets)
    keys = tuple(dict.fromkeys(Key(rule.metric, rule.region, rule.stat) for rule in rules))
    grid = baseline.sheet.grid(keys)
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
