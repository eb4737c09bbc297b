"""Judge a run: first whether it can be judged at all, then against budgets and limits, then against a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from statistics import median

from harness import conduct, validity
from harness.floors import NO_NOISE, NoiseFloor
from harness.invariants import Groups, budget_findings, groups_of, left_out, limit_findings
from harness.regressions import Baseline, Compared, compare
from harness.runs import Run, metric_name
from harness.sheet import Sheet, sheet_of
from harness.types import ExitCode, Finding, Outcome, Verdict, Waiver
from harness.wording import counted, names

_ORDER = (
    Outcome.ERROR,
    Outcome.REGRESSED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
    Outcome.IMPROVED,
    Outcome.PASS,
)

SLOWER = 2.0
SLOWER_S = 0.25
"""An edit is said to be slower from so many times the baseline's seconds on, if it is by so many seconds."""

_WAIVABLE = {Outcome.REGRESSED, Outcome.UNDERPOWERED}
"""What could not be measured is nobody's to waive."""


def judge(run: Run, baseline: Run | None, *, noise: NoiseFloor = NO_NOISE) -> Verdict:
    """Judge a run that is in memory; as `judge_sheet`."""
    return judge_sheet(sheet_of(run), Baseline(sheet_of(baseline)) if baseline else None, noise=noise)


