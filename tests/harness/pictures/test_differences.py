"""What was measured once is found again."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from editproof.harness.metrics.core.visibility import Difference, Step
from editproof.harness.pictures import differences
from editproof.harness.pictures.differences import (
    FILE,
    DifferenceStore,
    PicturePair,
    append_difference,
    viewing_of,
)
from editproof.harness.records.suites import Viewing

PAIR = PicturePair("a", "b", "e", Viewing())
SEEN = Difference(0.1, 0.5, 3, 4, 1.5, {"edit": 0.2}, {"detail": 0.1}, {"all": Step(0.1, 0.2)})


def test_a_pair_is_known_by_everything_that_its_number_depends_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both pictures, the right answer, how one looks, and the versions of the code; not which
    families are looked at so.
    """
    viewing = (Viewing("standard_fhd"), Viewing(distance_m=1.0), Viewing(zoom=2.0))
    others = [
        PicturePair("b", "a", "e", Viewing()),
        replace(PAIR, accepted="c"),
        replace(PAIR, image="c"),
        replace(PAIR, expected=""),
        *(replace(PAIR, viewing=one) for one in viewing),
    ]
    assert len({one.key for one in (PAIR, *others)}) == 1 + len(others)
    assert replace(PAIR, viewing=Viewing(families=("logo",))).key == PAIR.key
    before = PAIR.key
    monkeypatch.setattr(differences, "VERSION", "next")
    assert PAIR.key != before


def test_what_was_put_is_there_for_the_next_one(tmp_path: Path) -> None:
    """With all its numbers."""
    DifferenceStore(tmp_path).put(PAIR, SEEN)
    assert DifferenceStore(tmp_path).get(PAIR) == SEEN
    assert DifferenceStore(tmp_path).get(replace(PAIR, image="c")) is None


def test_the_cache_answers_another_run(tmp_path: Path) -> None:
    """And its answer is then kept in the run's folder too; a damaged one is none."""
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
    cache = tmp_path / "cache"
    DifferenceStore(tmp_path / "first", cache).put(PAIR, SEEN)
    assert DifferenceStore(tmp_path / "second", cache).get(PAIR) == SEEN
    assert DifferenceStore(tmp_path / "second").get(PAIR) == SEEN
    for path in cache.rglob("*.json"):
        path.write_text("{")
    assert DifferenceStore(tmp_path / "third", cache).get(PAIR) is None


def test_a_torn_line_is_ignored(tmp_path: Path) -> None:
    """The lines around it count."""
    store = DifferenceStore(tmp_path)
    store.put(PAIR, SEEN)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key":"x","diff\n\n{}\n')
    store.put(replace(PAIR, image="c"), SEEN)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key":"y","difference":{"whole":0.1')
    again = DifferenceStore(tmp_path)
    assert again.get(PAIR) == again.get(replace(PAIR, image="c")) == SEEN


def _write(path: Path, name: str) -> None:
    for number in range(200):
        append_difference(path, f"{name} {number}", SEEN)


@pytest.mark.slow
def test_several_processes_write_without_tearing_each_others_lines(tmp_path: Path) -> None:
    """Every line is there, whole."""
    path = tmp_path / FILE
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_write, path, name) for name in "ab"]:
            done.result()
    assert set(differences._read_differences(path)) == {
        f"{name} {number}" for name in "ab" for number in range(200)
    }


def test_the_last_entry_that_names_a_family_says_how_it_is_looked_at() -> None:
    """Before one for all, whatever their order; without any, the usual condition."""
    phone, wall, near = (
        Viewing("iphone_14_pro", families=("logo",)),
        Viewing("wall"),
        Viewing(zoom=2.0),
    )
    looks = [viewing_of([phone, wall, near], family) for family in ("logo", "stroke")]
    assert looks == [Viewing("iphone_14_pro"), near]
    assert viewing_of([], "logo") == Viewing()
