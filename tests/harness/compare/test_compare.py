"""Two runs, or two models of one, side by side: what is paired, what is called won or lost, and
what is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.compare import answer
from editproof.harness.compare.answer import Judgement
from editproof.harness.compare.compare import compare
from editproof.harness.pictures import files as pictures
from editproof.harness.records.cases import Case, CaseRecord, Measurement
from editproof.harness.records.comparison import (
    AspectAnswer,
    AspectOutcome,
    Comparison,
    Cost,
    Pictures,
)
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import (
    SCHEMA,
    Manifest,
    MetricInfo,
    PipelineInfo,
    write_manifest,
)
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Margin, Model, Suite, Variant
from editproof.harness.records.vocabulary import ASPECTS, Aspect

SEEDS = (1, 2, 3)
Value = Callable[[Case], float | None]


def run_of(
    folder: Path, value: Value, *, models: tuple[str, ...] = ("m",), stochastic: bool = False
) -> Run:
    """A run of one family, three steps, and each model, on three seeds where the models are
    stochastic.
    """
    variants = tuple(Variant("logo", step) for step in (1, 2, 3))
    known = tuple(Model(name, f"{name}.py:build") for name in models)
    cases = tuple(
        Case(
            f"{model.name}-{variant.step}-{seed}",
            "",
            "logo",
            variant.step,
            {},
            64,
            2,
            7,
            model,
            seed,
        )
        for variant in variants
        for model in known
        for seed in (SEEDS if stochastic else SEEDS[:1])
    )
    suite = Suite(
        "tiny",
        "",
        64,
        2,
        7,
        SEEDS,
        variants,
        known,
        ("lpips",),
        (),
        (Margin("lpips", "edit", "mean", 0.02),),
    )
    pipelines = {model.name: PipelineInfo(model.spec, "f", "", stochastic) for model in known}
    metrics = {"lpips": MetricInfo("lpips[alex]@1", "", "lower")}
    manifest = Manifest(
        SCHEMA, "0.1.0", "2026-03-14T02:15:09Z", suite, pipelines, metrics, cases, {}, {}
    )
    records = tuple(
        CaseRecord(
            case,
            "done",
            "",
            1.0,
            cached=False,
            peak_mb=100.0,
            measurements=(_measured(value(case)),),
        )
        for case in cases
    )
    return Run.of_records(folder, manifest, records)


def level(value: float) -> Value:
    """The same value for every case."""
    return lambda _: value


def _measured(value: float | None) -> Measurement:
    return Measurement(
        "lpips[alex]@1", "edit", "mean", value, "", "" if value is not None else "refused"
    )


def jitter(case: Case) -> float:
    """A little noise that depends on the seed."""
    return 0.001 * (case.seed - 2)


def test_deterministic_change_is_real(tmp_path: Path) -> None:
    """Where both sides are deterministic a mean beyond the margin is lost or won, with as few as
    three pairs.
    """
    a, worse, better = (
        run_of(tmp_path / name, level(v)) for name, v in (("a", 0.1), ("b", 0.15), ("c", 0.05))
    )
    (lost,) = compare(a, worse).rows
    (won,) = compare(a, better).rows
    assert (lost.outcome, lost.samples, lost.worse) == ("lost", 3, 3)
    assert (won.outcome, won.samples, won.improved) == ("won", 3, 3)
    assert [lost.change, won.change] == pytest.approx([0.05, -0.05])


def test_change_below_the_margin_is_none(tmp_path: Path) -> None:
    """What the suite's margin lets pass is unchanged."""
    a, b = (run_of(tmp_path / name, level(v)) for name, v in (("a", 0.1), ("b", 0.115)))
    (row,) = compare(a, b).rows
    assert (row.outcome, row.tolerance) == ("unchanged", 0.02)


def test_metrics_margin_holds_where_the_suite_has_none(tmp_path: Path) -> None:
    """Without a margin of the suite, the metric's own says what is no change; without either, what
    an eye can tell.
    """
    a, b = (run_of(tmp_path / name, level(v)) for name, v in (("a", 0.1), ("b", 0.105)))
    tolerances, outcomes = [], []
    for margins in ({"mean": 0.01}, {"worst": 0.03}, {}):
        metrics = {"lpips": MetricInfo("lpips[alex]@1", "", "lower", margins=margins)}
        sides = [
            replace(
                run,
                manifest=replace(
                    run.manifest, metrics=metrics, suite=replace(run.manifest.suite, margins=())
                ),
            )
            for run in (a, b)
        ]
        (row,) = compare(*sides).rows
        tolerances.append(row.tolerance)
        outcomes.append(row.outcome)
    assert tolerances == [0.01, 0.03, 0.002]
    assert outcomes == ["unchanged", "unchanged", "lost"]


