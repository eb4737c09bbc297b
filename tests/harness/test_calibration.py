"""The calibration: what it plans, how it judges, what it says; and one of a few cases from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.calibration import command
from harness.calibration.command import Asked
from harness.calibration.page import write_page
from harness.calibration.peers import PEERS, Scored, Scorer
from harness.calibration.plan import FIRST_FRESH_SEED, ONE_ANOTHER, OTHER_SEEDS, WAYS, plan
from harness.calibration.rates import Rate, alarms, caught, fault_rates, named_first
from harness.calibration.trials import OUTCOMES, TrialOutcome, read_outcomes
from harness.errors import UsageError
from harness.faults.stages import STAGE_FAULTS, get_fault
from harness.metrics.lpips_weights import find_weights
from harness.runs import load_manifest
from harness.suite import load_suite
from harness.types import CaseRecord, Model, Suite
from pipelines.loader import load

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


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "small.toml").write_text(SUITE)
    return load_suite("small.toml", tmp_path)


def outcome(kind: str, name: str, share: float = 0.0, code: int = 0, **more: object) -> TrialOutcome:
    fields = {
        "seeds": (),
        "regressed": code,
        "alone": {"ns": code != 0},
        "stage": "",
        "blamed": "",
        "top": "",
        "peers": {},
        **more,
    }
    return TrialOutcome(kind, name, share, exit_code=code, **fields)  # type: ignore[arg-type]


def test_every_fault_is_planned_in_every_model_at_every_strength(suite: Suite) -> None:
    chunks = plan(suite, shares=(1.0, 0.5), reruns=3, stochastic=["patch"])
    assert chunks[0].name == "baseline"
    trials = [trial for chunk in chunks for trial in chunk.trials if trial.kind == "fault"]
    assert {(trial.name, trial.share) for trial in trials} == {
        (f.name, share) for f in STAGE_FAULTS for share in ((1.0,) if f.settings else (1.0, 0.5))
    }
    assert all({was for was, _ in trial.models} == {"ns", "patch"} for trial in trials)
    for chunk in chunks:
        for model in chunk.suite.models:
            assert callable(load(model.spec))


def test_clean_reruns_have_seeds_that_nobody_else_has(suite: Suite) -> None:
    reruns = [t for c in plan(suite, reruns=25, stochastic=["patch"]) for t in c.trials if t.name == "other seeds"]
    seeds = [seed for trial in reruns for seed in trial.seeds]
    assert len(reruns) == 25
    assert len(seeds) == len(set(seeds)) == 50
    assert min(seeds) >= FIRST_FRESH_SEED


def test_clean_reruns_are_judged_beside_one_another(suite: Suite) -> None:
    """Every one once, with another one for its baseline."""
    pairs = [t for c in plan(suite, reruns=25, stochastic=["patch"]) for t in c.trials if t.name == ONE_ANOTHER]
    assert len({trial.seeds for trial in pairs}) == len({trial.against for trial in pairs}) == 25
    assert not [trial for trial in pairs if trial.seeds == trial.against]


def test_a_pipeline_of_somebody_elses_is_refused(suite: Suite) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="reference pipeline"):
        plan(replace(suite, models=(Model("mine", "mine.py:build"),)))


def test_from_end_to_end_and_again(suite: Suite, tmp_path: Path) -> None:
    """Two faults and two clean reruns: the strong fault is caught and its stage named, the reruns pass; a second call runs
    nothing again, one with another fault runs that one's stage, and another suite is refused."""
    seen: list[CaseRecord] = []

    def run(*faults: str) -> tuple[TrialOutcome, ...]:
        asked = Asked(tmp_path / "out", None, quick=False, faults=faults, reruns=2, jobs=2, timeout_s=60, keep=False)
        return command.run(asked, suite, WEIGHTS, lambda record, _, __: seen.append(record), lambda _: None).outcomes

    outcomes = run("hue_drift", "distrustful")
    by_name = {(one.name, one.share): one for one in outcomes if one.kind == "fault"}
    strong = by_name["hue_drift", 1.0]
    assert strong.caught
    assert strong.alone == {"ns": True, "patch": True}
    assert strong.stage == "harmonise"
    assert strong.blamed == "harmonise"
    assert strong.peers["any pixel"]
    assert by_name["distrustful", 1.0].caught
    clean = [one for one in outcomes if one.kind == "clean"]
    assert {one.name for one in clean} == {OTHER_SEEDS, ONE_ANOTHER, *WAYS}
    assert not [one for one in clean if one.caught], [one.top for one in clean]
    page = (tmp_path / "out" / "calibration.md").read_text()
    assert "| harmonise | hue_drift |" in page
    assert "0 of 2" in page
    assert not (tmp_path / "out" / "faults-harmonise" / "blobs").exists()
    count = len(seen)
    assert run("hue_drift", "distrustful") == outcomes
    assert len(seen) == count
    with (tmp_path / "out" / OUTCOMES).open("ab") as file:
        file.write(b'{"kind":"fau')  # killed while it wrote
    grown = {(one.name, one.share): one for one in run("hue_drift", "lightness_drift") if one.kind == "fault"}
    assert grown["hue_drift", 1.0] == strong
    assert grown["lightness_drift", 1.0].caught
    assert grown["lightness_drift", 1.0].peers["any pixel"]
    assert len(read_outcomes(tmp_path / "out")) == len(outcomes) + 2
    with (tmp_path / "out" / OUTCOMES).open("ab") as file:
        file.write(b'{"kind":"fault"}\n')
    with pytest.raises(UsageError, match="this version"):
        run("hue_drift")
    (tmp_path / "out" / OUTCOMES).unlink()
    (tmp_path / "other.toml").write_text(SUITE.replace("[1, 2]", "[1, 2, 3]"))
    asked = Asked(tmp_path / "out", None, quick=False, faults=("ghost",), reruns=0, jobs=1, timeout_s=60, keep=False)
    with pytest.raises(UsageError, match="another folder"):
        command.run(asked, load_suite("other.toml", tmp_path), WEIGHTS, lambda *_: None, lambda _: None)


