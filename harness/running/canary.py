"""Ask each service once more at the end of a run: a deploy in between would mix two versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.canaries import Canary
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import Manifest, PipelineInfo
from editproof.harness.records.wording import name_case
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.running.workers import in_workers

Describe = Callable[[str], PipelineInfo]
"""What the pipeline of a model says of itself now. Raises UsageError where it does not answer."""


def check_services(
    manifest: Manifest, made: Sequence[CaseRecord], setup: WorkerSetup, describe: Describe
) -> dict[str, Canary]:
    """By model, whether its service answers as it did. Only services that made an edit now are
    asked; `made` holds the records of this run's own edits.
    """
    return {
        model: _check(first, info, setup, describe)
        for model, info in manifest.pipelines.items()
        if info.capabilities.remote and (first := _find_first(model, made))
    }


def _find_first(model: str, made: Sequence[CaseRecord]) -> CaseRecord | None:
    """The first edit of the model that gave a picture and needs no turn before it."""
    own = (r for r in made if r.case.model.name == model and r.case.turn == 1)
    return next((record for record in own if "actual" in record.blobs), None)


def _check(first: CaseRecord, info: PipelineInfo, setup: WorkerSetup, describe: Describe) -> Canary:
    name = name_case(first.case)
    try:
        now = describe(first.case.model.name)
    except UsageError as error:
        return Canary(name, "gone", str(error))
    if now.fingerprint != info.fingerprint:
        return Canary(name, "changed", "it says that it runs something else now")
    again = _ask_again(first, setup)
    if again.error:
        return Canary(name, "gone", again.reason)
    if _picture(again) == _picture(first):
        return Canary(name, "same")
    if _picture(again) != _picture(_ask_again(first, setup)):
        return Canary(name, "varies")
    return Canary(name, "changed", f"{name} gives another picture now, twice the same")


def _ask_again(record: CaseRecord, setup: WorkerSetup) -> CaseRecord:
    """What the same request gives now."""
    with scratch_folder() as scratch:
        alone = replace(setup, folder=scratch.path, metrics=(), accepted=None)
        ((again,),) = in_workers(alone, 1, [EditWork(record.case)])
    return again


def _picture(record: CaseRecord) -> str:
    """Hash of its picture; empty: it has none."""
    return record.blobs.get("actual", "")
