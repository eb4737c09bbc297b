"""The contract of a run that is being written: the same for a local folder and for a URL."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

import editproof
from editproof.harness.pictures import files as pictures
from editproof.harness.records import runs
from editproof.harness.records.cases import Case, CaseError, CaseRecord
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.stores import compaction, object_run
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from editproof.harness.stores.run_store import RunStore, open_run_store
from tests.harness.made import case, measured, run_of
from tests.harness.retention.cached import content_of, digest_of, write_pictures
from tests.harness.stores.conftest import Elsewhere
from tests.robustness.dying import dies_at_write

STEPS = (1, 2, 3)


def record(step: int, *, psnr: float = 35.0) -> CaseRecord:
    """A finished case with a picture of its own, and one that all have."""
    blobs = {"actual": digest_of(f"case {step}"), "input": digest_of("scene")}
    return replace(measured(psnr, step=step), blobs=blobs)


def failure(step: int) -> CaseRecord:
    error = CaseError("ValueError", "by design", "")
    return CaseRecord(case(step), "error", "by design", 0.0, cached=False, error=error)


def manifest(*steps: int) -> Manifest:
    return run_of(*map(record, steps or STEPS)).manifest


def put(store: RunStore, *steps: int) -> None:
    for step in steps:
        write_pictures(store.folder, f"case {step}", "scene")
        store.put(record(step))


def read(place: str) -> Run:
    """As anybody reads it."""
    return editproof.load(place)


def statuses(place: str) -> list[tuple[Case, str]]:
    return [(one.case, one.status) for one in read(place).records]


def test_what_was_put_is_read(place: str, elsewhere: Elsewhere) -> None:
    store = open_run_store(place)
    store.start(manifest())
    put(store, 3, 1, 2)
    store.close()
    elsewhere()
    assert read(place).records == tuple(map(record, STEPS))
    assert read(place).manifest == manifest()


def test_pictures_are_read_by_their_hash(
    place: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is fetched before it is asked for."""
    store = open_run_store(place)
    store.start(manifest(1))
    put(store, 1)
    store.close()
    elsewhere()
    run = read(place)
    digest = digest_of("case 1")
    if find_url(place):
        assert not list(run.folder.glob("blobs/*/*.png"))
    path = pictures.path_in([run.folder], digest)
    assert path == run.blob(digest)
    assert path.read_bytes() == content_of("case 1")
    assert pictures.path_in([run.folder], digest_of("another")) is None


def test_a_case_is_there_before_the_run_ends(place: str, elsewhere: Elsewhere) -> None:
    """The process may die at any moment after `put`."""
    store = open_run_store(place)
    store.start(manifest())
    put(store, 1, 2)
    elsewhere()
    assert [one.case.step for one in read(place).records] == [1, 2]
    assert [one.step for one in read(place).missing] == [3]
    store.close()


def test_cases_that_ended_together_are_put_together(place: str, elsewhere: Elsewhere) -> None:
    """All are there when `put` returns, a failure among them too."""
    store = open_run_store(place)
    store.start(manifest())
    write_pictures(store.folder, "case 1", "case 3", "scene")
    asked = (record(3), failure(2), record(1))
    assert store.put(*asked) == asked
    elsewhere()
    assert [status for _, status in statuses(place)] == ["done", "error", "done"]
    store.note(*asked)
    store.close()
    elsewhere()
    assert [status for _, status in statuses(place)] == ["done", "error", "done"]


def test_a_run_is_resumed_with_what_it_has(place: str, elsewhere: Elsewhere) -> None:
    store = open_run_store(place)
    store.start(manifest())
    put(store, 1)
    store.close()
    elsewhere()
    store = open_run_store(place)
    store.resume()
    assert runs.load(store.folder).records == (record(1),)
    put(store, 2, 3)
    store.close()
    elsewhere()
    assert read(place).records == tuple(map(record, STEPS))


