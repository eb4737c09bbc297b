"""The process that takes cases: draws the scene, has the pipeline's own process edit it, measures
what came back.
"""

from __future__ import annotations

import traceback
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Image, Metric
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.metrics.core.visibility import compare
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.differences import (
    FILE,
    BaselinePictures,
    PicturePair,
    append_difference,
    viewing_of,
)
from editproof.harness.processes.serving import Requests
from editproof.harness.records.cases import (
    Case,
    CaseError,
    CaseRecord,
    Effort,
    Measurement,
    StageRecord,
)
from editproof.harness.records.errors import EditproofError, IncompleteError, UsageError
from editproof.harness.records.process_limits import DEFAULT_LIMITS, ProcessLimits
from editproof.harness.records.runs import blob_path
from editproof.harness.running.chains import check_turn_before, refuse_turn
from editproof.harness.running.measure import (
    PreparedReference,
    as_delivered,
    measure,
    measure_many,
    most_together,
    prepare,
    reasons,
)
from editproof.harness.running.pipeline_process import PipelineError, PipelineProcess
from editproof.harness.suites.tasks import Task, find_drawn_case, make_task
from editproof.harness.suites.turns import derive_seed, edit_again
from editproof.pipelines.contract import CaseName, EditRequest, EditResult
from editproof.pipelines.loader import parse
from editproof.vectors.drawing.region_picture import REGION_COLOURS, paint_regions

MEASURE_TIMEOUT_S = 3600.0
"""How long a scene may take to draw, and an edit to measure: longer than the largest does."""

SCENES_KEPT = 2
"""Prepared references held at a time: cases come scene by scene, so more would only cost memory."""


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker is told once, before there is anything to do."""

    metrics: tuple[str, ...]
    weights: LpipsWeights
    folder: Path
    """The run's folder, for pictures."""
    timeout_s: float
    """Longest that one edit may take."""
    name: str = ""
    """The worker's, for its logs."""
    accepted: BaselinePictures | None = None
    """What its pictures are compared with; None: there is no baseline."""
    limits: ProcessLimits = DEFAULT_LIMITS
    """Of each process."""
    jobs: int = 1
    """How many workers there are: they take turns at a service."""

    @property
    def logs(self) -> Path:
        """Where it and its pipelines write what they print."""
        return self.folder / "logs"

    def longest_s(self, work: Work) -> float:
        """How long the worker may take over that before it is taken for hanging."""
        edit_s = self.limits.load_timeout_s + self.timeout_s * self.jobs
        made_s = edit_s if isinstance(work, EditWork) else 0.0
        return (made_s + MEASURE_TIMEOUT_S) * len(work.cases)


@dataclass(frozen=True, slots=True)
class EditWork:
    """An edit to make and measure."""

    case: Case
    before: CaseRecord | None = None
    """The turn before, where it had ended when the work was handed out. None: the case is a first
    turn, or its worker has made the turn before."""

    @property
    def cases(self) -> tuple[Case, ...]:
        """The case alone."""
        return (self.case,)


