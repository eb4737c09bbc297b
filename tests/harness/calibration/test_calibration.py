"""The calibration: what it plans, how it judges, what it says; and one of a few cases from end to
end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.calibration import command, judging, trials
from editproof.harness.calibration.command import CalibrationRequest
from editproof.harness.calibration.judging import Judge, JudgeConfig
from editproof.harness.calibration.outcome import OUTCOMES, PeerVerdict, TrialOutcome
from editproof.harness.calibration.plan import (
    BASELINE,
    FIRST_FRESH_SEED,
    ONE_ANOTHER,
    OTHER_SEEDS,
    WAYS,
    Chunk,
    Extent,
    Trial,
    plan_chunks,
)
from editproof.harness.faults.harmless import HARMLESS, get_harmless
from editproof.harness.faults.stages import STAGE_FAULTS, get_fault
from editproof.harness.gate.judge import GateResult
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.pairing import pair, plan_comparisons
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Model, Suite
from editproof.harness.records.verdicts import Change, Finding, Outcome, Verdict
from editproof.harness.suites.suite import load_suite
from editproof.pipelines.loader import load
from tests.harness.calibration.conftest import SUITE

WEIGHTS = find_weights("", download=False)
"""Those that come with a package."""

COUNTERPARTS = trials._select_accepted

SEEN = 0.5
"""JOD of every change in the stand-in's eyes that is no rounding."""


def trials_of(chunks: Sequence[Chunk], kind: str) -> list[Trial]:
    return [trial for chunk in chunks for trial in chunk.trials if trial.kind == kind]


def test_every_fault_is_planned_and_turned_round(suite: Suite) -> None:
    """At every strength, for every kind of model, a switch in both directions; the repair is the
    fault with its sides swapped."""
    chunks = plan_chunks(suite, Extent(reruns=3), stochastic=["patch"])
    assert chunks[0].name == BASELINE
    wanted = {
        (fault.name, share, models)
        for fault in STAGE_FAULTS
        for share in ((1.0,) if fault.settings else (1.0, 0.5))
        for models in ("ns", "patch", "patch → ns", "ns → patch")
    }
    faults, repairs = (
        {t.key[1:4]: t for t in trials_of(chunks, kind)} for kind in ("fault", "repair")
    )
    assert set(faults) == set(repairs) == wanted
    for key, fault in faults.items():
        if fault.model_kind != "switched":
            assert (fault.accepted, fault.new) == (repairs[key].new, repairs[key].accepted)
    switched = faults["ghost", 1.0, "patch → ns"]
    assert switched.accepted.models == (("patch", "patch"),)
    assert switched.new.models == (("patch", "ns ghost 1"),)
    mended = repairs["ghost", 1.0, "patch → ns"]
    assert mended.accepted.models == (("patch", "patch ghost 1"),)
    assert mended.new == replace(mended.new, run=BASELINE, models=(("patch", "ns"),))


@pytest.mark.slow
def test_all_that_is_planned_can_be_run(suite: Suite) -> None:
    """Every model is a pipeline, every side names models of its run, and no trial is planned
    twice.
    """
    chunks = plan_chunks(suite, Extent(reruns=3), stochastic=["patch"])
    models = {chunk.name: {model.name for model in chunk.suite.models} for chunk in chunks}
    for trial in (trial for chunk in chunks for trial in chunk.trials):
        for side in (trial.accepted, trial.new):
            assert {called for _, called in side.models} <= models[side.run]
        assert len({was for was, _ in trial.new.models}) == len(trial.new.models)
        assert {was for was, _ in trial.accepted.models} == {was for was, _ in trial.new.models}
    keys = [trial.key for chunk in chunks for trial in chunk.trials]
    assert len(keys) == len(set(keys))
    for chunk in chunks:
        for model in chunk.suite.models:
            assert callable(load(model.spec))


def test_every_harmless_change_is_planned(suite: Suite) -> None:
    """For both kinds of model; where another way is accepted, it is made in the same run."""
    chunks = plan_chunks(suite, Extent(reruns=0), stochastic=["patch"])
    planned = trials_of(chunks, "harmless")
    assert {(t.name, t.models) for t in planned} == {
        (c.name, m) for c in HARMLESS for m in ("ns", "patch")
    }
    by_name = {trial.name: trial for trial in planned}
    assert by_name["bicubic_torch"].accepted.run == by_name["bicubic_torch"].new.run
    assert by_name["jpeg_95_420"].accepted.run == BASELINE


