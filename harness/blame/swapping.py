"""Edits with the stages of two pipelines swapped, and each stage's share of the damage.

A stage is a suspect if it produces a different output for the same input. Suspects are swapped
alone and in every combination. Their effect on the number is divided by Shapley's value: what each
adds on average, over all orders in which the stages could be swapped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

import numpy as np

from editproof.harness.blame.outcome import Blame, StageEffect
from editproof.harness.blame.question import Question
from editproof.harness.gate.statistics import measure_worsening
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Metric, Reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.process_limits import ProcessLimits
from editproof.harness.records.vocabulary import Param
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.running.pipeline_process import DIED, PipelineError, PipelineProcess
from editproof.harness.suites.tasks import Task, crop_task, make_task
from editproof.pipelines.contract import EditRequest, EditResult

MOST_STAGES = 8
"""Up to this many stages, every combination is tried: 256 edits."""

CONTEXT_PX = 96
"""Context to keep around the damage in a crop, in input pixels."""

WORTH_CROPPING_PX = 512
"""Up to this longest edge, the whole input is edited."""

REPRODUCED = 0.5
"""A crop stands for its picture if it shows at least this share of the change."""

SAME = 1e-3
"""Share of the change by which a repeated number may differ."""


@contextmanager
def start_host(limits: ProcessLimits, timeout_s: float) -> Iterator[PipelineProcess]:
    """Start one process for both pipelines, since a stage of one cannot be used in a process of the
    other. Its log is kept if it dies.
    """
    with scratch_folder() as scratch:
        host = PipelineProcess(scratch.path / "pipelines.log", limits, timeout_s)
        try:
            yield host
        finally:
            host.stop()
            if host.has_died:
                scratch.keep()


def describe_error(error: PipelineError, host: PipelineProcess) -> str:
    """What a pipeline raised, as one line."""
    if error.error.kind == DIED:
        return f"{error}. The pipelines' log is {host.log}"
    return f"{error.error.kind}: {error}"


class Swapper:
    """Makes each edit with swapped stages once, and measures it."""

    def __init__(self, q: Question, weights: LpipsWeights, host: PipelineProcess) -> None:
        self._q, self._host = q, host
        self._metric: Metric = get_metric(q.key.metric, weights)
        task = make_task(q.case)
        self._whole = Task(replace(task.request, seed=q.case.seed), task.reference)
        self._made: dict[frozenset[str], float | None] = {}

    @property
    def config(self) -> Mapping[str, Param]:
        """The settings that the case asks for."""
        return self._whole.request.config

    def answer(self, known: Blame) -> Blame:
        """Add each stage's share to what is known. If a pipeline fails, a note says so."""
        try:
            return self._swap_stages(known)
        except PipelineError as error:
            note = f"stages could not be swapped: {describe_error(error, self._host)}"
            return replace(known, notes=(*known.notes, note))

    def _swap_stages(self, known: Blame) -> Blame:
        self._set_task(self._whole)
        ends = self._measure_ends()
        if ends is None:
            return replace(
                known,
                notes=(
                    *known.notes,
                    "no stage was swapped: one of the pipelines does not have this number",
                ),
            )
        notes = [*known.notes, *self._note_differences(known, *ends)]
        crop = self._crop_to_damage(*ends)
        good, bad = self._measure_ends() or ends
        players = self._host.find_differing_stages(self._q.good, self._q.bad, self._task.request)
        shares = self._share_out(players) if players else ()
        if not players:
            notes.append("no stage produces a different output for the same input on this case")
        elif shares is None:
            notes.append(
                f"with some of {', '.join(players)} swapped the edit is refused, so their shares"
                " are unknown"
            )
        return replace(
            known,
            shares=tuple(sorted(shares or (), key=lambda share: -share.effect)),
            good=good,
            bad=bad,
            crop=crop,
            edits=len(self._made),
            notes=tuple(notes),
        )

    def _set_task(self, task: Task) -> None:
        """Edit this from now on."""
        self._task = task
        self._prepared = prepare(task.reference, [self._metric])
        self._made = {}

    def _measure_ends(self) -> tuple[float, float] | None:
        good, bad = (self._measure(self._edit(spec)) for spec in (self._q.good, self._q.bad))
        return None if good is None or bad is None else (good, bad)

    def _edit(self, spec: str) -> EditResult:
        return self._host.edit(spec, self._task.request)[0]

    def _measure(self, result: EditResult) -> float | None:
        if result.image is None:
            return None
        key = self._q.key
        rows = measure(self._prepared, [self._metric], as_delivered(result.image))
        return next(
            (row.value for row in rows if (row.region, row.stat) == (key.region, key.stat)), None
        )

    def _note_differences(self, known: Blame, good: float, bad: float) -> Iterator[str]:
        pairs = (("good", good, known.before, "baseline"), ("bad", bad, known.after, "run"))
        span = abs((known.after or 0.0) - (known.before or 0.0))
        for name, now, then, where in pairs:
            if then is not None and abs(now - then) > max(SAME * span, 1e-6):
                yield (
                    f"the {name} pipeline gives {now:.4g} today and gave {then:.4g} in the {where}:"
                    " code, files or libraries have changed since"
                )

    def _crop_to_damage(self, good: float, bad: float) -> tuple[int, int, int, int] | None:
        """Continue with a crop around the damage, if the picture is large and the crop shows the
        change.
        """
        box = _find_crop(self._whole.request, self._whole.reference)
        if box is None or {"boxes"} & set(self._metric.needs):
            return None
        self._set_task(crop_task(self._whole, box))
        ends = self._measure_ends()
        if (
            ends
            and (ends[1] - ends[0]) * (bad - good) > 0
            and abs(ends[1] - ends[0]) >= REPRODUCED * abs(bad - good)
        ):
            return box
        self._set_task(self._whole)
        return None

    def _share_out(self, players: Sequence[str]) -> tuple[StageEffect, ...] | None:
        """Each stage's share of the change; None: a combination has no number."""
        everything = frozenset(players)
        none, whole = self._measure_badness(frozenset()), self._measure_badness(everything)
        singles = {
            stage: (
                self._measure_badness(frozenset([stage])),
                self._measure_badness(everything - {stage}),
            )
            for stage in players
        }
        if none is None or whole is None:
            return None
        shares = []
        for stage, (alone, without) in singles.items():
            if alone is None or without is None:
                return None
            effect = (
                self._shapley_value(stage, players)
                if len(players) <= MOST_STAGES
                else ((alone - none) + (whole - without))
                / 2  # the two orders that are always affordable
            )
            if effect is None:
                return None
            shares.append(StageEffect(stage, effect, alone - none, whole - without))
        return tuple(shares)

    def _shapley_value(self, stage: str, players: Sequence[str]) -> float | None:
        others = [name for name in players if name != stage]
        count, total = len(players), 0.0
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for chosen in combinations(others, size):
                before, after = (
                    self._measure_badness(frozenset(chosen)),
                    self._measure_badness(frozenset([*chosen, stage])),
                )
                if before is None or after is None:
                    return None
                total += weight * (after - before)
        return total

    def _measure_badness(self, from_bad: frozenset[str]) -> float | None:
        """How bad the edit is with these stages of the bad pipeline, in the metric's unit; 0 is
        perfect.
        """
        if from_bad not in self._made:
            result = self._host.edit_with_swapped_stages(
                self._q.good, self._q.bad, self._task.request, from_bad
            )
            value = self._measure(result)
            better = self._metric.better
            self._made[from_bad] = (
                None
                if value is None
                else float(measure_worsening(np.array([value]), np.zeros(1), better)[0])
            )
        return self._made[from_bad]


def _find_crop(request: EditRequest, reference: Reference) -> tuple[int, int, int, int] | None:
    """Box around the mask, in input pixels, if the picture is so large that cropping pays; None: it
    does not.
    """
    height, width = request.image.shape[:2]
    if max(height, width) <= WORTH_CROPPING_PX or request.file:
        return None
    scale = reference.scale
    mask = (
        request.mask
        if request.mask is not None
        else reference.areas["edit"][::scale, ::scale].astype(np.float32)
    )
    rows, columns = np.nonzero(mask > 0)
    if not len(rows):
        return None
    y0, x0 = max(int(rows.min()) - CONTEXT_PX, 0), max(int(columns.min()) - CONTEXT_PX, 0)
    y1, x1 = min(int(rows.max()) + CONTEXT_PX, height), min(int(columns.max()) + CONTEXT_PX, width)
    return None if (y1 - y0) * (x1 - x0) > 0.6 * height * width else (y0, x0, y1, x1)
