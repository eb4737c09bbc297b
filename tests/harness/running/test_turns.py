"""Outputs that are edited again: what each turn is given, and what becomes of it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.pictures import files as pictures
from editproof.harness.records import runs
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.drift import measure_turn_drift
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Suite
from editproof.harness.running import runner
from editproof.harness.running.remeasure import remeasure
from editproof.harness.running.runner import RunConfig
from editproof.harness.running.scene_queue import SceneQueue
from editproof.harness.running.worker import EditWork
from editproof.harness.suites.suite import load_suite, narrow_suite
from editproof.harness.suites.tasks import make_task

PIPELINES = Path(__file__).with_name("turning_pipelines.py")
MODELS = ("blurs", "holds", "refuses", "fails", "seeded")
TURNS = 3

SUITE = f"""
name = "turns"
size = 64
scale = 1
turns = {TURNS}
seeds = [5]
metrics = ["psnr"]
[vectors]
logo = [2, 3, 4, 5]
photobomb = [2]
[models]
"""


def make_config(
    suite: Suite, folder: Path, *, resume: bool = False, cache: bool = False
) -> RunConfig:
    return RunConfig(
        suite=suite,
        folder=folder,
        resume=resume,
        jobs=1,
        timeout_s=30.0,
        cache=folder.parent / "cache" if cache else None,
        weights=NO_WEIGHTS,
    )


def make(config: RunConfig) -> Run:
    return runner.run(config, lambda *_: None, lambda _: None)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("suite")
    lines = [f'{how} = "{PIPELINES}:build?how={how}"' for how in MODELS]
    (folder / "turns.toml").write_text(SUITE + "\n".join(lines))
    return load_suite("turns.toml", folder)


@pytest.fixture(scope="module")
def run(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make(make_config(suite, tmp_path_factory.mktemp("turns") / "run"))


def chain_of(run: Run, model: str, scene: str) -> list[CaseRecord]:
    """The turns of a model and scene, in their order."""
    family, _, name = scene.partition("/")
    return [
        record
        for record in run.records
        if (record.case.model.name, record.case.family, record.case.first_turn_name)
        == (model, family, name)
    ]


def test_every_scene_has_its_turns_in_a_row(run: Run) -> None:
    """A suite's turns make as many cases of each scene, model and seed, and each is named."""
    assert len(run.records) == len(MODELS) * 5 * TURNS
    scenes = [record.case.scene for record in chain_of(run, "holds", "logo/3")]
    assert scenes == ["logo/3", "logo/3 turn 2", "logo/3 turn 3"]


def test_a_turn_edits_the_output_of_the_turn_before(run: Run) -> None:
    """Its input is the picture that was delivered, bit for bit, and the right answer stays."""
    for before, after in itertools.pairwise(chain_of(run, "blurs", "logo/3")):
        assert after.blobs["input"] == before.blobs["actual"] != after.blobs["actual"]
        assert after.blobs["expected"] == before.blobs["expected"]
        assert after.blobs["regions"] == before.blobs["regions"]


def test_a_family_that_moves_has_a_mask_a_turn(run: Run) -> None:
    """Each turn lays another overlay over the output, and `keep` is what no turn has edited."""
    chain = chain_of(run, "holds", "photobomb/2")
    tasks = [make_task(record.case) for record in chain]
    masks = [np.asarray(task.request.mask) > 0 for task in tasks]
    assert not np.array_equal(masks[0], masks[1])
    for before, record, task in zip(chain, chain[1:], tasks[1:], strict=False):
        given = pictures.load(run.blob(record.blobs["input"]))
        output = pictures.load(run.blob(before.blobs["actual"]))
        covered = np.asarray(task.reference.overlay) > 0
        assert np.array_equal(given[~covered], output[~covered])
        assert not np.array_equal(given[covered], output[covered])
        assert not (task.reference.areas["keep"] & masks[0]).any()


def test_a_pipeline_that_decays_shows_it_and_one_that_holds_does_not(run: Run) -> None:
    """The slope's interval excludes 0 where each turn blurs, and is 0 where nothing changes."""
    drifts = {
        one.model: one
        for one in measure_turn_drift(run)
        if (one.metric, one.region) == ("psnr", "keep")
    }
    assert drifts["blurs"].is_plain
    assert drifts["blurs"].slope < -0.5
    assert drifts["blurs"].samples == 5
    assert not drifts["holds"].is_plain
    assert drifts["holds"].interval == (0.0, 0.0)