def test_a_torn_line_is_no_outcome(tmp_path: Path) -> None:
    import msgspec

    line = msgspec.json.encode(outcome("clean", "other seeds"))
    (tmp_path / OUTCOMES).write_bytes(line + b"\n" + line[:20])
    assert len(read_outcomes(tmp_path)) == 1


def test_rates_count_what_was_caught_and_how_sure_that_is() -> None:
    """0 of 200 leaves up to 1.8 %, by Clopper and Pearson; the smallest strength ends at the first miss."""
    assert list(Rate(0, 200).interval) == pytest.approx([0.0, 0.01828], abs=1e-4)
    assert Rate(200, 200).interval[1] == 1.0
    outcomes = [
        outcome("fault", "ghost", 1.0, 1, stage="inpaint"),
        outcome("fault", "ghost", 0.5, 0),
        outcome("fault", "ghost", 0.25, 1, stage="blend"),
        outcome("fault", "halo", 1.0, 3, stage="upscale"),
        outcome("clean", "other seeds", 0.0, 1),
        outcome("clean", "other seeds", 0.0, 0),
    ]
    ghost, halo = fault_rates(outcomes)
    assert ghost.smallest == pytest.approx(get_fault("ghost").nominal)
    assert ghost.named
    assert not halo.named
    assert str(caught([ghost, halo], 1.0)) == "2 of 2"
    assert str(named_first([ghost, halo], 1.0)) == "1 of 2"
    assert str(alarms(outcomes)["other seeds"]) == "1 of 2"


def test_peers_judge_as_they_say() -> None:
    """On a picture with a shift of one level, a small dark patch, and another picture altogether."""
    generator = np.random.default_rng(0)
    picture = np.asarray(generator.integers(60, 200, (64, 64, 3)) / 255, np.float32)
    patch = picture.copy()
    patch[:8, :8] = 0
    scorer = Scorer(WEIGHTS)

    def failing(scored: Scored) -> set[str]:
        return {peer.name for peer in PEERS if peer.fails(scored)}

    assert failing(scorer.scored(picture, picture.copy(), 0.9, 0.9)) == set()
    one_level = failing(scorer.scored(picture, picture + np.float32(1 / 255), 0.9, 0.9))
    assert one_level == {"any pixel"}
    assert {"any pixel", "1 % of pixels"} <= failing(scorer.scored(picture, patch, 0.9, 0.9))
    everything = failing(scorer.scored(picture, 1 - picture, 0.1, 0.9))
    assert everything == {peer.name for peer in PEERS}


def test_the_page_says_what_was_missed(tmp_path: Path, suite: Suite) -> None:
    from harness import runner
    from harness.runner import RunConfig

    folder = tmp_path / "run"
    runner.run(RunConfig(suite, folder, False, 1, 60, None, WEIGHTS), lambda *_: None, lambda _: None)
    outcomes = [outcome("fault", "ghost", 1.0, 0), outcome("clean", "other seeds", 0.0, 1, top="psnr fell")]
    page = write_page(tmp_path / "page.md", load_manifest(folder), outcomes, "editproof calibrate").read_text()
    assert "| caught | 0 of 1 |" in page
    assert "psnr fell" in page
    assert "| inpaint | ghost | a trace of what must go stays | 0.02 share of it | - | none |" in page