def test_a_quick_plan_tries_each_once(suite: Suite) -> None:
    """Every fault and its repair once, every kind of model in its turn, and no more edits than that
    takes.
    """
    quick = tuple(change for change in HARMLESS if change.quick)
    chunks = plan_chunks(
        suite, Extent(shares=(1.0,), harmless=quick, reruns=20, in_turns=True), stochastic=["patch"]
    )
    for kind in ("fault", "repair"):
        planned = trials_of(chunks, kind)
        assert [trial.name for trial in planned] == [fault.name for fault in STAGE_FAULTS]
        assert {trial.model_kind for trial in planned} == {
            "deterministic",
            "stochastic",
            "switched",
        }
    assert len(trials_of(chunks, "harmless")) == 12
    assert len(trials_of(chunks, "clean")) == 20
    assert [chunk.name for chunk in chunks] == [BASELINE, "harmless-00", "faults", "clean-seeds-00"]
    assert sum(len(chunk.suite.models) for chunk in chunks) < 2 * len(STAGE_FAULTS) + 20


def test_clean_reruns_have_seeds_that_nobody_else_has(suite: Suite) -> None:
    chunks = plan_chunks(suite, Extent(reruns=25), stochastic=["patch"])
    reruns = [trial for trial in trials_of(chunks, "clean") if trial.name == OTHER_SEEDS]
    seeds = [seed for trial in reruns for seed in trial.new.seeds]
    assert len(reruns) == 25
    assert len(seeds) == len(set(seeds)) == 50
    assert min(seeds) >= FIRST_FRESH_SEED


def test_clean_reruns_are_judged_beside_one_another(suite: Suite) -> None:
    """Every one once, with another one for its baseline."""
    chunks = plan_chunks(suite, Extent(reruns=25), stochastic=["patch"])
    pairs = [trial for trial in trials_of(chunks, "clean") if trial.name == ONE_ANOTHER]
    assert (
        len({trial.new.seeds for trial in pairs})
        == len({trial.accepted.seeds for trial in pairs})
        == 25
    )
    assert not [trial for trial in pairs if trial.new.seeds == trial.accepted.seeds]


def test_a_pipeline_of_somebody_elses_is_refused(suite: Suite) -> None:
    with pytest.raises(UsageError, match="reference pipeline"):
        plan_chunks(replace(suite, models=(Model("mine", "mine.py:build"),)))


def stand_in(run: Run, baseline: Baseline) -> GateResult:
    """In place of the gate: every picture that is not the accepted one is worse, unless it is one
    of a clean rerun.
    """
    pairing = pair(run, baseline.run)
    paired = pairing.ids
    seeds = {case.id: case.seed for case in run.manifest.cases}
    other = any(seed >= FIRST_FRESH_SEED for seed in seeds.values())
    changed = [
        a for a, b in paired.items() if run.endings[a].actual != baseline.run.endings[b].actual
    ]
    spoiled = [] if other else changed
    found = Outcome.REGRESSED if spoiled else Outcome.UNCHANGED
    told = Outcome.REGRESSED if spoiled else Outcome.INVISIBLE
    findings = (
        [
            Finding(
                "picture", found, ("logo",), ("ns",), spoiled[0], tuple(spoiled), "worse", "worse"
            )
        ]
        if spoiled
        else []
    )
    verdict = Verdict(
        exit_code=ExitCode.REGRESSION if spoiled else ExitCode.OK,
        outcome=found,
        invalid=(),
        findings=tuple(findings),
        judgements=(),
        changes=tuple(Change(case_id, told, SEEN, 2 * SEEN) for case_id in changed),
        unchanged=len(paired) - len(changed),
        baseline=str(baseline.run.folder),
    )
    return GateResult(verdict, pairing)


def here(judging_: JudgeConfig, left: Sequence[Trial], _jobs: int) -> Iterator[TrialOutcome]:
    """Judges in this process, where the stand-in is."""
    judge = Judge(judging_)
    return (judge(trial) for trial in left)


def asked(folder: Path, **more: object) -> CalibrationRequest:
    fields: dict[str, object] = {
        "folder": folder,
        "page": None,
        "quick": False,
        "faults": ("hue_drift",),
        "harmless": ("jpeg_95_420", "bilinear_torch", "png_9"),
        "reruns": 2,
        "jobs": 1,
        "timeout_s": 60.0,
        "keep": False,
        **more,
    }
    return CalibrationRequest(**fields)  # type: ignore[arg-type]


