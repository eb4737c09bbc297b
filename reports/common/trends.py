"""What a history shows, in words."""

from __future__ import annotations

from collections.abc import Sequence

from editproof.harness.records.nights import (
    ChangePoint,
    Drift,
    FlakyCase,
    Segment,
    SeriesTrend,
    Trends,
)
from editproof.harness.records.wording import count_noun

BARS = "▁▂▃▄▅▆▇█"
GAP = "·"
COMMIT = 10
"""Characters of a commit."""
SHOWN = 40
"""Nights of a sparkline."""


def draw_sparkline(values: Sequence[float | None], least_range: float = 1.0) -> str:
    """The last nights as bars, higher is worse. A range below `least_range` is not stretched to the
    full height.
    """
    shown = values[-SHOWN:]
    known = [value for value in shown if value is not None]
    if not known:
        return GAP * len(shown)
    low = min(known)
    span = max(max(known) - low, least_range)
    return "".join(
        GAP if value is None else BARS[min(int((value - low) / span * len(BARS)), len(BARS) - 1)]
        for value in shown
    )


def list_events(trend: SeriesTrend, trends: Trends) -> list[str]:
    """The change points and drifts of a series, newest first, one sentence each."""
    events: list[tuple[int, str]] = [
        (point.night, describe_point(point, trends)) for point in trend.points
    ]
    events += [(drift.night, describe_drift(drift, trends)) for drift in trend.drifts]
    events += [
        (segment.nights[0], describe_segment(segment, trends))
        for segment in trend.segments
        if segment.changed
    ]
    return [text for _, text in sorted(events, key=lambda event: -event[0])]


def describe_point(point: ChangePoint, trends: Trends) -> str:
    """`2026-11-03: 1.2 margins worse (commits ab12..cd34); back since 2026-11-09`"""
    text = f"{find_day(point.night, trends)}: {describe_size(point.size)}"
    if between := describe_commits(point.before, point.night, trends):
        text += f" ({between})"
    if point.recovered is not None:
        text += f"; back since {find_day(point.recovered, trends)}"
    return text


def describe_drift(drift: Drift, trends: Trends) -> str:
    """`2026-11-03: drifting since 2026-10-20, 0.6 margins worse (commits ab12..cd34)`"""
    text = (
        f"{find_day(drift.night, trends)}: drifting since {find_day(drift.since, trends)},"
        f" {describe_size(drift.size)}"
    )
    between = describe_commits(drift.since, drift.night, trends)
    return f"{text} ({between})" if between else text


def describe_segment(segment: Segment, trends: Trends) -> str:
    """`2026-11-03: not comparable with the nights before: torch 2.4 -> 2.5`"""
    day = find_day(segment.nights[0], trends)
    return f"{day}: not comparable with the nights before: {', '.join(segment.changed)}"


def describe_size(size: float) -> str:
    """`1.2 margins worse`"""
    return f"{abs(size):.1f} margins {'worse' if size > 0 else 'better'}"


def describe_commits(before: int, night: int, trends: Trends) -> str:
    """`commits ab12..cd34`; empty: not known."""
    old, new = trends.nights[before].commit, trends.nights[night].commit
    if not old or not new:
        return ""
    if old == new:
        return f"both nights are of commit {new[:COMMIT]}"
    return f"commits {old[:COMMIT]}..{new[:COMMIT]}"


def find_day(night: int, trends: Trends) -> str:
    """The day of a night, UTC."""
    return trends.nights[night].created[:10]


def describe_flaky(case: FlakyCase) -> str:
    """`logo/2 patch seed 42: another picture in 3 of 9 repeats, 2 pictures (6, 4 nights)`"""
    nights = ", ".join(str(mode.nights) for mode in case.modes[:4])
    text = (
        f"{case.family}/{case.scene} {case.model} seed {case.seed}: another picture in"
        f" {case.picture_changes} of {count_noun(case.pairs, 'repeat')},"
        f" {count_noun(len(case.modes), 'picture')} ({nights} nights)"
    )
    if case.verdict_changes:
        text += f", another verdict in {case.verdict_changes}"
    return text


def advise(case: FlakyCase) -> str:
    """What to do about a flaky case."""
    if case.advice == "second answer":
        return f"accept each picture where all are right: {case.command}"
    return "give it more seeds in the suite, or `--repeat` where the pipeline takes none"


def sum_up_trends(trends: Trends) -> str:
    """`30 nights, 459 series: 2 worse, 1 drifting, 3 flaky cases`"""
    worse = sum(trend.loss > 0 for trend in trends.series)
    drifting = sum(bool(trend.drifts) for trend in trends.series)
    parts = [
        f"{worse} worse than before",
        f"{drifting} drifted",
        count_noun(len(trends.flaky), "flaky case"),
    ]
    nights = f"{count_noun(len(trends.nights), 'night')}, {len(trends.series)} series"
    return f"{nights}: {', '.join(parts)}"