def test_stochastic_change_must_be_significant(tmp_path: Path) -> None:
    """A change far above the noise between seeds counts, one that drowns in it does not; p says
    which.
    """
    a = run_of(tmp_path / "a", lambda case: 0.1 + jitter(case), stochastic=True)
    clear = run_of(tmp_path / "b", lambda case: 0.15 + jitter(case) * 2, stochastic=True)
    noisy = run_of(tmp_path / "c", lambda case: 0.13 + 200 * jitter(case), stochastic=True)
    (lost,) = compare(a, clear).rows
    (row,) = compare(a, noisy).rows
    assert lost.outcome == "lost"
    assert lost.p is not None
    assert lost.p < 0.001
    assert row.outcome == "unchanged"
    assert row.p is not None
    assert row.p > 0.05


def test_deterministic_side_stands_for_every_seed(tmp_path: Path) -> None:
    """One case of a deterministic side is paired with each seed of the other."""
    a = run_of(tmp_path / "a", lambda _: 0.1)
    b = run_of(tmp_path / "b", lambda case: 0.1 + jitter(case), stochastic=True)
    assert compare(a, b).pairs == 9
    assert compare(b, a).pairs == 9


def test_two_models_of_one_run(tmp_path: Path) -> None:
    """Two models of a run are compared scene by scene, and the row says which with which."""
    run = run_of(
        tmp_path / "a", lambda case: 0.1 if case.model.name == "x" else 0.2, models=("x", "y")
    )
    found = compare(run, run, models=("x", "y"))
    (row,) = found.rows
    assert (row.model, row.outcome, found.pairs) == ("x → y", "lost", 3)
    assert [pair.change for pair in found.losses] == pytest.approx([0.1] * 3)
    assert found.gains == ()


def test_value_on_one_side_only(tmp_path: Path) -> None:
    """What one side refused can't be compared, and the row says which side and why."""
    a = run_of(tmp_path / "a", lambda _: 0.1)
    b = run_of(tmp_path / "b", lambda case: None if case.step == 3 else 0.1)
    (row,) = compare(a, b).rows
    assert row.outcome == "not comparable"
    assert "1 of 3 pairs" in row.why
    assert "B: refused" in row.why


def test_cost_stands_beside_quality(tmp_path: Path) -> None:
    """Mean seconds of edits that were not cached, the most memory, and the mean that cases are
    ranked by.
    """
    a, b = run_of(tmp_path / "a", lambda _: 0.1), run_of(tmp_path / "b", lambda _: 0.2)
    slow = b.with_records([replace(record, seconds=3.0, peak_mb=200.0) for record in b.records])
    (cost,) = compare(a, slow).costs
    assert (cost.seconds_a, cost.seconds_b, cost.memory_a, cost.memory_b) == (
        1.0,
        3.0,
        100.0,
        200.0,
    )
    assert [cost.quality_a, cost.quality_b] == pytest.approx([0.1, 0.2])


def drawn(run: Run, level: float) -> Run:
    """The run, each of its pictures a pattern, lighter by so many levels of 255; their blobs lie in
    its folder.
    """
    pattern = np.random.default_rng(1).uniform(0.2, 0.8, (64, 64, 3)).astype(np.float32)
    picture = pattern + np.float32(level / 255)
    digest = pictures.store(run.folder, picture)
    return run.with_records([replace(record, blobs={"actual": digest}) for record in run.records])


def pictured(tmp_path: Path, level: float, lpips: float) -> Comparison:
    """A, and B whose pictures are so many levels lighter and whose LPIPS is that."""
    a = drawn(run_of(tmp_path / "a", lambda _: 0.1), 0)
    b = drawn(run_of(tmp_path / "b", lambda _: lpips), level)
    return compare(a, b)


def test_the_same_pictures_are_said_to_be_the_same(tmp_path: Path) -> None:
    """Bit for bit; numbers that differ all the same are no change."""
    found = pictured(tmp_path, 0, 0.3)
    assert found.answer == "B makes the same pictures as A, bit for bit. Take either."
    assert (found.take, found.pictures.same, found.rows[0].outcome) == ("either", 3, "unchanged")
    assert found.losses == ()


