"""The calibration: what it plans, how it judges, what it says; and one of a few cases from end to
end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from editproof.harness.calibration import command, judging, trials
from editproof.harness.calibration.command import CalibrationRequest
from editproof.harness.calibration.judging import Judge, JudgeConfig
from editproof.harness.calibration.outcome import OUTCOMES, PeerVerdict, TrialOutcome, read_outcomes
from editproof.harness.calibration.page import write_page
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
from editproof.harness.calibration.rates import (
    Rate,
    catch_rate,
    failure_rate,
    false_alarms,
    harmless_failure_rate,
    improvement_rate,
    listing_rate,
    peer_rates,
    repair_failure_rate,
    repair_improvement_rate,
    select_direction,
    stage_naming_rate,
)
from editproof.harness.faults.harmless import HARMLESS, get_harmless
from editproof.harness.faults.stages import STAGE_FAULTS, get_fault
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.pairing import pair, plan_comparisons
from editproof.harness.records.runs import Run
from editproof.harness.records.types import (
    CaseRecord,
    Change,
    ExitCode,
    Finding,
    Model,
    Outcome,
    Suite,
    Verdict,
)
from editproof.harness.suites.suite import load_suite
from editproof.pipelines.loader import load

SUITE = """
name = "small"
size = 64
seeds = [1, 2]
metrics = ["psnr", "ssim", "hue_offset"]

[vectors]
logo = [1]

[models]
ns = "reference?inpaint.model=ns"
patch = "reference?inpaint.model=patch&harmonise.grain=true"
"""


WEIGHTS = find_weights("", download=False)
"""Those that come with a package."""

COUNTERPARTS = trials._select_accepted

SEEN = 0.5
"""JOD of every change in the stand-in's eyes that is no rounding."""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "small.toml").write_text(SUITE)
    return load_suite("small.toml", tmp_path)


def outcome(
    kind: str, name: str, share: float = 0.0, code: int = 0, **more: object
) -> TrialOutcome:
    fields: dict[str, object] = {
        "kind": kind,
        "name": name,
        "share": share,
        "model_kind": "deterministic",
        "models": "ns",
        "seeds": (),
        "against": (),
        "exit_code": code,
        "outcome": "regressed" if code else "invisible",
        "whole": 0.0,
        "worst": 0.0,
        "step": 0.0,
        "differs": 1,
        "changed": 1,
        "visible": code != 0,
        "leading": "",
        "top": "",
        "stage": "",
        "blamed": "",
        "peers": {},
        **more,
    }
    return TrialOutcome(**fields)  # type: ignore[arg-type]


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


def stand_in(run: Run, baseline: Baseline) -> Verdict:
    """In place of the gate: every picture that is not the accepted one is worse, unless it is one
    of a clean rerun.
    """
    paired = pair(run, baseline.run).ids
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
    return Verdict(
        exit_code=ExitCode.REGRESSION if spoiled else ExitCode.OK,
        outcome=found,
        invalid=(),
        findings=tuple(findings),
        judgements=(),
        changes=tuple(Change(case_id, told, SEEN, 2 * SEEN) for case_id in changed),
        unchanged=len(paired) - len(changed),
        baseline=str(baseline.run.folder),
    )


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


@pytest.mark.slow
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


def test_a_torn_line_is_no_outcome(tmp_path: Path) -> None:
    line = msgspec.json.encode(outcome("clean", "other seeds"))
    (tmp_path / OUTCOMES).write_bytes(line + b"\n" + line[:20])
    assert len(read_outcomes(tmp_path)) == 1


def test_rates_count_what_happened_and_how_sure_that_is() -> None:
    """0 of 200 leaves up to 1.8 %, by Clopper and Pearson. What can be seen and what can't are
    counted apart.
    """
    assert list(Rate(0, 200).interval) == pytest.approx([0.0, 0.01828], abs=1e-4)
    assert Rate(200, 200).interval[1] == 1.0
    outcomes = [
        outcome("fault", "ghost", 1.0, 1, stage="inpaint"),
        outcome("fault", "ghost", 0.5, 0, visible=True),
        outcome("fault", "halo", 1.0, 3, stage="upscale"),
        outcome("fault", "halo", 0.5, 0, changed=0),
        outcome("fault", "soft_fill", 0.5, 0),
        outcome("fault", "not_harmonised", 0.5, 0, changed=0, differs=0),
        outcome("fault", "halo", 1.0, 0, visible=True, model_kind="switched"),
        outcome("repair", "ghost", 1.0, 0, visible=True, outcome="improved"),
        outcome("repair", "ghost", 0.5, 1),
        outcome("repair", "halo", 1.0, 0),
        outcome("harmless", "jpeg_95_420", 0.0, 1),
        outcome("harmless", "float16", 0.0, 1, visible=False),
        outcome("harmless", "bfloat16", 0.0, 0),
        outcome("clean", "other seeds", 0.0, 1),
        outcome("clean", "other seeds", 0.0, 0),
    ]
    assert str(catch_rate(outcomes, 1.0)) == "2 of 2"
    assert str(catch_rate(outcomes, 0.5)) == "0 of 1"
    assert str(catch_rate(outcomes, 1.0, kinds=("switched",))) == "0 of 1"
    assert str(listing_rate(outcomes)) == "1 of 2"
    assert str(stage_naming_rate(outcomes, 1.0)) == "1 of 2"
    assert str(repair_failure_rate(outcomes)) == "1 of 3"
    assert str(repair_improvement_rate(outcomes)) == "1 of 2"
    assert str(harmless_failure_rate(outcomes, visible=False)) == "1 of 2"
    assert str(harmless_failure_rate(outcomes, visible=True)) == "1 of 1"
    assert str(false_alarms(outcomes)["other seeds"]) == "1 of 2"


