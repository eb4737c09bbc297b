"""The history of a suite as a page: what changed first, each series over the nights, a calendar of
the nights, flaky cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.nights import (
    ChangePoint,
    Night,
    PointPictures,
    SeriesTrend,
    Trends,
    WaivedFinding,
)
from editproof.reports.common.pictures import make_url
from editproof.reports.common.trends import (
    COMMIT,
    advise,
    describe_flaky,
    find_day,
    list_events,
    sum_up_trends,
)
from editproof.reports.html.case_data import make_script
from editproof.reports.html.point_pictures import write_point_pictures
from editproof.reports.html.report import make_environment, write_static, write_words

STYLES = ("tokens.css", "front.css", "history.css")
SCRIPT = "history.js"
DATA = "data/history.js"

TERMS = {"drifted": "slow drift", "changed": "change point", "flaky cases": "flaky case"}
"""A count of the page -> the glossary's word for it."""

DIGITS = 3
"""Decimals of a score on the page, in margins."""

MOST_FLAKY = 200

TONES: Mapping[int | None, str] = {0: "good", 1: "bad", 3: "warn", None: "plain"}
"""Exit code of the gate -> tone of its night; None: it was not judged."""


def write_history_page(trends: Trends, folder: Path, runs: Path) -> Path:
    """Write the page of a history and return its `index.html`. `runs`: where run folders lie; a
    night whose report is there is linked.
    """
    write_static(folder, (*STYLES, SCRIPT))
    reports = [make_report_link(night, folder, runs) for night in trends.nights]
    strips = write_point_pictures(trends, folder, runs)
    write_atomically(
        folder / DATA, make_script("editproof.showHistory", collect_data(trends, reports, strips))
    )
    found = [one for one in trends.series if one.points or one.drifts]
    text = (
        make_environment(folder)
        .get_template("history.html.j2")
        .render(
            styles=STYLES,
            scripts=[*write_words(folder), f"static/{SCRIPT}", DATA],
            trends=trends,
            words=sum_up_trends(trends),
            tone="bad" if any(one.loss > 0 for one in trends.series) else "good",
            counts={
                "worse": sum(one.loss > 0 for one in trends.series),
                "drifted": sum(bool(one.drifts) for one in trends.series),
                "changed": len(found),
                "flaky cases": len(trends.flaky),
            },
            months=list_months(trends, reports),
            terms=TERMS,
            flaky=[(describe_flaky(one), advise(one)) for one in trends.flaky[:MOST_FLAKY]],
            flaky_left_out=max(len(trends.flaky) - MOST_FLAKY, 0),
        )
    )
    index = folder / "index.html"
    write_atomically(index, text.encode("utf-8", "replace"))
    return index


def make_report_link(night: Night, folder: Path, runs: Path) -> str:
    """Where the report of a night lies, seen from the page; empty: it is gone."""
    report = runs / night.run / "report" / "index.html"
    return make_url(report, folder) if report.is_file() else ""


def collect_data(
    trends: Trends, reports: Sequence[str], strips: Mapping[PointPictures, str]
) -> dict[str, Any]:
    """What the page's script draws. `strips`: where the strip of each change point's pictures
    lies.
    """
    return {
        "nights": [
            {
                "day": night.created[:10],
                "said": night.outcome or "not judged",
                "tone": TONES.get(night.exit_code, "warn"),
                "commit": night.commit[:COMMIT],
                "report": report,
            }
            for night, report in zip(trends.nights, reports, strict=True)
        ],
        "baselines": list_new_baselines(trends.nights),
        "waivers": list_waivers(trends.nights),
        "series": [describe_series(one, trends, strips) for one in trends.series],
    }


def list_new_baselines(nights: Sequence[Night]) -> list[int]:
    """Nights that were compared with another baseline than the night before them."""
    known = [(at, night.baseline) for at, night in enumerate(nights) if night.baseline]
    return [now for (_, old), (now, new) in itertools.pairwise(known) if old != new]


def list_waivers(nights: Sequence[Night]) -> list[dict[str, Any]]:
    """What was waived, over which nights."""
    found: dict[WaivedFinding, list[int]] = {}
    for at, night in enumerate(nights):
        for waived in night.waived:
            found.setdefault(waived, []).append(at)
    return [
        {
            "families": one.families,
            "models": one.models,
            "text": one.text,
            "nights": [own[0], own[-1] + 1],
        }
        for one, own in found.items()
    ]


def describe_series(
    trend: SeriesTrend, trends: Trends, strips: Mapping[PointPictures, str]
) -> dict[str, Any]:
    """A series, as short as it can be: what is empty is left out."""
    told: dict[str, Any] = {
        "name": [trend.family, trend.model, trend.aspect],
        "values": encode_values(trend.values),
    }
    if trend.noise:
        told["noise"] = round(trend.noise, DIGITS)
    if trend.points:
        told["points"] = [[one.night, one.size > 0] for one in trend.points]
    if trend.drifts:
        told["drifts"] = [[one.since, one.night, one.size > 0] for one in trend.drifts]
    if len(trend.segments) > 1:
        told["segments"] = [[one.nights[0], ", ".join(one.changed)] for one in trend.segments[1:]]
    if any(value is not None for value in trend.accepted):
        told["limits"] = encode_values([add_margin(value) for value in trend.accepted])
    if events := list_events(trend, trends):
        told["events"] = events
    shown = [
        [strips[one.pictures], describe_strip(one, one.pictures, trends)]
        for one in reversed(trend.points)
        if one.pictures and one.pictures in strips
    ]
    if shown:
        told["strips"] = shown
    return told


def add_margin(accepted: float | None) -> float | None:
    """The score that is a margin worse than the baseline's."""
    return None if accepted is None else accepted + 1


def describe_strip(point: ChangePoint, shown: PointPictures, trends: Trends) -> str:
    """`scene 3, seed 42, from 2026-11-02 to 2026-11-03`"""
    days = f"{find_day(point.before, trends)} to {find_day(point.night, trends)}"
    return f"scene {shown.scene}, seed {shown.seed}, from {days}"


def encode_values(values: Sequence[float | None]) -> list[Any]:
    """Scores, rounded; where nights are equal, `[score, nights]` stands for all of them."""
    rounded = [None if value is None else round(value, DIGITS) for value in values]
    groups = [(value, len(list(same))) for value, same in itertools.groupby(rounded)]
    return [value if count == 1 else [value, count] for value, count in groups]


def list_months(trends: Trends, reports: Sequence[str]) -> list[tuple[str, list[dict[str, str]]]]:
    """The calendar: each month, newest first, with its nights."""
    nights = [
        {
            "month": night.created[:7],
            "day": night.created[8:10],
            "tone": TONES.get(night.exit_code, "warn"),
            "said": f"{night.created[:16].replace('T', ' ')} UTC: {night.outcome or 'not judged'}"
            + (f", {night.errors} of {night.cases} cases without a result" if night.errors else ""),
            "report": report,
        }
        for night, report in zip(trends.nights, reports, strict=True)
    ]
    months = [
        (month, list(own)) for month, own in itertools.groupby(nights, lambda one: one["month"])
    ]
    return months[::-1]
