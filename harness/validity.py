"""Whether a run can be judged at all, said before any verdict. Each reason says what to do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.errors import UsageError
from harness.floors import NoiseFloor
from harness.regressions import Baseline, Compared, comparable
from harness.sheet import Sheet
from harness.types import Outcome
from harness.wording import case_name, counted, names

ONE_WAY = 17
"""That many scenes worse and none better is no chance (p < 0.00001), and no change of code is so even and so small."""

EXCEPTIONS = 0.05
"""Share of scenes that may go the other way."""


def check_suite(run: Sheet, baseline: Sheet) -> None:
    """Raise UsageError, with the key that differs, where the baseline is of another suite."""
    ours, theirs = run.manifest.suite, baseline.manifest.suite
    for name in ("name", "size", "scale", "scene_seed"):
        if getattr(ours, name) != getattr(theirs, name):
            raise UsageError(
                f"the baseline {baseline.folder} is of another suite: its {name} is {getattr(theirs, name)}, "
                f"the run's is {getattr(ours, name)}. Accept a run of this suite with `editproof baseline accept`"
            )


def check_noise(run: Sheet, noise: NoiseFloor) -> None:
    """Raise UsageError where the noise floor was measured on another kind of machine: its noise says nothing of this one's."""
    for name, value in noise.machine.items():
        here = run.manifest.machine.get(name, value)
        if here != value:
            raise UsageError(
                f"the noise floor {noise.source} was measured where {name} is {value}; this run was made where it is {here}. "
                "Measure it here: editproof noise RUN"
            )


def of_run(run: Sheet) -> Iterable[str]:
    """Why this run can't be judged."""
    total = len(run.manifest.cases)
    if not total:
        yield "the run has no cases: its suite names no vector or no model"
    if run.missing:
        listed = names([case_name(case) for case in run.missing])
        step = (
            "Finish the run that it measures, and measure it again"
            if run.manifest.edits_of
            else "Continue with --resume"
        )
        yield f"{len(run.missing)} of {counted(total, 'case')} missing ({listed}). {step}"
    failed = [case for case in run.manifest.cases if case.id in run.ended and run.ended[case.id].error]
    if failed:
        listed = names([f"{case_name(case)}: {run.ended[case.id].reason}" for case in failed])
        yield f"{len(failed)} of {counted(total, 'case')} failed ({listed}). Mend them and run again"


def of_comparison(run: Sheet, baseline: Baseline, compared: Compared) -> Iterable[str]:
    """Why this run can't be compared with this baseline."""
    there = baseline.sheet.manifest
    accept = "Accept a run made with this editproof as the new baseline"
    alike = comparable(run, baseline.sheet)
    for name, metric in run.manifest.metrics.items():
        if name not in alike:
            before = there.metrics[name].identity if name in there.metrics else "absent"
            where = "`editproof doctor` says which weights are in use. " if name == "lpips" else ""
            added = "" if name in there.metrics else f" --metric {name}"
            yield (
                f"{name} is {metric.identity} here and {before} in the baseline: no numbers to compare. {where}"
                f"`editproof baseline measure{added}` measures the accepted pictures again"
            )
    for name, value in run.manifest.machine.items():
        if there.machine.get(name, "unknown") != value:
            was = there.machine.get(name, "unknown")
            yield f"the run's {name} is {value}, the baseline's {was}: differences may be the machine's. {accept}"
    new = [case for case in run.manifest.cases if case.id not in compared.pairing.ids]
    if new:
        models = ", ".join(dict.fromkeys(model.name for model in there.suite.models))
        yield (
            f"{counted(len(new), 'case')} without a counterpart in the baseline ({names([case_name(case) for case in new])}). "
            f"Its models are {models}: to compare a model with one of them, run it under that name, --pipeline NAME=PIPELINE; "
            "or accept this run as a new baseline"
        )
    yield from _one_way(run, baseline, compared)


def _one_way(run: Sheet, baseline: Baseline, compared: Compared) -> Iterable[str]:
    """Every scene a little worse and none better: what another host or a stale baseline looks like."""
    if any(f.outcome in {Outcome.REGRESSED, Outcome.UNDERPOWERED, Outcome.ERROR} for f in compared.findings):
        return
    worse, better = directions(compared)
    if worse < ONE_WAY or better > EXCEPTIONS * worse:
        return
    yield (
        f"{worse} scenes got a little worse and {better} better, none of them beyond a margin. Changes of a pipeline are not "
        f"so even: {_suspect(run, baseline.sheet)}. Run the baseline's pipeline here again, and accept that run"
    )


def directions(compared: Compared) -> tuple[int, int]:
    """How many scenes, per model, got worse and better over all rules, each counted in margins."""
    worse = better = 0
    for group in compared.groups:
        unit = np.where(group.margins > 0, group.margins, np.nan)[:, None]
        total = np.nansum(group.changes / unit, axis=0, keepdims=True)
        scenes = group.scenes.sums(total)
        worse, better = worse + int((scenes > 0).sum()), better + int((scenes < 0).sum())
    return worse, better


def _suspect(run: Sheet, baseline: Sheet) -> str:
    ours, theirs = run.manifest.versions, baseline.manifest.versions
    for name, version in ours.items():
        if theirs.get(name) != version:
            return f"{name} is {version} here and was {theirs.get(name, 'absent')} there"
    return "the baseline is stale, or was made on another host"
