"""Did a picture change, and can anybody see it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from editproof.harness.gate import looks
from editproof.harness.gate.judge import judge
from editproof.harness.gate.looks import Look, LookOptions, Looks, look
from editproof.harness.metrics.core import colorvideovdp
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.pictures.differences import DifferenceStore, PicturePair
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.pairing import pair
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.suites import Viewing
from editproof.harness.records.verdicts import Outcome
from tests.harness.made import (
    MARGIN,
    VISIBLE,
    Picture,
    case,
    hashed,
    measured,
    run_of,
    scored,
    shown,
    texture,
)

ACCEPTED = texture()


def pictured(folder: Path, *images: Picture, psnr: float = 35.0) -> Run:
    """A case for each picture."""
    records = [
        shown(folder, measured(psnr, step=step), image)
        for step, image in enumerate(images, start=1)
    ]
    return run_of(*records, margins=(MARGIN,), folder=folder)


def seen(now: Run, before: Run, *also: Run, looking: LookOptions | None = None) -> Looks:
    kept = Baseline(before, tuple(one for one in also))
    return look(now, kept, pair(now, kept.run), looking or LookOptions())


def one_look(now: Run, before: Run, *also: Run) -> Look:
    return seen(now, before, *also).by_column[0]


@pytest.fixture
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks how visible a difference is fails."""

    def refuse(*_: object, **__: object) -> Difference:
        raise AssertionError("nothing should be measured here")

    monkeypatch.setattr(looks, "compare", refuse)
    monkeypatch.setattr(looks, "compare_without_model", refuse)
    monkeypatch.setattr(looks, "explain_unavailable", refuse)


@pytest.mark.usefixtures("nobody_looks")
def test_a_picture_that_is_the_same_bit_for_bit_asks_nothing_more(tmp_path: Path) -> None:
    """Nor are its numbers read: however they changed, the picture is the accepted one."""
    before = pictured(tmp_path / "before", ACCEPTED)
    now = pictured(tmp_path / "now", ACCEPTED, psnr=10.0)
    assert seen(now, before).unchanged == (0,)
    verdict = judge(now, Baseline(before)).verdict
    assert (verdict.exit_code, verdict.outcome, verdict.unchanged) == (
        ExitCode.OK,
        Outcome.UNCHANGED,
        1,
    )
    assert not verdict.changes + verdict.findings


def test_rounding_is_invisible_and_a_step_of_4_levels_is_not(tmp_path: Path) -> None:
    """By ColorVideoVDP itself: levels that differ by one here and there; and a square that is 4
    levels lighter.
    """
    rounding = np.random.default_rng(3).integers(-1, 2, ACCEPTED.shape).astype(np.float32) / 255
    step = ACCEPTED.copy()
    step[16:48, 16:48] += 4 / np.float32(255)
    before = pictured(tmp_path / "before", ACCEPTED, ACCEPTED)
    found = seen(pictured(tmp_path / "now", np.clip(ACCEPTED + rounding, 0, 1), step), before)
    assert [one.state for one in found.by_column.values()] == ["invisible", "visible"]
    assert found.seen_by == "ColorVideoVDP, standard_4k"


@pytest.mark.usefixtures("nobody_looks")
def test_what_workers_and_the_cache_know_is_not_measured_again(tmp_path: Path) -> None:
    """The run's folder first, then the cache."""
    before = run_of(scored(case(), "a"), folder=tmp_path / "before")
    now = run_of(scored(case(), "b"), folder=tmp_path / "now")
    for folder in (now.folder, tmp_path / "elsewhere"):
        folder.mkdir()
    known = PicturePair(hashed("a"), hashed("b"), "", Viewing())
    DifferenceStore(tmp_path / "elsewhere", tmp_path / "cache").put(known, VISIBLE)
    assert one_look(now, before).state == "unknown"  # nobody knows, and the pictures are not there
    (found,) = seen(now, before, looking=LookOptions(cache=tmp_path / "cache")).by_column.values()
    assert (found.state, found.difference) == ("visible", VISIBLE)
    assert one_look(now, before).state == "visible"


