"""What a place's name says: a URL, or a path."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.stores.copies import find_folder, find_origin, name_place
from editproof.harness.stores.copy_pruning import prune_copies
from editproof.harness.stores.places import find_url
from tests.harness.made import measured, run_of
from tests.harness.retention.cached import SIZE, write_pictures


@pytest.mark.parametrize(
    "text", ["s3://bucket/editproof/quick-1", "gs://b/runs", "az://container/a b", "memory://x/y"]
)
def test_a_url_and_its_copy_name_each_other(text: str) -> None:
    """Also where a command line made a path of it, which has one slash less."""
    assert str(find_url(text)) == text
    assert find_url(Path(text)) == find_url(text)
    assert find_origin(find_folder(text)) == find_url(text)
    assert name_place(find_folder(Path(text))) == text


def test_runs_lie_in_the_copy_of_their_folder() -> None:
    assert find_folder("s3://b/runs/one").parent == find_folder("s3://b/runs/")


def test_a_path_is_no_url(tmp_path: Path) -> None:
    for place in (tmp_path, "runs/quick-1", "C:/runs", "https://example.org/run"):
        assert find_url(place) is None
        assert find_folder(place) == Path(place)
        assert name_place(Path(place)) == str(Path(place))


def test_a_file_url_is_a_path() -> None:
    for place in ("file:///srv/runs/one", Path("file:///srv/runs/one")):
        assert find_folder(place) == Path("/srv/runs/one")


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3:///runs",
        "s3://bucket//runs",
        "s3://bucket/../other",
        "s3://bucket/.hidden",
        "s3://bucket/runs?versionId=1",
        "s3://bucket/a\\b",
        "s3://bucket/a\nb",
        "s3://bucket/%2e%2e/x",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="can't be used as a URL"):
        find_url(text)


def test_a_password_is_neither_used_nor_repeated() -> None:
    with pytest.raises(UsageError, match="credentials come from the environment") as caught:
        find_url("s3://key:secret@bucket/runs")
    assert "secret" not in str(caught.value)


def test_copies_that_nobody_opened_go() -> None:
    """One that a run is being written into stays, whatever its age."""
    for name in ("old", "written"):
        folder = find_folder(f"s3://bucket/runs/{name}")
        write_manifest(folder, run_of(measured(1.0)).manifest)
        write_pictures(folder, "a case")
    journal = Journal(find_folder("s3://bucket/runs/written"))
    assert prune_copies(timedelta(days=1), now=time.time()) == (0, 0)
    removed, freed = prune_copies(timedelta(days=1), now=time.time() + 100_000)
    journal.close()
    assert removed == 1
    assert freed > SIZE
    assert not find_folder("s3://bucket/runs/old").exists()
    assert find_folder("s3://bucket/runs/written").exists()
