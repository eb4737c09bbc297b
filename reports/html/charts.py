"""Charts of a run as SVG files: which are drawn, of what, and where they lie. Their number does not
grow with the cases.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editproof.harness.records.accepted_cases import AcceptedCases, load_accepted_cases
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.drift import TurnDrift, measure_turn_drift
from editproof.harness.records.runs import Run
from editproof.reports.common import numbers, view
from editproof.reports.common.drift import describe_drifts
from editproof.reports.html.chart_dots import (
    Effect,
    Point,
    Strip,
    draw_forest,
    draw_history,
    draw_stages,
    make_strips,
    strip_figure,
)
from editproof.reports.html.chart_lines import (
    draw_contrast,
    draw_spectrum,
    limit_figure,
    limit_lines,
    make_contrast_lines,
    make_spectral_lines,
)
from editproof.reports.html.chart_style import Chart, by_model, make_alt, save, use_style
from editproof.reports.html.chart_turns import turn_figure
from editproof.reports.html.history import Moment

KINDS = (
    (
        "forest",
        "What changed, family by family",
        (
            "Mean change of LPIPS in the edit with its 95 % interval; an interval that crosses the"
            " line may be noise."
        ),
    ),
    (
        "limit",
        "Where it starts to fail",
        (
            "Damage in the edit by step of the ladder; step 1 is the easiest. Dashed lines are the"
            " budgets’ limits, and dotted lines are steps that a budget does not cover. A ring"
            " marks the step at which a model exceeds a limit, and × a step without a result. Turn"
            " by turn, each output is edited again. Below is the change for each turn with its"
            " 95 % interval; an interval that crosses 0 may be noise."
        ),
    ),
    (
        "spectral",
        "What happens to detail",
        (
            "Energy in the edit by octave, actual over expected. Below 0 dB, detail is lost; above"
            " 0 dB, noise or texture was added. Lines are means over cases, and bands reach from"
            " the lowest to the highest case."
        ),
    ),
    (
        "contrast",
        "What happens to contrast",
        (
            "Local contrast in the edit by size of detail, actual over expected. Below 0 dB the"
            " edit is flatter, above 0 dB it is harsher."
        ),
    ),
    (
        "seeds",
        "Case by case",
        "Each dot is a case on one seed; rings are the baseline’s. Lines are means.",
    ),
    (
        "stages",
        "What it costs",
        "Time of every stage, and the memory that the pipeline’s process held at most.",
    ),
    (
        "history",
        "The runs before",
        "The runs of this suite in the same folder, oldest first: means over all cases.",
    ),
)
"""Kind, title, and what to see in it."""

MOST_FAMILIES = 12
"""Families that charts are drawn of: those that need a look most."""

MOST_MODELS = 14
FINEST = ("spectral_energy", "edit", "octave_5")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The charts of a run."""

    charts: tuple[Chart, ...]
    families: int
    """How many families they show."""
    left_out: int


def write_charts(run: Run, folder: Path, history: Sequence[Moment] = ()) -> Drawn:
    """Write the SVG charts of a run into a folder; `history` is of the runs before it, oldest
    first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_family: dict[str, list[CaseRecord]] = {}
    for record in run.records:
        by_family.setdefault(record.case.family, []).append(record)
    shown = _draw_families(run, by_family)
    before = _read_baseline(run.records, load_accepted_cases(run.folder))
    drifts = measure_turn_drift(run, by_family=True)
    with use_style():
        charts = [
            chart
            for family in shown
            for chart in _of_family(run, family, by_family[family], before, drifts, folder)
        ]
        charts += _of_run(
            run, {family: by_family[family] for family in shown}, before, history, folder
        )
    return Drawn(tuple(charts), len(shown), len(by_family) - len(shown))


def _draw_families(run: Run, by_family: Mapping[str, object]) -> list[str]:
    """Those that are drawn, in the run's order."""
    named = dict.fromkeys(
        family for finding in view.list_findings(run) for family in finding.families
    )
    rank = {family: index for index, family in enumerate(named)}
    worst = sorted(by_family, key=lambda family: rank.get(family, len(rank)))[:MOST_FAMILIES]
    return [family for family in by_family if family in worst]


