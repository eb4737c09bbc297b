"""A night on the disk: what a run leaves there, and how it is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import msgspec
import numpy as np
import pytest

from editproof.harness.history import night_tables, summarise
from editproof.harness.history.flakiness import read_edits
from editproof.harness.history.parts import PartFolder, PartObjects, PartStore, list_old_parts
from editproof.harness.history.series import read_series
from editproof.harness.history.summarise import make_part
from editproof.harness.records import runs
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.nights import NIGHT_SCHEMA, Night
from editproof.harness.records.runs import Run
from editproof.harness.stores.places import find_url
from tests.harness import made


@pytest.fixture(params=["folder", "URL"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PartStore:
    """Where no night is yet."""
    if request.param == "folder":
        return PartFolder(tmp_path)
    url = find_url(f"memory://{uuid4().hex}/history")
    assert url
    return PartObjects(url)


OLD_RUN = Path(__file__).parents[2] / "fixtures" / "v0_1_0" / "run"


def a_run(number: int = 1, **values: float) -> Run:
    """Two steps and two seeds of a model, and what the gate says beside the same."""
    records = [
        made.scored(made.case(step, seed), f"p{step}-{seed}", **values)
        for step in (1, 2)
        for seed in (1, 2)
    ]
    run = made.run_of(*records, metrics=made.METRICS, folder=Path(f"night-{number}"))
    manifest = replace(run.manifest, created=f"2026-01-{number:02}T02:00:00+00:00")
    run = Run.of_records(run.folder, manifest, records)
    return run.with_verdict(made.judge_beside(run, run))


def keep(store: PartStore, *nights: Run) -> None:
    for run in nights:
        part = make_part(run, "c0ffee")
        store.write_part("made", part.name, part.data)


def test_a_night_is_read_as_it_was_written(store: PartStore) -> None:
    keep(store, a_run(1), a_run(2, detail=12.5))
    table = read_series(store, "made")
    assert [night.run for night in table.nights] == ["night-1", "night-2"]
    assert {night.commit for night in table.nights} == {"c0ffee"}
    assert {night.outcome for night in table.nights} == {"unchanged"}
    assert table.keys == tuple(("logo", "ns", aspect) for aspect in made.NUMBERS)
    assert table.values.tolist() == [[10, 10], [10, 12.5], [10, 10], [10, 10]]
    assert (table.jods == 0).all()
    assert (table.made_of[:, 0] == table.made_of[:, 1]).all()


def test_a_score_is_in_margins_and_a_mean_over_scenes() -> None:
    run = a_run()
    one, *rest = run.records
    worse = replace(one, measurements=tuple(replace(m, value=18.0) for m in one.measurements))
    (row, *_) = list_aspects(run.with_records([worse, *rest]))
    assert row["value"] == 12  # 18 and 10 in one scene, 10 and 10 in the other
    assert row["samples"] == 4
    assert row["scenes"] == 2
    assert row["spread"] == pytest.approx(4)


def test_a_case_without_numbers_is_another_set_of_numbers() -> None:
    """So that its absence is not a change of level."""
    run = a_run()
    (before, *_) = list_aspects(run)
    (after, *_) = list_aspects(run.with_records(run.records[1:]))
    assert before["made_of"] != after["made_of"]


def list_aspects(run: Run) -> list[dict[str, object]]:
    """The aspects in a run's part."""
    return read_kind(run, "aspect")


def read_kind(run: Run, kind: night_tables.Kind) -> list[dict[str, object]]:
    """Rows of a run's part."""
    columns = [name for name in night_tables.list_columns() if name != "kind"]
    data = make_part(run, "").data
    rows: list[dict[str, object]] = night_tables.read_rows(data, kind, columns, "it")[1].to_pylist()
    return rows


def test_numbers_are_kept_by_step_with_their_spread() -> None:
    rows = read_kind(a_run(), "number")
    assert len(rows) == 2 * len(made.NUMBERS)
    assert {(row["scene"], row["samples"], row["spread"], row["margin"]) for row in rows} == {
        ("1", 2, 0, 1),
        ("2", 2, 0, 1),
    }
    assert {row["metric"] for row in rows} == {info.identity for info in made.METRICS.values()}


def test_cases_are_kept_with_their_pictures() -> None:
    (row, *rest) = read_kind(a_run(), "case")
    assert len(rest) == 3
    assert (row["picture"], row["status"], row["outcome"]) == (
        made.hashed("p1-1"), "done", "unchanged",
    )  # fmt: skip


def give_pictures(run: Run, prefix: str, *, cached: bool = False) -> Run:
    """The run with other pictures for one of its cases."""
    one, *rest = run.records
    other = replace(one, blobs={"actual": made.hashed(prefix)}, cached=cached)
    return run.with_records([other, *rest])


