"""How cases ended in the last nights, and the pictures that show a change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.history.case_nights import add_pictures, read_endings
from editproof.harness.history.night_tables import encode_night
from editproof.harness.history.parts import PartFolder
from editproof.harness.history.summarise import describe_night, make_part, name_part, summarise
from editproof.harness.records.nights import ChangePoint, PointPictures, SeriesTrend, Trends
from tests.harness.history.test_parts import a_run, keep


def test_each_night_has_how_a_case_ended_in_it(tmp_path: Path) -> None:
    store = PartFolder(tmp_path)
    keep(store, a_run(1), a_run(2))
    days, endings = read_endings(store, "made")
    assert days == ("2026-01-01", "2026-01-02")
    assert set(endings.values()) == {("unchanged", "unchanged")}
    assert len(endings) == 4


def test_a_night_without_the_case_is_a_gap(tmp_path: Path) -> None:
    store, gone = PartFolder(tmp_path), a_run(2)
    left = replace(gone, endings=dict(list(gone.endings.items())[1:]))
    keep(store, a_run(1), left, a_run(3))
    _, endings = read_endings(store, "made")
    assert sorted(endings.values())[0] == ("unchanged", "", "unchanged")


@pytest.mark.parametrize(("key", "same"), [("k", True), ("", False)])
def test_without_a_fingerprint_another_commit_may_be_another_pipeline(key: str, same: bool) -> None:
    """Its source is one file of several."""
    run = a_run(1)
    cases = tuple(replace(case, key=key) for case in run.manifest.cases)
    run = replace(run, manifest=replace(run.manifest, cases=cases))
    one, other = (summarise(run, commit=commit)["case"]["fingerprint"] for commit in ("a", "b"))
    assert (one == other) is same


def test_no_night_is_no_ending(tmp_path: Path) -> None:
    assert read_endings(PartFolder(tmp_path), "made") == ((), {})


def test_a_change_point_gets_the_case_that_shows_it(tmp_path: Path) -> None:
    """The easiest step whose picture is another one."""
    store = PartFolder(tmp_path)
    before = a_run(1)
    keep(store, before)
    part = make_part(a_run(2), "c0ffee")
    rows = summarise(a_run(2))
    cases = dict(rows["case"])
    cases["picture"] = [
        name if step == 1 else f"new-{name}"
        for name, step in zip(cases["picture"], cases["step"], strict=True)
    ]
    night = describe_night(a_run(2), "")
    store.write_part("made", part.name, encode_night(night, {**rows, "case": cases}))
    series = SeriesTrend(
        cases["family"][0], cases["model"][0], "structure", (0.0, 1.0), 0.0, (),
        (ChangePoint(1, 0, 1.0, 0.0),), (), 1.0,
    )  # fmt: skip
    other = replace(series, model="another")
    trends = Trends("made", (describe_night(before, ""), night), (series, other), (), 0.001, 1)
    assert name_part(night) == part.name
    shown, unknown = (one.points[0].pictures for one in add_pictures(trends, store).series)
    seed = min(seed for seed, step in zip(cases["seed"], cases["step"], strict=True) if step == 2)
    at = list(zip(cases["seed"], cases["step"], strict=True)).index((seed, 2))
    picture = cases["picture"][at]
    assert shown == PointPictures(cases["scene"][at], seed, picture.removeprefix("new-"), picture)
    assert unknown is None
