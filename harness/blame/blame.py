"""Which stage did it? A case that got worse is edited again by the good and the bad pipeline, with
their stages swapped.

First comes the stage whose artefact is not the baseline's. Then, where both pipelines offer their
stages, every stage that makes something else of the same is swapped for the other's, alone and in
every combination, and the effect on the failing number is shared out among them by Shapley's value:
what each adds on average, over all orders in which they might come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from editproof.harness.gate.first_stage import find_first_difference, match_seeds
from editproof.harness.gate.statistics import measure_worsening
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Metric, Reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.number_grid import MEASURED, NumberKey
from editproof.harness.records.pairing import pair
from editproof.harness.records.process_limits import DEFAULT_LIMITS, ProcessLimits
from editproof.harness.records.runs import CaseEnding, Run
from editproof.harness.records.tables import read_stages
from editproof.harness.records.types import Case, Finding, Outcome, Param, Region
from editproof.harness.records.wording import name_case, name_few
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.running.pipeline_process import DIED, PipelineError, PipelineProcess
from editproof.harness.suites.cases import ID_LENGTH
from editproof.harness.suites.suite import parse_model
from editproof.harness.suites.tasks import Task, crop_task, make_task
from editproof.harness.suites.trust import NO_TRUST, Trust, check_settings, trusted_pipeline
from editproof.pipelines.contract import EditRequest, EditResult

CALLED_OUT = {
    Outcome.REGRESSED,
    Outcome.TRADED,
    Outcome.CHANGED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
}
"""Findings that a stage may be blamed for."""

MOST_STAGES = 8
"""Up to so many stages every combination is tried: 256 edits."""

CONTEXT_PX = 96
"""What is left around the damage where a picture is cropped, input px."""

WORTH_CROPPING_PX = 512
"""Longest input edge up to which the whole picture is edited."""

REPRODUCED = 0.5
"""A crop stands for its picture where it shows at least this share of the change."""

SAME = 1e-3
"""Share of the change by which a repeated number may be off."""


@dataclass(frozen=True, slots=True)
class StageEffect:
    """What one stage has to do with it."""

    stage: str
    effect: float
    """Change for the worse that it answers for, in the metric's unit."""
    alone: float
    """Change for the worse with only this stage of the bad pipeline in the good one."""
    cured: float
    """Change for the better with only this stage of the good pipeline in the bad one."""


@dataclass(frozen=True, slots=True)
class Blame:
    """What is known of a case that got worse."""

    case: Case
    metric: str
    """Identity."""
    region: Region
    stat: str
    unit: str
    before: float | None
    """The baseline's number; None: it has none."""
    after: float | None
    first: str
    """The first stage whose artefact is not the baseline's; empty: see `notes`."""
    shares: tuple[StageEffect, ...] = ()
    """Largest effect first; none: nothing was swapped, and `notes` says why."""
    good: float | None = None
    """What the good pipeline makes of it today, on what was edited."""
    bad: float | None = None
    crop: tuple[int, int, int, int] | None = None
    """y0, x0, y1, x1 in input pixels of what was edited; None: the whole picture."""
    edits: int = 0
    """How many edits were made."""
    notes: tuple[str, ...] = ()
    bundle: str = ""
    """Folder with all that is needed to see it again; empty: none was written."""
    see_again: str = ""
    """The command that does; empty: there is no bundle."""

    @property
    def stage(self) -> str:
        """The stage to look at: the one with the largest effect, else the first that differs."""
        return self.shares[0].stage if self.shares else self.first


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked."""

    run: Run
    baseline: Run
    case: Case
    other: str
    """Id of the same case in the baseline."""
    key: NumberKey
    good: str
    """The good pipeline's name, as `--pipeline` takes it."""
    bad: str


