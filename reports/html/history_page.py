"""The history of a suite as a page: what changed first, each series over the nights, a calendar of
the nights, flaky cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.nights import Night, SeriesTrend, Trends
from editproof.reports.common.pictures import make_url
from editproof.reports.common.trends import (
    COMMIT,
    advise,
    describe_flaky,
    list_events,
    sum_up_trends,
)
from editproof.reports.html.case_data import make_script
from editproof.reports.html.report import make_environment, write_static

STYLES = ("tokens.css", "front.css", "history.css")
SCRIPTS = ("dom.js", "history.js")
DATA = "data/history.js"

DIGITS = 3
"""Decimals of a score on the page, in margins."""

MOST_FLAKY = 200

TONES: Mapping[int | None, str] = {0: "good", 1: "bad", 3: "warn", None: "plain"}
"""Exit code of the gate -> tone of its night; None: it was not judged."""


def write_history_page(trends: Trends, folder: Path, runs: Path) -> Path:
    """Write the page of a history and return its `index.html`. `runs`: where run folders lie; a
    night whose report is there is linked.
    """
    write_static(folder, (*STYLES, *SCRIPTS))
    reports = [make_report_link(night, folder, runs) for night in trends.nights]
    write_atomically(
        folder / DATA, make_script("editproof.showHistory", collect_data(trends, reports))
    )
    found = [one for one in trends.series if one.points or one.drifts]
    text = (
        make_environment(folder)
        .get_template("history.html.j2")
        .render(
            styles=STYLES,
            scripts=[*(f"static/{name}" for name in SCRIPTS), DATA],
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


def collect_data(trends: Trends, reports: Sequence[str]) -> dict[str, Any]:
    """What the page's script draws."""
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
        "series": [describe_series(one, trends) for one in trends.series],
    }


def describe_series(trend: SeriesTrend, trends: Trends) -> dict[str, Any]:
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
    if events := list_events(trend, trends):
        told["events"] = events
    return told


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