def test_what_was_measured_is_kept_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pair once, though two seeds show it."""
    asked: list[Picture] = []

    def count(_: Picture, image: Picture, **__: object) -> Difference:
        asked.append(image)
        return VISIBLE

    monkeypatch.setattr(looks, "compare", count)
    before = pictured(tmp_path / "before", ACCEPTED, ACCEPTED, texture(2))
    now = pictured(tmp_path / "now", texture(1), texture(1), texture(3))
    told: list[tuple[int, int]] = []
    seen(
        now,
        before,
        looking=LookOptions(jobs=2, report=lambda done, total: told.append((done, total))),
    )
    assert told == [(1, 2), (2, 2)]
    seen(now, before)
    assert len(asked) == 2


@pytest.mark.usefixtures("nobody_looks")
def test_a_second_accepted_answer_counts(tmp_path: Path) -> None:
    """The same as it: unchanged."""
    before, also = pictured(tmp_path / "before", ACCEPTED), pictured(tmp_path / "also", texture(1))
    assert seen(pictured(tmp_path / "now", texture(1)), before, also).unchanged == (0,)


def test_the_nearest_answer_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody can tell from the second answer is invisible, however far it is from the
    first.
    """

    def distance(accepted: Picture, image: Picture, **_: object) -> Difference:
        return Difference(0.0, float(np.abs(accepted - image).mean()))

    monkeypatch.setattr(looks, "compare", distance)
    before = pictured(tmp_path / "before", np.zeros_like(ACCEPTED))
    also = pictured(before.folder, np.full_like(ACCEPTED, 0.8))
    found = one_look(pictured(tmp_path / "now", np.full_like(ACCEPTED, 0.9)), before, also)
    assert (found.answer, found.state) == (1, "invisible")


def test_where_a_picture_is_gone_the_numbers_decide(tmp_path: Path) -> None:
    """Its state is unknown; a number past its margin still counts."""
    before = pictured(tmp_path / "before", ACCEPTED)
    now = pictured(tmp_path / "now", texture(1), psnr=20.0)
    blob_path(before.folder, before.records[0].blobs["actual"]).unlink()
    assert one_look(now, before).state == "unknown"
    verdict = judge(now, Baseline(before)).verdict
    assert verdict.exit_code is ExitCode.REGRESSION
    (finding,) = verdict.findings
    assert finding.jod is None


def test_a_refused_edit_has_no_picture(tmp_path: Path) -> None:
    """On either side."""
    fine = pictured(tmp_path / "fine", ACCEPTED)
    refused = run_of(
        replace(measured(None, reason="refused"), status="refused"), folder=tmp_path / "refused"
    )
    assert one_look(refused, fine).state == one_look(fine, refused).state == "no picture"


def test_pictures_of_another_size_are_not_compared(tmp_path: Path) -> None:
    """Their state is unknown."""
    before = pictured(tmp_path / "before", ACCEPTED)
    assert one_look(pictured(tmp_path / "now", texture(size=72)), before).state == "unknown"


def test_without_the_package_limits_stand_in_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not kept: with the package, they are looked at again."""

    def missing() -> None:
        raise IncompleteError("ColorVideoVDP cannot be loaded: no. Install it")

    monkeypatch.setattr(colorvideovdp, "_package", missing)
    hole = ACCEPTED.copy()
    hole[20:40, 20:40] = 0
    nearly = ACCEPTED.copy()
    nearly[0, 0] += 1 / np.float32(255)
    before = pictured(tmp_path / "before", ACCEPTED, ACCEPTED)
    now = pictured(tmp_path / "now", hole, nearly)
    found = seen(now, before)
    assert [one.state for one in found.by_column.values()] == ["visible", "invisible"]
    assert found.seen_by.startswith(
        "ColorVideoVDP cannot be loaded: no. Install it. Meanwhile a window whose PSNR"
    )
    assert not (now.folder / "differences.jsonl").exists()


def test_accepted_seeds_say_how_much_seeds_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three accepted pictures each with the next; two that are one picture differ by nothing."""
    monkeypatch.setattr(looks, "compare", lambda *_, **__: VISIBLE)

    before = seeds(tmp_path / "before", texture(0), texture(1), texture(1))
    found = seen(seeds(tmp_path / "now", texture(4), texture(5), texture(6)), before)
    assert found.among_seeds["logo", "1", "ns"] == (VISIBLE, Difference(0.0, 0.0), VISIBLE)


