"""The noise floor: measured from runs, kept in a file, and what margins make of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.gate import noise_floors as floors
from editproof.harness.gate.noise_floors import Floor, NoiseFloor
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import MetricInfo, write_manifest
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Margin
from editproof.harness.records.tables import write_tables
from editproof.harness.records.verdicts import Outcome
from tests.harness.made import MARGIN, judge_beside, measured, of_pictures, run_of, sampled

KEY = NumberKey("psnr", "edit", "mean")


def noisy(
    sd: float, seeds: int = 200, *, generator: int = 1, margins: tuple[Margin, ...] = ()
) -> Run:
    """Three scenes on many seeds, their numbers normal with that standard deviation."""
    draws = np.random.default_rng(generator).normal(0, sd, (3, seeds))
    return sampled(draws.tolist(), seeds=range(seeds), margins=margins)


def floor_of(*runs: Run) -> Floor:
    (floor,) = floors.measure(list(runs))
    return floor


def test_the_change_between_seeds_has_the_spread_that_was_drawn() -> None:
    """√2 times that of one measurement, with a degree of freedom less for each scene; scenes may
    differ as they like.
    """
    floor = floor_of(noisy(0.5))
    assert floor.sd == pytest.approx(0.5 * math.sqrt(2), rel=0.06)
    assert floor.freedom == 3 * 199
    assert floor.largest > 3 * floor.sd
    assert floor.repeat == 0


def test_two_runs_of_one_seed_show_what_a_repeat_changes() -> None:
    """The largest change of a case; that of a deterministic pipeline on as many threads is 0."""
    first, second = (
        run_of(measured(35.0), measured(36.0, step=2)),
        run_of(measured(35.1), measured(36.0, step=2)),
    )
    assert floor_of(first, second).repeat == pytest.approx(0.1)
    same = floor_of(first, first)
    assert (same.repeat, same.repeats, same.of_mean(2)) == (0, 2, 0)


def test_the_floor_of_a_mean_holds_97_of_100_clean_reruns_and_shrinks_with_more_cases() -> None:
    """Of 9 cases a third of that of one; never below what repeats change."""
    floor = floor_of(noisy(0.5))
    rng = np.random.default_rng(2)
    means = (rng.normal(0, 0.5, (4000, 9)) - rng.normal(0, 0.5, (4000, 9))).mean(axis=1)
    assert 0.97 <= (means < floor.of_mean(9)).mean() <= 0.995
    assert floor.of_mean(9) == pytest.approx(floor.of_mean(1) / 3)
    assert replace_repeat(floor, 0.2).of_mean(1_000_000) >= 0.2


def replace_repeat(floor: Floor, repeat: float) -> Floor:
    return Floor(
        **{name: getattr(floor, name) for name in floor.__struct_fields__} | {"repeat": repeat}
    )


def test_few_seeds_give_a_cautious_floor() -> None:
    """By the upper confidence bound of the standard deviation."""
    few = Floor("logo", "ns", "psnr@1", "edit", "mean", sd=1.0, freedom=3)
    many = Floor("logo", "ns", "psnr@1", "edit", "mean", sd=1.0, freedom=3000)
    assert few.of_mean(1) > 2.5 * many.of_mean(1)


@pytest.mark.parametrize(
    ("runs", "part"),
    [
        ([run_of(measured(35.0))], "show no noise"),
        ([sampled(), run_of(measured(35.0))], "differ in their pipeline ns"),
    ],
)
def test_runs_that_show_no_noise_are_refused(runs: Sequence[Run], part: str) -> None:
    """One seed, once; or other pipelines, whose difference is no noise."""
    with pytest.raises(UsageError, match=part):
        floors.measure(list(runs))


def noise_of(floor: Floor) -> NoiseFloor:
    return NoiseFloor("noise.toml", {("logo", "ns", KEY): floor}, {})


def test_a_margin_below_the_floor_is_refused_with_both_numbers() -> None:
    """Clean reruns would overstep it."""
    floor = Floor("logo", "ns", "psnr@1", "edit", "mean", sd=3.0, freedom=600)
    run = run_of(measured(35.0), margins=(MARGIN,))
    with pytest.raises(
        UsageError, match=r"the margin 0\.5 is below the noise floor 6\.\d+ that noise\.toml shows"
    ):
        judge_beside(run, run_of(measured(35.0)), noise=noise_of(floor))
    wide = run_of(measured(30.0), margins=(replace(MARGIN, margin=10.0),))
    assert (
        judge_beside(wide, run_of(measured(35.0)), noise=noise_of(floor)).outcome
        is Outcome.UNCHANGED
    )


def test_without_margins_the_noise_floor_is_the_margin() -> None:
    """For the main statistics: a loss counts from it on, in a deterministic model's single case."""
    floor = Floor("logo", "ns", "psnr@1", "edit", "mean", sd=1.0, freedom=600)
    before, noise = run_of(measured(35.0)), noise_of(floor)
    limit = floor.of_mean(1)
    assert (
        judge_beside(run_of(measured(35.0 - 0.9 * limit)), before, noise=noise).outcome
        is Outcome.UNCHANGED
    )
    (finding,) = of_pictures(
        judge_beside(run_of(measured(35.0 - 2.1 * limit)), before, noise=noise)
    )
    assert finding.outcome is Outcome.REGRESSED
    assert finding.evidence
    assert finding.evidence.limit == pytest.approx(limit)