@dataclass(frozen=True, slots=True)
class MeasureWork:
    """Edits of one scene that were made before, to measure again. Their pictures are in the run's
    folder.
    """

    records: tuple[CaseRecord, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases of the edits."""
        return tuple(record.case for record in self.records)


Work = EditWork | MeasureWork
"""What a worker does in one go; all of it is of one scene."""


def main(requests: Requests) -> None:
    """Take the set-up, then work, until the parent is done; answer each with the records of its
    cases.
    """
    import cv2

    cv2.setNumThreads(1)  # torch and BLAS take it from the environment
    worker = Worker(requests.receive())
    try:
        while True:
            requests.answer(worker.take(requests.receive()))
    finally:
        worker.close()


class Worker:
    """Does one thing after the other; keeps the prepared scene and the pipeline's process between
    them.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._scenes: OrderedDict[tuple[object, ...], _Scene] = OrderedDict()
        self._hosts: dict[str, PipelineProcess] = {}
        self._last: CaseRecord | None = None
        """Of the last edit: what the next turn edits."""

    def take(self, work: Work) -> tuple[CaseRecord, ...]:
        """Do the work; whatever goes wrong is the cases' own error."""
        if isinstance(work, EditWork):
            self._last = self._edit_case(work.case, work.before or self._last)
            return (self._last,)
        return self._measure_edits(work.records)

    def _edit_case(self, case: Case, before: CaseRecord | None) -> CaseRecord:
        try:
            scene = self._scene(case)
            if case.turn == 1:
                return self._edit(case, scene)
            return self._edit_output(case, scene, check_turn_before(case, before))
        except EditproofError as error:
            return _make_failed_record(case, _make_case_error(error), {})

    def _edit_output(self, case: Case, scene: _Scene, before: CaseRecord) -> CaseRecord:
        """Edit what the turn before made, as it was delivered."""
        folder = self._setup.folder
        if "actual" not in before.blobs:
            return self._explain_absence(refuse_turn(case, before))
        request = edit_again(
            scene.request,
            scene.prepared.reference,
            pictures.load(blob_path(folder, before.blobs["actual"])),
            moved=find_drawn_case(case).turn > 1,
        )
        given = {"input": pictures.store(folder, request.image)}
        return self._edit(case, replace(scene, request=request, blobs={**scene.blobs, **given}))

    def _measure_edits(self, records: tuple[CaseRecord, ...]) -> tuple[CaseRecord, ...]:
        try:
            return tuple(self._measure_again(records, self._scene(records[0].case)))
        except EditproofError as error:
            if len(records) > 1:  # what is wrong with one is not the others' fault
                alone = (self._measure_edits((record,)) for record in records)
                return tuple(record for found in alone for record in found)
            failure = _make_case_error(error)
            failed = replace(records[0], status="error", reason=failure.message, error=failure)
            return (failed,)

    def close(self) -> None:
        """Stop the pipelines' processes."""
        for host in self._hosts.values():
            host.stop()

    @cached_property
    def _metrics(self) -> Sequence[Metric]:
        return [get_metric(name, self._setup.weights) for name in self._setup.metrics]

    def _edit(self, case: Case, scene: _Scene) -> CaseRecord:
        name = CaseName(
            case.family,
            case.first_turn_name,
            case.model.name,
            case.id,
            case.turn,
            is_own=bool(case.own),
        )
        request = replace(scene.request, seed=derive_seed(case), case=name)
        try:
            result, effort = self._find_host(case.model.spec).edit(case.model.spec, request)
        except PipelineError as error:
            return _make_failed_record(case, error.error, scene.blobs)
        return self._record(case, scene, result, effort)

    def _find_host(self, spec: str) -> PipelineProcess:
        """The process for a pipeline. Pipelines from different files never share one."""
        module = parse(spec).module
        if module not in self._hosts:
            log = self._setup.logs / f"{self._setup.name}-pipeline-{len(self._hosts)}.log"
            self._hosts[module] = PipelineProcess(
                log, self._setup.limits, self._setup.timeout_s, askers=self._setup.jobs
            )
        return self._hosts[module]

    def _record(self, case: Case, scene: _Scene, result: EditResult, effort: Effort) -> CaseRecord:
        folder = self._setup.folder
        record = record_edit(folder, case, result, effort, scene.blobs)
        if result.image is None:
            return self._explain_absence(record)
        actual = as_delivered(result.image)
        pictured = replace(record, blobs={"actual": pictures.store(folder, actual)})
        self._look(pictured, scene, actual)
        return self._add_numbers(
            pictured, scene, actual, measure(scene.prepared, self._metrics, actual)
        )

    def _look(self, record: CaseRecord, scene: _Scene, actual: Image) -> None:
        """Compare the picture with the accepted ones while it is at hand. What can't be compared is
        left to the gate.
        """
        accepted = self._setup.accepted
        beside = accepted.pictures.get(record.case.id) if accepted else None
        if accepted is None or beside is None or record.blobs["actual"] in beside.accepted:
            return
        viewing = viewing_of(accepted.viewing, record.case.family)
        other = pictures.find([accepted.folder], beside.other)
        for digest in beside.accepted:
            before = pictures.find([accepted.folder], digest)
            if before is None or before.shape != actual.shape:
                continue
            pair = PicturePair(
                digest, record.blobs["actual"], scene.blobs.get("expected", ""), viewing
            )
            areas, expected = scene.prepared.reference.areas, scene.prepared.reference.expected
            with suppress(IncompleteError):  # the package is not here: the gate says so
                difference = compare(
                    before, actual, viewing=viewing, areas=areas, expected=expected, other=other
                )
                append_difference(self._setup.folder / FILE, pair.key, difference)

    def _measure_again(self, made: Sequence[CaseRecord], scene: _Scene) -> Iterator[CaseRecord]:
        """The records with the numbers that their pictures have now. What was refused has none, now
        as before.
        """
        expected = scene.blobs.get("expected")
        if any(record.blobs.get("expected", expected) != expected for record in made):
            raise UsageError(
                "the scene is drawn differently now than when the edit was made. Run it again"
            )
        yield from (
            self._explain_absence(record) for record in made if "actual" not in record.blobs
        )
        pictured = [record for record in made if "actual" in record.blobs]
        step = most_together(scene.prepared)
        for first in range(0, len(pictured), step):
            some = pictured[first : first + step]
            images = [
                pictures.load(blob_path(self._setup.folder, record.blobs["actual"]))
                for record in some
            ]
            numbers = measure_many(scene.prepared, self._metrics, images)
            for record, actual, rows in zip(some, images, numbers, strict=True):
                yield self._add_numbers(record, scene, actual, rows)

    def _explain_absence(self, record: CaseRecord) -> CaseRecord:
        """The record of an edit without a picture."""
        reason = f"refused: {record.reason}"
        return replace(
            record, measurements=tuple(row for m in self._metrics for row in reasons(m, reason))
        )

    def _add_numbers(
        self,
        record: CaseRecord,
        scene: _Scene,
        actual: Image,
        measurements: tuple[Measurement, ...],
    ) -> CaseRecord:
        """The record of an edit whose picture is stored, with its scene's, what differs in it, and
        what was measured.
        """
        expected = scene.prepared.reference.expected
        shown = {"actual": record.blobs["actual"]}
        if record.case.turn > 1 and "input" in record.blobs:  # an output, not the scene's
            shown["input"] = record.blobs["input"]
        if expected is not None:
            shown["difference"] = pictures.store_difference(self._setup.folder, expected, actual)
        return replace(record, blobs={**scene.blobs, **shown}, measurements=measurements)

    def _scene(self, case: Case) -> _Scene:
        """The case's scene, prepared, with its pictures stored."""
        drawn = find_drawn_case(case)
        if drawn.scene_key not in self._scenes:
            task = make_task(drawn)
            prepared = prepare(task.reference, self._metrics)
            self._scenes[drawn.scene_key] = _Scene(task.request, prepared, self._store(task))
            if len(self._scenes) > SCENES_KEPT:
                self._scenes.popitem(last=False)
        return self._scenes[drawn.scene_key]

    def _store(self, task: Task) -> dict[str, str]:
        """Store the pictures that show what was asked and what is known; their hashes by name."""
        folder, reference = self._setup.folder, task.reference
        areas = reference.areas
        shown = task.request.image if reference.expected is None else reference.expected
        under = pictures.enlarge(shown, areas["all"].shape)
        stored = {"input": task.request.image, "regions": paint_regions(under, areas)}
        known = {"expected": reference.expected, "overlay": reference.overlay}
        stored |= {name: picture for name, picture in known.items() if picture is not None}
        outlines = {
            f"outline_{region}": pictures.store_indexed(
                folder, *pictures.outline(areas[region], colour)
            )
            for region, colour in REGION_COLOURS.items()
            if areas[region].any()
        }
        return {
            name: pictures.store(folder, picture) for name, picture in stored.items()
        } | outlines


def record_edit(
    folder: Path, case: Case, result: EditResult, effort: Effort, blobs: Mapping[str, str]
) -> CaseRecord:
    """The record of an edit, without its picture and numbers. What its stages made is stored."""
    stages = tuple(
        StageRecord(
            s.name,
            s.seconds,
            s.decision,
            "" if s.artefact is None else pictures.store(folder, s.artefact),
            s.peak_mb,
        )
        for s in result.stages
    )
    return CaseRecord(
        case,
        result.status.value,
        result.reason,
        effort.seconds,
        cached=False,
        blobs=blobs,
        config=result.config,
        stages=stages,
        peak_mb=effort.peak_mb,
        cpu_s=effort.cpu_s,
        held_mb=effort.held_mb,
        turn=effort.turn,
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """A task, ready to be asked of every model, and its pictures in the run's folder."""

    request: EditRequest
    prepared: PreparedReference
    blobs: dict[str, str]


def _make_case_error(error: EditproofError) -> CaseError:
    """An error of ours as a case's."""
    return CaseError(type(error).__name__, str(error), traceback.format_exc())


def _make_failed_record(case: Case, error: CaseError, blobs: dict[str, str]) -> CaseRecord:
    return CaseRecord(case, "error", error.message, 0.0, cached=False, blobs=blobs, error=error)
