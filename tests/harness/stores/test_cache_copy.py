"""A cache at a URL: filled on one machine, used on another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from editproof.harness.records.runs import blob_path
from editproof.harness.running.cache import Cache, CarefulCache
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.objects import ObjectFolder, StoreError
from editproof.harness.stores.places import find_url
from tests.harness.made import case
from tests.harness.retention.cached import cached_record, content_of, digest_of, write_pictures
from tests.harness.stores.conftest import Elsewhere


@pytest.fixture
def home() -> str:
    return f"memory://{uuid4().hex}/cache"


def fill(home: str, folder: Path) -> None:
    write_pictures(folder, "a case", "scene")
    Cache(find_folder(home)).put(cached_record("a case", "scene"), folder)


def test_a_case_of_another_machine_is_taken(
    home: str, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    fill(home, tmp_path / "first")
    elsewhere()
    cache, wanted = Cache(find_folder(home)), cached_record("a case", "scene").case
    assert cache.get(wanted, tmp_path / "second") is None, "nothing is asked for case by case"
    cache.fetch([wanted, case(2)])
    found = cache.get(wanted, tmp_path / "second")
    assert found == replace(cached_record("a case", "scene"), cached=True)
    picture = blob_path(tmp_path / "second", digest_of("a case"))
    assert picture.read_bytes() == content_of("a case")


def test_what_is_damaged_there_is_a_miss(home: str, tmp_path: Path, elsewhere: Elsewhere) -> None:
    """The case is run again."""
    fill(home, tmp_path / "first")
    where = find_url(home)
    assert where
    digest = digest_of("a case")
    ObjectFolder(where).write(f"blobs/{digest[:2]}/{digest}.png", b"another")
    elsewhere()
    cache, wanted = Cache(find_folder(home)), cached_record("a case", "scene").case
    cache.fetch([wanted])
    assert cache.get(wanted, tmp_path / "second") is None


def test_a_store_that_fails_turns_the_cache_off(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, and says it once."""

    def fail(*_: object) -> None:
        raise StoreError("the store can't be reached")

    monkeypatch.setattr(ObjectFolder, "read", fail)
    lines: list[str] = []
    cache = CarefulCache(find_folder(home), lines.append)
    cache.fetch([cached_record("a case").case])
    cache.fetch([cached_record("a case").case])
    write_pictures(tmp_path, "a case")
    cache.put(cached_record("a case"), tmp_path)
    assert len(lines) == 1
    assert lines[0].startswith("the cache is off for this run: the store can't be reached")
