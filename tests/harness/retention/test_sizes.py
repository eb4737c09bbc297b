"""Sizes: as people write them, and as they lie on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from editproof.harness.retention.sizes import (
    FolderSize,
    describe_size,
    format_size,
    measure_folder,
    parse_size,
)

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10 GB", 10**10),
        ("1.5 MB", 1_500_000),
        ("7 B", 7),
        ("200 KB", 200_000),
        ("2 TB", 2 * 10**12),
    ],
)
def test_a_number_and_a_unit(text: str, size: int) -> None:
    """Units are powers of 1000."""
    assert parse_size(text, "cache.max_size") == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "GB", "10GB", "10 gb", "10 GiB", " 10 GB", "10 GB\n", "-1 GB", "0 GB"),
        *("1e3 GB", "inf GB", "0.1 B", "9999999999 TB", "1_000 MB"),
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    """The message names the setting, what it is, and what to write."""
    with pytest.raises(ValueError, match=r"cache\.max_size is .*which is not a size.*10 GB"):
        parse_size(text, "cache.max_size")


def test_sizes_are_written_with_two_digits_or_more() -> None:
    """Small numbers have a decimal, bytes have none."""
    sizes = (0, 7, 999, 1000, 9_940_000, 51_000_000, 515_400_000, 20 * 10**9)
    assert [format_size(size) for size in sizes] == [
        *("0 B", "7 B", "999 B", "1.0 KB", "9.9 MB", "51 MB", "515 MB", "20 GB")
    ]
    assert describe_size(FolderSize(51_000_000, 46_000_000)) == (
        "51 MB (46 MB shared with the cache, a baseline or other runs)"
    )
    assert describe_size(FolderSize(51_000_000, 0)) == "51 MB"


def test_a_file_counts_once_and_is_shared_where_it_has_a_name_elsewhere(tmp_path: Path) -> None:
    """Two names inside are one file of its own; a name outside makes it shared."""
    folder, elsewhere = tmp_path / "run", tmp_path / "cache"
    for name, size in (("own", 10), ("twice", 200), ("shared", 3000)):
        (folder / "blobs").mkdir(parents=True, exist_ok=True)
        (folder / "blobs" / name).write_bytes(b"x" * size)
    os.link(folder / "blobs" / "twice", folder / "again")
    elsewhere.mkdir()
    os.link(folder / "blobs" / "shared", elsewhere / "shared")
    held = measure_folder(folder)
    assert (held.total, held.shared, held.own) == (3210, 3000, 210)


def test_symbolic_links_hold_nothing(tmp_path: Path) -> None:
    """Neither to a file nor to a folder."""
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "file").write_bytes(b"x" * 1000)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "file").symlink_to(tmp_path / "large" / "file")
    (folder / "folder").symlink_to(tmp_path / "large")
    assert measure_folder(folder) == FolderSize(0, 0)
    assert measure_folder(tmp_path / "nowhere") == FolderSize(0, 0)
