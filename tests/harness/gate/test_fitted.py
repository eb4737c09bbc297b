"""How the gate and a comparison take a suite that was fitted to its pipelines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from editproof.harness.compare.pairs import pair_cases
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import NotApplicable
from editproof.harness.records.not_applicable import list_fit_notes
from editproof.harness.records.pairing import pair
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import name_case
from editproof.pipelines.contract import Capabilities
from tests.harness.made import (
    BUDGET,
    MARGIN,
    OTHER,
    case,
    hashed,
    judge_beside,
    measured,
    run_of,
)

pytestmark = pytest.mark.smoke

SERVICE = Capabilities(scales=(1,), needs_mask=True)


def record(one: Case, picture: str = "") -> CaseRecord:
    blobs = {"actual": hashed(picture)} if picture else {}
    return replace(measured(35.0), case=one, blobs=blobs)


def fitted(one: Case, **other: object) -> Case:
    """The case asked otherwise, which is another case."""
    return replace(one, id=f"{one.id}-fitted", **other)  # type: ignore[arg-type]


def able(run: Run, can: Capabilities, *left_out: NotApplicable) -> Run:
    """The run of pipelines that say what they can do."""
    pipelines = {
        name: replace(pipeline, capabilities=can)
        for name, pipeline in run.manifest.pipelines.items()
    }
    manifest = replace(run.manifest, pipelines=pipelines, not_applicable=left_out)
    return replace(run, manifest=manifest)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"scale": 1}, "the baseline holds them at ×2 and this run asks at ×1"),
        ({"size": 32}, "the baseline holds them at 64 px and this run draws them at 32 px"),
        ({"given_mask": True}, "the pipeline gets the true mask now, and did not before"),
        ({"scene_seed": 8}, "the scene itself has changed"),
    ],
)
def test_a_scene_that_is_asked_otherwise_is_not_compared_and_why(
    other: dict[str, object], said: str
) -> None:
    before = run_of(record(case()), record(case(2)), margins=(MARGIN,))
    now = run_of(record(fitted(case(), **other)), record(case(2)), margins=(MARGIN,))
    verdict = judge_beside(now, before)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert f"1 case not compared, since {said}" in verdict.invalid[0]


def test_a_run_at_a_scale_of_the_user_s_own_is_judged_beside_cases_of_that_scale() -> None:
    """`--scale 1`, where the baseline's pipeline makes ×1 only: the suite's scale says nothing."""
    one = replace(case(), scale=1)
    before = able(run_of(record(one), margins=(MARGIN,)), SERVICE)
    now = run_of(record(one), margins=(MARGIN,), scale=1, only_scale=True)
    assert judge_beside(now, before).exit_code is ExitCode.OK
    with pytest.raises(UsageError, match="its scale is 2, the run's is 1"):
        judge_beside(now, run_of(record(case()), margins=(MARGIN,)))


def test_what_can_t_be_asked_is_a_note_and_its_budgets_fail_nothing() -> None:
    budgets = (BUDGET, replace(BUDGET, region="protect"))
    whole = run_of(measured(35.0), budgets=budgets)
    left = NotApplicable("microprint", "1", "ns", "it is too fine")
    assert judge_beside(whole, None).exit_code is ExitCode.INCOMPLETE
    verdict = judge_beside(able(whole, Capabilities(), left), None)
    assert verdict.exit_code is ExitCode.OK
    assert "not applicable: 1 scene. ns, 1 scene (microprint/1): it is too fine" in verdict.notes


def test_how_the_suite_was_fitted_is_said() -> None:
    asked = fitted(case(), scale=1, size=32, given_mask=True)
    repeats = [replace(asked, repeat=number, seed=number, id=f"r{number}") for number in (1, 2)]
    run = able(run_of(*map(record, repeats), stochastic=True), replace(SERVICE, takes_seed=False))
    assert list(list_fit_notes(run.manifest)) == [
        "ns is asked at ×1, since it does not make the suite's ×2",
        "ns: scenes are drawn at 32 px, since it does not take 64 px",
        "ns needs a mask. If a scene gives none, it gets the true one: 1 scene (logo/1)",
        "ns takes no seed: its pictures of a scene are repeats",
    ]
    assert list(list_fit_notes(run_of(measured(35.0)).manifest)) == []


def test_resized_pictures_are_counted() -> None:
    resized = replace(measured(35.0, step=2), config={"resize": "back"})
    run = able(run_of(measured(35.0), resized, budgets=(BUDGET,)), Capabilities(resizes=True))
    assert (
        "ns resizes what comes back in another size than was asked for: 1 of 2 pictures"
        in judge_beside(run, None).notes
    )


def test_a_repeat_is_called_one() -> None:
    assert name_case(case(2)) == "logo/2 ns seed 42"
    assert name_case(replace(case(2), repeat=3)) == "logo/2 ns repeat 3"


def test_repeats_are_samples_though_one_came_again() -> None:
    """A picture that came again says nothing of the others, where there is no seed."""
    before = run_of(*(record(case(1, seed), f"{seed}") for seed in (1, 2)), stochastic=True)
    now = run_of(record(case(1, 1), "1"), record(case(1, 2), "new"), stochastic=True)
    seedless = Capabilities(takes_seed=False)
    assert [one.mode for one in pair(now, before).scenes] == ["pairs"]
    assert [one.mode for one in pair(able(now, seedless), able(before, seedless)).scenes] == [
        "seeds"
    ]


def test_models_at_other_scales_are_not_compared_and_the_scale_to_set_is_named() -> None:
    a = run_of(record(case()))
    b = run_of(record(replace(fitted(case(model=OTHER), scale=1))))
    with pytest.raises(UsageError, match=r"asked at ×2 and ×1.*Run both with --scale 1"):
        pair_cases(a, able(b, SERVICE), {"patch": "ns"})
    only_four = able(a, Capabilities(scales=(4,)))
    with pytest.raises(UsageError, match="There is no scale that both make"):
        pair_cases(only_four, able(b, SERVICE), {"patch": "ns"})


def test_a_scene_that_only_one_was_handed_the_mask_of_is_left_out_of_a_comparison() -> None:
    a = run_of(record(case()), record(case(2)))
    given = fitted(case(model=OTHER), given_mask=True)
    b = run_of(record(given), record(case(2, model=OTHER)))
    groups, left_out = pair_cases(a, b, {"patch": "ns"})
    assert [(group.a, group.b) for group in groups] == [([1], [1])]
    assert "ns (A) and patch (B) were not asked the same in 1 scene" in left_out[0]
    assert not any("without a finished case" in line for line in left_out)