def test_a_failed_case_is_put_again(place: str, elsewhere: Elsewhere) -> None:
    """By the process that goes on with the run."""
    store = open_run_store(place)
    store.start(manifest(1, 2))
    put(store, 1)
    store.put(failure(2))
    store.close()
    elsewhere()
    assert [status for _, status in statuses(place)] == ["done", "error"]
    store = open_run_store(place)
    store.resume()
    put(store, 2)
    store.close()
    elsewhere()
    assert read(place).records == (record(1), record(2))


def test_a_place_that_holds_a_run_is_not_begun_again(place: str) -> None:
    store = open_run_store(place)
    store.start(manifest(1))
    put(store, 1)
    store.close()
    with pytest.raises(UsageError, match="is not empty"):
        open_run_store(place).start(manifest(2))
    assert read(place).manifest == manifest(1)


def test_one_process_drives_a_run(place: str) -> None:
    first = open_run_store(place)
    first.start(manifest())
    with pytest.raises(UsageError, match="another editproof is"):
        open_run_store(place).resume()
    put(first, 1)
    first.close()
    second = open_run_store(place)
    second.resume()
    put(second, 2)
    second.close()
    assert [one.case.step for one in read(place).records] == [1, 2]


def test_closing_twice_is_no_error(place: str) -> None:
    store = open_run_store(place)
    store.start(manifest(1))
    store.close()
    store.close()


def test_what_is_no_run_is_said(place: str) -> None:
    with pytest.raises(UsageError, match="is not a run: it has no manifest"):
        read(place)


# What only an object store has.


def test_a_process_of_its_own_puts_cases(url: str, elsewhere: Elsewhere) -> None:
    """As an actor does, which never drives the run."""
    driver = open_run_store(url)
    driver.start(manifest())
    elsewhere()
    actor = open_run_store(url)
    write_pictures(actor.folder, "case 2", "scene")
    counted = actor.put(record(2))
    driver.note(*counted)
    driver.note(*counted)
    assert runs.load(driver.folder).records == (record(2),)
    put(driver, 1, 3)
    driver.close()
    elsewhere()
    assert read(url).records == tuple(map(record, STEPS))


def test_the_first_answer_counts(url: str, elsewhere: Elsewhere) -> None:
    """The loser's changes nothing, a late failure neither."""
    driver = open_run_store(url)
    driver.start(manifest(1))
    put(driver, 1)
    late = open_run_store(url)
    assert late.put(record(1, psnr=12.0)) == (record(1),)
    late.put(failure(1))
    driver.close()
    elsewhere()
    assert read(url).records == (record(1),)


def test_a_damaged_case_is_written_again(url: str) -> None:
    """A finished case replaces an object that is none of ours."""
    driver = open_run_store(url)
    driver.start(manifest(1))
    where = find_url(url)
    assert where
    ObjectFolder(where).write(compaction.name_case(record(1).case.id), b'{"case":{"id":"id1-42"}}')
    put(driver, 1)
    driver.close()
    assert read(url).records == (record(1),)


