"""How each case of a suite ended in its last nights, and which pictures show a change point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from editproof.harness.history.night_tables import parse_time, read_rows
from editproof.harness.history.parts import PartStore, read_suite
from editproof.harness.records.nights import ChangePoint, PointPictures, SeriesTrend, Trends
from editproof.harness.records.verdicts import OUTCOMES

LAST_NIGHTS = 30
MOST_POINTS = 60
"""Change points whose pictures are looked for, of the newest nights: two nights are read of each.
"""

ENDED = "done"
"""The status of a case that gave a picture."""

_RANKS = {outcome.value: rank for rank, outcome in enumerate(OUTCOMES)}


class _Picture(NamedTuple):
    step: int
    scene: str
    seed: int
    picture: str
    outcome: str


_Night = Mapping[tuple[str, str], Mapping[str, _Picture]]
"""Family and model -> case id -> picture."""


def read_endings(
    store: PartStore, suite: str
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The days of a suite's last nights, and by case id how it ended in each, as `CaseNights` says
    it. Raises DamagedError.
    """
    days: list[str] = []
    found: dict[str, list[str]] = {}
    for number, (where, data) in enumerate(read_suite(store, suite, LAST_NIGHTS)):
        night, table = read_rows(data, "case", ("case_id", "status", "outcome"), where)
        days.append(parse_time(night.created).date().isoformat())
        columns = (table.column(name).to_pylist() for name in table.column_names)
        for case_id, status, outcome in zip(*columns, strict=True):
            endings = found.setdefault(case_id, [])
            endings += [""] * (number - len(endings))
            endings.append(outcome if outcome and status == ENDED else status)
    count = len(days)
    return tuple(days), {
        case_id: tuple(own + [""] * (count - len(own))) for case_id, own in found.items()
    }


def add_pictures(trends: Trends, store: PartStore) -> Trends:
    """The trends, with a case that shows each of the newest change points. Raises DamagedError."""
    points = sorted({one.night for trend in trends.series for one in trend.points})
    before = {one.night: one.before for trend in trends.series for one in trend.points}
    chosen = points[-MOST_POINTS:]
    wanted = sorted({*chosen, *(before[night] for night in chosen)})
    if not wanted:
        return trends
    nights = dict(zip(wanted, _read_pictures(trends, wanted, store), strict=True))
    return replace(trends, series=tuple(_add(one, nights) for one in trends.series))


def _read_pictures(trends: Trends, wanted: Sequence[int], store: PartStore) -> Iterator[_Night]:
    names = store.list_parts(trends.suite)[-len(trends.nights) :]
    some = [names[night] for night in wanted]
    columns = ("family", "model", "case_id", "step", "scene", "seed", "picture", "outcome")
    for name, data in zip(some, store.read_parts(trends.suite, some), strict=True):
        _, table = read_rows(data, "case", columns, f"{trends.suite}/{name}")
        yield _group(table)


def _group(table: Any) -> _Night:
    found: dict[tuple[str, str], dict[str, _Picture]] = {}
    columns = (column.to_pylist() for column in table.columns)
    for family, model, case_id, *rest in zip(*columns, strict=True):
        found.setdefault((family, model), {})[case_id] = _Picture(*rest)
    return found


def _add(trend: SeriesTrend, nights: Mapping[int, _Night]) -> SeriesTrend:
    key = trend.family, trend.model
    points = tuple(
        replace(
            one,
            pictures=_choose(one, nights[one.before].get(key, {}), nights[one.night].get(key, {})),
        )
        if one.night in nights and one.before in nights
        else one
        for one in trend.points
    )
    return replace(trend, points=points) if points else trend


def _choose(
    point: ChangePoint, before: Mapping[str, _Picture], after: Mapping[str, _Picture]
) -> PointPictures | None:
    """Of the cases with another picture, the one of which the gate thinks worst on the worse side;
    then the easiest.
    """
    changed = [
        (old, new)
        for case_id, new in after.items()
        if (old := before.get(case_id)) and old.picture and new.picture
        if old.picture != new.picture
    ]
    if not changed:
        return None
    worse = 1 if point.size > 0 else 0
    old, new = min(
        changed,
        key=lambda pair: (_RANKS.get(pair[worse].outcome, len(_RANKS)), pair[1].step, pair[1].seed),
    )
    return PointPictures(new.scene, new.seed, old.picture, new.picture)
