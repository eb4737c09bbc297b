"""The page that reports how good the gate is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from editproof.harness.calibration.gates import explain_missing_gate, load_gates
from editproof.harness.calibration.outcome import TrialOutcome
from editproof.harness.calibration.plan import MODEL_KINDS, PEER_RERUNS
from editproof.harness.calibration.rates import (
    DIRECTIONS,
    Rate,
    blame_rate,
    catch_rate,
    direction_of,
    failure_rate,
    false_alarms,
    harmless_failure_rate,
    has_plain_steps,
    improvement_rate,
    listing_rate,
    peer_names,
    peer_rates,
    repair_failure_rate,
    repair_improvement_rate,
    select_direction,
    select_outcomes,
    stage_naming_rate,
    sum_rates,
)
from editproof.harness.faults.harmless import HARMLESS
from editproof.harness.faults.stages import STAGE_FAULTS, StageFault
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Outcome
from editproof.harness.setup.pages import wrap_lines

MOST_WRONG = 20
"""Number of wrong verdicts to list for each kind of trial."""


def write_page(
    path: Path, manifest: Manifest, outcomes: Sequence[TrialOutcome], command: str
) -> Path:
    """Write the page. `manifest` is the baseline's."""
    lines = [
        *_summarise(outcomes),
        *_describe_setup(manifest, command),
        *_tabulate_directions(outcomes),
        *_tabulate_models(outcomes),
        *_tabulate_reruns(outcomes),
        *_tabulate_stages(outcomes),
        *_tabulate_gates(outcomes),
        *_tabulate_harmless(outcomes),
        *_tabulate_faults(outcomes),
    ]
    text = wrap_lines("\n".join(lines).rstrip())
    write_atomically(path, f"{text}\n".encode())
    return path