def _read_baseline(records: Iterable[CaseRecord], counterparts: AcceptedCases) -> dict[str, float]:
    """LPIPS of the baseline's cases, by the run's case ids."""
    found = {}
    for record in records:
        other = counterparts.get(record.case.id)
        value = numbers.find_among(other.measurements, "lpips", "edit", "mean") if other else None
        if value is not None:
            found[record.case.id] = value
    return found


def _of_family(
    run: Run,
    family: str,
    records: Sequence[CaseRecord],
    before: Mapping[str, float],
    drifts: Sequence[TurnDrift],
    folder: Path,
) -> Iterable[Chart]:
    models = set(list(by_model(records))[:MOST_MODELS])
    records = [record for record in records if record.case.model.name in models]
    drifts = [drift for drift in drifts if drift.family == family and drift.model in models]
    slug = make_slug(family)
    bands = make_spectral_lines(records)
    if any(line.x for line in bands):
        alt = make_alt(
            f"Spectral energy in {family}, finest octave",
            [(b.model, b.mean[-1]) for b in bands if b.x],
            "dB",
        )
        yield save(draw_spectrum(bands), "spectral", family, folder / f"spectral-{slug}.svg", alt)
    bands = make_contrast_lines(records)
    if any(line.x for line in bands):
        alt = make_alt(
            f"Local contrast in {family}, finest detail",
            [(b.model, b.mean[-1]) for b in bands if b.x],
            "dB",
        )
        yield save(draw_contrast(bands), "contrast", family, folder / f"contrast-{slug}.svg", alt)
    first = [record for record in records if record.case.turn == 1]
    damage = limit_lines(first, "lpips")
    measured = any(line.x for metric in ("lpips", "psnr") for line in limit_lines(first, metric))
    if measured and not records[0].case.own:
        ends = [(line.model, line.mean[-1]) for line in damage if line.mean]
        alt = make_alt(
            f"LPIPS and PSNR by ladder step in {family}; LPIPS at the last step", ends, ""
        )
        yield save(limit_figure(run, first), "limit", family, folder / f"limit-{slug}.svg", alt)
    if drifts:
        alt = f"Turn by turn in {family}: {_describe_by_model(drifts)}"
        figure = turn_figure(run, records, drifts)
        yield save(
            figure, "limit", f"{family}, turn by turn", folder / f"limit-{slug}-turns.svg", alt
        )
    dots = make_strips(records, before)
    if any(len(strip.now) > 1 or strip.then for strip in dots):
        ends = [(strip.model, sum(strip.now) / len(strip.now)) for strip in dots]
        alt = make_alt(f"LPIPS in the edit of every case of {family}; means", ends, "")
        label = "LPIPS in edit (lower is better)"
        yield save(strip_figure(dots, label), "seeds", family, folder / f"seeds-{slug}.svg", alt)


