"""Judge a run: whether it can be judged at all, then against budgets and limits, then beside the
accepted pictures.

Three questions are asked of every picture, in this order. Did it change (`looks.py`)? Can anybody
see it (`visibility.py`)? Is it better or worse (`judging.py`, `seeds.py`)? What changed is told
cause by cause (`causes.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

import numpy as np

from editproof.harness.gate import cost, endings, numbers, seeds, signs, validity
from editproof.harness.gate.causes import (
    PLAIN,
    Cause,
    find_causes,
    judge_case,
    make_finding,
    make_unproved_finding,
)
from editproof.harness.gate.first_stage import find_first_stages
from editproof.harness.gate.limits import (
    Groups,
    accept_budgets,
    group_columns,
    judge_budgets,
    judge_limits,
    list_accepted_budgets,
    list_left_out,
)
from editproof.harness.gate.looks import Look, LookOptions, Looks, look
from editproof.harness.gate.noise_floors import NO_NOISE, NoiseFloor
from editproof.harness.gate.scoring import Scored, judge_pairs
from editproof.harness.gate.waivers import (
    covers_group,
    has_waived_picture,
    list_waiver_notes,
    waive,
)
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.canaries import list_canary_notes, list_changed_services
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.not_applicable import list_fit_notes, list_resize_notes
from editproof.harness.records.pairing import Pairing, find_reseeded, pair
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import FAIL_ON, Waiver
from editproof.harness.records.verdicts import (
    OUTCOMES,
    Change,
    Finding,
    Judgement,
    Outcome,
    Verdict,
)
from editproof.harness.records.vocabulary import ASPECTS
from editproof.harness.stores.copies import name_place


@dataclass(frozen=True)
class GateResult:
    """The gate's word, and what it was found by."""

    verdict: Verdict
    pairing: Pairing | None = None
    """Which accepted case each case was compared with; None: there is no baseline."""
    unchanged: tuple[str, ...] = ()
    """Ids of the cases whose picture is an accepted one, bit for bit."""


QUIET = LookOptions()
"""Alone and without a word: how tests and calibrations look."""


@dataclass(frozen=True)
class BaselineComparison:
    """A run beside its baseline: what changed, what can be seen, what got better or worse."""

    pairing: Pairing
    looks: Looks
    scored: tuple[Scored, ...]
    causes: tuple[Cause, ...]
    findings: tuple[Finding, ...]
    unseen: tuple[str, ...] = ()
    """Ids of cases of which neither pictures nor numbers could be compared."""


@dataclass(frozen=True)
class Rules:
    """What findings are made by."""

    noise: NoiseFloor = NO_NOISE
    fail_on: tuple[str, ...] = FAIL_ON
    waivers: tuple[Waiver, ...] = ()
    """Those that count today."""

    def find_waiver(self, family: str, model: str, rule: str = "") -> int:
        """The number of the waiver that covers all of a family and model, or all that a rule says
        of them: what is waived is no cause with what is not. Below 0: there is none.
        """
        covering = (
            place
            for place, waiver in enumerate(self.waivers)
            if waiver.metric in {"", rule} and covers_group(waiver, family, model)
        )
        return next(covering, -1)

    def find_waiver_of(self, run: Run, scored: Scored) -> int:
        """As `find_waiver`, of what changed; also the waiver of all its pictures."""
        of_group = self.find_waiver(scored.scene.family, scored.scene.model)
        if of_group >= 0:
            return of_group
        ids = [run.manifest.cases[column].id for column in scored.columns]
        covering = (
            place
            for place, waiver in enumerate(self.waivers)
            if all(has_waived_picture(waiver, run, case_id) for case_id in ids)
        )
        return next(covering, -1)