def find_case(run: Run, asked: str, findings: Sequence[Finding]) -> Case:
    """The case of that id (or its beginning), or of that `family/name`; of several, the first that
    a finding names.

    Raises UsageError where there is none, or it is not clear which.
    """
    cases = [case for case in run.manifest.cases if case.id in run.endings]
    by_id = [case for case in cases if len(asked) >= ID_LENGTH // 4 and case.id.startswith(asked)]
    found = by_id or [case for case in cases if asked in {case.scene, case.family, name_case(case)}]
    if not found:
        known = name_few([name_case(case) for case in cases])
        raise UsageError(
            f"{run.folder} has no finished case {asked!r}. There are, by FAMILY/NAME or id: {known}"
        )
    called = [
        case_id
        for finding in findings
        if finding.outcome in CALLED_OUT
        for case_id in finding.cases
    ]
    ranked = sorted(
        found, key=lambda case: called.index(case.id) if case.id in called else math.inf
    )
    if len(found) > 1 and ranked[0].id not in called:
        raise UsageError(
            f"{asked!r} fits {len(found)} cases, and no finding names one of them: "
            f"{name_few([f'{name_case(case)} = {case.id}' for case in found])}. Give an id"
        )
    return ranked[0]


def make_question(
    run: Sheet,
    baseline: Sheet,
    case: Case,
    findings: Sequence[Finding],
    *,
    metric: str = "",
    good: str = "",
    bad: str = "",
) -> Question:
    """What to look into: the worst finding about the case, or about its family and model, else what
    changed most.

    `metric` may read `NAME`, `NAME/REGION` or `NAME/REGION/STATISTIC`. Raises UsageError where the
    baseline has no such case on the same seed, either side's is an error, the run has no such
    number, or `good` or `bad` names no pipeline.
    """
    if run.ended[case.id].error:
        raise UsageError(_explain_no_picture(run, case, run.ended[case.id]))
    pairing = pair(run, baseline)
    others = match_seeds(run, baseline, pairing, [case.id])
    if case.id not in others:
        how = (
            "on another seed only, so every stochastic stage differs"
            if case.id in pairing.ids
            else "nowhere"
        )
        raise UsageError(
            f"{baseline.folder} has {name_case(case)} {how}. Blame needs both sides on one seed:"
            " run the suite on those of the baseline"
        )
    ours, theirs = (
        run.manifest.pipelines[case.model.name],
        baseline.manifest.pipelines[case.model.name],
    )
    key = _choose_key(run, baseline, case, others[case.id], findings, metric)
    good, bad = (parse_model(text).spec if text else "" for text in (good, bad))
    return Question(
        run, baseline, case, others[case.id], key, good or theirs.spec, bad or ours.spec
    )


def _explain_no_picture(run: Sheet, case: Case, ended: Ended) -> str:
    return (
        f"{run.folder} has an error and no picture of {name_case(case)}: {ended.error}:"
        f" {ended.reason}. Its traceback is in that run's report"
    )


def blame(
    question: Question,
    weights: LpipsWeights,
    *,
    timeout_s: float,
    limits: ProcessLimits = DEFAULT_LIMITS,
    trust: Trust = NO_TRUST,
) -> Blame:
    """Answer. Where stages can't be swapped, the answer's notes say why. Raises UsageError where a
    pipeline that was named to stand for the run's or the baseline's can't be loaded, and where the
    run or the baseline names one that the user does not trust.
    """
    q = question
    known = _read_recorded(q)
    traces = read_stages(q.run.folder, [q.case.id]), read_stages(q.baseline.folder, [q.other])
    first = first_difference(traces[0].get(q.case.id, []), traces[1].get(q.other, []))
    notes = [*_note_other_ending(q)]
    if (
        q.good == q.bad
        and not first
        and traces[0].get(q.case.id)
        and known.before == known.after
        and not notes
    ):
        note = (
            "this number and every stage's picture are the baseline's: there is nothing to blame a"
            " stage for"
        )
        return replace(known, notes=(note,))
    if not first:
        notes.append(_explain_no_first_stage(q, traces))
    if q.good == q.bad:
        notes.append(
            "the run's pipeline and the baseline's have one name, so what differs is code or files,"
            " and the old ones are not here. To have stages swapped, check the good version out"
            " beside this one and name it: --good path/to/good.py:build"
        )
        return replace(known, first=first, notes=tuple(notes))
    with _start_host(timeout_s) as call:
        _check_named_pipelines(q, call)
        swapper = _Swapper(q, weights, call)
        if q.case.own:
            check_settings(swapper.config, trust, where=f"the case {name_case(q.case)}")
        return swapper.answer(replace(known, first=first, notes=tuple(notes)))


def _note_other_ending(q: Question) -> Iterator[str]:
    before, after = q.baseline.ended[q.other], q.run.ended[q.case.id]
    if before.status != after.status:
        ends = [
            f"{ended.status.replace('_', ' ')}{f' ({ended.reason})' if ended.reason else ''}"
            for ended in (before, after)
        ]
        yield f"the edit was {ends[0]} in the baseline and is {ends[1]} in the run"


def _check_named_pipelines(q: Question, call: Call) -> None:
    """Raise UsageError where a pipeline that somebody named, not the runs, can't be loaded."""
    for option, spec, where in (("--good", q.good, q.baseline), ("--bad", q.bad, q.run)):
        if spec != where.manifest.pipelines[q.case.model.name].spec:
            try:
                host.describe(spec)
            except PipelineError as error:
                raise UsageError(f"{option} {spec}: {_describe_error(error, host)}") from error


def _read_recorded(q: Question) -> Blame:
    """What the run and the baseline say of the number in question."""
    info = q.run.manifest.metrics[q.key.metric]
    before, after = _read_value(q.baseline, q.other, q.key), _read_value(q.run, q.case.id, q.key)
    return Blame(
        q.case, info.identity, q.key.region, q.key.stat, info.unit_of(q.key.stat), before, after, ""
    )


def _read_value(where: Sheet, case_id: str, key: Key) -> float | None:
    grid = where.grid([key])
    column = where.columns[case_id]
    return float(grid.values[0, column]) if grid.states[0, column] == MEASURED else None


def _choose_key(
    run: Sheet, baseline: Sheet, case: Case, other: str, findings: Sequence[Finding], metric: str
) -> Key:
    if metric:
        asked = metric.split("/")
        fitting = [key for key in run.number_keys() if list(key)[: len(asked)] == asked]
        if not fitting:
            raise UsageError(
                f"the run has no number {metric!r}. Write METRIC, METRIC/REGION or"
                f" METRIC/REGION/STATISTIC; its metrics are: {', '.join(run.manifest.metrics)}"
            )
    else:
        shown = [
            finding.evidence
            for finding in sorted(findings, key=lambda finding: finding.rule != "picture")
            if finding.outcome in CALLED_OUT and case.id in finding.cases and finding.evidence
        ]
        known = [
            evidence for evidence in shown if metric_name(evidence.metric) in run.manifest.metrics
        ]
        if known:
            return Key(metric_name(known[0].metric), known[0].region, known[0].stat)
        fitting = list(run.keys())
    return _find_most_changed(run, baseline, case, other, fitting)


def _find_most_changed(
    run: Sheet, baseline: Sheet, case: Case, other: str, keys: Sequence[Key]
) -> Key:
    """The number that got worse by most, in spreads of that number over the baseline's cases."""
    ours, theirs = run.number_grid(keys), baseline.number_grid(keys)
    at, there = run.column_of[case.id], baseline.column_of[other]
    best, found = 0.0, keys[0]
    for row, key in enumerate(keys):
        if ours.states[row, at] != MEASURED or theirs.states[row, there] != MEASURED:
            continue
        better = run.manifest.metrics[key.metric].better
        change = float(
            measure_worsening(ours.values[row, [at]], theirs.values[row, [there]], better)[0]
        )
        spread = float(np.nanstd(theirs.values[row])) or 1e-9
        if change / spread > best:
            best, found = change / spread, key
    return found


def _explain_no_first_stage(q: Question, traces: tuple[dict[str, Any], dict[str, Any]]) -> str:
    if not traces[0].get(q.case.id):
        return (
            "the pipeline keeps no stages, so no first one can be named: give EditResult.stages"
            " their artefacts"
        )
    if not traces[1].get(q.other):
        return "the baseline keeps no stages of this case: accept a run of this editproof"
    return (
        "every stage made the baseline's picture, to the bit: what differs is not in what the"
        " stages show"
    )


@contextmanager
def _start_host(timeout_s: float) -> Iterator[Call]:
    """A process for both pipelines: one can't take the other's stage in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="editproof-blame-"))
    log = folder / "pipelines.log"
    host = Child("editproof.harness.running.pipeline_host", log=log)
    died = False

    def call(*message: object) -> Any:
        nonlocal died
        try:
            yield host
        finally:
            host.stop()
            if host.has_died:
                scratch.keep()


def _describe_error(error: PipelineError, host: PipelineProcess) -> str:
    if error.error.kind == DIED:
        return f"{error}. The pipelines' log is {host.log}"
    return f"{error.error.kind}: {error}"


class _Swapper:
    """Makes the edits with swapped stages, each once, and measures them."""

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
        try:
            return self._swap_stages(known)
        except _PipelineError as error:
            return replace(known, notes=(*known.notes, f"stages could not be swapped: {error}"))

    def _swap_stages(self, known: Blame) -> Blame:
        self._set_task(self._whole)
        ends = self._measure_ends()
        if ends is None:
            return replace(
                known,
                notes=(
                    *known.notes,
                    "one of the pipelines has no such number here: nothing was swapped",
                ),
            )
        notes = [*known.notes, *self._note_differences(known, *ends)]
        crop = self._crop_to_damage(*ends)
        good, bad = self._measure_ends() or ends
        players = tuple(self._call("differing", self._q.good, self._q.bad, self._task.request))
        shares = self._share_out(players) if players else ()
        if not players:
            notes.append(
                "no stage makes anything else of the same: both pipelines do the same on this case"
            )
        elif shares is None:
            notes.append(
                f"with some of {', '.join(players)} swapped the edit is refused: its effect can't"
                " be shared out"
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
        """From now on, edit this."""
        self._task = task
        self._prepared = prepare(task.reference, [self._metric])
        self._made = {}

    def _measure_ends(self) -> tuple[float, float] | None:
        good, bad = (self._measure(self._edit(spec)) for spec in (self._q.good, self._q.bad))
        return None if good is None or bad is None else (good, bad)

    def _edit(self, spec: str) -> EditResult:
        result: EditResult = self._call("edit", spec, self._task.request)[0]
        return result

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
                    f"the {name} pipeline makes {now:.4g} of it today and made {then:.4g} in the"
                    f" {where}: code, files or libraries have changed since"
                )

    def _crop_to_damage(self, good: float, bad: float) -> tuple[int, int, int, int] | None:
        """Go on with a crop around the damage, where the picture is large and the crop shows the
        change too.
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
        """Each stage's part in the change; None: a combination has no number."""
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
        """How bad the edit is with these stages of the bad pipeline, in the metric's unit, above 0:
        worse than perfect.
        """
        if from_bad not in self._made:
            result = self._call("swapped", self._q.good, self._q.bad, self._task.request, from_bad)
            value = self._measure(result)
            better = self._metric.better
            self._made[from_bad] = (
                None
                if value is None
                else float(measure_worsening(np.array([value]), np.zeros(1), better)[0])
            )
        return self._made[from_bad]


def _find_crop(request: EditRequest, reference: Reference) -> tuple[int, int, int, int] | None:
    """The mask's surroundings, in input pixels, where the picture is so large that cropping pays;
    None: it does not.
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