def _of_run(
    run: Run,
    by_family: Mapping[str, Sequence[CaseRecord]],
    before: Mapping[str, float],
    history: Sequence[Moment],
    folder: Path,
) -> Iterable[Chart]:
    names = list(by_model(run.records))
    effects = [
        effect
        for family, records in by_family.items()
        for effect in _compare_to_baseline(family, make_strips(records, before))
    ]
    if effects:
        title = "Since the baseline"
        alt = make_alt(
            "Mean change of LPIPS", [(f"{e.label} {e.series}", e.mean) for e in effects], ""
        )
        figure = draw_forest(effects, "change of LPIPS in edit", names=names)
        yield save(figure, "forest", title, folder / "forest-baseline.svg", alt)
    first, *others = names or [""]
    effects = [
        effect
        for family, records in by_family.items()
        for effect in _compare_models(family, records, first, others[:MOST_MODELS])
    ]
    if effects:
        alt = make_alt(
            f"Mean difference of LPIPS from {first}",
            [(f"{e.label} {e.series}", e.mean) for e in effects],
            "",
        )
        figure = draw_forest(effects, "difference of LPIPS in edit", names=names)
        yield save(figure, "forest", f"Instead of {first}", folder / "forest-models.svg", alt)
    seconds, memory = _read_costs(run.records)
    if seconds:
        totals = [(model, sum(stages.values())) for model, stages in seconds.items()]
        figure = draw_stages(seconds, memory)
        yield save(
            figure,
            "stages",
            "Stages",
            folder / "stages.svg",
            make_alt("Time of all stages", totals, "s"),
        )
    moments = [*history, Moment.of(run)]
    if len(moments) > 1:
        points = {
            name: [
                Point(one.when, model, value)
                for one in moments
                for model, value in one.means.get(name, {}).items()
            ]
            for name in ("lpips", "psnr")
        }
        points = {name: found for name, found in points.items() if found}
        if points:
            labels = {"lpips": "LPIPS in edit, mean", "psnr": "PSNR in edit, mean, dB"}
            last = [
                (p.model, p.value)
                for p in next(iter(points.values()))
                if p.when == moments[-1].when
            ]
            alt = make_alt(f"Means over {len(moments)} runs; now", last, "")
            yield save(draw_history(points, labels), "history", "Runs", folder / "history.svg", alt)


def _describe_by_model(drifts: Sequence[TurnDrift]) -> str:
    models = dict.fromkeys(drift.model for drift in drifts)
    told = {name: [drift for drift in drifts if drift.model == name] for name in models}
    return ". ".join(f"{name}: {describe_drifts(own)}" for name, own in told.items())


def _compare_to_baseline(family: str, found: Iterable[Strip]) -> Iterable[Effect]:
    for strip in found:
        if len(strip.then) == len(strip.now):
            yield measure_effect(family, strip.model, np.subtract(strip.now, strip.then))


def _compare_models(
    family: str, records: Sequence[CaseRecord], first: str, others: Sequence[str]
) -> Iterable[Effect]:
    """Every other model against the first one, scene by scene: means over seeds are what is
    paired.
    """
    scenes: dict[str, dict[str, list[float]]] = {}
    for record in records:
        value = numbers.value(record, "lpips", "edit", "mean")
        if value is not None:
            scenes.setdefault(record.case.model.name, {}).setdefault(record.case.name, []).append(
                value
            )
    known = scenes.get(first, {})
    for model in others:
        both = [name for name in scenes.get(model, {}) if name in known]
        if both:
            yield measure_effect(
                family,
                model,
                np.array([np.mean(scenes[model][n]) - np.mean(known[n]) for n in both]),
            )


def measure_effect(label: str, series: str, changes: np.ndarray) -> Effect:
    """The mean of paired changes with its 95 % interval (Student's t); of one change there is no
    interval.
    """
    from scipy.special import stdtrit

    mean, count = float(np.mean(changes)), len(changes)
    reach = 0.0
    if count > 1:
        reach = float(stdtrit(count - 1, 0.975) * np.std(changes, ddof=1) / math.sqrt(count))
    return Effect(label, series, mean, mean - reach, mean + reach, count)


def _read_costs(
    records: Iterable[CaseRecord],
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Model -> stage -> mean seconds, and model -> the most memory, MB."""
    seconds: dict[str, dict[str, list[float]]] = {}
    memory: dict[str, float] = {}
    for record in records:
        model = record.case.model.name
        for stage in record.stages:
            seconds.setdefault(model, {}).setdefault(stage.name, []).append(stage.seconds)
        if record.peak_mb is not None:
            memory[model] = max(memory.get(model, 0.0), record.peak_mb)
    kept = list(seconds)[:MOST_MODELS]
    means = {
        model: {name: sum(all_) / len(all_) for name, all_ in seconds[model].items()}
        for model in kept
    }
    return means, {model: memory[model] for model in kept if model in memory}


def make_slug(name: str) -> str:
    """A file name for a family; a name that is none itself gets a digest, so that two never
    meet.
    """
    if re.fullmatch(r"[a-z0-9_]{1,60}", name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
