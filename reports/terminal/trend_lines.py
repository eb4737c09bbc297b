"""The history in the terminal: a sparkline a series, worst first, with what happened below it."""

from __future__ import annotations

from collections.abc import Iterator

from editproof.harness.records.nights import Trends
from editproof.harness.records.wording import count_noun
from editproof.reports.common.trends import (
    advise,
    describe_flaky,
    draw_sparkline,
    list_events,
    sum_up_trends,
)

MOST_SERIES = 20
MOST_EVENTS = 3
MOST_FLAKY = 10


def list_trend_lines(trends: Trends) -> Iterator[str]:
    """Series in which something was found; then flaky cases; then the sum."""
    shown = [one for one in trends.series if one.points or one.drifts]
    for trend in shown[:MOST_SERIES]:
        yield f"{draw_sparkline(trend.values)}  {trend.name}"
        events = list_events(trend, trends)
        yield from (f"  {event}" for event in events[:MOST_EVENTS])
        if len(events) > MOST_EVENTS:
            yield f"  … and {count_noun(len(events) - MOST_EVENTS, 'earlier event')}"
    if len(shown) > MOST_SERIES:
        yield f"… and {len(shown) - MOST_SERIES} more series: --json lists all"
    for case in trends.flaky[:MOST_FLAKY]:
        yield f"flaky: {describe_flaky(case)}"
        yield f"  {advise(case)}"
    if len(trends.flaky) > MOST_FLAKY:
        yield f"… and {count_noun(len(trends.flaky) - MOST_FLAKY, 'more flaky case')}"
    yield f"history: {sum_up_trends(trends)}"
