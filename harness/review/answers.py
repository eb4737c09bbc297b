"""Pictures that were made by hand at the desk and kept as a further right answer of their case.

Each is a run of one case in a folder of its own, measured as every other run is, so that it can be
accepted as every other run is. `answer.json` beside its manifest says who kept it, and why.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.json_files import read_json, write_json
from editproof.harness.records.manifest import Manifest, PipelineInfo
from editproof.harness.records.process_limits import ProcessLimits
from editproof.harness.records.runs import Run
from editproof.harness.records.vocabulary import Param
from editproof.harness.running.remeasure import remeasure
from editproof.harness.running.runner import RunConfig
from editproof.harness.suites.cases import machine

ANSWER = "answer.json"

MOVE = "move.json"
"""Beside the answers' folders while the baseline that they wait for is about to change."""


class Answer(msgspec.Struct, frozen=True):
    """Why a picture is a right answer, and how it was made."""

    case: str
    """Id."""
    name: str
    """`logo/2 patch seed 42`."""
    author: str
    reason: str
    when: str
    """UTC, ISO 8601."""
    baseline: str
    """Digest of the baseline that the desk showed; the answer waits for that one only."""
    run: str
    """Name of the folder of the run that the desk showed."""
    prompt: str = ""
    seed: int = 0
    settings: Mapping[str, Param] = {}
    """Those that were not as in the run."""
    mask: str = ""
    """SHA-256 of the mask that was drawn; empty: it was the case's own."""


class Move(msgspec.Struct, frozen=True):
    """The answers of a run are about to wait for the baseline's next state."""

    run: str
    """Name of the folder of the run that the desk shows."""
    baseline: str
    """Digest of the baseline that they wait for until then."""


class AnswerMeans(NamedTuple):
    """What an answer is measured with."""

    folder: Path
    """Of all answers."""
    baseline: Manifest | None
    """What it is to stand beside; None: there is no baseline yet."""
    weights: LpipsWeights
    timeout_s: float
    limits: ProcessLimits


class Edited(NamedTuple):
    """An edit that was made at the desk."""

    record: CaseRecord
    """Without numbers."""
    pictures: Path
    """The folder that has its pictures."""
    pipeline: PipelineInfo


def keep_answer(run: Run, edited: Edited, answer: Answer, means: AnswerMeans) -> Path:
    """Measure the picture of an edit, and write it as a run of one case; give its folder.

    Raises UsageError where it can't be measured, since its scene or its files are not here, or
    where it can't stand beside what the baseline holds.
    """
    record = edited.record
    short = hashlib.sha256(answer.case.encode()).hexdigest()[:12]  # an id may be any text
    names = (f"{answer.run}-{short}-{count}" for count in itertools.count(1))
    folder = next(means.folder / name for name in names if not (means.folder / name).exists())
    model = record.case.model.name
    manifest = replace(
        run.manifest,
        cases=(record.case,),
        pipelines={**run.manifest.pipelines, model: edited.pipeline},
        machine=machine(),
        edits_of=f"the desk of {answer.run}",
    )
    config = RunConfig(
        suite=run.manifest.suite,
        folder=folder,
        resume=False,
        jobs=1,
        timeout_s=means.timeout_s,
        cache=None,
        weights=means.weights,
        limits=means.limits,
    )
    try:
        source = Run.of_records(edited.pictures, manifest, (record,))
        measured = remeasure(source, config, lambda *_: None)
        _check_answer(measured, means.baseline)
        write_json(folder / ANSWER, answer)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _check_answer(measured: Run, baseline: Manifest | None) -> None:
    record = measured.records[0]
    if record.error is not None:
        raise UsageError(record.reason)
    if baseline:
        acceptance.check_fits(baseline, measured)


def list_answers(folder: Path, run: str, baseline: str) -> list[tuple[Path, Answer]]:
    """The answers of a run's desk that wait for a baseline, oldest first. Raises DamagedError."""
    found = []
    for path in folder.glob(f"*/{ANSWER}") if folder.is_dir() else ():
        answer = read_json(path, Answer)
        if (answer.run, answer.baseline) == (run, baseline):
            found.append((path.parent, answer))
    return sorted(found, key=lambda one: (one[1].when, one[0].name))


def begin_move(answers: Path, move: Move) -> None:
    """Note that a baseline is about to change, so that `finish_move` finds what waited for it."""
    write_json(answers / MOVE, move)


def finish_move(answers: Path, target: Path) -> None:
    """Let the answers that a killed desk left behind wait for the baseline in `target` as it is
    now, but for the one that it had accepted already.
    """
    if not (answers / MOVE).is_file():
        return
    move, digest = read_json(answers / MOVE, Move), baseline_folder.find_digest(target)
    if digest == move.baseline:
        return  # it has not changed, or not yet
    accepted = baseline_folder.read_state(target).accepted if digest else ()
    last = accepted[-1].run if accepted else ""
    if last == move.run or (answers / last / ANSWER).is_file():  # else somebody else changed it
        left = list_answers(answers, move.run, move.baseline)
        _wait_for(digest, [one for one in left if one[0].name != last])
    (answers / MOVE).unlink(missing_ok=True)


def _wait_for(digest: str, kept: Iterable[tuple[Path, Answer]]) -> None:
    for folder, answer in kept:
        write_json(folder / ANSWER, msgspec.structs.replace(answer, baseline=digest))


def accept_answers(target: Path, kept: list[tuple[Path, Answer]]) -> None:
    """Accept answers into a baseline: beside the first answer of their case, or as the first.

    Where this ends before the last one, the rest wait for the baseline as it is then: at once, or
    after `finish_move` where the process was killed. Raises UsageError where one does not fit the
    baseline.
    """
    for place, (folder, answer) in enumerate(kept):
        digest = baseline_folder.find_digest(target)
        _wait_for(digest, kept[place:])
        begin_move(folder.parent, Move(answer.run, digest))
        one = runs.load(folder)
        known = {case.id for case in baseline_folder.load(target).run.manifest.cases}
        request = AcceptRequest(
            answer.reason, answer.author, cases=(answer.case,), also=answer.case in known
        )
        acceptance.accept(one, target, request)
    for folder, _ in kept[:1]:
        (folder.parent / MOVE).unlink(missing_ok=True)