def test_trials_are_sorted_by_where_they_lead_whatever_was_meant() -> None:
    """Half of the most visible change is plain; an edit that is refused leads where it was meant
    to.
    """
    seen = {"visible": True, "worst": 1.0}
    helps = outcome("fault", "soft_fill", 1.0, 0, step=-0.6, outcome="improved", **seen)
    harms = outcome("repair", "soft_fill", 1.0, 1, step=0.6, **seen)
    aside = outcome("fault", "ghost", 1.0, 0, step=0.4, **seen)
    refused = outcome("fault", "mask_inverted", 1.0, 1, visible=True, worst=0.0)
    unseen = outcome("fault", "ghost", 0.5, 0, step=2.0)
    switched = outcome("fault", "ghost", 1.0, 0, step=2.0, model_kind="switched", **seen)
    every = [helps, harms, aside, refused, unseen, switched]
    assert select_direction(every, "towards") == [helps]
    assert select_direction(every, "away") == [harms, refused]
    assert select_direction(every, "neither") == [aside]
    assert (
        str(failure_rate(select_direction(every, "away"))),
        str(improvement_rate([helps, aside])),
    ) == (
        "2 of 2",
        "1 of 2",
    )


def test_a_gate_that_raises_counts_in_no_rate() -> None:
    """Its errors are counted aloud."""
    said = {
        "fails": PeerVerdict(failed=True, reason="x"),
        "raises": PeerVerdict(failed=None, reason="KeyError: 1"),
    }
    outcomes = [
        outcome("fault", "ghost", 1.0, 1, peers=said),
        outcome("repair", "ghost", 1.0, 0, peers=said),
    ]
    fails, raises = (peer_rates(outcomes, name) for name in ("fails", "raises"))
    assert (str(fails.caught[1.0]), str(fails.repairs), fails.errors) == ("1 of 1", "1 of 1", 0)
    assert (raises.caught, str(raises.repairs), raises.errors, raises.error) == (
        {},
        "0 of 0",
        2,
        "KeyError: 1",
    )


def test_the_page_opens_with_four_numbers(tmp_path: Path, suite: Suite) -> None:
    """Each with its count and interval; then what was wrong, in words, and every change, fault and
    repair.
    """
    from editproof.harness.running import runner
    from editproof.harness.running.runner import RunConfig

    folder = tmp_path / "run"
    runner.run(
        RunConfig(suite, folder, False, 1, 60, None, WEIGHTS), lambda *_: None, lambda _: None
    )
    peers = {
        "odiff": PeerVerdict(failed=True, reason="3 pixels"),
        "mine": PeerVerdict(failed=None, reason="KeyError: 1"),
    }
    outcomes = [
        outcome("fault", "ghost", 1.0, 0, visible=True, worst=0.4, peers=peers),
        outcome("repair", "ghost", 1.0, 0, visible=True, outcome="improved"),
        outcome("harmless", "float16", 0.0, 0),
        outcome(
            "clean",
            "other seeds",
            0.0,
            1,
            top="the fill is blurrier",
            model_kind="stochastic",
            seeds=(100_000, 1),
        ),
        outcome(
            "switch",
            "another model",
            0.0,
            0,
            model_kind="switched",
            models="patch → ns",
            outcome="traded",
        ),
    ]
    page = write_page(
        tmp_path / "page.md", load_manifest(folder), outcomes, "editproof calibrate"
    ).read_text()
    opening = page.split("##")[0]
    assert "| clean reruns | 1 of 1 | 100.0% | 2.5% to 100.0% |" in opening
    assert "| harmless changes that nobody can see | 0 of 1 | 0.0% | 0.0% to 97.5% |" in opening
    assert "| repairs | 0 of 1 | 0.0% | 0.0% to 97.5% |" in opening
    assert (
        "| faults that somebody can see, at nominal strength | 0 of 1 | 0.0% | 0.0% to 97.5% |"
        in opening
    )
    assert "the fill is blurrier" in page
    assert "- mine raised in 1 trials, which count in no rate. First: KeyError: 1" in page
    assert "| float16 | through float16 | ns | 0.000 | 0.000 | no | invisible | 0 |" in page
    fault = get_fault("ghost")
    assert (
        f"| inpaint | ghost | {fault.about} | 0.02 share of it | 0.40 | - ↑ | none | odiff |"
        in page
    )
    assert "The switch patch → ns alone: traded." in page


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