def seeds(folder: Path, *images: Picture) -> Run:
    """A scene of a stochastic model, a picture for each seed."""
    records = [
        replace(shown(folder, measured(35.0), image), case=case(1, seed))
        for seed, image in enumerate(images)
    ]
    return run_of(*records, folder=folder, stochastic=True)


def mode_of(now: Run, before: Run) -> str:
    """How the one scene is compared, now that its pictures were looked at."""
    (mode,) = seen(now, before).modes.values()
    return mode


def test_samples_that_were_kept_are_compared_one_by_one(tmp_path: Path) -> None:
    """Each new picture is the accepted one of its seed, darkened and blurred: no seed explains the
    difference.
    """
    accepted = [texture(seed) for seed in range(3)]
    changed = [
        np.clip(cv2.GaussianBlur(image, (0, 0), 0.5) - 0.04, 0, 1).astype(np.float32)
        for image in accepted
    ]
    before = seeds(tmp_path / "before", *accepted)
    assert mode_of(seeds(tmp_path / "now", *changed), before) == "pairs"


def test_other_samples_are_compared_as_a_whole(tmp_path: Path) -> None:
    """On the same seeds as well: also where the pictures of the seeds changed places."""
    accepted = [texture(seed) for seed in range(3)]
    before = seeds(tmp_path / "before", *accepted)
    assert (
        mode_of(seeds(tmp_path / "now", *(texture(seed) for seed in range(10, 13))), before)
        == "seeds"
    )
    assert mode_of(seeds(tmp_path / "turned", *accepted[1:], accepted[0]), before) == "seeds"


def test_one_sample_that_broke_beside_two_that_were_kept_is_a_pair(tmp_path: Path) -> None:
    """Most of the scene's pictures say that its seeds mean something."""
    accepted = [texture(seed) for seed in range(3)]
    before = seeds(tmp_path / "before", *accepted)
    assert (
        mode_of(seeds(tmp_path / "now", *accepted[:2], np.full_like(accepted[0], 0.5)), before)
        == "pairs"
    )


def test_a_scene_where_no_seed_matters_is_compared_as_pairs(tmp_path: Path) -> None:
    """Every accepted seed gave one picture, and so does every new one."""
    before = seeds(tmp_path / "before", *[texture(0)] * 3)
    assert mode_of(seeds(tmp_path / "now", *[texture(1)] * 3), before) == "pairs"
    assert mode_of(seeds(tmp_path / "apart", texture(1), texture(2), texture(3)), before) == "seeds"


def test_what_a_worker_measured_says_whether_the_sample_was_kept(tmp_path: Path) -> None:
    """And where it was measured before anybody asked, only that is added."""
    accepted = [texture(seed) for seed in range(3)]
    before = seeds(tmp_path / "before", *accepted)
    now = seeds(tmp_path / "now", *(image * np.float32(0.9) for image in accepted))
    for old, new in zip(before.records, now.records, strict=True):
        pair_of = PicturePair(old.blobs["actual"], new.blobs["actual"], "", Viewing())
        DifferenceStore(now.folder).put(pair_of, VISIBLE)
    found = seen(now, before)
    assert [one.difference.whole for one in found.by_column.values() if one.difference] == [
        VISIBLE.whole
    ] * 3
    assert set(found.modes.values()) == {"pairs"}
