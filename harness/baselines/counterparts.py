"""Keep beside a run what the baseline says of its cases, so that the run folder stands alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from editproof.harness.baselines.baseline import INDEX, KEPT_PICTURE
from editproof.harness.records.evidence import BASELINE, JOURNAL, PAIRS, Pairs, read_traces
from editproof.harness.records.pairing import pair
from editproof.harness.records.runs import blob_path, write_atomically
from editproof.harness.records.sheet import Baseline, Sheet
from editproof.harness.records.types import Outcome, Verdict
from editproof.harness.running.cache import bring


class _Accepted(msgspec.Struct, frozen=True):
    run: str


class _Index(msgspec.Struct, frozen=True):
    accepted: list[_Accepted] = []


def keep(
    run: Sheet, baseline: Baseline | None, verdict: Verdict, *, cache: Path | None = None
) -> None:
    """Bring the baseline's records, the accepted pictures and, of cases that a finding calls out,
    the artefacts of stages into the run's folder: as hard links, where the file system allows.
    Without a baseline, take away what was there.

    A baseline keeps no artefacts of stages: they are looked for in the runs that were accepted, and
    in the cache.
    """
    target = run.folder / BASELINE
    shutil.rmtree(target, ignore_errors=True)
    if baseline is None or not (baseline.sheet.folder / JOURNAL).is_file():
        return
    source = baseline.sheet.folder
    ids = dict(pair(run, baseline.sheet).ids)
    bring(source / JOURNAL, target / JOURNAL)
    also = _further_answers(ids, baseline)
    write_atomically(target / PAIRS, msgspec.json.encode(Pairs(str(source), ids, also)))
    traces = read_traces(target / JOURNAL)
    called = {
        case_id
        for finding in verdict.findings
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
    folders = [source, *_origins(source, run.folder.parent), *([cache] if cache else [])]
    for digest in needed:
        _bring(digest, run.folder, folders)


def _further_answers(ids: Mapping[str, str], baseline: Baseline) -> dict[str, list[str]]:
    """Of the cases that have any, the pictures that are right beside the first one, oldest
    first.
    """
    answers = [read_traces(sheet.folder / JOURNAL) for sheet in baseline.also]
    found = {
        case_id: [
            traces[other].blobs[KEPT_PICTURE]
            for traces in answers
            if other in traces and traces[other].blobs
        ]
        for case_id, other in ids.items()
    }
    return {case_id: digests for case_id, digests in found.items() if digests}


def _origins(baseline: Path, runs_folder: Path) -> list[Path]:
    """The runs that were accepted, where they lie beside the one at hand."""
    path = baseline / INDEX
    try:
        accepted = msgspec.json.decode(path.read_bytes(), type=_Index).accepted
    except (FileNotFoundError, msgspec.MsgspecError):
        return []  # the artefacts are a help, not what is judged
    return [
        runs_folder / name
        for name in dict.fromkeys(Path(one.run).name for one in reversed(accepted))
    ]


def _bring(digest: str, run_folder: Path, folders: Iterable[Path]) -> None:
    target = blob_path(run_folder, digest)
    if target.exists():
        return
    found = next(
        (path for path in (blob_path(folder, digest) for folder in folders) if path.is_file()), None
    )
    if found:
        bring(found, target)
