"""Edits that people ask for at the desk: made one after the other, each in the pipeline's own
process, within a limit of time, while the desk goes on answering.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.pictures import files
from editproof.harness.processes.scratch import Scratch
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.process_limits import ProcessLimits
from editproof.harness.records.vocabulary import Param
from editproof.harness.records.wording import name_case
from editproof.harness.review.answers import Answer, AnswerMeans, Edited, keep_answer
from editproof.harness.review.asking import find_request
from editproof.harness.review.desk import Desk
from editproof.harness.review.keeping import OTHER_SIZE, read_mask
from editproof.harness.running.measure import as_delivered
from editproof.harness.running.pipeline_process import DIED, PipelineError, PipelineProcess
from editproof.harness.running.worker import record_edit
from editproof.harness.serving.previews import shrink_request
from editproof.harness.suites.fitting import takes_shape
from editproof.harness.suites.trust import Trust, check_settings, trusted_pipeline
from editproof.pipelines.contract import Capabilities, EditRequest
from editproof.pipelines.files import decode_mask
from editproof.pipelines.loader import parse

MOST_WAITING = 20
"""Edits that wait at a time."""

MOST_KEPT = 200
"""Edits whose pictures are kept while the desk is open: the oldest goes first."""

CLOSE_WITHIN_S = 10.0
"""How long the desk waits for an edit to end when it closes."""

State = Literal["waiting", "loading", "editing", "measuring", "done", "failed", "cancelled"]

WORKING: frozenset[State] = frozenset({"waiting", "loading", "editing", "measuring"})


@dataclass(frozen=True, slots=True)
class Means:
    """What edits at the desk are made with; all of it is the user's word."""

    pipelines: Mapping[str, str]
    """Model -> the pipeline that stands for it here, where it is not the run's own."""
    trust: Trust
    timeout_s: float
    """Longest that one edit may take."""
    limits: ProcessLimits
    weights: Callable[[], LpipsWeights]
    """Finds what LPIPS is measured with."""


@dataclass(frozen=True, slots=True)
class RerunQuestion:
    """An edit to make."""

    number: int
    """Of the case, at the desk."""
    mask: bytes
    """A picture file as large as the input: white where it is to be replaced. Empty: as the case
    gives it.
    """
    prompt: str
    seed: int
    settings: Mapping[str, Param]
    """Those that are not as in the run."""
    small: bool
    """Whether a preview is enough: a small copy of the picture, by the same pipeline."""


@dataclass(slots=True)
class Rerun:
    """An edit that was asked for, and how far it is."""

    id: int
    question: RerunQuestion
    state: State = "waiting"
    words: str = ""
    """Why it has no picture, what the pipeline says of it, or what is not known of the request."""
    began: float = 0.0
    """Seconds of the monotonic clock."""
    seconds: float = 0.0
    """That it took."""
    edited: Edited | None = None
    """What came of it; None: nothing did, or it has not ended."""
    reason: str = ""
    """Why its picture is to be kept as an answer; empty: it is not."""
    kept: str = ""
    """Folder of the answer that was made of it; empty: none was."""
    is_cancelled: bool = False

    @property
    def picture(self) -> str:
        """Hash of its picture; empty: there is none."""
        return self.edited.record.blobs.get("actual", "") if self.edited else ""

    @property
    def status(self) -> str:
        """As CaseRecord's; empty: it has not ended."""
        return self.edited.record.status if self.edited else ""


