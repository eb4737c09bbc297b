"""A command dies at any step: what it was given is untouched, and the next try gives what a first
one would have given.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.baselines import acceptance
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.operations.judge import judge_run
from editproof.harness.operations.measure_noise import measure_noise
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.runs import Run, load
from editproof.harness.records.suites import Suite
from editproof.harness.records.tables import write_tables
from editproof.harness.running import remeasure as remeasuring
from editproof.harness.running import runner
from editproof.harness.running.runner import RunConfig
from editproof.harness.running.worker import EditWork
from editproof.harness.suites.settings import CacheSettings, Project, Settings
from editproof.harness.suites.suite import load_suite
from editproof.reports.html.report import write_report
from tests.harness.baselines.test_baseline import pictured, run_in, seen  # noqa: F401 - a fixture
from tests.robustness.dying import EVERY, deaths


@pytest.fixture
def project(in_memory: Path) -> Project:
    settings = Settings(baseline="base", cache=CacheSettings(enabled=False))
    return Project(settings, in_memory, "editproof.toml")


@pytest.fixture
def runs(in_memory: Path) -> tuple[Run, Run]:
    """What was accepted, and a worse run; both with their tables."""
    first = run_in(in_memory / "first", pictured(35.0, "a"), pictured(35.0, "b", step=2))
    second = run_in(in_memory / "second", pictured(30.0, "c"), pictured(30.0, "d", step=2))
    for run in (first, second):
        write_tables(run.folder, run.records)
    acceptance.accept(first, in_memory / "base")
    return load(first.folder), load(second.folder)


def restorer(folder: Path) -> Callable[[], None]:
    """What brings a folder back as it is now."""
    kept = folder.with_name(f"{folder.name}-kept")
    if folder.exists():
        shutil.copytree(folder, kept)

    def restore() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if kept.exists():
            shutil.copytree(kept, folder)

    return restore


@pytest.mark.exhaustive
def test_gate(
    runs: tuple[Run, Run], project: Project, count_attempt: Callable[[str], None]
) -> None:
    """The run's numbers stay, and the verdict of the next try is the same."""
    _, second = runs
    whole = judge_run(second, None, project).verdict
    shutil.rmtree(second.folder / "baseline")
    (second.folder / "verdict.json").unlink()
    count = 0
    for death in deaths(lambda: judge_run(second, None, project), restorer(second.folder)):
        again = load(second.folder)
        assert again.records == second.records, death
        assert judge_run(again, None, project).verdict == whole, death
        count_attempt("deaths of gate")
        count += 1
    assert count > 10 / EVERY


@pytest.mark.exhaustive
def test_report(
    runs: tuple[Run, Run], project: Project, count_attempt: Callable[[str], None]
) -> None:
    """Half a report is written again."""
    _, second = runs
    judged = judge_run(second, None, project)
    index = write_report(judged).read_bytes()
    shutil.rmtree(second.folder / "report")
    count = 0
    for death in deaths(lambda: write_report(judged), restorer(second.folder)):
        again = load(second.folder)
        assert again.records == second.records, death
        if count % 10 == 0:  # each takes a second
            assert write_report(again).read_bytes() == index, death
        count_attempt("deaths of report")
        count += 1
    assert count > 50 / EVERY


@pytest.mark.exhaustive
def test_noise(in_memory: Path, project: Project, count_attempt: Callable[[str], None]) -> None:
    """The file is there whole, or not at all; the runs are only read."""
    reruns = [
        run_in(in_memory / name, pictured(35.0 + place, "ab"[place], step=1)).folder
        for place, name in enumerate(("one", "two"))
    ]
    out = in_memory / "out" / "noise.toml"
    out.parent.mkdir()
    acceptance.accept(load(reruns[0]), in_memory / "base")
    measure_noise(reruns, out, project)
    whole = out.read_bytes()
    out.unlink()
    count = 0
    for death in deaths(lambda: measure_noise(reruns, out, project), restorer(out.parent)):
        assert not out.exists() or out.read_bytes() == whole, death
        measure_noise(reruns, out, project)
        assert out.read_bytes() == whole
        count_attempt("deaths of noise")
        count += 1
    assert count > 0


@pytest.fixture
def small() -> Suite:
    """Six scenes of one model."""
    suite = load_suite("quick", Path.cwd())
    return replace(
        suite, models=suite.models[:1], variants=suite.variants[:6], size=64, metrics=("psnr",)
    )


def stand_in(
    _setup: object, _jobs: int, works: Sequence[EditWork], *_: object
) -> list[list[CaseRecord]]:
    """Workers that need no process: two cases at a time end together."""
    records = [replace(pictured(35.0, "a"), case=work.case, blobs={}) for work in works]
    return [records[:1], *(records[start : start + 2] for start in range(1, len(records), 2))]


@pytest.mark.slow
def test_run(
    in_memory: Path,
    small: Suite,
    monkeypatch: pytest.MonkeyPatch,
    count_attempt: Callable[[str], None],
) -> None:
    """It is resumed, or begun again where nothing was written; every case is there once, and each
    that was told as done is there before that.
    """
    monkeypatch.setattr(runner, "in_workers", stand_in)
    described = runner.describe(small.models)
    monkeypatch.setattr(runner, "describe", lambda *_: described)
    folder, told = in_memory / "run", in_memory / "told"
    config = RunConfig(small, folder, False, 1, 60.0, in_memory / "cache", NO_WEIGHTS)

    def run(*, resume: bool = False) -> Run:
        return runner.run(replace(config, resume=resume), tell, lambda line: None)

    def tell(record: CaseRecord, _done: int, _total: int) -> None:
        with told.open("a") as file:
            file.write(f"{record.case.id}\n")

    def restore() -> None:
        told.write_text("")
        for place in (folder, in_memory / "cache"):
            shutil.rmtree(place, ignore_errors=True)

    whole = run()
    count = 0
    for death in deaths(run, restore):
        begun = (folder / "manifest.json").is_file()
        there = [record.case.id for record in load(folder).records] if begun else []
        assert {*told.read_text().split()} <= {*there}, death
        again = run(resume=begun)
        assert [record.case.id for record in again.records] == [c.id for c in again.manifest.cases]
        assert len(load(folder).records) == len(whole.records) >= len(there), death
        count_attempt("deaths of run")
        count += 1
    assert count > 20 / EVERY


@pytest.mark.exhaustive
def test_measure(
    runs: tuple[Run, Run],
    in_memory: Path,
    small: Suite,
    monkeypatch: pytest.MonkeyPatch,
    count_attempt: Callable[[str], None],
) -> None:
    """The run that is measured is only read; the new folder is removed and measured again."""
    first, _ = runs
    monkeypatch.setattr(
        remeasuring,
        "_measure_edits",
        lambda source, config, made: ((record,) for record in source.records),
    )
    folder = in_memory / "again"
    config = RunConfig(small, folder, False, 1, 60.0, None, NO_WEIGHTS)

    def measure() -> Run:
        return remeasuring.remeasure(first, config, lambda record, done, total: None)

    count = 0
    for death in deaths(measure, restorer(folder)):
        assert load(first.folder).records == first.records, death
        shutil.rmtree(folder, ignore_errors=True)
        assert measure().records == first.records
        count_attempt("deaths of measure")
        count += 1
    assert count > 5 / EVERY