def judge(
    run: Run,
    baseline: Baseline | None,
    *,
    noise: NoiseFloor = NO_NOISE,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
    looking: LookOptions = QUIET,
    fail_on: Sequence[str] = (),
) -> GateResult:
    """Judge a run against its suite's budgets and limits and, where there is one, a baseline.

    `waivers` come beside the suite's own, `fail_on` in place of it; `today` is in UTC, and mostly
    left out. Raises UsageError where the baseline is of another suite, or a margin below the noise
    floor. Whatever else keeps the run from being judged is said in `Verdict.invalid`, and the exit
    code is then INCOMPLETE, never a pass.
    """
    validity.check_noise(run, noise)
    if baseline:
        validity.check_suite(run, baseline.run)
    suite, groups = run.manifest.suite, group_columns(run)
    all_waivers = (*suite.waivers, *waivers)
    day = today or datetime.now(UTC).date()
    compared = None
    if baseline:
        rules = Rules(
            noise,
            tuple(fail_on) or suite.fail_on,
            tuple(w for w in all_waivers if day <= w.expires),
        )
        compared = compare(run, baseline, groups, rules, looking)
    found = [*judge_budgets(run, groups), *judge_limits(run, groups)]
    if baseline:
        found = accept_budgets(found, run, baseline.run)
    if compared:
        found = [*_drop_ended_budgets(found, compared.findings), *compared.findings]
    invalid = [*validity.of_run(run), *list_changed_services(run.folder)]
    if baseline and compared:
        invalid += validity.of_comparison(run, baseline, compared.pairing, compared.unseen)
    invalid += [finding.text for finding in found if finding.outcome is Outcome.ERROR]
    if not found and not invalid and not (compared and compared.pairing.scenes):
        invalid.append(
            validity.explain_nothing_judged(run, noise, has_baseline=baseline is not None)
        )
    ids = run.case_table.column("id")
    unchanged = tuple(ids[column] for column in compared.looks.unchanged) if compared else ()
    findings = sorted((waive(finding, run, all_waivers, day) for finding in found), key=_rank)
    judgements = tuple(judge_aspects(run, compared)) if compared else ()
    notes = [
        *list_canary_notes(run.folder),
        *list_waiver_notes(run, all_waivers, found, unchanged, day),
        *list_fit_notes(run.manifest),
        *list_resize_notes(run),
        *list_left_out(run, groups),
        *list_accepted_budgets(found),
    ]
    if not baseline:
        notes += validity.list_unedited_notes(run)
    if baseline and compared:
        notes += [
            *validity.list_notes(run, baseline, compared.pairing, compared.looks),
            *_list_unknown_noise(compared.scored),
            *cost.list_notes(run, baseline, compared.pairing),
        ]
    verdict = Verdict(
        exit_code=_choose_exit_code(findings, invalid),
        outcome=_choose_outcome(findings, judgements, invalid),
        invalid=tuple(invalid),
        findings=tuple(findings),
        judgements=judgements,
        changes=tuple(_list_changes(run, compared)) if compared else (),
        unchanged=len(unchanged),
        baseline=name_place(baseline.run.folder) if baseline else "",
        notes=tuple(notes),
        preliminary=bool(run.missing and run.endings) and len(invalid) == 1,
        seen_by=compared.looks.seen_by if compared else "",
    )
    return GateResult(verdict, compared.pairing if compared else None, unchanged)


def compare(
    run: Run, baseline: Baseline, groups: Groups, rules: Rules, looking: LookOptions
) -> BaselineComparison:
    """Ask the three questions."""
    numbers.check_margins(run.manifest.suite, rules.noise)
    pairing = pair(run, baseline.run)
    looks = look(run, baseline, pairing, looking)
    pairing = pairing.with_modes(looks.modes)
    scored, unproved, read = _score_scenes(run, baseline, pairing, looks, rules.noise)
    stages = find_first_stages(run, baseline.run, pairing, [one.columns[0] for one in scored])
    causes = tuple(find_causes(scored, stages, partial(rules.find_waiver_of, run)))
    findings = [make_finding(run, cause, read, rules.fail_on) for cause in causes] if read else []
    findings += [make_unproved_finding(run, one, read) for one in unproved] if read else []
    findings += [
        *endings.find_status_changes(
            run, baseline.run, groups, pairing, partial(rules.find_waiver, rule="status")
        ),
        *endings.find_dead_seeds(
            run, baseline.run, pairing, looks, partial(rules.find_waiver, rule="seed")
        ),
    ]
    unseen = tuple(_find_uncompared(run, pairing, looks, read, rules.noise)) if read else ()
    return BaselineComparison(pairing, looks, tuple(scored), causes, tuple(findings), unseen)