def _summarise(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    """The four main numbers, and two of them by what the changes do."""
    towards = select_outcomes(select_direction(outcomes, "towards"), "repair")
    harmful = select_outcomes(select_direction(outcomes, "away"), "fault")
    yield "# Calibration: how often the gate is wrong\n"
    yield "| runs | failed builds | rate | 95 % interval |"
    yield "|---|---:|---:|---:|"
    rows = (
        ("clean reruns", sum_rates(false_alarms(outcomes).values())),
        ("harmless changes that nobody can see", harmless_failure_rate(outcomes, visible=False)),
        ("repairs", repair_failure_rate(outcomes)),
        ("… of these, visible ones that lead towards the right answer", failure_rate(towards)),
        ("faults that somebody can see, at nominal strength", catch_rate(outcomes, 1.0)),
        ("… of these, those that lead away from the right answer", catch_rate(harmful, 1.0)),
    )
    for what, rate in rows:
        yield f"| {what} | {rate} | {_format_percentage(rate)} | {_format_interval(rate)} |"
    yield ""
    yield (
        "Clean reruns, harmless changes and repairs should pass.\n"
        "Faults should fail, with exit code 1, or 3 if the run cannot be judged.\n"
        "Some faults bring a picture nearer to the right answer, as the next table says.\n"
        "Intervals are exact (Clopper and Pearson 1934).\n"
        "ColorVideoVDP decides for every picture whether a change is visible.\n"
        "Runs that also switch the model are counted separately.\n"
    )


def _describe_setup(manifest: Manifest, command: str) -> Iterator[str]:
    suite = manifest.suite
    models = ", ".join(f"`{model.name}`" for model in suite.models)
    yield (
        f"`{command}` wrote this page.\n"
        f"The suite `{suite.name}` is run once, and its run is accepted as the baseline.\n"
        f"It has {len(suite.variants)} scenes of {suite.size} px, models {models}, seeds"
        f" {', '.join(map(str, suite.seeds))}: {len(manifest.cases)} cases.\n"
        "The gate then compares other runs with it, as it would compare yours:\n"
    )
    yield ("- *Clean reruns* change only the seed, the threads, the batches or the input's file.")
    yield "- *Harmless changes* change how a picture is rounded, stored, enlarged or computed."
    yield "- *Faults* are planted in single stages of the reference pipeline."
    yield "- *Repairs* are reversed faults: the faulty run is the baseline of the sound one.\n"
    versions = [
        f"editproof {manifest.editproof}",
        *(f"{k} {v}" for k, v in manifest.machine.items()),
    ]
    yield (
        "Machine and versions:"
        f" {', '.join([*versions, 'Python ' + manifest.versions.get('python', '?')])}.\n"
    )


def _tabulate_directions(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    """Faults and repairs by the direction of their change."""
    if not any(select_direction(outcomes, direction) for direction in DIRECTIONS):
        return
    yield "## By direction of the change\n"
    yield (
        "Not every planted fault does harm: some bring a scene nearer to the right answer.\n"
        "So each visible fault and repair is sorted by its direction, as ColorVideoVDP measures"
        " it.\n"
        "Each picture is a step towards the right answer or away from it.\n"
        "A direction is clear if the steps add up to at least half of the most visible change.\n"
        "The steps of a stochastic model must also be more than chance: a t-test of them gives"
        " p < 0.01.\n"
    )
    clean = [one for one in select_outcomes(outcomes, "clean") if one.worst]
    if clean:
        plain = sum(map(has_plain_steps, clean))
        clear = sum(direction_of(one) != "neither" for one in clean)
        yield (
            f"Of {len(clean)} clean reruns that differ, {plain} meet the first condition, and"
            f" {clear} meet both.\n"
        )
    yield "| direction | trials | should | fail the build | called improved |"
    yield "|---|---:|---|---:|---:|"
    words = {
        "away": ("away from the right answer", "fail"),
        "towards": ("towards the right answer", "be called improved"),
        "neither": ("not clear", "either"),
    }
    for direction in DIRECTIONS:
        selected = select_direction(outcomes, direction)
        what, should = words[direction]
        rates = " | ".join(
            _format_rate(one) for one in (failure_rate(selected), improvement_rate(selected))
        )
        yield f"| {what} | {len(selected)} | {should} | {rates} |"
    yield ""


def _tabulate_models(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    """Rates by model kind."""
    shares = _strengths(outcomes)
    yield "## By model\n"
    yield (
        "A switched run compares one model with another under one name.\n"
        "It also has a planted fault or repair.\n"
    )
    found = [kind for kind in MODEL_KINDS if any(one.model_kind == kind for one in outcomes)]
    yield f"| trials | {' | '.join(found)} |"
    yield "|---|" + "---:|" * len(found)
    columns = [_model_rates(outcomes, kind, shares) for kind in found]
    for name in columns[0] if columns else ():
        yield f"| {name} | {' | '.join(_format_rate(column[name]) for column in columns)} |"
    yield ""
    yield from (
        f"- The switch {one.models} alone: {one.outcome}. {one.top}"
        for one in select_outcomes(outcomes, "switch")
    )
    yield ""


def _model_rates(
    outcomes: Sequence[TrialOutcome], kind: str, shares: Sequence[float]
) -> dict[str, Rate]:
    """The rates of one model kind, by what they count."""
    kinds = (kind,)
    return {
        "invisible harmless changes failed": harmless_failure_rate(
            outcomes, visible=False, kinds=kinds
        ),
        "visible harmless changes failed": harmless_failure_rate(
            outcomes, visible=True, kinds=kinds
        ),
        "repairs failed": repair_failure_rate(outcomes, kinds=kinds),
        "visible repairs called improved": repair_improvement_rate(outcomes, kinds=kinds),
        **{
            f"visible faults caught at {share:g} ×": catch_rate(outcomes, share, kinds=kinds)
            for share in shares
        },
        "invisible faults listed as changed": listing_rate(outcomes, kinds=kinds),
    }


def _tabulate_reruns(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    rates = false_alarms(outcomes)
    if not rates:
        return
    yield "## Clean reruns\n"
    yield (
        "Reruns on other seeds are compared with the suite's own run.\n"
        "Most are also compared with another rerun, since one baseline may happen to be easy.\n"
    )
    yield "| rerun | false alarms | 95 % interval |"
    yield "|---|---:|---:|"
    for name, rate in [*rates.items(), ("all", sum_rates(rates.values()))]:
        yield f"| {name} | {rate} | {_format_interval(rate)} |"
    yield ""
    yield from _list_wrong_verdicts(
        [one for one in select_outcomes(outcomes, "clean") if one.fails]
    )


def _tabulate_stages(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    if not select_outcomes(outcomes, "fault"):
        return
    yield "## The stage to look at\n"
    yield (
        "The gate names the first stage whose artefact differs from the baseline's.\n"
        "For a pipeline without artefacts, it names no stage.\n"
    )
    yield "| strength | faults caught whose stage is named first | 95 % interval |"
    yield "|---|---:|---:|"
    for share in _strengths(outcomes):
        rate = stage_naming_rate(outcomes, share)
        yield f"| {share:g} × | {rate} | {_format_interval(rate)} |"
    yield ""
    swapped = blame_rate(outcomes)
    if swapped.of:
        yield (
            "`editproof blame` swaps stages instead.\n"
            f"It blames the planted stage in {swapped} trials, interval"
            f" {_format_interval(swapped)}.\n"
        )


def _tabulate_gates(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    names = peer_names(outcomes)
    if not names:
        return
    shares = _strengths(outcomes)
    about = {gate.name: gate.about for gate in load_gates(NO_WEIGHTS)}
    yield "## Compared with common gates\n"
    yield (
        "Each gate gets the first seed of every scene, from the first model and the stochastic"
        " ones.\n"
        f"It judges the first {PEER_RERUNS} clean reruns, and all harmless changes, repairs and"
        " faults without a switch.\n"
        "Which changes are visible is the same for all gates.\n"
    )
    heads = "".join(f" visible faults caught at {share:g} × |" for share in shares)
    yield (
        "| gate | what it checks | clean reruns failed | invisible harmless changes failed |"
        f" repairs failed |{heads}"
    )
    yield "|---|---|---:|---:|---:|" + "---:|" * len(shares)
    ours = [
        sum_rates(false_alarms(outcomes).values()),
        harmless_failure_rate(outcomes, visible=False),
        repair_failure_rate(outcomes),
    ]
    ours += [catch_rate(outcomes, share) for share in shares]
    yield (
        "| **editproof** | visible changes for the worse | "
        + " | ".join(f"**{rate}**" for rate in ours)
        + " |"
    )
    errors = []
    for name in names:
        rates = peer_rates(outcomes, name)
        cells = [
            rates.clean,
            rates.harmless,
            rates.repairs,
            *(rates.caught.get(share, Rate(0, 0)) for share in shares),
        ]
        yield f"| {name} | {about.get(name, '')} | " + " | ".join(map(str, cells)) + " |"
        if rates.errors:
            errors.append(
                f"- {name} raised an error in {rates.errors} trials, which count in no rate. The"
                f" first was: {rates.error}"
            )
    yield ""
    yield from [*errors, *([f"- {explain_missing_gate()}."] if explain_missing_gate() else [])]
    yield ""


def _tabulate_harmless(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    found = select_outcomes(outcomes, "harmless")
    if not found:
        return
    about = {change.name: change.about for change in HARMLESS}
    yield "## Every harmless change\n"
    yield "At a loss of 1 JOD, 75 % of people prefer the other picture.\n"
    yield (
        "| change | what is different | model | JOD, whole | JOD, worst window | visible |"
        " outcome | exit code |"
    )
    yield "|---|---|---|---:|---:|---|---|---:|"
    for one in found:
        seen = "yes" if one.visible else "no"
        what = about.get(one.name, "made in another environment")
        yield (
            f"| {one.name} | {what} | {one.models} | {one.whole:.3f} | {one.worst:.3f} | {seen} |"
            f" {one.outcome} | {one.exit_code} |"
        )
    yield ""
    yield from _list_wrong_verdicts([one for one in found if one.fails and not one.visible])


def _tabulate_faults(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    found = {one.name for one in select_outcomes(outcomes, "fault")}
    if not found:
        return
    yield "## Every fault and its repair\n"
    yield (
        "Faults: `+` caught, `3` not judged, `-` missed, `·` invisible and passed.\n"
        "Repairs: `↑` called improved, `=` passed, `!` failed.\n"
        "JOD is that of the worst window, the largest over all models.\n"
    )
    shares = _strengths(outcomes)
    tried = [
        kind
        for kind in MODEL_KINDS
        if any(one.model_kind == kind for one in select_outcomes(outcomes, "fault"))
    ]
    heads = "".join(f" {kind} {share:g} × |" for share in shares for kind in tried)
    yield (
        f"| stage | fault | what happens | nominal | JOD |{heads} stage named first | other gates"
        " that fail |"
    )
    yield "|---|---|---|---:|---:|" + ":-:|" * (len(shares) * len(tried)) + "---|---|"
    yield from (
        _fault_row(fault, outcomes, shares, tried) for fault in STAGE_FAULTS if fault.name in found
    )
    yield ""
    missed = [one for one in select_outcomes(outcomes, "fault") if one.visible and not one.fails]
    yield from _list_wrong_verdicts(
        [*missed, *(one for one in select_outcomes(outcomes, "repair") if one.fails)]
    )


def _fault_row(
    fault: StageFault,
    outcomes: Sequence[TrialOutcome],
    shares: Sequence[float],
    tried: Sequence[str],
) -> str:
    selected = [
        one for one in outcomes if one.name == fault.name and one.kind in {"fault", "repair"}
    ]
    cells = [
        " ".join(_sign(one) for one in selected if one.share == share and one.model_kind == kind)
        for share in shares
        for kind in tried
    ]
    faults = select_outcomes(selected, "fault")
    strongest = [one for one in faults if one.share == max(other.share for other in faults)]
    stages = dict.fromkeys(one.stage for one in strongest if one.stage)
    named = "yes" if set(stages) == {fault.stage} else ", ".join(stages) or "none"
    judged = [one for one in strongest if one.peers]
    failing = dict.fromkeys(
        name for one in judged for name, word in one.peers.items() if word.failed
    )
    peers = ", ".join(failing) or ("none" if judged else "not asked")
    jod = max((one.worst for one in strongest), default=0.0)
    return (
        f"| {fault.stage} | {fault.name} | {fault.about} | {fault.nominal:g} {fault.unit} |"
        f" {jod:.2f} | {' | '.join(cells)} | {named} | {peers} |"
    )


def _sign(one: TrialOutcome) -> str:
    """One letter for a trial."""
    if one.kind == "repair":
        return "!" if one.fails else "↑" if one.outcome == Outcome.IMPROVED.value else "="
    if one.exit_code == 0:
        return "-" if one.visible else "·"
    return "+" if one.exit_code == 1 else "3"


def _list_wrong_verdicts(outcomes: Sequence[TrialOutcome]) -> Iterator[str]:
    """Wrong verdicts, in words."""
    for one in outcomes[:MOST_WRONG]:
        where = f"{one.models}, seeds {one.seeds[0]} and on" if one.seeds else one.models
        yield (
            f"- {one.kind} {one.name}{f' {one.share:g} ×' if one.share else ''} ({where}):"
            f" {one.outcome}. {one.top}"
        )
    if len(outcomes) > MOST_WRONG:
        yield f"- and {len(outcomes) - MOST_WRONG} more."
    if outcomes:
        yield ""


def _strengths(outcomes: Sequence[TrialOutcome]) -> list[float]:
    return sorted({one.share for one in select_outcomes(outcomes, "fault")}, reverse=True)


def _format_percentage(rate: Rate) -> str:
    return f"{rate.count / rate.of:.1%}" if rate.of else "not tried"


def _format_interval(rate: Rate) -> str:
    low, high = rate.interval
    return f"{low:.1%} to {high:.1%}"


def _format_rate(rate: Rate) -> str:
    return f"{rate} ({_format_interval(rate)})" if rate.of else "not tried"
