"""What may be done with a baseline: accept a run or a part of it, measure it again, take the last
acceptance back.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from editproof.harness.baselines.baseline_folder import (
    HISTORY,
    BaselineState,
    find_digest,
    find_foreign,
    lock,
    numbered_folders,
    put_state,
    read_state,
    replace_state,
)
from editproof.harness.baselines.folder_lock import Say, say_nothing
from editproof.harness.baselines.index import Acceptance
from editproof.harness.records.canaries import list_changed_services
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.endings import PICTURES
from editproof.harness.records.errors import IncompleteError, UsageError, unknown_name_error
from editproof.harness.records.families import is_covered
from editproof.harness.records.manifest import MANIFEST, Manifest
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import count_noun, name_case, name_few

MOST_NAMES = 10
"""Names of an acceptance that its index lists."""


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
    seen: str | None = None
    """Digest of the baseline that somebody looked at: no other one is replaced. None: any is."""

    @property
    def what(self) -> str:
        """In words."""
        names = (*self.families, *self.cases)
        return (
            ", ".join(names[:MOST_NAMES])
            + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
            or "all"
        )


def accept(
    run: Run, target: Path, request: AcceptRequest | None = None, say: Say = say_nothing
) -> Path:
    """Write the run, or what `request` names of it, as the baseline in `target`; give its folder.
    What was there can be had back.

    Raises IncompleteError on a run with missing or failed cases, since what was not measured can't
    be held to later, and on one whose service changed meanwhile. Raises UsageError where `target`
    holds anything but a baseline, or one that does not fit, or where no reason is given to replace
    one.
    """
    request = request or AcceptRequest()
    _check_whole(run)
    target = target.resolve()
    _check_target(target, run.folder.resolve())
    with lock(target, say):
        _check_target(target, run.folder.resolve())
        _check_seen(target, request)
        before = read_state(target) if (target / MANIFEST).is_file() else None
        after = _merge(before, run, request)
        if before and not request.reason.strip():
            raise UsageError(
                f"{target} holds a baseline already: say with --reason TEXT why another outcome is"
                " right now"
            )
        try:
            put_state(target, before, after, [run.folder])
        except FileNotFoundError as error:
            raise IncompleteError(
                f"{run.folder} can't become a baseline: {error.filename} is gone. Run it again"
            ) from error
    return target


def measure_again(
    target: Path, again: Callable[[Run], Run], request: AcceptRequest, say: Say = say_nothing
) -> Path:
    """Put the numbers that `again` finds for the accepted pictures in the place of those there;
    give the folder.

    Raises IncompleteError where a picture could not be measured, and UsageError where `target` is
    no baseline.
    """
    target = target.resolve()
    with lock(target, say):
        foreign = find_foreign(target)
        if foreign:
            raise UsageError(
                f"{target} is not a baseline (it holds {foreign}). A run is measured by `editproof"
                " measure`"
            )
        before = read_state(target)
        put_state(target, before, _measure_state(target, before, again, request), [])
    return target


def undo(folder: Path, say: Say = say_nothing) -> str:
    """Take back the last acceptance, and say what it was. Raises UsageError where there is none to
    take back.
    """
    folder = folder.resolve()
    with lock(folder, say):
        past = list(numbered_folders(folder / HISTORY))
        if not past:
            raise UsageError(
                f"{folder}: there is no earlier state to go back to. To do without a baseline,"
                " remove the folder"
                if folder.exists()
                else f"there is no baseline in {folder}"
            )
        _check_target(folder, None)
        last = read_state(folder).accepted
        replace_state(folder, read_state(past[-1][1]), past[:-1], [folder], keep=0)
    return (
        f"acceptance {last[-1].number} ({last[-1].what}: {last[-1].reason or 'no reason given'})"
        if last
        else "it"
    )


def _measure_state(
    target: Path, before: BaselineState, again: Callable[[Run], Run], request: AcceptRequest
) -> BaselineState:
    main = again(Run.of_records(target, before.manifest, before.records))
    # Further answers' pictures lie beside the first ones'.
    also = [(number, again(replace(run, folder=target))) for number, run in before.also]
    for run in (main, *(run for _, run in also)):
        _check_measured(target, run)
    acceptance = replace(
        request, reason=request.reason or f"measured again with editproof {main.manifest.editproof}"
    )
    noted = _note_acceptance(before, main, acceptance, len(main.records))
    if before.accepted:  # the stages' artefacts lie where they did
        noted = msgspec.structs.replace(noted, run=before.accepted[-1].run)
    return BaselineState(
        main.manifest,
        tuple(map(_trim, main.records)),
        before.numbers,
        tuple(
            (number, run.with_records([_trim(one) for one in run.records])) for number, run in also
        ),
        (*before.accepted, noted),
    )


def _check_whole(run: Run) -> None:
    failed = [record for record in run.records if record.error is not None]
    if run.missing or failed or not run.records:
        raise IncompleteError(
            f"{run.folder} can't become a baseline: of {len(run.manifest.cases)} cases"
            f" {len(run.missing)} are missing and {len(failed)} failed. Finish it with `editproof"
            " run --resume`, or fix the failing cases"
        )
    for reason in list_changed_services(run.folder):
        raise IncompleteError(f"{run.folder} can't become a baseline: {reason}")


def _check_seen(target: Path, request: AcceptRequest) -> None:
    if request.seen is not None and find_digest(target) != request.seen:
        raise UsageError(
            f"{target} has changed since its pictures were looked at. Judge the run again with"
            " `editproof gate`, and look at what is left"
        )


def _check_measured(target: Path, run: Run) -> None:
    failed = [record for record in run.records if record.error is not None]
    if failed:
        why = f"{name_case(failed[0].case)}: {failed[0].reason}"
        raise IncompleteError(
            f"{target} is left as it was: {len(failed)} of its"
            f" {count_noun(len(run.records), 'picture')} could not be measured ({why})"
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
    foreign = find_foreign(target)
    if foreign:
        raise UsageError(
            f"{target} is not a baseline (it holds {foreign}), so it is not replaced. Name a folder"
            " that does not exist"
        )


def _merge(before: BaselineState | None, run: Run, request: AcceptRequest) -> BaselineState:
    """The baseline as it is after the acceptance."""
    chosen = _choose_records(run, request)
    acceptance = _note_acceptance(before, run, request, len(chosen))
    accepted = (*(before.accepted if before else ()), acceptance)
    numbers = {record.case.id: acceptance.number for record in chosen}
    trimmed = tuple(map(_trim, chosen))
    partly = bool(request.families or request.cases)
    if before is None:
        if partly or request.also:
            raise UsageError(
                "there is no baseline yet: accept a whole run first, then parts of other runs"
            )
        return BaselineState(run.manifest, trimmed, numbers, (), accepted)
    if not partly and not request.also:
        _check_covers(before, run)
        return BaselineState(run.manifest, trimmed, numbers, (), accepted)
    check_fits(before.manifest, run)
    if request.also:
        cases = tuple(record.case for record in chosen)
        known = {case.id for case in before.manifest.cases}
        new = [name_case(case) for case in cases if case.id not in known]
        if new:
            raise UsageError(
                f"the baseline has no first answer for {name_few(new)}: accept it without --also"
            )
        answer = Run.of_records(run.folder, replace(run.manifest, cases=cases), trimmed)
        return replace(before, also=(*before.also, (acceptance.number, answer)), accepted=accepted)
    # By name: an own case whose pixels changed has another id, and takes the place of the old one.
    kept = {name_case(record.case): record for record in (*before.records, *trimmed)}
    ids = {record.case.id for record in kept.values()}
    gone = {record.case.id for record in before.records} - ids | set(numbers)
    also = tuple((number, _drop_cases(other, gone)) for number, other in before.also)
    return BaselineState(
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


def _drop_cases(run: Run, ids: Iterable[str]) -> Run:
    gone = set(ids)
    records = tuple(record for record in run.records if record.case.id not in gone)
    manifest = replace(run.manifest, cases=tuple(record.case for record in records))
    return Run.of_records(run.folder, manifest, records)


def _choose_records(run: Run, request: AcceptRequest) -> tuple[CaseRecord, ...]:
    """The records that are accepted. Raises UsageError on a name that the run does not have."""
    if not request.families and not request.cases:
        return run.records
    families = dict.fromkeys(record.case.family for record in run.records)
    for family in request.families:
        if not any(is_covered(known, [family]) for known in families):
            raise unknown_name_error("family in that run", family, families)
    known = dict.fromkeys(
        name for record in run.records for name in (record.case.scene, record.case.id)
    )
    for case in request.cases:
        if case not in known:
            raise unknown_name_error(
                "case in that run", case, dict.fromkeys(record.case.scene for record in run.records)
            )
    wanted = set(request.cases)
    return tuple(
        record
        for record in run.records
        if is_covered(record.case.family, request.families)
        or not wanted.isdisjoint((record.case.scene, record.case.id))
    )


def _note_acceptance(
    before: BaselineState | None, run: Run, request: AcceptRequest, cases: int
) -> Acceptance:
    number = before.accepted[-1].number + 1 if before and before.accepted else 2 if before else 1
    return Acceptance(
        number=number,
        what=request.what,
        reason=request.reason,
        author=request.author or _name_user(),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        run=run.folder.name,
        editproof=run.manifest.editproof,
        pipelines={name: pipeline.fingerprint for name, pipeline in run.manifest.pipelines.items()},
        cases=cases,
        also=request.also,
    )


def _name_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _check_covers(before: BaselineState, run: Run) -> None:
    """Raise UsageError where the run has only a part of the baseline's cases: the others would be
    lost unseen.
    """
    here = {case.id for case in run.manifest.cases}
    lost = [name_case(case) for case in before.manifest.cases if case.id not in here]
    if lost and len(lost) < len(before.manifest.cases):
        raise UsageError(
            f"{run.folder} has only a part of the baseline's cases (not {name_few(lost)}). Accept"
            " that part with --family or --case, or write another baseline with --to. If the suite"
            " has shrunk, remove the old baseline first"
        )


def check_fits(there: Manifest, run: Run) -> None:
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


def _trim(record: CaseRecord) -> CaseRecord:
    """Its numbers, its stages by their hashes, its picture, and the hashes of its scene's; see
    `_pictures_of_states`.
    """
    return replace(
        record, blobs={kind: record.blobs[kind] for kind in PICTURES if kind in record.blobs}
    )