def test_after_a_refusal_later_turns_are_refused(run: Run) -> None:
    """They are no errors, and each says which turn the pipeline refused."""
    chain = chain_of(run, "refuses", "logo/3")
    assert [record.status for record in chain] == ["done", "refused", "refused"]
    assert chain[1].reason == "it is grey already"
    assert chain[2].reason == (
        "turn 2 was refused, so later turns have nothing to edit: it is grey already"
    )
    assert {row.value for row in chain[2].measurements} == {None}


def test_after_a_failure_later_turns_fail_with_its_reason(run: Run) -> None:
    """The first error is the pipeline's, and those after it name the turn that failed."""
    chain = chain_of(run, "fails", "logo/3")
    assert [record.error.kind if record.error else "" for record in chain] == [
        "",
        "ValueError",
        "EarlierTurnError",
    ]
    assert chain[2].reason == (
        "turn 2 failed, so later turns have nothing to edit: it is grey already"
    )


def test_each_turn_has_a_seed_of_its_own(run: Run) -> None:
    """The first turn has the case's, so that a run without turns gives the same picture."""
    chain = chain_of(run, "seeded", "logo/3")
    inside = np.asarray(make_task(chain[0].case).request.mask) > 0
    fills = [
        float(pictures.load(run.blob(record.blobs["actual"]))[inside].max()) for record in chain
    ]
    assert fills[0] == pytest.approx(5 / 255)
    assert len(set(fills)) == TURNS


@pytest.mark.slow
def test_a_run_that_was_cut_within_a_chain_resumes_with_the_same_pictures(
    run: Run, suite: Suite, tmp_path: Path
) -> None:
    """A turn edits the picture that lies in the folder: nothing is edited twice."""
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    kept = [
        line
        for line in (folder / JOURNAL).read_bytes().splitlines(keepends=True)
        if b'"turn":3,' not in line or b'"photobomb"' in line
    ]
    assert len(kept) < len(run.records)
    (folder / JOURNAL).write_bytes(b"".join(kept))
    again = make(make_config(suite, folder, resume=True))
    assert find_pictures(again) == find_pictures(run)
    assert [record.measurements for record in again.records] == [
        record.measurements for record in run.records
    ]


def find_pictures(run: Run) -> Mapping[str, str]:
    return {record.case.id: record.blobs.get("actual", "") for record in run.records}


@pytest.mark.slow
def test_more_turns_go_on_from_the_cache(suite: Suite, tmp_path: Path) -> None:
    """Two turns come from the cache, and the third edits the second's picture."""
    small = narrow_suite(suite, models=["blurs"], families=["photobomb"], turns=2)
    first = make(make_config(small, tmp_path / "two", cache=True))
    second = make(make_config(replace(small, turns=3), tmp_path / "three", cache=True))
    assert [record.cached for record in second.records] == [True, True, False]
    assert find_pictures(first).items() <= find_pictures(second).items()
    assert second.records[2].case.turn == 3
    assert "actual" in second.records[2].blobs


@pytest.mark.slow
def test_measuring_again_keeps_what_a_turn_was_given(
    run: Run, suite: Suite, tmp_path: Path
) -> None:
    """Numbers and pictures are the same, the input of a later turn included."""
    again = remeasure(run, make_config(suite, tmp_path / "again"), lambda *_: None)
    known = {record.case.id: record for record in run.records}
    for record in again.records:
        assert record.measurements == known[record.case.id].measurements
        assert record.blobs.get("input") == known[record.case.id].blobs.get("input")


def test_one_worker_makes_all_turns_of_a_chain(run: Run) -> None:
    """A worker that helps with a scene takes a chain that nobody has started."""
    cases = [case for case in run.manifest.cases if case.scene.startswith("logo/3")]
    queue = SceneQueue([EditWork(case) for case in cases])
    given: dict[int, list[Case]] = {0: [], 1: []}
    for turn in range(2 * len(cases)):
        if work := queue.next_for(turn % 2):
            given[turn % 2].append(work.cases[0])
    assert sorted(case.id for own in given.values() for case in own) == sorted(
        case.id for case in cases
    )
    for own in given.values():
        assert own
        for before, after in itertools.pairwise(own):
            assert after.turn == 1 or after.follows(before)


def test_an_old_case_is_a_first_turn(run: Run) -> None:
    """A first turn is the case that it was before there were turns: same id, and same name."""
    assert runs.load(run.folder).manifest.cases[0].turn == 1
    assert run.manifest.cases[0].name == "2"
