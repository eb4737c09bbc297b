"""A run that makes no more edits with a model that is certain to be worse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.manifest import Manifest, PipelineInfo
from editproof.harness.records.suites import Model
from editproof.harness.running import runner
from editproof.harness.running.runner import RunConfig
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.suites.cases import Environment, find_environment
from editproof.harness.suites.suite import load_suite
from tests.harness.conftest import Command
from tests.harness.made import measured


class Engine:
    """Ends two cases at a time, of models that nobody has dropped."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    def describe(self, models: Sequence[Model]) -> dict[str, PipelineInfo]:
        return {one.name: PipelineInfo(one.spec, "", "", stochastic=False) for one in models}

    def find_environment(self) -> Environment:
        return find_environment()

    def drop(self, model: str) -> None:
        self.dropped.append(model)

    def make_edits(
        self, _setup: WorkerSetup, work: Sequence[EditWork], _ends_at: float | None
    ) -> Iterable[Sequence[CaseRecord]]:
        for start in range(0, len(work), 2):
            cases = [one.case for one in work[start : start + 2]]
            left = [case for case in cases if case.model.name not in self.dropped]
            yield [replace(measured(35.0), case=case) for case in left]


def test_a_model_that_is_certain_is_dropped_once(tmp_path: Path) -> None:
    """The other goes on to its end; the run is not whole, says so, and can be resumed."""
    suite = load_suite("quick", tmp_path)
    suite = replace(
        suite, models=suite.models[:2], variants=suite.variants[:6], metrics=("psnr",), size=64
    )
    first, second = (model.name for model in suite.models)
    engine = Engine()
    ended: list[CaseRecord] = []

    def find_certain(_manifest: Manifest, records: Sequence[CaseRecord]) -> frozenset[str]:
        ended.extend(records)
        return frozenset({first}) if len(ended) >= 4 else frozenset()

    config = RunConfig(
        suite,
        tmp_path / "run",
        False,
        1,
        60.0,
        None,
        NO_WEIGHTS,
        find_certain=find_certain,
        cluster=engine,
    )
    with pytest.raises(IncompleteError, match=f"--stop-early: {first} got worse .* --resume"):
        runner.run(config, lambda record, done, total: None, lambda line: None)
    assert engine.dropped == [first]
    run = runs.load(tmp_path / "run")
    assert {case.model.name for case in run.missing} == {first}
    assert sum(one.case.model.name == second for one in run.records) == len(run.records) - 2


def test_it_needs_a_baseline(command: Command) -> None:
    """Without one nothing is worse, and the command says what to do."""
    done = command("run", "--stop-early")
    assert done.returncode == 2
    assert "--stop-early needs a baseline" in done.stderr