def test_what_nobody_sees_is_no_change(tmp_path: Path) -> None:
    """However far its numbers are past their margins."""
    found = pictured(tmp_path, 0.6, 0.3)
    assert found.answer == "B differs in 3 of 3 pictures, and nobody can see it. Take either."
    assert (found.rows[0].outcome, found.rows[0].why) == (
        "unchanged",
        "nobody can see a difference",
    )
    assert {one.outcome for one in found.aspects} == {"even", "not measured"}


def test_a_visible_difference_without_a_number_is_neither_better_nor_worse(tmp_path: Path) -> None:
    """The sentence says that it is seen."""
    found = pictured(tmp_path, 40, 0.1)
    assert found.answer.startswith(
        "B differs visibly in 3 of 3 pictures, and is neither better nor worse on any aspect."
    )


def test_a_visible_loss_is_told_by_its_aspect(tmp_path: Path) -> None:
    """The aspect that LPIPS speaks for, in margins; the rest is even or was not measured."""
    found = pictured(tmp_path, 40, 0.2)
    assert found.answer == "B is worse on 1 of 1 aspect (structure), better on none. Keep A."
    (moved,) = [one for one in found.aspects if one.outcome == "worse"]
    assert (moved.aspect, found.take) == ("structure", "a")
    assert [moved.lost, moved.won] == pytest.approx([12, 0])
    assert moved.jod >= 0.2
    assert [row.outcome for row in found.rows] == ["lost"]


def test_two_models_of_one_run_are_looked_at(tmp_path: Path) -> None:
    """A model is no baseline of itself: one side is renamed, and both keep their own pictures."""
    run = run_of(
        tmp_path / "a", lambda case: 0.1 if case.model.name == "x" else 0.3, models=("x", "y")
    )
    light, dark = drawn(run, 0), drawn(run, 40)
    records = (
        one if one.case.model.name == "x" else two
        for one, two in zip(light.records, dark.records, strict=True)
    )
    sheet = run.with_records(tuple(records))
    there, back = (compare(sheet, sheet, models=models) for models in (("x", "y"), ("y", "x")))
    assert (there.take, back.take) == ("a", "b")
    assert there.pictures == Pictures(same=0, unseen=0, seen=3, unknown=0, only_a=0, only_b=0)


def judged(
    pictures: Pictures | None = None, **outcomes: tuple[AspectOutcome, float, float]
) -> Judgement:
    """What the gate said: aspects by their names with _ for blanks -> outcome, lost, won."""
    known: dict[Aspect, tuple[AspectOutcome, float, float]] = {
        aspect: outcomes[aspect.replace(" ", "_")]
        for aspect in ASPECTS
        if aspect.replace(" ", "_") in outcomes
    }
    aspects = tuple(
        AspectAnswer(aspect, *known.get(aspect, ("even", 0.0, 0.0)), 0.5) for aspect in ASPECTS
    )
    return Judgement(pictures or Pictures(0, 0, 9, 0, 0, 0), aspects, frozenset(), (), "")


def cost(seconds: float, *, cpu: float | None = None, memory: float = 100.0) -> Cost:
    """What B takes where A takes 1 s of either time and 100 MB."""
    return Cost("m", 1.0, seconds, 100.0, memory, None, None, 1.0 if cpu else None, cpu)


def said(found: Judgement, *costs: Cost) -> tuple[str, str]:
    """Which to take, and the answer."""
    take = answer.choose_side(found, costs)
    return take, answer.write_answer(found, costs, take)


def test_a_plain_win_names_what_speaks_against_it() -> None:
    """More than three times as many margins won as lost; the dear side is said to be dear."""
    found = judged(
        detail=("better", 0, 40), seams=("better", 1, 9), colour_and_tone=("worse", 5, 1)
    )
    take, text = said(found, cost(1.7))
    assert take == "b"
    assert (
        text
        == "B is better on 2 of 9 aspects (detail, seams), worse on 1 (colour and tone); 1.7 × the"
        " time. Take B unless colour and tone matters more to you."
    )


def test_what_is_no_plain_win_depends() -> None:
    """Neither more than three times the other: each side is taken for what it is better at."""
    found = judged(detail=("better", 0, 40), seams=("worse", 30, 0), structure=("traded", 3, 2))
    take, text = said(found)
    assert take == "either"
    assert (
        text
        == "B is better on 1 of 9 aspects (detail), worse on 1 (seams), better here and worse there"
        " on 1 (structure). Take B for detail, A for seams."
    )


def test_no_side_is_taken_that_is_worse_on_more_aspects() -> None:
    """However much it wins on one."""
    found = judged(detail=("better", 0, 90), seams=("worse", 5, 0), legibility=("worse", 5, 0))
    assert said(found)[0] == "either"


