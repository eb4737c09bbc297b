"""Keep beside a run what the baseline says of its cases, so that the run folder stands alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from editproof.harness.baselines.baseline_folder import (
    ACCEPTED_PICTURE,
    find_digest,
    read_accepted_runs,
)
from editproof.harness.gate.judge import GateResult
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.links import bring, bring_picture
from editproof.harness.records.accepted_cases import BASELINE, PAIRS, Pairs, read_traces
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import list_pictures
from editproof.harness.records.digests import is_digest
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.json_files import file_digest, write_json
from editproof.harness.records.runs import BLOBS, Run, blob_path
from editproof.harness.records.verdicts import Outcome
from editproof.harness.stores.copies import find_origin, name_place


def keep_accepted_side(
    run: Run,
    baseline: Baseline | None,
    result: GateResult,
    *,
    cache: Path | None = None,
) -> None:
    """Bring the baseline's records, the accepted pictures and, of cases that a finding calls out,
    the artefacts of stages into the run's folder: as hard links, where the file system allows.
    Without a baseline, take away what was there.

    Where both sides have a picture, the run's file becomes a link to the accepted one. A baseline
    keeps no artefacts of stages: they are looked for in the runs that were accepted, and in the
    cache.
    """
    target = run.folder / BASELINE
    shutil.rmtree(target, ignore_errors=True)
    if baseline is None or result.pairing is None or not (baseline.run.folder / JOURNAL).is_file():
        return
    source = baseline.run.folder
    ids = result.pairing.ids
    bring(source / JOURNAL, target / JOURNAL)
    also = _list_further_answers(ids, baseline)
    digest = file_digest(target / JOURNAL)
    unchanged = list(result.unchanged)
    pairs = Pairs(name_place(source), dict(ids), also, unchanged, digest, find_digest(source))
    write_json(target / PAIRS, pairs)
    traces = read_traces(target / JOURNAL)
    called = {
        case_id
        for finding in result.verdict.findings
        if finding.outcome is not Outcome.PASS
        for case_id in finding.cases
    }
    needed = dict.fromkeys(digest for digests in also.values() for digest in digests)
    for case_id, other in ids.items():
        if other in traces:
            needed |= dict.fromkeys(traces[other].blobs.values())
            if case_id in called:
                needed |= dict.fromkeys(
                    stage.artefact for stage in traces[other].stages if stage.artefact
                )
    folders = [source, *_find_accepted_runs(source, run.folder.parent), *([cache] if cache else [])]
    wanted = [*needed, *_find_unshared(run.folder)]
    if find_origin(run.folder):  # what its records name is in the store, whether it is here or not
        named = {digest for record in run.records for digest in list_pictures(record)}
        wanted = [digest for digest in needed if digest not in named]
    for digest in filter(None, wanted):
        _bring_picture(digest, run.folder, folders)


def _list_further_answers(ids: Mapping[str, str], baseline: Baseline) -> dict[str, list[str]]:
    """Of the cases that have any, the pictures that are right beside the first one, oldest
    first.
    """
    answers = [read_traces(answer.folder / JOURNAL) for answer in baseline.also]
    found = {
        case_id: [
            traces[other].blobs[ACCEPTED_PICTURE]
            for traces in answers
            if other in traces and traces[other].blobs
        ]
        for case_id, other in ids.items()
    }
    return {case_id: digests for case_id, digests in found.items() if digests}


def _find_accepted_runs(baseline: Path, runs_folder: Path) -> list[Path]:
    """The runs that were accepted, where they lie beside the one at hand."""
    try:
        accepted = read_accepted_runs(baseline)
    except DamagedError:
        return []
    names = [Path(name).name for name in reversed(accepted)]
    return [runs_folder / name for name in dict.fromkeys(names) if name != ".."]


def _find_unshared(run_folder: Path) -> Iterator[str]:
    """Hashes of the pictures that the run alone holds: what the accepted side has, too, need not
    lie there twice.
    """
    for path in sorted((run_folder / BLOBS).glob("*/*.png")):
        if path.stat().st_nlink == 1 and is_digest(path.stem):
            yield path.stem


def _bring_picture(digest: str, run_folder: Path, folders: Iterable[Path]) -> None:
    target = blob_path(run_folder, digest)
    path = pictures.path_in(folders, digest)
    if path:
        with suppress(FileNotFoundError):  # the cache was pruned meanwhile
            bring_picture(path, target)
