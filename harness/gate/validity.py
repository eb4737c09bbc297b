"""Whether a run can be judged at all, said before any verdict. Each reason says what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from editproof.harness.gate.looks import Looks
from editproof.harness.gate.noise_floors import NoiseFloor
from editproof.harness.gate.numbers import find_comparable
from editproof.harness.metrics.residue.unedited import ALL_UNEDITED
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.case_table import CaseTable
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.pairing import Pairing, find_reseeded
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import count_noun, generalise_reason, name_case, name_few

UNEDITED = NumberKey("unedited", "edit", "share")


def check_suite(run: Run, baseline: Run) -> None:
    """Raise UsageError, with the key that differs, where the baseline is of another suite."""
    scale = () if _share_scenes(run, baseline) else ("scale",)
    for one in manifest_differences(
        baseline.manifest.suite, run.manifest.suite, "name", "size", *scale, "scene_seed"
    ):
        raise UsageError(
            f"the baseline {baseline.folder} is of another suite: its {one.name} is {one.before},"
            f" the run's is {one.now}. Accept a run of this suite with `editproof baseline accept`"
        )


def _share_scenes(run: Run, baseline: Run) -> bool:
    """Whether a scene is asked at one scale on both sides."""
    ours, theirs = (_list_scenes(side.case_table) for side in (run, baseline))
    return not {*ours}.isdisjoint(theirs)


def _list_scenes(cases: CaseTable) -> Iterable[tuple[object, ...]]:
    return zip(cases.column("family"), cases.names, cases.column("scale"), strict=True)


def check_noise(run: Run, noise: NoiseFloor) -> None:
    """Raise UsageError where the noise floor was measured on another kind of machine: its noise
    says nothing of this one's.
    """
    for name, value in noise.machine.items():
        here = run.manifest.machine.get(name, value)
        if here != value:
            raise UsageError(
                f"the noise floor {noise.source} was measured where {name} is {value}; this run was"
                f" made where it is {here}. Measure it here: editproof noise RUN"
            )


def of_run(run: Run) -> Iterable[str]:
    """Why this run can't be judged."""
    total = len(run.manifest.cases)
    if not total:
        yield "the run has no cases: its suite names no family or no model"
    if run.missing:
        listed = name_few([name_case(case) for case in run.missing])
        step = (
            "Finish the run that it measures, and measure it again"
            if run.manifest.edits_of
            else "Continue with --resume"
        )
        yield f"{len(run.missing)} of {count_noun(total, 'case')} missing ({listed}). {step}"
    failed = [
        run.manifest.cases[column] for column in np.flatnonzero(run.ending_table.failed).tolist()
    ]
    if failed:
        cases = count_noun(total, "case")
        listed = _list_failures(run, failed)
        yield (
            f"{len(failed)} of {cases} failed ({listed}). Fix the cause, and continue the run with"
            " --resume, which runs these cases again"
        )


def _list_failures(run: Run, failed: Sequence[Case]) -> str:
    """The cases that failed, those of one reason together."""
    by_reason: dict[str, list[Case]] = {}
    for case in failed:
        by_reason.setdefault(generalise_reason(run.endings[case.id].reason), []).append(case)
    return name_few(
        [
            f"{name_case(first)}{f' and {len(more)} more' if more else ''}:"
            f" {run.endings[first.id].reason}"
            for first, *more in by_reason.values()
        ]
    )


def explain_nothing_judged(run: Run, noise: NoiseFloor, *, has_baseline: bool) -> str:
    """Why there is nothing that the run was held to."""
    suite = run.manifest.suite
    own = suite.default_margins and any(metric.margins for metric in run.manifest.metrics.values())
    if (suite.margins or own or noise.floors) and not has_baseline:
        return (
            "there is no baseline yet. If this run is good, `editproof baseline accept` makes it"
            " the baseline"
        )
    return "the suite has no rules. Write [[budgets]] or [[margins]] into it, or name a noise file"


def of_comparison(
    run: Run, baseline: Baseline, pairing: Pairing, unseen: Sequence[str]
) -> Iterable[str]:
    """Why this run can't be compared with this baseline; `unseen`: ids of cases of which nothing
    could be compared.
    """
    there = baseline.run.manifest
    alike = find_comparable(run, baseline.run)
    for name, metric in run.manifest.metrics.items():
        if name not in alike:
            before = there.metrics[name].identity if name in there.metrics else "absent"
            where = "`editproof doctor` says which weights are in use. " if name == "lpips" else ""
            added = "" if name in there.metrics else f" --metric {name}"
            yield (
                f"{name} is {metric.identity} here and {before} in the baseline: no numbers to"
                f" compare. {where}`editproof baseline measure{added}` measures the accepted"
                " pictures again"
            )
    for why, altered in _explain_altered(run, baseline.run, pairing.altered).items():
        listed = name_few([name_case(case) for case in altered])
        yield (
            f"{count_noun(len(altered), 'case')} not compared, since {why} ({listed}). Accept these"
            " cases again: editproof baseline accept --case NAME --reason TEXT"
        )
    if unseen:
        listed = name_few(_name_ids(run, unseen))
        yield (
            f"{count_noun(len(unseen), 'case')} not compared: a picture is gone or of another size,"
            f" and no number with a margin is known on both sides ({listed}). Bring the pictures"
            " back, or accept these cases again"
        )
    if pairing.new:
        yield _explain_new(run, [model.name for model in there.suite.models], pairing.new)