class Reruns:
    """The edits of one desk. A thread makes them; every method may be called from any other."""

    def __init__(self, desk: Desk, means: Means) -> None:
        self._desk, self._means = desk, means
        self._scratch: Scratch | None = None
        self._thread: threading.Thread | None = None
        """Both are made for the first edit."""
        self._known: dict[int, Rerun] = {}
        self._count = 0
        self._queue: SimpleQueue[Rerun | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._host: PipelineProcess | None = None
        self._module = ""

    def name_pipeline(self, case: Case) -> str:
        """The pipeline that edits a case. Raises UsageError where the user does not trust it."""
        name = case.model.name
        spec = self._means.pipelines.get(name, case.model.spec)
        return trusted_pipeline(
            spec,
            self._means.trust,
            where=self._desk.run.folder,
            option=f"--pipeline '{name}={spec}'",
        )

    def start(self, question: RerunQuestion) -> Rerun:
        """Ask for an edit. Raises UsageError where it may not be made, or too many are waiting."""
        self._desk.check_may_edit()
        case = self._desk.find_case(question.number).case
        self.name_pipeline(case)
        check_settings(question.settings, self._means.trust, where="the form")
        if question.mask:
            height, width = find_request(self._desk.run, case).request.image.shape[:2]
            read_mask(question.mask, (height, width))
        with self._lock:
            if sum(one.state in WORKING for one in self._known.values()) >= MOST_WAITING:
                raise UsageError(f"{MOST_WAITING} edits are waiting already. Cancel some, or wait")
            self._begin()
            self._count += 1
            rerun = self._known[self._count] = Rerun(self._count, question)
            self._forget_oldest()
        self._queue.put(rerun)
        return rerun

    def keep(self, number: int, reason: str) -> Rerun:
        """Keep an edit's picture as a further right answer: it is measured, and accepted when the
        desk's decisions are applied. Raises UsageError where that can't be.
        """
        rerun = self.find(number)
        self._desk.check_may_edit()
        self._desk.check_baseline()
        if self._desk.partial:
            raise IncompleteError(self._desk.partial)
        if not reason.strip():
            raise UsageError("say why this picture is a right answer")
        with self._lock:
            if rerun.state != "done" or not rerun.picture or rerun.question.small or rerun.kept:
                raise UsageError(
                    "only a finished edit of the whole picture can be kept as an answer, once"
                )
            rerun.reason, rerun.state = reason.strip(), "measuring"
        self._queue.put(rerun)
        return rerun

    def forget(self, number: int) -> Rerun:
        """Take a kept answer back. Raises UsageError on no such edit."""
        rerun = self.find(number)
        self._desk.check_may_edit()
        with self._lock:
            if rerun.kept:
                shutil.rmtree(rerun.kept, ignore_errors=True)
            rerun.kept = rerun.reason = ""
        return rerun

    def cancel(self, number: int) -> Rerun:
        """End an edit, with all that its pipeline started. Raises UsageError on no such edit."""
        rerun = self.find(number)
        with self._lock:
            if rerun.state == "waiting":
                rerun.state = "cancelled"
            rerun.is_cancelled = rerun.state in {"cancelled", "loading", "editing"}
            if rerun.state in {"loading", "editing"} and self._host:
                self._host.interrupt()
        return rerun

    def list_all(self) -> list[Rerun]:
        """All that are known, oldest first."""
        with self._lock:
            return list(self._known.values())

    def find(self, number: int) -> Rerun:
        """One of them. Raises UsageError where it is not known."""
        with self._lock:
            found = self._known.get(number)
        if found is None:
            raise UsageError("the desk does not know that edit any more. Run it again")
        return found

    def find_picture(self, number: int) -> Path:
        """Where the picture of an edit lies. Raises UsageError where it has none."""
        path = files.path_in([self._folder], self.find(number).picture)
        if path is None:
            raise UsageError("that edit has no picture")
        return path

    def find_whole(self, number: int) -> Path:
        """The same, of an edit of the whole picture. Raises UsageError where it was a preview."""
        if self.find(number).question.small:
            raise UsageError(
                "a preview can't be kept as the right answer. Run the whole picture first"
            )
        return self.find_picture(number)

    def close(self) -> None:
        """End the edit that is being made, and forget all."""
        with self._lock:
            for rerun in self._known.values():
                rerun.is_cancelled = True
            if self._host:
                self._host.interrupt()
        if self._thread and self._scratch:
            self._queue.put(None)
            self._thread.join(CLOSE_WITHIN_S)
            self._scratch.remove()

    @property
    def _folder(self) -> Path:
        """Where the pictures of edits lie."""
        if self._scratch is None:
            raise UsageError("no edit was asked for")
        return self._scratch.path

    def _begin(self) -> None:
        if self._thread is None:
            self._scratch = Scratch()
            self._thread = threading.Thread(target=self._work, name="reruns", daemon=True)
            self._thread.start()

    def _forget_oldest(self) -> None:
        ended = [number for number, one in self._known.items() if one.state not in WORKING]
        for number in ended[: max(0, len(self._known) - MOST_KEPT)]:
            del self._known[number]

    def _work(self) -> None:
        while (rerun := self._queue.get()) is not None:
            if rerun.is_cancelled:
                rerun.state = "cancelled"
                continue
            rerun.began = time.monotonic()
            try:
                if rerun.state == "measuring":
                    self._measure(rerun)
                else:
                    self._edit(rerun)
            except Exception as error:  # noqa: BLE001 - the per-edit boundary: the desk goes on
                self._note_failure(rerun, error)
            if rerun.is_cancelled and self._host:
                self._host.stop()  # it may have been interrupted when it had answered
        if self._host:
            self._host.stop()

    def _note_failure(self, rerun: Rerun, error: Exception) -> None:
        rerun.seconds = time.monotonic() - rerun.began
        kind = f"{error.error.kind}: " if isinstance(error, PipelineError) else ""
        if rerun.state == "measuring":  # the picture is still there
            rerun.words, rerun.reason, rerun.state = f"It can't be kept: {error}", "", "done"
        elif rerun.is_cancelled:
            rerun.state = "cancelled"
        else:
            rerun.words = str(error) if kind == f"{DIED}: " else f"{kind}{error}"
            rerun.state = "failed"

    def _edit(self, rerun: Rerun) -> None:
        question = rerun.question
        case = self._desk.find_case(question.number).case
        spec = self.name_pipeline(case)
        asked = find_request(self._desk.run, case)
        check_settings(asked.request.config, self._means.trust, where=f"the case {case.scene}")
        with self._lock:
            if rerun.is_cancelled:
                raise UsageError("cancelled")
            host = self._find_host(spec)
            host.start()
            rerun.state = "loading"
        pipeline = host.describe(spec)
        request = make_request(asked.request, question, pipeline.capabilities)
        with self._lock:
            rerun.state, rerun.began = "editing", time.monotonic()
        result, effort = host.edit(spec, request)
        rerun.seconds = time.monotonic() - rerun.began
        record = record_edit(self._folder, case, result, effort, {})
        if result.image is not None:
            actual = files.store(self._folder, as_delivered(result.image))
            record = replace(record, blobs={"actual": actual})
        rerun.edited = Edited(record, self._folder, pipeline)
        rerun.words = " ".join(filter(None, (result.reason, asked.note)))
        with self._lock:
            rerun.state = "done"

    def _measure(self, rerun: Rerun) -> None:
        if rerun.edited is None:
            raise UsageError("the edit has not ended")
        desk, means, question = self._desk, self._means, rerun.question
        answer = Answer(
            case=rerun.edited.record.case.id,
            name=name_case(rerun.edited.record.case),
            author=desk.author,
            reason=rerun.reason,
            when=desk.clock().isoformat(timespec="microseconds"),
            baseline=desk.digest,
            run=desk.run.folder.name,
            prompt=question.prompt,
            seed=question.seed,
            settings=question.settings,
            mask=hashlib.sha256(question.mask).hexdigest() if question.mask else "",
        )
        accepted = desk.baseline.run.manifest if desk.baseline else None
        with_means = AnswerMeans(
            desk.answers, accepted, means.weights(), means.timeout_s, means.limits
        )
        rerun.kept = str(keep_answer(desk.run, rerun.edited, answer, with_means))
        rerun.seconds, rerun.state = time.monotonic() - rerun.began, "done"

    def _find_host(self, spec: str) -> PipelineProcess:
        """The process for a pipeline. Pipelines from different files never share one."""
        module = parse(spec).module
        if self._host is None or self._module != module:
            if self._host:
                self._host.stop()
            log = self._folder / "pipeline.log"
            self._host = PipelineProcess(log, self._means.limits, self._means.timeout_s)
            self._module = module
        return self._host


def make_request(request: EditRequest, question: RerunQuestion, can: Capabilities) -> EditRequest:
    """The request of an edit at the desk, made of the case's own. Raises UsageError where the mask
    has another size than the input, or the pipeline needs what is not there.
    """
    mask = decode_mask(question.mask) if question.mask else request.mask
    if mask is not None and mask.shape != request.image.shape[:2]:
        raise UsageError(OTHER_SIZE)
    if mask is None and can.needs_mask:
        raise UsageError("this pipeline needs a mask. Brush over what is to be replaced")
    if not question.prompt and can.needs_prompt:
        raise UsageError("this pipeline needs a prompt. Type one")
    made = replace(
        request,
        mask=mask,
        prompt=question.prompt,
        seed=question.seed,
        config={**request.config, **question.settings},
    )
    return shrink_for(made, can) if question.small else made


def shrink_for(request: EditRequest, can: Capabilities) -> EditRequest:
    """A small copy of the request, where the pipeline takes one of that size; else the request."""
    small = shrink_request(request)
    if can.scales and 1 not in can.scales:
        small = replace(small, scale=request.scale)
    return small if takes_shape(small.image.shape[:2], can) else request
