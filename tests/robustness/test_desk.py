"""The desk: what a stranger sends to it, masks that are no masks, and deaths while it writes."""

from __future__ import annotations

import io
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pil

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.records import runs
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.review.answers import (
    MOVE,
    accept_answers,
    finish_move,
    list_answers,
)
from editproof.harness.review.asking import OTHER_FILES, find_request
from editproof.harness.review.desk import Desk, apply_decisions
from editproof.harness.review.keeping import CaseContent, keep_case
from editproof.harness.review.unpacking import PARTIAL, unpack_run
from editproof.harness.suites.trust import Trust
from tests.harness.review.conftest import pair  # noqa: F401 - a fixture
from tests.harness.review.test_keeping import MASK, source  # noqa: F401 - a fixture
from tests.harness.review.test_rerunning import (  # noqa: F401 - fixtures
    Start,
    ask,
    desk,
    find_number,
    judged,
    start,
    wait_for,
)
from tests.robustness.dying import deaths

FLIPS = 60


def zip_run(folder: Path, compression: int, name: str = "") -> bytes:
    """A run as an archive, with one more file of that name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for path in sorted(folder.glob("*.json*")):
            archive.write(path, f"now/{path.name}")
        if name:
            archive.writestr(name, b"x")
    return made.getvalue()


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_a_damaged_archive_is_refused_whole(
    pair: Path,  # noqa: F811
    tmp_path: Path,
    compression: int,
    count_attempt: Callable[[str], None],
) -> None:
    data = zip_run(pair / "runs" / "now", compression)
    archive, folder = tmp_path / "run.zip", tmp_path / "from-ci"
    chance = random.Random(compression)
    refused = 0
    for _ in range(FLIPS):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        archive.write_bytes(damaged)
        try:
            unpack_run(archive, folder)
        except UsageError:
            refused += 1
            assert not folder.exists() or not list(folder.iterdir())
        shutil.rmtree(folder, ignore_errors=True)
        count_attempt("damaged archives at the desk")
    assert refused > FLIPS / 2


@pytest.mark.parametrize(
    "name",
    [
        "now/manifest.json/x",
        "now/" + "x" * 300,
        "now/" + "/".join(["d" * 190] * 25),
    ],
)
def test_names_that_no_disk_takes(pair: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    archive = tmp_path / "run.zip"
    archive.write_bytes(zip_run(pair / "runs" / "now", zipfile.ZIP_DEFLATED, name))
    with pytest.raises(UsageError, match=r"run\.zip holds"):
        unpack_run(archive, tmp_path / "from-ci")
    assert not list((tmp_path / "from-ci").iterdir())


def test_what_a_killed_desk_left_of_an_archive_is_removed(
    pair: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    left, busy = (tmp_path / f"{PARTIAL}a.{owner}" for owner in (1 << 22, os.getppid()))
    for folder in (left, busy):
        folder.mkdir()
    archive = tmp_path / "run.zip"
    archive.write_bytes(zip_run(pair / "runs" / "now", zipfile.ZIP_DEFLATED))
    unpack_run(archive, tmp_path)
    assert not left.exists()
    assert busy.exists()


def encode_black(edge: int) -> bytes:
    data = io.BytesIO()
    Pil.new("1", (edge, edge)).save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize("mask", [encode_black(12_000), encode_black(10), MASK[:60], b"junk"])
def test_a_mask_of_another_size_is_never_decoded(
    desk: Desk,  # noqa: F811
    start: Start,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    mask: bytes,
) -> None:
    """12,000 pixels square are 20 KB as a file, and gigabytes once decoded."""
    reruns = start(Trust(everything=True))

    def refuse(data: bytes) -> None:
        assert len(data) == len(MASK[:60]), "the mask was decoded"
        raise UsageError("the mask can't be read")

    monkeypatch.setattr("editproof.harness.review.keeping.decode_mask", refuse)
    with pytest.raises(UsageError, match="the mask"):
        reruns.start(ask(find_number(desk, "own"), mask=mask))
    with pytest.raises(UsageError, match="the mask"):
        desk.keep_case(0, "kept", CaseContent(mask))
    assert not desk.cases.exists()


def test_a_death_keeps_no_half_of_a_case(
    source: Path,  # noqa: F811
    in_memory: Path,
    count_attempt: Callable[[str], None],
) -> None:
    """A case without its mask would be another question, and would be asked each night."""
    cases = in_memory / "cases"
    content = CaseContent(MASK, "a prompt", expected=source)

    def restore() -> None:
        shutil.rmtree(cases, ignore_errors=True)
        cases.mkdir()

    for death in deaths(lambda: keep_case(cases, "kept", source, content), restore, every=1):
        if not (cases / "kept").exists():
            assert not any(cases.glob("[!.]*")), death
            keep_case(cases, "kept", source, content)
        assert len(list((cases / "kept").iterdir())) == 4, death
        keep_case(cases, "later", source, content)
        left = {path.name for path in cases.iterdir()} - {"kept", "later"}
        assert not {name for name in left if not name.endswith(f".{os.getpid()}")}, death
        count_attempt("deaths of a kept case")


def test_a_case_that_another_desk_keeps_meanwhile(source: Path, tmp_path: Path) -> None:  # noqa: F811
    """Its name is taken between the look and the move."""
    content = CaseContent(MASK)
    keep_case(tmp_path, "kept", source, content)
    with pytest.MonkeyPatch.context() as patched:

        def look(_: Path) -> bool:
            patched.undo()
            return False

        patched.setattr(Path, "exists", look)
        with pytest.raises(UsageError, match="Choose another name"):
            keep_case(tmp_path, "kept", source, content)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["kept"]


def keep_two_answers(desk: Desk, start: Start) -> None:  # noqa: F811
    number = find_number(desk, "own")
    reruns = start(Trust(everything=True))
    for level in (0.25, 0.75):
        rerun = wait_for(reruns.start(ask(number, mask=MASK, settings={"fill.level": level})))
        wait_for(reruns.keep(rerun.id, f"{level} is right, too"))


def test_answers_that_were_not_reached_wait_for_the_next_time(
    desk: Desk,  # noqa: F811
    start: Start,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes before them changes the baseline, and with it its digest."""
    keep_two_answers(desk, start)
    real, calls = acceptance.accept, 0

    def dying(*words: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise DamagedError("the disk is gone")
        return real(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(acceptance, "accept", dying)
    with pytest.raises(DamagedError):
        apply_decisions(desk)
    now = baseline_folder.find_digest(desk.folder)
    assert now != desk.digest
    assert [one.reason for _, one in list_answers(desk.answers, "now", now)] == [
        "0.75 is right, too"
    ]


@pytest.mark.parametrize("deaths", [(1,), (2,), (1, 2)])
def test_answers_outlive_a_desk_that_dies_after_it_changed_the_baseline(
    desk: Desk,  # noqa: F811
    start: Start,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    deaths: tuple[int, ...],
) -> None:
    """The next desk lets those that were not accepted wait for the baseline as it is, and accepts
    each once.
    """
    keep_two_answers(desk, start)
    real, calls = acceptance.accept, 0

    def dying(*words: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        done = real(*words, **options)  # type: ignore[arg-type]
        if calls in deaths:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(acceptance, "accept", dying)
    with pytest.raises(KeyboardInterrupt):
        apply_decisions(desk)
    for _ in range(2):
        finish_move(desk.answers, desk.folder)
        left = list_answers(desk.answers, "now", baseline_folder.find_digest(desk.folder))
        with suppress(KeyboardInterrupt):
            accept_answers(desk.folder, left)
    also = baseline_folder.load(desk.folder).also
    pictures = [one.records[0].blobs["actual"] for one in also]
    assert len(pictures) == len(set(pictures)) == 2
    finish_move(desk.answers, desk.folder)
    assert not list_answers(desk.answers, "now", baseline_folder.find_digest(desk.folder))
    assert not (desk.answers / MOVE).exists()


def test_a_case_of_a_stranger_asks_no_file_of_this_machine(
    desk: Desk,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A pipe would be waited for, and a name of any length is no file's."""
    case = desk.find_case(0).case
    os.mkfifo(tmp_path / "photo.png")
    for folder in (str(tmp_path), "x" * 5000, "/proc/self", "a\0b"):
        for own in ("", "x"):
            asked = find_request(desk.run, replace(case, folder=folder, own=own))
            assert asked.note == OTHER_FILES
    with pytest.raises(UsageError, match="has a turn -1"):
        find_request(desk.run, replace(case, turn=-1))


def test_a_desk_to_look_at_writes_nothing(desk: Desk, start: Start) -> None:  # noqa: F811
    desk.read_only = True
    reruns = start(Trust(everything=True))
    before = sorted(desk.folder.parent.parent.rglob("*"))
    for act in (
        lambda: reruns.start(ask(0)),
        lambda: desk.keep_case(0, "kept", CaseContent(MASK)),
        desk.undo,
    ):
        with pytest.raises(UsageError, match="for looking only"):
            act()
    assert sorted(desk.folder.parent.parent.rglob("*")) == before
    assert runs.load(desk.run.folder).endings
