"""One picture on the disk once, and never another one in its place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from editproof.harness.pictures.links import bring, bring_picture, share
from editproof.harness.records.runs import blob_path
from tests.harness.retention.cached import content_of, digest_of, write_pictures

pytestmark = pytest.mark.smoke


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A picture in the cache."""
    write_pictures(tmp_path / "cache", "a picture")
    return blob_path(tmp_path / "cache", digest_of("a picture"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The same picture in a run, as a file of its own."""
    write_pictures(tmp_path / "run", "a picture")
    return blob_path(tmp_path / "run", digest_of("a picture"))


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As between two file systems."""

    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)


def test_two_files_of_one_picture_become_one(kept: Path, own: Path) -> None:
    """Nothing else is left beside it."""
    bring_picture(kept, own)
    assert own.samefile(kept)
    assert own.read_bytes() == content_of("a picture")
    assert list(own.parent.iterdir()) == [own]


def test_a_damaged_picture_takes_no_place(kept: Path, own: Path) -> None:
    """One flipped bit: the run keeps its own file."""
    damaged = bytearray(kept.read_bytes())
    damaged[100] ^= 1
    kept.write_bytes(damaged)
    bring_picture(kept, own)
    assert not own.samefile(kept)
    assert own.read_bytes() == content_of("a picture")


def test_a_file_that_is_shared_already_stays(kept: Path, own: Path, tmp_path: Path) -> None:
    """It would free nothing."""
    os.link(own, tmp_path / "elsewhere.png")
    share(kept, own)
    assert not own.samefile(kept)


def test_on_another_file_system_there_are_two_files(
    kept: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there stays, and what is not becomes a whole copy."""
    refuse_links(monkeypatch)
    bring_picture(kept, own)
    assert own.read_bytes() == content_of("a picture")
    other = blob_path(tmp_path / "other", digest_of("a picture"))
    bring(kept, other)
    assert other.read_bytes() == content_of("a picture")
    assert [path.name for path in other.parent.iterdir()] == [other.name]


def test_a_picture_that_vanishes_changes_nothing(kept: Path, own: Path, tmp_path: Path) -> None:
    """Where the run has it; where it has not, the caller is told."""
    kept.unlink()
    bring_picture(kept, own)
    assert own.read_bytes() == content_of("a picture")
    with pytest.raises(FileNotFoundError):
        bring_picture(kept, blob_path(tmp_path / "other", digest_of("a picture")))
