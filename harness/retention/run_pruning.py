"""The runs in a folder: which there are, which have to stay, and how one goes.

A run that goes is renamed first, so that it is there whole or not at all, and its manifest is
removed last. What a killed removal left behind is known by both, and goes the next time.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from editproof.harness.records.errors import (
    EditproofError,
    IncompleteError,
    UsageError,
    unknown_name_error,
)
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.manifest import MANIFEST, load_manifest
from editproof.harness.records.runs import load_verdict

GONE = ".removed"
"""End of the name of a run that is being removed; the name begins with a dot."""


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run in a folder of runs."""

    folder: Path
    suite: str
    created: datetime | None
    """None: its manifest can't be read."""
    last_written: datetime
    """When it was made, or last continued."""
    cases: int
    outcome: str
    """The verdict's; `not judged`, or `damaged`."""
    passed: bool
    """Whether the gate would let it pass."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long runs stay."""

    passed: timedelta
    failed: timedelta
    """As well those that were not judged."""


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What becomes of a run."""

    run: RunEntry
    goes: bool
    why: str


def find_runs(runs_folder: Path, not_runs: Collection[Path], marker: str) -> tuple[RunEntry, ...]:
    """The runs in a folder, the newest first. No run is: a symbolic link, what has no manifest,
    one of `not_runs`, and a baseline, which has a file of the name `marker`.
    """
    found = [
        _read_entry(folder)
        for folder in _list_folders(runs_folder)
        if not folder.name.startswith(".")
        and (folder / MANIFEST).is_file()
        and not (folder / marker).exists()
        and folder.resolve() not in not_runs
    ]
    return tuple(sorted(found, key=lambda run: (run.last_written, run.name), reverse=True))


def choose_runs(
    runs: Sequence[RunEntry],
    rule: RetentionRule,
    *,
    accepted: Collection[str],
    named: Collection[str],
    now: datetime,
) -> tuple[RunChoice, ...]:
    """What becomes of each run, which are given the newest first. Those `named` go whatever the
    rule says, and nothing else then; the newest stays even so. Raises UsageError on a name that no
    run has.
    """
    for name in named:
        if name not in {run.name for run in runs}:
            raise unknown_name_error("run", name, [run.name for run in runs])
    newest = runs[0].name if runs else ""
    if newest in named:
        raise UsageError(
            f"{newest} is the newest run, which always stays. Remove its folder by hand if you"
            " don't need it"
        )
    return tuple(
        RunChoice(run, run.name in named, "named" if run.name in named else "not named")
        if named
        else _choose(run, rule, is_newest=run.name == newest, accepted=accepted, now=now)
        for run in runs
    )


def remove_run(folder: Path) -> None:
    """Remove a run. Raises IncompleteError where a part of it could not be removed."""
    gone = folder.with_name(f".{folder.name}{GONE}")
    with suppress(FileNotFoundError):  # another process removed it
        folder.rename(gone)
        _remove_renamed(gone)


def sweep_leftovers(runs_folder: Path) -> None:
    """Remove what a killed removal left behind. Raises as `remove_run`."""
    for folder in _list_folders(runs_folder):
        is_ours = folder.name.startswith(".") and folder.name.endswith(GONE)
        if is_ours and ((folder / MANIFEST).is_file() or not any(folder.iterdir())):
            _remove_renamed(folder)


def _choose(
    run: RunEntry,
    rule: RetentionRule,
    *,
    is_newest: bool,
    accepted: Collection[str],
    now: datetime,
) -> RunChoice:
    if is_newest:
        return RunChoice(run, goes=False, why="the newest")
    if run.name in accepted:
        return RunChoice(run, goes=False, why="accepted")
    if run.created is None:
        return RunChoice(run, goes=False, why="its manifest can't be read")
    limit = rule.passed if run.passed else rule.failed
    age = now - run.last_written
    why = f"{age.days} {'day' if age.days == 1 else 'days'} old"
    return RunChoice(run, goes=age > limit, why=why if run.passed else f"{why}, {run.outcome}")


def _read_entry(folder: Path) -> RunEntry:
    journal = folder / JOURNAL
    changed = datetime.fromtimestamp(
        (journal if journal.is_file() else folder / MANIFEST).stat().st_mtime, UTC
    )
    try:
        manifest = load_manifest(folder)
        created = datetime.fromisoformat(manifest.created)
        created = created.replace(tzinfo=UTC) if created.tzinfo is None else created.astimezone(UTC)
        verdict = load_verdict(folder)
    except (EditproofError, ValueError, OverflowError):
        return RunEntry(folder, "", None, changed, 0, "damaged", passed=False)
    return RunEntry(
        folder,
        manifest.suite.name,
        created,
        max(changed, created),
        len(manifest.cases),
        verdict.outcome.value if verdict else "not judged",
        passed=verdict is not None and verdict.exit_code is ExitCode.OK,
    )


def _remove_renamed(folder: Path) -> None:
    """Symbolic links in it are removed, and what they lead to stays."""
    with suppress(FileNotFoundError):  # another process was quicker
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MANIFEST:
                path.unlink(missing_ok=True)
        if left := [path for path in folder.iterdir() if path.name != MANIFEST]:
            raise IncompleteError(
                f"{left[0]} could not be removed: check its permissions. The next `editproof runs"
                " prune` tries again"
            )
        (folder / MANIFEST).unlink(missing_ok=True)
        folder.rmdir()


def _list_folders(folder: Path) -> Iterator[Path]:
    """Folders in a folder; symbolic links are none."""
    if folder.is_dir():
        yield from (
            path for path in sorted(folder.iterdir()) if path.is_dir() and not path.is_symlink()
        )
