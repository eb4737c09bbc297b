"""Find the stage that made a case worse.

The first stage whose artefact differs from the baseline's is named first. If both pipelines offer
their stages, the case is then edited again with stages swapped (`swapping.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from editproof.harness.blame.outcome import Blame
from editproof.harness.blame.question import Question, read_value
from editproof.harness.blame.swapping import Swapper, describe_error, start_host
from editproof.harness.gate.first_stage import find_first_difference
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.records.errors import UsageError
from editproof.harness.records.process_limits import DEFAULT_LIMITS, ProcessLimits
from editproof.harness.records.tables import read_stages
from editproof.harness.records.wording import name_case
from editproof.harness.running.pipeline_process import PipelineError, PipelineProcess
from editproof.harness.suites.trust import NO_TRUST, Trust, check_settings, trusted_pipeline


def blame(
    question: Question,
    weights: LpipsWeights,
    *,
    timeout_s: float,
    limits: ProcessLimits = DEFAULT_LIMITS,
    trust: Trust = NO_TRUST,
) -> Blame:
    """Answer a question. Where stages cannot be swapped, the notes of the answer say why.

    Raises UsageError if a pipeline that was named on the command line cannot be loaded, or if the
    run or the baseline names one that the user does not trust.
    """
    q = question
    known = _read_recorded(q)
    traces = read_stages(q.run.folder, [q.case.id]), read_stages(q.baseline.folder, [q.other])
    first = find_first_difference(traces[0].get(q.case.id, []), traces[1].get(q.other, []))
    notes = [*_note_other_ending(q)]
    if (
        q.good == q.bad
        and not first
        and traces[0].get(q.case.id)
        and known.before == known.after
        and not notes
    ):
        note = (
            "there is nothing to blame a stage for: this number and every stage's artefact equal"
            " the baseline's"
        )
        return replace(known, notes=(note,))
    if not first:
        notes.append(_explain_no_first_stage(q, traces))
    if q.good == q.bad:
        notes.append(
            "the run and the baseline name the same pipeline, so its code or files changed. To swap"
            " stages, check out the good version beside this one and name it:"
            " --good path/to/good.py:build"
        )
        return replace(known, first=first, notes=tuple(notes))
    for spec, where, option in ((q.good, q.baseline, "--good"), (q.bad, q.run, "--bad")):
        trusted_pipeline(spec, trust, where=where.folder, option=f"{option} '{spec}'")
    with start_host(limits, timeout_s) as host:
        _check_named_pipelines(q, host)
        swapper = Swapper(q, weights, host)
        if q.case.own:
            check_settings(swapper.config, trust, where=f"the case {name_case(q.case)}")
        return swapper.answer(replace(known, first=first, notes=tuple(notes)))


def _note_other_ending(q: Question) -> Iterator[str]:
    before, after = q.baseline.endings[q.other], q.run.endings[q.case.id]
    if before.status != after.status:
        ends = [
            f"{ended.status.replace('_', ' ')}{f' ({ended.reason})' if ended.reason else ''}"
            for ended in (before, after)
        ]
        yield f"the edit was {ends[0]} in the baseline and is {ends[1]} in the run"


def _check_named_pipelines(q: Question, host: PipelineProcess) -> None:
    """Raise UsageError if a pipeline that was named on the command line cannot be loaded."""
    for option, spec, where in (("--good", q.good, q.baseline), ("--bad", q.bad, q.run)):
        if spec != where.manifest.pipelines[q.case.model.name].spec:
            try:
                host.describe(spec)
            except PipelineError as error:
                raise UsageError(f"{option} {spec}: {describe_error(error, host)}") from error


def _read_recorded(q: Question) -> Blame:
    """Read the number in question from the run and the baseline."""
    info = q.run.manifest.metrics[q.key.metric]
    before, after = read_value(q.baseline, q.other, q.key), read_value(q.run, q.case.id, q.key)
    return Blame(
        q.case, info.identity, q.key.region, q.key.stat, info.unit_of(q.key.stat), before, after, ""
    )


def _explain_no_first_stage(q: Question, traces: tuple[dict[str, Any], dict[str, Any]]) -> str:
    if not traces[0].get(q.case.id):
        return (
            "the pipeline stores no stages, so the first one that differs is unknown. Return their"
            " artefacts in EditResult.stages"
        )
    if not traces[1].get(q.other):
        return (
            "the baseline stores no stages of this case. Accept a run of this version of editproof"
        )
    return (
        "every stage's artefact equals the baseline's, bit for bit: the difference is outside the"
        " stages"
    )
