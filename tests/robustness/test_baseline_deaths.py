"""A writer of a baseline dies anywhere: the baseline is what it was, or what it was to become."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from editproof.harness.baselines import acceptance, baseline_folder, folder_lock
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.records.runs import Run, blob_path
from tests.grids import some
from tests.harness.baselines.test_baseline import pictured, run_in
from tests.robustness.dying import EVERY, deaths

ALL = AcceptRequest("better", "ada")
PART = AcceptRequest("one of them", "ada", cases=("logo/1",))


@dataclass(frozen=True)
class Writer:
    """Something that makes a baseline another."""

    act: Callable[[Run, Path], object]
    """Takes the second run and the baseline's folder."""
    before: list[float]
    after: list[float]
    """The numbers of the two cases."""


def lower(run: Run) -> Run:
    """The run, each number 5 lower: as if a metric were another now."""
    return run.with_records(
        [
            replace(
                record,
                measurements=tuple(
                    replace(one, value=(one.value or 0.0) - 5) for one in record.measurements
                ),
            )
            for record in run.records
        ]
    )


WRITERS = {
    "accept": Writer(
        lambda second, folder: acceptance.accept(second, folder, ALL), [35.0, 35.0], [30.0, 30.0]
    ),
    "accept a part": Writer(
        lambda second, folder: acceptance.accept(second, folder, PART), [35.0, 35.0], [30.0, 35.0]
    ),
    "measure again": Writer(
        lambda second, folder: acceptance.measure_again(folder, lower, ALL),
        [35.0, 35.0],
        [30.0, 30.0],
    ),
    "undo": Writer(lambda second, folder: acceptance.undo(folder), [30.0, 35.0], [35.0, 35.0]),
}


@pytest.fixture
def first(in_memory: Path) -> Run:
    return run_in(in_memory / "first", pictured(35.0, "a"), pictured(35.0, "b", step=2))


@pytest.fixture
def second(in_memory: Path) -> Run:
    return run_in(in_memory / "second", pictured(30.0, "c"), pictured(30.0, "d", step=2))


def numbers_in(folder: Path) -> list[float | None]:
    """A number a case, of a baseline that must be whole, pictures included."""
    baseline = baseline_folder.load(folder)
    for run in (baseline.run, *baseline.also):
        for record in run.records:
            assert blob_path(folder, record.blobs["actual"]).is_file()
    return [record.measurements[0].value for record in baseline.run.records]


@pytest.mark.slow
@pytest.mark.parametrize("exchanges", some([True, False]))
@pytest.mark.parametrize("name", some(["accept", "accept a part", "measure again", "undo"]))
def test_no_death_loses_or_tears_the_baseline(
    first: Run,
    second: Run,
    in_memory: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    exchanges: bool,
    count_attempt: Callable[[str], None],
) -> None:
    """Afterwards it is read whole, as before or as after, the next writer succeeds, and nothing is
    left over. So it is on a system that can't exchange two folders in one step.
    """
    if not exchanges:
        monkeypatch.setattr(folder_lock, "_exchange", lambda one, other: False)
    writer = WRITERS[name]
    kept, folder = in_memory / "kept" / "base", in_memory / "work" / "base"
    acceptance.accept(first, kept)
    if name == "undo":
        acceptance.accept(second, kept, PART)

    def restore() -> None:
        shutil.rmtree(folder.parent, ignore_errors=True)
        shutil.copytree(kept, folder)

    done = []
    for death in deaths(lambda: writer.act(second, folder), restore):
        count_attempt(f"deaths of baseline {name}")
        found = numbers_in(folder)
        assert found in (writer.before, writer.after), death
        done.append(found == writer.after)
        acceptance.accept(second, folder, ALL)
        assert numbers_in(folder) == [30.0, 30.0]
        assert [path.name for path in folder.parent.iterdir()] == ["base"]
    assert len(done) > 30 / EVERY
    assert set(done) == {True, False}


@pytest.mark.slow
def test_a_first_baseline_is_there_or_not(
    first: Run, in_memory: Path, count_attempt: Callable[[str], None]
) -> None:
    """A death while the first run is accepted leaves none, or all of it."""
    folder = in_memory / "work" / "base"
    states = set()
    for _ in deaths(
        lambda: acceptance.accept(first, folder),
        lambda: shutil.rmtree(folder.parent, ignore_errors=True),
    ):
        count_attempt("deaths of the first accept")
        states.add(folder.exists())
        if folder.exists():
            assert numbers_in(folder) == [35.0, 35.0]
        acceptance.accept(first, folder, ALL)
        assert numbers_in(folder) == [35.0, 35.0]
    assert states == ({True, False} if EVERY == 1 else {False})  # the last step makes it