def _explain_new(run: Run, accepted_models: Sequence[str], new: Sequence[str]) -> str:
    """What to do about cases without an accepted picture."""
    lacks = f"{count_noun(len(new), 'case')} without an accepted picture"
    listed = name_few(_name_ids(run, new))
    models = {run.manifest.cases[run.column_of[case_id]].model.name for case_id in new}
    if models <= {*accepted_models}:
        return (
            f"{lacks} ({listed}). If they are good, accept them: editproof baseline accept"
            " --reason TEXT"
        )
    known = ", ".join(dict.fromkeys(accepted_models))
    return (
        f"{lacks} ({listed}). The baseline's models are {known}."
        " To compare a model with one of them, run it under that name: --pipeline NAME=PIPELINE."
        " Or accept this run"
    )


def _name_ids(run: Run, ids: Iterable[str]) -> list[str]:
    return [name_case(run.manifest.cases[run.column_of[case_id]]) for case_id in ids]


def _explain_altered(run: Run, baseline: Run, altered: Sequence[str]) -> dict[str, list[Case]]:
    """What became of scenes that are not the accepted ones any more -> their cases."""
    theirs = (
        {(case.scene, case.model.name): case for case in baseline.manifest.cases} if altered else {}
    )
    found: dict[str, list[Case]] = {}
    for case_id in altered:
        case = run.manifest.cases[run.column_of[case_id]]
        why = _explain_scene(case, theirs[case.scene, case.model.name])
        found.setdefault(why, []).append(case)
    return found


def _explain_scene(now: Case, before: Case) -> str:
    """What makes it another scene than the accepted one."""
    if now.scale != before.scale:
        return (
            f"the baseline holds them at ×{before.scale} and this run asks at ×{now.scale}, which"
            " is another scene"
        )
    if now.size != before.size:
        return (
            f"the baseline holds them at {before.size} px and this run draws them at {now.size} px,"
            " which is another scene"
        )
    if now.given_mask != before.given_mask:
        if now.given_mask:
            return "the pipeline gets the true mask now, and did not before"
        return "the pipeline got the true mask before, and does not now"
    return "the scene itself has changed"


def list_notes(run: Run, baseline: Baseline, pairing: Pairing, looks: Looks) -> Iterable[str]:
    """What a person should know of a comparison though it changes nothing."""
    old = [side.folder for side in (run, baseline.run) if not side.manifest.has_checksums]
    if old:
        yield (
            f"editproof 0.1 wrote {' and '.join(map(str, old))}, without checksums: damage in these"
            " files would not be noticed"
        )
    reseeded = find_reseeded(run, baseline.run, pairing)
    for model in pairing.other_seeds:
        alone = ". Nothing else changed, so a single scene that differs counts as chance"
        yield (
            f"{model} ran on other seeds than the accepted ones: scenes are compared as a whole,"
            f" not seed by seed{alone if model in reseeded else ''}"
        )
    if pairing.unused:
        listed = name_few(_name_ids(baseline.run, pairing.unused))
        yield (
            f"{count_noun(len(pairing.unused), 'case')} of the baseline not in this run, and not"
            f" judged ({listed}). If they are no longer needed, accept a whole run"
        )
    if changed := _compare_environment(run, baseline):
        moved = looks.by_column
        effect = "What changed in pictures may come from that" if moved else "No picture changed"
        yield f"the environment changed: {changed}. {effect}"


def list_unedited_notes(run: Run) -> Iterable[str]:
    """Models that gave back what they were given: what a first run can be told of."""
    if UNEDITED.metric not in run.manifest.metrics:
        return
    grid = run.number_grid([UNEDITED]).values[0]
    cases = run.manifest.cases
    for model in dict.fromkeys(case.model.name for case in cases):
        own = [
            place for place, case in enumerate(cases) if case.model.name == model and case.turn == 1
        ]
        same = [place for place in own if grid[place] >= ALL_UNEDITED]
        if same:
            yield (
                f"{model} edited nothing in {len(same)} of {count_noun(len(own), 'case')}"
                f" ({name_few([name_case(cases[place]) for place in same])}): what should go is"
                " still there. Look at the mask that it gets, with `editproof probe`"
            )


def _compare_environment(run: Run, baseline: Baseline) -> str:
    """Libraries and machine that are not the baseline's, in words."""
    return name_few(
        [
            f"{one.name.partition('.')[2]} is {one.now}, it was {one.before or 'unknown'}"
            for one in manifest_differences(
                baseline.run.manifest, run.manifest, "machine", "versions"
            )
            if one.now is not None and one.name != "versions.editproof"
        ]
    )
