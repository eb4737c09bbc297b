"""Pictures of unchanged cases lie on the disk once."""

from __future__ import annotations

from pathlib import Path

import pytest

import editproof
from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.baselines.accepted_side import keep_accepted_side
from editproof.harness.gate.judge import judge
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.runs import Run, blob_path, load
from editproof.harness.retention.sizes import FolderSize, describe_size, measure_folder
from tests.harness.conftest import Command
from tests.harness.made import run_of
from tests.harness.retention.cached import (
    NOW,
    SIZE,
    cached_record,
    content_of,
    digest_of,
    put_case,
    write_pictures,
)


def run_in(folder: Path, *names: str) -> Run:
    """A run on disk, its pictures in files of its own."""
    records = [cached_record(name) for name in names]
    write_manifest(folder, run_of(*records).manifest)
    write_pictures(folder, *names)
    journal = Journal(folder)
    for record in records:
        journal.append(record)
    journal.close()
    return load(folder)


def picture(folder: Path, name: str) -> Path:
    return blob_path(folder, digest_of(name))


def test_a_case_that_gives_the_same_pictures_again_takes_no_new_bytes(tmp_path: Path) -> None:
    """Other code, another key, the same pictures: the second run's files are the cache's."""
    cache = tmp_path / "cache"
    first = put_case(cache, "a case", used=NOW, shared="scene", key="before", run="first")
    second = put_case(cache, "a case", used=NOW, shared="scene", key="after", run="second")
    assert measure_folder(first).own == measure_folder(second).own == 0
    assert measure_folder(second).total == 2 * SIZE
    assert picture(second, "a case").samefile(picture(first, "a case"))
    assert picture(second, "a case").read_bytes() == content_of("a case")


def test_a_damaged_picture_of_the_cache_is_not_shared(tmp_path: Path) -> None:
    """The run keeps what it made."""
    cache = tmp_path / "cache"
    first = put_case(cache, "a case", used=NOW, key="before", run="first")
    picture(first, "a case").write_bytes(b"damaged")
    second = put_case(cache, "a case", used=NOW, key="after", run="second")
    assert picture(second, "a case").read_bytes() == content_of("a case")


def test_a_baseline_shares_the_picture_of_its_run(tmp_path: Path) -> None:
    """Also where the baseline had a file of its own before, as after a checkout."""
    first = run_in(tmp_path / "first", "a case")
    target = acceptance.accept(first, tmp_path / "base")
    assert picture(target, "a case").samefile(picture(first.folder, "a case"))
    picture(target, "a case").unlink()
    write_pictures(target, "a case")
    second = run_in(tmp_path / "second", "a case")
    acceptance.accept(second, target, AcceptRequest("again", "ada"))
    assert picture(target, "a case").samefile(picture(second.folder, "a case"))


def test_a_baseline_keeps_its_picture_where_the_run_has_a_damaged_one(tmp_path: Path) -> None:
    """The bytes are compared with the hash first."""
    first = run_in(tmp_path / "first", "a case")
    target = acceptance.accept(first, tmp_path / "base")
    second = run_in(tmp_path / "second", "a case")
    picture(second.folder, "a case").write_bytes(b"damaged")
    acceptance.accept(second, target, AcceptRequest("again", "ada"))
    assert picture(target, "a case").read_bytes() == content_of("a case")


def test_a_run_shares_the_pictures_of_its_baseline(tmp_path: Path) -> None:
    """Of a run that left the cache alone, also those that only the accepted run has, beside it."""
    runs = tmp_path / "runs"
    first = run_in(runs / "first", "a case")
    target = acceptance.accept(first, tmp_path / "base")
    second = run_in(runs / "second", "a case")
    for folder in (first.folder, second.folder):
        write_pictures(folder, "an artefact")
    write_pictures(second.folder, "new")
    before = measure_folder(second.folder)
    held = baseline_folder.load(target)
    keep_accepted_side(second, held, judge(second, held))
    assert picture(second.folder, "a case").samefile(picture(target, "a case"))
    assert picture(second.folder, "an artefact").samefile(picture(first.folder, "an artefact"))
    assert picture(second.folder, "new").stat().st_nlink == 1
    assert before.shared == 0
    assert measure_folder(second.folder).shared >= 2 * SIZE


LARGE_SUITE = """
name = "large"
size = 384
seeds = [1]
metrics = [{metrics}]

[vectors]
logo = [1, 2, 3]
high_frequency = [1, 2, 3]

[models]
ns = "reference?inpaint.model=ns"
"""
"""Three cases a family: of one, the worst, the report holds pixels that can be measured."""


@pytest.mark.exhaustive
def test_a_second_unchanged_run_takes_a_tenth_of_the_first_ones_bytes(
    command: Command, folder: Path
) -> None:
    """Whether its cases come from the cache, or are made again because a metric was added."""
    sizes: list[FolderSize] = []
    for metrics in ('"psnr"', '"psnr"', '"psnr", "ssim"'):
        (folder / "large.toml").write_text(LARGE_SUITE.format(metrics=metrics))
        out = folder / "runs" / str(len(sizes))
        done = command("run", "large.toml", "--out", str(out))
        assert done.returncode == 0, done.stderr
        sizes.append(measure_folder(out))
        assert f"size:    {describe_size(sizes[-1])}" in done.stdout
    first, cached, again = sizes
    assert [
        any(one.cached for one in editproof.load(folder / "runs" / n).records) for n in "012"
    ] == [*(False, True, False)]
    assert cached.own <= first.total / 10
    assert again.own <= first.total / 10
