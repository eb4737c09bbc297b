"""Measure the edits of a run again, by the metrics of this editproof and by more of them, without
making one edit.

A run keeps the picture that a customer would get, and so does a baseline. When a metric changes,
its weights come or one is added, nothing has to be edited again, and nobody needs the old pipeline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.links import bring
from editproof.harness.records import runs
from editproof.harness.records.cases import Case, CaseError, CaseRecord, list_pictures
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import read_in_order
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.tables import write_tables
from editproof.harness.running.runner import Progress, RunConfig
from editproof.harness.running.worker import MeasureWork
from editproof.harness.running.workers import in_workers
from editproof.harness.stores.run_store import open_run_store
from editproof.harness.suites.cases import current_id, describe_metrics, versions

AT_A_TIME = 8
"""Edits of a scene that a worker is handed at a time."""


def remeasure(source: Run, config: RunConfig, progress: Progress) -> Run:
    """Write `source`, measured by the metrics of `config`, as a run into its folder, and give it.

    Cases that failed, or were missing, are so again. One whose scene is another now, or whose
    picture is gone, fails. Raises UsageError where the folder holds something.
    """
    if config.folder.exists() and any(config.folder.iterdir()):
        raise UsageError(f"{config.folder} is not empty. Choose another --out")
    if config.folder.is_relative_to(source.folder.resolve()):
        raise UsageError(
            f"{config.folder} is in the folder that it would measure. Choose another --out"
        )
    manifest = _manifest(source, config)
    cases = {case.id: case for case in manifest.cases}
    made = [
        replace(record, case=cases[record.case.id], measurements=()) for record in source.records
    ]
    store = open_run_store(config.folder)
    try:
        store.start(manifest)
        done = 0
        for records in _measure_edits(source, config, made):
            for record in store.put(*records):
                done += 1
                progress(record, done, len(made))
    finally:
        store.close()
    write_tables(config.folder, read_in_order(config.folder, manifest))
    return runs.load(config.folder)


def _manifest(source: Run, config: RunConfig) -> Manifest:
    stated = versions()
    return replace(
        source.manifest,
        editproof=stated["editproof"],
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        suite=config.suite,
        metrics=describe_metrics(config.suite, config.weights),
        # The cache knows edits by what made them, which may not be here any more.
        cases=tuple(replace(case, key="") for case in source.manifest.cases),
        versions=stated,
        edits_of=source.manifest.edits_of or f"{source.folder.name}, {source.manifest.created}",
    )


def _measure_edits(
    source: Run, config: RunConfig, made: Sequence[CaseRecord]
) -> Iterator[Sequence[CaseRecord]]:
    """The records with their new numbers, together those that are finished together: first those
    that can have none.
    """
    scenes: dict[tuple[object, ...], list[CaseRecord]] = {}
    for record in made:
        scenes.setdefault(record.case.scene_key, []).append(record)
    work = []
    for records in scenes.values():
        changed = _what_changed(records[0].case)
        whole = []
        for record in records:
            trouble = changed or _bring_pictures(source, config, record)
            if record.error is not None:
                yield [record]
            elif trouble:
                yield [_make_failed_record(record, trouble)]
            else:
                whole.append(record)
        parts = (whole[first : first + AT_A_TIME] for first in range(0, len(whole), AT_A_TIME))
        work += [MeasureWork(tuple(part)) for part in parts]
    yield from in_workers(config.setup, config.jobs, work)


def _what_changed(case: Case) -> str:
    """Why edits of the case's scene can't be measured any more; empty: they can."""
    try:
        same = current_id(case) == case.id
    except UsageError as error:
        return str(error)
    return (
        ""
        if same
        else (
            "the scene is another now than when the edit was made: its family or your files have"
            " changed"
        )
    )


def _bring_pictures(source: Run, config: RunConfig, record: CaseRecord) -> str:
    """Bring a record's pictures into the new run's folder. What is wrong with the edit's own;
    empty: nothing.
    """
    actual = record.blobs.get("actual", "")
    if actual:
        path = pictures.path_in([source.folder], actual)
        if path is None:
            return f"its picture {blob_path(source.folder, actual)} is gone"
        if not _is_whole(path):
            return f"its picture {path} is damaged"
    for digest in list_pictures(record):
        path = pictures.path_in([source.folder], digest)
        # Of a baseline's stages there are only hashes; a scene's pictures are drawn again.
        if path and _is_whole(path):
            bring(path, blob_path(config.folder, digest))
    return ""


def _is_whole(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def _make_failed_record(record: CaseRecord, why: str) -> CaseRecord:
    reason = f"{why}. Run it again"
    return replace(
        record, status="error", reason=reason, error=CaseError("NotMeasured", reason, reason)
    )