def _score_scenes(
    run: Run, baseline: Baseline, pairing: Pairing, looks: Looks, noise: NoiseFloor
) -> tuple[list[Scored], list[seeds.Unproved], numbers.Numbers | None]:
    """What lost and won, and the numbers that say so. Nothing is read where nothing changed
    visibly.
    """
    changed = looks.list_changed_scenes(pairing.scenes)
    pairs = [scene for scene in changed if scene.mode == "pairs"]
    seeded = [scene for scene in changed if scene.mode == "seeds"]
    shown = [one for scene in pairs for one in looks.list_changed(scene.ours)]
    shown = [one for one in shown if one.state in {"visible", "unknown"}]
    ours = [*(one.column for one in shown), *(column for scene in seeded for column in scene.ours)]
    theirs = [
        *(one.partner for one in shown),
        *(column for scene in seeded for column in scene.theirs),
    ]
    if not ours:
        return [], [], None
    keys = numbers.list_keys(run, baseline.run, noise)
    alike = numbers.find_comparable(run, baseline.run)
    told = tuple(key for key in signs.list_extra_keys() if key.metric in alike)
    read = numbers.read(
        run,
        (baseline.run, *baseline.also),
        keys=tuple(dict.fromkeys([*keys, *told])),
        ours=list(dict.fromkeys(ours)),
        theirs=list(dict.fromkeys(theirs)),
    )
    reseeded = find_reseeded(run, baseline.run, pairing)
    moved, unproved = seeds.judge(run, seeded, looks, read, noise, reseeded)
    return [*judge_pairs(run, pairs, looks, read, noise), *moved], unproved, read


def _find_uncompared(
    run: Run, pairing: Pairing, looks: Looks, read: numbers.Numbers, noise: NoiseFloor
) -> Iterable[str]:
    """Cases whose pictures can't be compared, and of which no number with a margin is known on both
    sides.
    """
    margins = numbers.Margins(run, read.keys, noise)
    for scene in pairing.scenes:
        for column in looks.of(scene.ours, "unknown"):
            least = margins.find(scene.family, scene.model, cases=1)
            one = looks.by_column[column]
            if np.isnan(read.ours[column] + read.theirs[one.answer][one.partner] + least).all():
                yield run.manifest.cases[column].id


def judge_aspects(run: Run, compared: BaselineComparison) -> Iterable[Judgement]:
    """What became of every aspect of every family and model."""
    outcomes = {id(one): cause.outcome for cause in compared.causes for one in cause.scored}
    by_group: dict[tuple[str, str], list[Scored]] = {}
    for one in compared.scored:
        by_group.setdefault((one.scene.family, one.scene.model), []).append(one)
    counts: dict[tuple[str, str], int] = {}
    for scene in compared.pairing.scenes:
        group = (scene.family, scene.model)
        counts[group] = counts.get(group, 0) + len(scene.ours)
    changed: dict[tuple[str, str], list[Look]] = {}
    for scene in compared.looks.list_changed_scenes(compared.pairing.scenes):
        looks = compared.looks.list_changed(scene.ours)
        changed.setdefault((scene.family, scene.model), []).extend(looks)
    for group, count in counts.items():
        scored = by_group.get(group, [])
        looks = changed.get(group, [])
        for place, aspect in enumerate(ASPECTS):
            lost = float(sum(one.lost[place] for one in scored))
            won = float(sum(one.won[place] for one in scored))
            jod = max((one.jod for one in scored if one.jod is not None), default=0.0)
            outcome = _of_aspect(lost, won, {outcomes[id(one)] for one in scored}, looks)
            yield Judgement(*group, aspect, outcome, round(lost, 3), round(won, 3), jod, count)
    yield from _list_not_judged(run, compared.pairing)


def _of_aspect(lost: float, won: float, causes: set[Outcome], looks: Sequence[Look]) -> Outcome:
    """An aspect's outcome. What is lost where the cause as a whole is an improvement is the price
    of it: traded.
    """
    if Outcome.CHANGED in causes:
        return Outcome.CHANGED
    if lost + won >= 1:
        if won > PLAIN * lost:
            return Outcome.IMPROVED
        worse = lost > PLAIN * won
        return Outcome.REGRESSED if worse and causes != {Outcome.IMPROVED} else Outcome.TRADED
    quiet = all(one.difference is None or one.difference.visible for one in looks)
    return Outcome.UNCHANGED if quiet else Outcome.INVISIBLE


