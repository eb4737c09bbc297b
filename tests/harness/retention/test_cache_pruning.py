"""What goes of the cache: the least recently used first, a record before its pictures."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.json_files import write_json
from editproof.harness.records.record_lines import decode_record
from editproof.harness.records.runs import blob_path
from editproof.harness.retention.cache_pruning import measure_cache, note_use, prune_cache
from editproof.harness.running.cache import Cache
from tests.harness.retention.cached import NOW, cached_record, put_case

pytestmark = pytest.mark.smoke


def keys_in(cache: Path) -> set[str]:
    return {path.stem for path in (cache / "records").rglob("*.json")}


def pictures_in(cache: Path) -> set[str]:
    return {path.stem for path in (cache / "blobs").rglob("*.png")}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Three cases, last used 3, 2 and 1 days ago. They share a picture; each has another."""
    folder = tmp_path / "cache"
    for days in (3, 2, 1):
        put_case(folder, f"case {days}", used=NOW - days * 86_400, shared="scene")
    return folder


def test_a_cache_says_what_it_holds(cache: Path, tmp_path: Path) -> None:
    """Every file of its own counts; a folder that is not there holds nothing."""
    use = measure_cache(cache)
    files = [path.stat().st_size for path in cache.rglob("*") if path.is_file()]
    assert (use.records, use.differences, use.pictures) == (3, 0, 4)
    assert (use.size, use.oldest) == (sum(files), NOW - 3 * 86_400)
    nothing = measure_cache(tmp_path / "nowhere")
    assert (nothing.records, nothing.size, nothing.oldest) == (0, 0, None)


def test_what_was_not_used_for_long_goes(cache: Path) -> None:
    """With its pictures, but for one that a younger case names as well."""
    kept = cached_record("case 1", "scene").blobs
    pruned = prune_cache(cache, now=NOW, older_than=timedelta(hours=36))
    assert (pruned.entries, pruned.pictures) == (2, 2)
    assert keys_in(cache) == {cached_record("case 1", "scene").case.key}
    assert pictures_in(cache) == set(kept.values())


def test_the_least_recently_used_goes_until_the_rest_fits(cache: Path) -> None:
    """A hit makes an entry young again."""
    first = cached_record("case 3", "scene")
    path = cache / "records" / first.case.key[:2] / f"{first.case.key}.json"
    note_use(path)
    before = measure_cache(cache).size
    pruned = prune_cache(cache, now=NOW, max_size=before - 1)
    assert pruned.entries == 1
    assert keys_in(cache) == {
        cached_record(name, "scene").case.key for name in ("case 3", "case 1")
    }
    assert measure_cache(cache).size == before - pruned.size


def test_a_cache_within_its_limits_keeps_everything(cache: Path) -> None:
    """Neither old nor large: nothing goes."""
    before = measure_cache(cache)
    pruned = prune_cache(cache, now=NOW, max_size=before.size, older_than=timedelta(days=4))
    assert (pruned.entries, pruned.pictures, pruned.size) == (0, 0, 0)
    assert measure_cache(cache) == before


def test_nothing_is_left_of_a_cache_of_one_byte(cache: Path) -> None:
    """The last pictures go with the last record that names them."""
    prune_cache(cache, now=NOW, max_size=1)
    assert measure_cache(cache).size == 0


def test_a_picture_that_no_record_names_goes_after_a_while(cache: Path) -> None:
    """At first it may be one that a run is about to name."""
    stray = blob_path(cache, "a" * 64)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"x" * 100)
    written = stray.stat().st_ctime
    prune_cache(cache, now=written + 60)
    assert stray.exists()
    assert prune_cache(cache, now=written + 7200).pictures == 1
    assert not stray.exists()
    assert len(pictures_in(cache)) == 4


def test_half_written_files_go_and_other_files_stay(cache: Path, tmp_path: Path) -> None:
    """What a killed process left goes; what the cache would never write is somebody else's."""
    key = cached_record("case 1", "scene").case.key
    half = cache / "records" / key[:2] / f".{key}.json.4711"
    half.write_text("{")
    written = half.stat().st_ctime
    outside = tmp_path / "outside.json"
    outside.write_text("mine")
    others = [
        cache / "notes.txt",
        cache / "records" / "ab" / "notes.json",
        cache / "blobs" / "x.png",
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    link = cache / "records" / "ab" / f"{'ab' * 32}.json"
    link.symlink_to(outside)
    prune_cache(cache, now=written + 7200, max_size=1)
    assert not half.exists()
    assert all(path.read_text() == "mine" for path in (*others, outside, link))


def test_a_damaged_record_goes_like_any_other(cache: Path) -> None:
    """It names no picture, so those that only it named go as well, after a while."""
    record = cached_record("case 3", "scene")
    path = cache / "records" / record.case.key[:2] / f"{record.case.key}.json"
    path.write_text("{")
    os.utime(path, (NOW - 3 * 86_400,) * 2)
    later = blob_path(cache, record.blobs["actual"]).stat().st_ctime + 7200
    assert prune_cache(cache, now=later).pictures == 1
    assert record.blobs["actual"] not in pictures_in(cache)
    assert len(pictures_in(cache)) == 3
    assert prune_cache(cache, now=NOW, older_than=timedelta(hours=60)).entries == 1
    assert not path.exists()


def test_a_vanished_entry_is_a_miss(cache: Path, tmp_path: Path) -> None:
    """Its record, or a picture of it: the case is run again, and the cache takes it again."""
    run = tmp_path / "run"
    record = cached_record("case 1", "scene")
    assert Cache(cache).get(record.case, tmp_path / "whole") is not None
    blob_path(cache, record.blobs["actual"]).unlink()
    assert Cache(cache).get(record.case, run) is None
    put_case(cache, "case 1", used=NOW, shared="scene")
    found = Cache(cache).get(record.case, run)
    assert found is not None
    assert found.cached
    (cache / "records" / record.case.key[:2] / f"{record.case.key}.json").unlink()
    assert Cache(cache).get(record.case, run) is None


def test_a_hit_says_when_it_was(cache: Path, tmp_path: Path) -> None:
    """The record's time moves on, and its content does not."""
    record = cached_record("case 3", "scene")
    path = cache / "records" / record.case.key[:2] / f"{record.case.key}.json"
    before, content = path.stat().st_mtime, path.read_bytes()
    Cache(cache).get(record.case, tmp_path / "run")
    assert path.stat().st_mtime > before
    assert path.read_bytes() == content
    assert decode_record(content, CaseRecord, path).case.key == record.case.key


def test_differences_of_two_pictures_age_as_well(cache: Path) -> None:
    """They name no picture of the cache."""
    key = hashlib.sha256(b"pair").hexdigest()
    path = cache / "differences" / key[:2] / f"{key}.json"
    write_json(path, {"whole": 0.1})
    os.utime(path, (NOW - 9 * 86_400,) * 2)
    assert measure_cache(cache).differences == 1
    pruned = prune_cache(cache, now=NOW, older_than=timedelta(days=5))
    assert (pruned.entries, pruned.pictures) == (1, 0)
    assert not path.exists()
