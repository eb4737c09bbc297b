"""`runs status` and `runs log`: how far a run is, and what became of a case, from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from editproof.harness.operations.cluster import estimate_end
from editproof.harness.operations.project import find_run_folder
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import JOURNAL, is_being_written, read_journal
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.plain_text import strip_control
from editproof.harness.records.run_status import STATUS, RunStatus, decode_status, read_status
from editproof.harness.records.runs import case_log
from editproof.harness.records.wording import count_noun, is_called, name_case, name_few
from editproof.harness.stores.copies import find_origin, name_place
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from editproof.harness.suites.settings import Project

SILENT_S = 60.0
"""After so long without a word a driver is taken to be gone."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is."""

    place: str
    """Its folder or URL."""
    done: int
    """Cases that have ended, in whatever way."""
    total: int
    failed: int
    silent_s: float
    """How long ago a case ended, or the driver said something."""
    status: RunStatus | None
    """What the driver of a cluster last said; None: it was never on one."""
    is_locked: bool = False
    """Whether a process of this machine writes it."""

    @property
    def state(self) -> str:
        """In a word."""
        if self.done >= self.total:
            return "done"
        if self.is_locked:
            return "running"
        said_stopped = self.status and self.status.state == "stopped"
        return "stopped" if said_stopped or self.silent_s > SILENT_S else "running"


def find_progress(place: Path | None, project: Project) -> RunProgress:
    """How far a run is; None: the newest. Of a run at a URL only what its driver last said is
    fetched, where it said something. Raises UsageError where there is no run, and StoreError.
    """
    url = find_url(place) if place else None
    said = ObjectFolder(url).read(STATUS) if url else None
    status = decode_status(said, f"{url}/{STATUS}") if said else None
    if status and status.total:  # else no case has ended yet
        silent_s = _find_silence(None, status)
        return RunProgress(str(url), status.done, status.total, status.failed, silent_s, status)
    folder = find_run_folder(place, project)
    manifest = load_manifest(folder)
    records = read_journal(folder, verified=manifest.has_checksums)
    known = read_status(folder)
    return RunProgress(
        name_place(folder),
        done=len(records),
        total=len(manifest.cases),
        failed=sum(record.error is not None for record in records),
        silent_s=_find_silence(folder, known),
        status=known,
        is_locked=is_being_written(folder),
    )


def _find_silence(folder: Path | None, status: RunStatus | None) -> float:
    now = datetime.now(UTC)
    said = [datetime.fromisoformat(status.updated)] if status else []
    journal = folder / JOURNAL if folder else None
    if journal and journal.is_file():
        said.append(datetime.fromtimestamp(journal.stat().st_mtime, UTC))
    return max(0.0, (now - max(said)).total_seconds()) if said else 0.0


def list_progress_lines(progress: RunProgress) -> list[str]:
    """What a person reads."""
    share = 100 * progress.done / progress.total
    cases = f"{progress.done} of {progress.total} cases ({share:.0f} %), {progress.failed} failed"
    lines = [f"{progress.state}: {cases}"]
    status = progress.status
    if progress.state == "running" and status:
        counts = [(status.nodes, "node"), (status.workers, "worker")]
        who = ", ".join(count_noun(number, noun) for number, noun in counts)
        gpus = f", {status.gpus:g} GPUs" if status.gpus else ""
        lines.append(f"cluster:   {status.on}, {who}{gpus}, {status.cases_per_s:.1f} cases/s")
        end = estimate_end(status)
        lines += [f"ends:      about {end.astimezone():%Y-%m-%d %H:%M}"] if end else []
        lines += [f"dashboard: {status.dashboard}"] if status.dashboard else []
    lines.append(f"last word: {progress.silent_s:.0f} s ago")
    if progress.state == "stopped":
        on = f" --on {status.on}" if status else ""
        lines.append(f"next:      editproof run --resume --out {progress.place}{on}")
    return lines


def find_case_log(place: Path, wanted: str, project: Project) -> list[str]:
    """What is known of a case's failure, as lines. `wanted`: its id, its name, or its family, as
    `is_called` says.

    Raises UsageError if no case, or several that failed, are called so, or if it did not fail.
    """
    folder = find_run_folder(place, project)
    manifest = load_manifest(folder)
    called = {case.id: case for case in manifest.cases if is_called(case, wanted)}
    ended = read_journal(folder, verified=manifest.has_checksums)
    records = [record for record in ended if record.case.id in called]
    failed = [record for record in records if record.error is not None]
    if len(failed) == 1:
        return _list_log_lines(folder, failed[0])
    if failed:
        names = name_few([name_case(record.case) for record in failed])
        raise UsageError(f"{wanted!r} is the name of {len(failed)} cases that failed: {names}")
    if not called:
        names = name_few([name_case(one.case) for one in ended if one.error is not None])
        raise UsageError(
            f"{name_place(folder)} has no case {wanted!r}. These failed: {names or 'none'}"
        )
    state = f"did not fail: it is {records[0].status}" if records else "has not ended yet"
    (first, *_) = called.values()
    raise UsageError(f"the case {name_case(first)} {state}, so there is no log of it")


def _list_log_lines(folder: Path, record: CaseRecord) -> list[str]:
    error = record.error
    printed = case_log(folder, record.case.id)
    _fetch_log(folder, printed)
    lines = [f"case:  {name_case(record.case)} ({record.case.id})"]
    lines += (
        [f"error: {error.kind}: {error.message}", *error.traceback.splitlines()] if error else []
    )
    if printed.is_file():
        lines += ["", "What its processes printed last:", *_read_text(printed).splitlines()]
    elif (folder / "logs").is_dir():
        lines += ["", f"Logs of the run: {folder / 'logs'}"]
    return lines


def _fetch_log(folder: Path, printed: Path) -> None:
    """Fetch the file from where a copy comes from. A local folder is left as it is."""
    url = find_origin(folder)
    said = ObjectFolder(url).read(printed.relative_to(folder).as_posix()) if url else None
    if said:
        write_atomically(printed, said, durable=False)


def _read_text(path: Path) -> str:
    return strip_control(path.read_text(errors="replace"))