def test_processor_time_goes_before_wall_time() -> None:
    """Where machines are shared, only the first is the model's own."""
    text = said(judged(detail=("better", 0, 9)), cost(9.0, cpu=2.0, memory=150.0))[1]
    assert "; 2 × the processor time and 1.5 × the memory. Take B." in text


def test_where_pictures_say_nothing_the_cheaper_is_taken() -> None:
    """And that is said to be the reason."""
    same = judged(Pictures(9, 0, 0, 0, 0, 0))
    assert said(same, cost(0.5)) == (
        "b",
        "B makes the same pictures as A, bit for bit; 0.5 × the time. Take B: it costs less.",
    )
    assert said(same, cost(2.0))[0] == "a"
    assert said(same, cost(1.05)) == (
        "either",
        "B makes the same pictures as A, bit for bit. Take either.",
    )


def test_an_unproved_loss_is_not_passed_over() -> None:
    """B is taken on what is proved, and the answer sends people to the rest."""
    found = replace(judged(detail=("better", 0, 9)), notes=("logo: it may be chance",))
    assert said(found)[1].endswith("Take B. But look first at what is not proved.")


def test_refused_edits_count() -> None:
    """A side that refuses what the other does is not taken for its pictures alone."""
    found = judged(Pictures(0, 0, 9, 0, only_a=2, only_b=0), detail=("better", 0, 9))
    take, text = said(found)
    assert take == "either"
    assert "B made no picture in 2 of the pairs in which A did." in text


def changed(run: Run, **how: object) -> Run:
    """The run, its suite changed."""
    return replace(run, manifest=replace(run.manifest, suite=replace(run.manifest.suite, **how)))  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    """Another suite, other pictures, another metric, no case or model in common: an error that
    names what differs.
    """
    a = run_of(tmp_path / "a", lambda _: 0.1)
    b = replace(a, folder=tmp_path / "b")
    other = replace(b.manifest, metrics={"lpips": MetricInfo("lpips[alex]@2", "", "lower")})
    for wrong, named in (
        (changed(b, name="nightly"), "nightly"),
        (changed(b, scene_seed=8), "scene_seed"),
        (replace(b, manifest=other), "lpips[alex]@2"),
        (b.with_records(()), "no finished case in common"),
        (run_of(tmp_path / "c", lambda _: 0.1, models=("p", "q")), "no model in common"),
    ):
        with pytest.raises(UsageError, match=named.replace("[", r"\[")):
            compare(a, wrong)
    with pytest.raises(UsageError, match="has no model 'z'"):
        compare(a, b, models=("m", "z"))
    with pytest.raises(UsageError, match="compared with itself"):
        compare(a, a, models=("m", "m"))


def written(run: Run) -> str:
    """The run as a folder."""
    write_manifest(run.folder, run.manifest)
    journal = Journal(run.folder)
    for record in run.records:
        journal.append(record)
    journal.close()
    return str(run.folder)


def test_command(tmp_path: Path) -> None:
    """`editproof compare` prints a table and a page, or JSON; a change for the worse is no failure
    of the command.
    """
    a = written(run_of(tmp_path / "a", lambda _: 0.1))
    b = written(run_of(tmp_path / "b", lambda _: 0.2))
    shown = CliRunner().invoke(app, ["compare", a, b])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith(
        "B is worse on 1 of 1 aspect (structure), better on none. Keep A."
    )
    assert "lost" in shown.output
    assert max(map(len, shown.output.split("report:")[0].splitlines())) <= 80
    assert (tmp_path / "b" / "compare" / "index.html").is_file()
    told = json.loads(
        CliRunner().invoke(app, ["compare", a, b, "--json", "--out", str(tmp_path / "out")]).stdout
    )
    assert told["rows"][0]["outcome"] == "lost"
    assert (told["take"], told["answer"]) == (
        "a",
        "B is worse on 1 of 1 aspect (structure), better on none. Keep A.",
    )
    assert [one["outcome"] for one in told["aspects"] if one["aspect"] == "structure"] == ["worse"]
    assert told["report"] == str(tmp_path / "out" / "index.html")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["a"], "name a second one"), (["a", "--models", "x"], "two names with a comma")],
)
def test_command_refuses(tmp_path: Path, arguments: list[str], named: str) -> None:
    """What is not valid ends with 2 and one line."""
    written(run_of(tmp_path / "a", lambda _: 0.1))
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), *arguments[1:]])
    assert done.exit_code == 2
    assert named in " ".join(done.stderr.split())