def test_edits_are_of_cases_that_changed(store: PartStore) -> None:
    keep(store, a_run(1), give_pictures(a_run(2), "new"), a_run(3))
    ((name, edits),) = read_edits(store, "made").items()
    assert (name.family, name.model, name.scene, name.seed) == ("logo", "ns", "1", 1)
    assert [edit.picture for edit in edits] == [
        made.hashed("p1-1"), made.hashed("new"), made.hashed("p1-1"),
    ]  # fmt: skip
    assert [edit.run for edit in edits] == ["night-1", "night-2", "night-3"]
    assert len({edit.fingerprint for edit in edits}) == 1


def test_an_edit_of_the_cache_is_none(store: PartStore) -> None:
    keep(store, a_run(1), give_pictures(a_run(2), "new", cached=True))
    assert read_edits(store, "made") == {}


def test_a_run_that_is_added_twice_is_there_once(store: PartStore) -> None:
    keep(store, a_run(1), a_run(1), a_run(2))
    assert len(store.list_parts("made")) == 2
    assert store.list_suites() == ("made",)


def test_only_parts_are_parts(tmp_path: Path) -> None:
    store = PartFolder(tmp_path)
    keep(store, a_run(1))
    (tmp_path / "made" / "README.md").write_text("mine")
    (tmp_path / "made" / ".20260101T020000Z-00000000.parquet.123").write_bytes(b"half")
    (tmp_path / "notes").mkdir()
    assert len(store.list_parts("made")) == 1
    assert store.list_suites() == ("made",)
    assert store.list_parts("other") == ()


def test_a_run_of_0_1_can_be_added(store: PartStore) -> None:
    """Its metrics had no margins: its budgets' numbers can't be scored, but its cases are kept."""
    part = make_part(runs.load(OLD_RUN), "")
    store.write_part(part.night.suite, part.name, part.data)
    assert read_edits(store, part.night.suite) == {}
    assert read_series(store, part.night.suite).nights == (part.night,)


def test_a_part_that_is_gone_is_named(store: PartStore) -> None:
    """It was there when the parts were listed."""
    keep(store, a_run(1))
    with pytest.raises(DamagedError, match=r"20260101.*is gone"):
        list(store.read_parts("made", ["20260101T000000Z-00000000.parquet"]))


@pytest.mark.parametrize("cut", [10, 400, -1])
def test_damage_is_named(store: PartStore, cut: int) -> None:
    part = make_part(a_run(), "")
    store.write_part("made", part.name, part.data[:cut])
    with pytest.raises(DamagedError, match=part.name):
        read_series(store, "made")


def test_any_flipped_byte_is_damage() -> None:
    """Also where parquet has no checksum: in what it says of its columns and of the night."""
    data = make_part(a_run(), "").data
    night_tables.read_table(data, "it")
    for place in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(DamagedError, match="it is"):
            night_tables.read_table(bytes(flipped), "it")


def test_a_newer_schema_says_what_to_do(tmp_path: Path) -> None:
    part = make_part(a_run(), "")
    newer = replace(part.night, schema=NIGHT_SCHEMA + 1)
    data = night_tables.encode_night(newer, {kind: {"family": []} for kind in night_tables.KINDS})
    PartFolder(tmp_path).write_part("made", part.name, data)
    with pytest.raises(UsageError, match="Install a newer editproof"):
        read_series(PartFolder(tmp_path), "made")


def test_the_whole_night_stands_in_the_metadata() -> None:
    import io

    from pyarrow import parquet

    part = make_part(a_run(), "c0ffee")
    metadata = parquet.read_schema(io.BytesIO(part.data)).metadata
    assert msgspec.json.decode(metadata[b"editproof"], type=Night) == part.night


def test_old_nights_go_and_the_newest_stays(store: PartStore) -> None:
    keep(store, a_run(1), a_run(2), a_run(3))
    names = store.list_parts("made")
    day = datetime.fromisoformat("2026-01-02T12:00:00+00:00")
    assert list_old_parts(names, day) == list(names[:2])
    assert list_old_parts(names, day + timedelta(days=99)) == list(names[:2])
    store.remove_parts("made", names[:2])
    store.remove_parts("made", names[:2])
    assert store.list_parts("made") == names[2:]


def test_a_part_of_before_the_baseline_was_noted_is_read(
    store: PartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its column is not there."""
    with monkeypatch.context() as old:
        old.setattr(night_tables, "FLOATS", night_tables.FLOATS[:-1])
        part = make_part(a_run(), "c0ffee")
        store.write_part("made", part.name, part.data)
    keep(store, a_run(2))
    assert np.isnan(read_series(store, "made").accepted[:, 0]).all()


def test_the_baseline_is_scored_as_the_night_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In margins, over the same numbers of the same cases; not where a case has no baseline."""
    night, accepted = a_run(2, detail=12.5), a_run(1)
    known = {record.case.id: record for record in accepted.records}
    cases = SimpleNamespace(pairs=SimpleNamespace(ids={one: one for one in known}), get=known.get)
    monkeypatch.setattr(summarise, "load_accepted_cases", lambda _: cases)
    aspects, own = (summarise.summarise(run)["aspect"] for run in (night, accepted))
    assert aspects["accepted"] == own["value"]
    assert aspects["value"] != own["value"]
    known.popitem()
    assert np.isnan(summarise.summarise(night)["aspect"]["accepted"]).all()