def test_many_cases_lie_in_few_objects(
    url: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are made while the run goes on, and when it is whole."""
    monkeypatch.setattr(object_run, "CASES_A_PART", 3)
    steps = range(1, 11)
    driver = open_run_store(url)
    driver.start(manifest(*steps))
    put(driver, *steps[:7])
    driver.close()
    where = find_url(url)
    assert where
    objects = ObjectFolder(where)
    assert len(list(objects.list("cases/"))) == 1
    elsewhere()
    assert [one.case.step for one in read(url).records] == list(steps[:7])
    driver = open_run_store(url)
    driver.resume()
    put(driver, *steps[7:])
    driver.close()
    assert not list(objects.list("cases/"))
    assert len(list(objects.list("parts/"))) == 4
    elsewhere()
    assert read(url).records == tuple(map(record, steps))


def test_a_death_while_parts_are_made_loses_nothing(
    url: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the part and before the removal, a case is in both."""
    driver = open_run_store(url)
    driver.start(manifest())
    put(driver, *STEPS)
    with monkeypatch.context() as patch:
        patch.setattr(ObjectFolder, "remove", lambda self, names: None)
        driver.close()
    elsewhere()
    assert read(url).records == tuple(map(record, STEPS))


def test_a_death_within_a_batch_loses_nothing_that_was_told(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the cases that were being put, each is there whole, or it is not there."""
    seen = set()
    for write, after in itertools.product(range(1, 9), (False, True)):
        url = f"memory://{uuid4().hex}/run"
        store = open_run_store(url)
        store.start(manifest())
        put(store, 1)
        write_pictures(store.folder, "case 2", "case 3")
        with monkeypatch.context() as patched:
            dies_at_write(write, partial(store.put, record(2), record(3)), patched, after=after)
        elsewhere()
        there = read(url).records
        assert there == tuple(record(one.case.step) for one in there)
        assert record(1) in there
        seen.add(len(there))
        store.close()
    assert {1, 2, 3} == seen


def test_a_listing_that_lags_behind_costs_a_case_twice_at_most(
    url: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case is run again, and its first answer stays."""
    driver = open_run_store(url)
    driver.start(manifest(1, 2))
    put(driver, 1)
    driver.close()
    elsewhere()
    late = open_run_store(url)
    with monkeypatch.context() as patch:
        patch.setattr(ObjectFolder, "list", lambda self, folder="": iter(()))
        late.resume()
        assert runs.load(late.folder).records == ()
    write_pictures(late.folder, "case 1", "scene")
    assert late.put(record(1, psnr=1.0)) == (record(1),)
    put(late, 2)
    late.close()
    elsewhere()
    assert read(url).records == (record(1), record(2))


def test_a_picture_that_is_another_is_damage(url: str, elsewhere: Elsewhere) -> None:
    """It is neither shown nor kept."""
    store = open_run_store(url)
    store.start(manifest(1))
    put(store, 1)
    store.close()
    digest = digest_of("case 1")
    where = find_url(url)
    assert where
    ObjectFolder(where).write(f"blobs/{digest[:2]}/{digest}.png", content_of("another"))
    elsewhere()
    run = read(url)
    with pytest.raises(DamagedError, match="is damaged"):
        pictures.path_in([run.folder], digest)
    assert not blob_path(run.folder, digest).exists()


def test_a_damaged_file_is_not_sent(url: str) -> None:
    store = open_run_store(url)
    store.start(manifest(1))
    write_pictures(store.folder, "case 1", "scene")
    blob_path(store.folder, digest_of("case 1")).write_bytes(b"torn")
    with pytest.raises(DamagedError, match="Run its case again"):
        store.put(record(1))
    store.close()
    assert read(url).records == ()


def test_a_url_that_is_used_again_is_another_run(url: str, elsewhere: Elsewhere) -> None:
    """The copy of the run before is not mistaken for it."""
    store = open_run_store(url)
    store.start(manifest(1))
    put(store, 1)
    store.close()
    assert len(read(url).records) == 1
    where = find_url(url)
    assert where
    objects = ObjectFolder(where)
    objects.remove([found.name for found in objects.list()])
    go_back = elsewhere()
    store = open_run_store(url)
    store.start(manifest(2, 3))
    put(store, 2)
    store.close()
    go_back()
    assert [one.case.step for one in read(url).records] == [2]


def test_a_copy_that_somebody_removed_is_fetched_again(url: str, elsewhere: Elsewhere) -> None:
    """What was noted of it is forgotten."""
    store = open_run_store(url)
    store.start(manifest())
    put(store, *STEPS)
    store.close()
    elsewhere()
    shutil.rmtree(read(url).folder)
    assert read(url).records == tuple(map(record, STEPS))