def _list_not_judged(run: Run, pairing: Pairing) -> Iterable[Judgement]:
    """Families and models of which nothing could be compared."""
    known = {(scene.family, scene.model) for scene in pairing.scenes}
    left: dict[tuple[str, str], int] = {}
    for case_id in (*pairing.new, *pairing.altered):
        case = run.manifest.cases[run.column_of[case_id]]
        group = (case.family, case.model.name)
        left[group] = left.get(group, 0) + 1
    for group, count in left.items():
        if group not in known:
            yield from (
                Judgement(*group, aspect, Outcome.NOT_JUDGED, 0.0, 0.0, 0.0, count)
                for aspect in ASPECTS
            )


def _list_changes(run: Run, compared: BaselineComparison) -> Iterable[Change]:
    """Every picture that is not the accepted one, the most visible first."""
    outcome = {
        column: judge_case(cause, one)
        for cause in compared.causes
        for one in cause.scored
        for column in one.columns
    }
    for finding in compared.findings:
        if finding.outcome is Outcome.UNDERPOWERED:
            outcome |= {run.column_of[case_id]: finding.outcome for case_id in finding.cases}
    found, ids = [], run.case_table.column("id")
    for one in compared.looks.by_column.values():
        if one.state == "no picture" or (one.difference is None and one.column not in outcome):
            continue
        usual = (
            Outcome.INVISIBLE
            if one.difference and not one.difference.visible
            else Outcome.UNCHANGED
        )
        whole, worst = (
            (one.difference.whole, one.difference.worst) if one.difference else (0.0, 0.0)
        )
        away = round(one.difference.step, 4) if one.difference and one.difference.steps else None
        found.append(
            Change(
                ids[one.column],
                outcome.get(one.column, usual),
                whole,
                worst,
                away,
            )
        )
    return sorted(found, key=lambda change: -max(change.whole, change.worst))


def _list_unknown_noise(scored: Iterable[Scored]) -> Iterable[str]:
    """Models of which nobody knows how much their seeds differ."""
    models = [one.scene.model for one in scored if one.scene.mode == "seeds" and one.p is None]
    for model in dict.fromkeys(models):
        yield (
            f"{model} has one picture of each scene, which does not show how much seeds differ. So"
            " the gate can't say what got better or worse. Accept a run with 3 seeds, or"
            " --repeat 3. If seeds do not matter, set `stochastic = false`"
        )


def _choose_exit_code(findings: Sequence[Finding], invalid: Sequence[str]) -> ExitCode:
    if invalid:
        return ExitCode.INCOMPLETE
    if any(finding.fails for finding in findings):
        return ExitCode.REGRESSION
    unproved = any(finding.outcome is Outcome.UNDERPOWERED for finding in findings)
    return ExitCode.INCOMPLETE if unproved else ExitCode.OK


def _choose_outcome(
    findings: Sequence[Finding], judgements: Sequence[Judgement], invalid: Sequence[str]
) -> Outcome:
    """The worst of what was found; of aspects, only what is no loss or gain of a finding."""
    quiet = {Outcome.NOT_JUDGED, Outcome.INVISIBLE, Outcome.UNCHANGED}
    known = {finding.outcome for finding in findings} | {
        j.outcome for j in judgements if j.outcome in quiet
    }
    known |= {Outcome.ERROR} if invalid else set()
    return next((outcome for outcome in OUTCOMES if outcome in known), Outcome.NOT_JUDGED)


def _rank(finding: Finding) -> tuple[bool, bool, bool, int, float]:
    """What fails the build first, then what could not be proved; then by how visible it is."""
    quiet = finding.outcome is Outcome.PASS
    unproved = finding.outcome is Outcome.UNDERPOWERED
    order = OUTCOMES.index(finding.outcome)
    if finding.jod is not None:
        return (not finding.fails, not unproved, quiet, 0, -finding.jod)
    past = (
        finding.evidence.headroom / max(abs(finding.evidence.limit), 1e-9)
        if finding.evidence
        else 0.0
    )
    return (not finding.fails, not unproved, quiet, order, past)


def _drop_ended_budgets(
    found: Iterable[Finding], of_endings: Iterable[Finding]
) -> Iterable[Finding]:
    """Without the budgets that have no number since edits are refused that were not before: that is
    a regression, said once.
    """
    ended = {
        (family, model)
        for finding in of_endings
        if finding.rule == "status" and finding.outcome is Outcome.REGRESSED
        for family in finding.families
        for model in finding.models
    }
    return (
        f
        for f in found
        if f.outcome is not Outcome.ERROR
        or not all((family, model) in ended for family in f.families for model in f.models)
    )