def test_a_metrics_own_margin_is_never_below_the_noise_floor() -> None:
    """It is widened; one that somebody wrote is refused."""
    floor = Floor("logo", "ns", "psnr@1", "edit", "mean", sd=1.0, freedom=600)
    metrics = {
        "psnr": MetricInfo("psnr@1", "dB", "higher", margins={"mean": 0.1}, aspect="structure")
    }
    now, before = run_of(measured(34.0), metrics=metrics), run_of(measured(35.0), metrics=metrics)
    assert judge_beside(now, before).exit_code is ExitCode.REGRESSION
    assert judge_beside(now, before, noise=noise_of(floor)).outcome is Outcome.UNCHANGED


def test_a_floor_of_another_version_of_the_metric_does_not_count() -> None:
    """Numbers of two identities are never compared."""
    floor = Floor("logo", "ns", "psnr@2", "edit", "mean", sd=1.0, freedom=600)
    assert not judge_beside(
        run_of(measured(10.0)), run_of(measured(35.0)), noise=noise_of(floor)
    ).findings


def written(folder: Path, run: Run) -> Path:
    write_manifest(folder, run.manifest)
    write_tables(folder, run.records)
    return folder


def test_a_floor_of_another_kind_of_machine_is_refused() -> None:
    """A GPU's noise says nothing of a processor's; both are named, and what to do."""
    run = noisy(0.5, seeds=3)
    floor = NoiseFloor(
        "noise.toml", {("logo", "ns", KEY): floor_of(noisy(0.5))}, {"device": "cuda"}
    )
    with pytest.raises(UsageError, match=r"noise\.toml .* device is cuda; .* cpu.*editproof noise"):
        judge_beside(run, run, noise=floor)


def test_the_command_writes_a_file_that_reads_back(folder: Path) -> None:
    """With its evidence: which runs, which seeds, how many changes."""
    run = noisy(0.5, seeds=6)
    path = written(folder / "runs" / "a", run)
    done = CliRunner().invoke(app, ["noise", str(path), "--out", "noise.toml"])
    assert done.exit_code == 0, done.output
    read = floors.read(folder / "noise.toml")
    assert read.floors["logo", "ns", KEY] == floor_of(run)
    assert 'runs = ["a"]' in (folder / "noise.toml").read_text()


@pytest.mark.parametrize("text", ["suite = 1", 'suite = "s"\nfloors = [{ famly = "logo" }]', "x ="])
def test_a_damaged_noise_file_is_named(tmp_path: Path, text: str) -> None:
    """And one that is not there."""
    path = tmp_path / "noise.toml"
    with pytest.raises(UsageError, match="there is no noise file"):
        floors.read(path)
    path.write_text(text)
    with pytest.raises(UsageError, match=r"noise\.toml"):
        floors.read(path)