def judge_sheet(
    run: Sheet,
    baseline: Baseline | None,
    *,
    noise: NoiseFloor = NO_NOISE,
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> Verdict:
    """Judge a run against its suite's budgets and limits and, where there is one, a baseline.

    `waivers` come beside the suite's own; `today` is in UTC, and mostly left out. Raises UsageError where the baseline is of
    another suite, or a margin below the noise floor. Whatever else keeps the run from being judged is said in
    `Verdict.invalid`, and the exit code is then INCOMPLETE, never a pass or a regression.
    """
    validity.check_noise(run, noise)
    if baseline:
        validity.check_suite(run, baseline.sheet)
    suite, groups = run.manifest.suite, groups_of(run)
    compared = compare(run, baseline, groups, noise) if baseline else None
    found = [*budget_findings(run, groups), *limit_findings(run, groups)]
    if baseline and compared:
        of_conduct = [*_of_conduct(run, baseline.sheet, groups, compared)]
        found = [*_without_what_ended(found, of_conduct), *compared.findings, *of_conduct]
    invalid = [*validity.of_run(run)]
    if baseline and compared:
        invalid += validity.of_comparison(run, baseline, compared)
    invalid += [finding.text for finding in found if finding.outcome is Outcome.ERROR]
    if not found and not invalid:
        own = suite.default_margins and any(metric.margins for metric in run.manifest.metrics.values())
        if (suite.margins or own or noise.floors) and not baseline:
            remedy = "there is no baseline yet. If this run is good, `editproof baseline accept` makes it the baseline"
        else:
            remedy = "the suite has no rules. Write [[budgets]] or [[margins]] into it, or name a noise file"
        invalid.append(f"nothing was judged: {remedy}")
    all_waivers = (*suite.waivers, *waivers)
    day = today or datetime.now(UTC).date()
    findings = [_waived(finding, all_waivers, day) for finding in found]
    regressed = any(finding.outcome is Outcome.REGRESSED for finding in findings)
    code = ExitCode.INCOMPLETE if invalid else ExitCode.REGRESSION if regressed else ExitCode.OK
    ranked = sorted(findings, key=lambda finding: (_ORDER.index(finding.outcome), _relative(finding)))
    notes = [*_about_waivers(all_waivers, found, day), *left_out(run, groups)]
    if baseline and compared:
        notes += [*_about_baseline(baseline, compared), *_about_speed(run, baseline, compared)]
    folder = str(baseline.sheet.folder) if baseline else ""
    return Verdict(code, tuple(invalid), tuple(ranked), folder, tuple(notes))


def _of_conduct(run: Sheet, baseline: Sheet, groups: Groups, compared: Compared) -> Iterable[Finding]:
    yield from conduct.status_findings(run, baseline, groups, compared.pairing)
    yield from conduct.seed_findings(run, baseline, groups, compared.pairing, compared.keys)
    yield from conduct.broken_findings(run, compared)


def _without_what_ended(found: Iterable[Finding], of_conduct: Iterable[Finding]) -> Iterable[Finding]:
    """Without the budgets that have no number since edits are refused that were not before: that is a regression, said once."""
    ended = {(f.family, f.model) for f in of_conduct if f.rule == "status" and f.outcome is Outcome.REGRESSED}
    return (f for f in found if f.outcome is not Outcome.ERROR or (f.family, f.model) not in ended)


def _waived(finding: Finding, waivers: Sequence[Waiver], day: date) -> Finding:
    """The finding, waived where somebody answers for it that day."""
    waiver = next((w for w in waivers if _covers(w, finding) and day <= w.expires), None)
    if waiver is None or finding.outcome not in _WAIVABLE:
        return finding
    text = f"{finding.text}. Waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"
    return replace(finding, outcome=Outcome.WAIVED, text=text)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    asked = (waiver.family, waiver.model, waiver.metric)
    found = (finding.family, finding.model, metric_name(finding.metric))
    return all(not name or name == other for name, other in zip(asked, found, strict=True))


def _about_waivers(waivers: Sequence[Waiver], findings: Sequence[Finding], day: date) -> Iterable[str]:
    for waiver in waivers:
        scope = " ".join(part for part in (waiver.family, waiver.model, waiver.metric) if part)
        covered = [finding for finding in findings if _covers(waiver, finding)]
        if day > waiver.expires:
            yield (
                f"the waiver of {scope} by {waiver.owner} expired on {waiver.expires} and no longer counts ({waiver.reason}). "
                "Mend it, or renew the waiver"
            )
        elif covered and not any(finding.outcome in _WAIVABLE for finding in covered):
            yield f"the waiver of {scope} by {waiver.owner} is not needed: all of it passes. Remove it"
        elif not covered:
            yield f"the waiver of {scope} by {waiver.owner} covers no rule of this run"


def _about_baseline(baseline: Baseline, compared: Compared) -> Iterable[str]:
    pairing = compared.pairing
    if pairing.other_seeds:
        yield (
            f"{counted(pairing.other_seeds, 'case')} ran on other seeds than the baseline's: they are paired in order, so "
            "changes hold the noise of both"
        )
    if pairing.unused:
        cases = {case.id: case for case in baseline.sheet.manifest.cases}
        listed = names([f"{cases[i].scene} {cases[i].model.name} seed {cases[i].seed}" for i in pairing.unused])
        yield (
            f"{counted(len(pairing.unused), 'case')} of the baseline not in this run, and not judged ({listed}). What is "
            "gone for good: accept a whole run anew"
        )


def _about_speed(run: Sheet, baseline: Baseline, compared: Compared) -> Iterable[str]:
    """What takes far longer than before; only said, since it may be the machine."""
    then: dict[str, list[float]] = {}
    now: dict[str, list[float]] = {}
    for case in run.manifest.cases:
        ours = run.ended.get(case.id)
        theirs = baseline.sheet.ended.get(compared.pairing.ids.get(case.id, ""))
        if ours and theirs and not (ours.cached or ours.error or theirs.error):
            now.setdefault(case.model.name, []).append(ours.seconds)
            then.setdefault(case.model.name, []).append(theirs.seconds)
    for model, seconds in now.items():
        before, after = median(then[model]), median(seconds)
        if after >= SLOWER * before and after - before >= SLOWER_S:
            yield (
                f"{model} is slower than in the baseline: {after:.2g} s an edit in the median, {before:.2g} s then. Where it "
                "is not the machine, hold it to a time with [[limits]]"
            )


def _relative(finding: Finding) -> float:
    """Headroom in limits: what sorts findings of different units."""
    return finding.headroom / max(abs(finding.limit), 1e-9)