def check_populations(outcomes: Sequence[TrialOutcome]) -> None:
    """Each is judged on the right pictures, and the planted stage is named."""
    kinds = {(one.kind, one.name, one.share, one.models): one for one in outcomes}
    for models in ("ns", "patch"):
        fault, repair = (kinds[kind, "hue_drift", 1.0, models] for kind in ("fault", "repair"))
        assert fault.fails
        assert fault.visible
        assert fault.stage == "harmonise"
        assert fault.peers["any pixel"] == PeerVerdict(
            failed=True, reason=fault.peers["any pixel"].reason
        )
        assert repair.stage == "harmonise"
        assert fault.differs == repair.differs == fault.changed == repair.changed
        assert kinds["harmless", "jpeg_95_420", 0.0, models].differs
        assert kinds["harmless", "png_9", 0.0, models].differs == 0
    assert kinds["fault", "hue_drift", 0.5, "patch → ns"].model_kind == "switched"
    assert {one.name for one in outcomes if one.kind == "clean"} == {
        OTHER_SEEDS,
        ONE_ANOTHER,
        *WAYS,
    }
    assert not [one for one in outcomes if one.kind == "clean" and one.fails]
    assert not any(word.failed is None for one in outcomes for word in one.peers.values())


@pytest.mark.slow
def test_from_end_to_end_and_again(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each population is judged, and the planted stage is named. A second call runs nothing again;
    one with another fault runs that one's stage; a run made elsewhere joins; and another suite is
    refused."""
    monkeypatch.setattr(judging, "judge", stand_in)
    monkeypatch.setattr(trials, "judge_all", here)
    monkeypatch.setattr(
        trials, "_select_accepted", lambda *_: None
    )  # looking takes longer than all the rest
    seen: list[CaseRecord] = []

    def run(**more: object) -> tuple[TrialOutcome, ...]:
        told = asked(tmp_path / "out", **more)
        return command.run(
            told, suite, WEIGHTS, lambda record, _, __: seen.append(record), lambda _: None
        ).outcomes

    outcomes = run()
    check_populations(outcomes)
    page = (tmp_path / "out" / "calibration.md").read_text()
    assert "| harmonise | hue_drift |" in page
    assert not (tmp_path / "out" / "faults-harmonise" / "blobs").exists()
    assert (tmp_path / "out" / BASELINE / "blobs").exists()
    count = len(seen)
    assert run() == outcomes
    assert len(seen) == count
    with (tmp_path / "out" / OUTCOMES).open("ab") as file:
        file.write(b'{"kind":"fau')  # killed while it wrote
    grown = run(faults=("hue_drift", "lightness_drift"))
    assert len(grown) > len(outcomes)
    assert all(one in grown for one in outcomes)
    config = trials.CalibrationConfig(suite, tmp_path / "out", 1, 60, WEIGHTS)
    chunk = plan_chunks(suite, Extent((get_fault("hue_drift"),), ()), stochastic=["patch"])[1]
    beside = COUNTERPARTS(config, chunk)
    assert beside is not None
    found = plan_comparisons(load_manifest(tmp_path / "out" / chunk.name), beside)
    assert found  # workers know what to look at each picture beside
    assert all(beside.accepted for beside in found.values())
    elsewhere = run(folders=(tmp_path / "out" / BASELINE,))
    joined = [one for one in elsewhere if one.name == f"run {BASELINE}"]
    assert {one.models for one in joined} == {"ns", "patch"}
    assert not any(one.differs for one in joined)
    with pytest.raises(UsageError, match="lacks some of the suite"):
        run(folders=(tmp_path / "out" / "faults-harmonise",))
    with (tmp_path / "out" / OUTCOMES).open("ab") as file:
        file.write(b'{"kind":"fault"}\n')
    with pytest.raises(UsageError, match="this version"):
        run()
    (tmp_path / "out" / OUTCOMES).unlink()
    (tmp_path / "other.toml").write_text(SUITE.replace("[1, 2]", "[1, 2, 3]"))
    suite = load_suite("other.toml", tmp_path)
    with pytest.raises(UsageError, match="another folder"):
        run()


@pytest.mark.exhaustive
def test_judges_work_in_processes_of_their_own(suite: Suite, tmp_path: Path) -> None:
    """With the gate itself: a strong fault is caught, its repair passes, and a copy of the pictures
    passes.
    """
    told = asked(tmp_path / "out", reruns=0, harmless=("png_9",))
    outcomes = command.run(told, suite, WEIGHTS, lambda *_: None, lambda _: None).outcomes
    kinds = {(one.kind, one.name, one.share, one.models): one for one in outcomes}
    assert kinds["fault", "hue_drift", 1.0, "ns"].fails
    assert not kinds["repair", "hue_drift", 1.0, "ns"].fails
    assert not kinds["harmless", "png_9", 0.0, "ns"].fails


def test_an_unknown_change_is_refused(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="float16"):
        command.run(
            asked(tmp_path / "out", harmless=("float61",)),
            suite,
            WEIGHTS,
            lambda *_: None,
            lambda _: None,
        )
    assert get_harmless("float16").quick
