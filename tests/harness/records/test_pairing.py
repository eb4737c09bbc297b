"""Which accepted picture meets which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.pairing import (
    AcceptedPictures,
    Pairing,
    list_answers,
    pair,
    plan_comparisons,
)
from editproof.harness.records.runs import Run
from tests.harness.made import MARGIN, case, failed, hashed, judge_beside, measured, run_of

pytestmark = pytest.mark.smoke


def drawn(one: Case, picture: str, **pictures: str) -> CaseRecord:
    """A case with pictures that are only names."""
    blobs = {name: hashed(shown) for name, shown in {"actual": picture, **pictures}.items()}
    return replace(measured(35.0), case=one, blobs=blobs)


def seeds_of(chosen: Iterable[int], *, picture: str = "", stochastic: bool = True) -> Run:
    """One scene on these seeds; `picture`: what every seed gives, empty: each its own."""
    records = [drawn(case(1, seed), picture or f"{seed}") for seed in chosen]
    return run_of(*records, stochastic=stochastic)


def paired(now: Run, before: Run) -> Pairing:
    return pair(now, before)


def test_a_deterministic_model_finds_its_partner_on_any_seed() -> None:
    """Its seed does not matter: one accepted picture stands for all."""
    found = paired(seeds_of([7, 8], stochastic=False), seeds_of([42], stochastic=False))
    (scene,) = found.scenes
    assert (scene.mode, scene.ours, scene.partners) == ("pairs", (0, 1), (0, 0))
    assert found.ids == {"id1-7": "id1-42", "id1-8": "id1-42"}
    assert not found.new + found.unused + found.altered + found.other_seeds


def test_one_picture_that_came_again_makes_seeds_comparable_one_by_one() -> None:
    """Bit for bit, on its own seed; a seed that the baseline lacks is new."""
    before = seeds_of([1, 2])
    now = run_of(
        drawn(case(1, 2), "other"), drawn(case(1, 1), "1"), drawn(case(1, 3), "3"), stochastic=True
    )
    found = paired(now, before)
    (scene,) = found.scenes
    assert (scene.mode, scene.ours, scene.partners) == ("pairs", (0, 1), (1, 0))
    assert found.new == ("id1-3",)


def test_a_new_seed_that_gives_the_picture_of_another_one_meets_the_same_accepted_picture() -> None:
    """Nobody said that the seed does not matter, but it does not: nothing is new."""
    before, now = seeds_of([1], picture="a"), seeds_of([1, 2], picture="a")
    found = paired(now, before)
    (scene,) = found.scenes
    assert (scene.mode, scene.ours, scene.partners) == ("pairs", (0, 1), (0, 0))
    assert not found.new


def test_where_no_picture_came_again_scenes_are_compared_as_a_whole() -> None:
    """On the same seeds, and on others, which is said."""
    before = seeds_of([1, 2, 3])
    for seeds, said in (((1, 2, 3), ()), ((7, 8), ("ns",))):
        now = run_of(*(drawn(case(1, seed), f"new {seed}") for seed in seeds), stochastic=True)
        found = paired(now, before)
        (scene,) = found.scenes
        assert (scene.mode, scene.ours, scene.theirs) == (
            "seeds",
            tuple(range(len(seeds))),
            (0, 1, 2),
        )
        assert found.other_seeds == said
        assert not found.new


@pytest.mark.parametrize("now_stochastic", [True, False])
def test_a_model_whose_seed_matters_on_one_side_only_is_compared_as_a_whole(
    now_stochastic: bool,
) -> None:
    """Stochastic beside deterministic, and the other way round; also where one picture is the
    same.
    """
    many, one = seeds_of([1, 2, 3]), seeds_of([1], picture="1", stochastic=False)
    found = paired(many, one) if now_stochastic else paired(one, many)
    (scene,) = found.scenes
    assert scene.mode == "seeds"
    assert sorted([len(scene.ours), len(scene.theirs)]) == [1, 3]
    assert not found.other_seeds


def test_what_only_one_side_has_is_new_or_unused() -> None:
    """Of scenes, by their ids."""
    first, second, third = (drawn(case(step), f"{step}") for step in (1, 2, 3))
    found = paired(run_of(first, second), run_of(first, third))
    assert (found.new, found.unused) == (("id2-42",), ("id3-42",))
    assert [scene.mode for scene in found.scenes] == ["pairs"]


OWN = replace(case(), id="mine-1", step=0, family="mine", own="cat", request="r")


@pytest.mark.parametrize(
    ("other", "pictures", "same"),
    [
        ("mine-1", {"input": "another"}, True),
        ("mine-2", {"input": "i", "expected": "e"}, True),
        ("mine-2", {"input": "another", "expected": "e"}, False),
        ("mine-2", {"input": "i", "expected": "another"}, False),
        ("mine-2", {}, True),
    ],
)
def test_an_own_case_is_the_same_by_its_pixels(
    other: str, pictures: dict[str, str], same: bool
) -> None:
    """Another file with the same pixels is the same case; what is not known tells nothing."""
    before = run_of(drawn(OWN, "a", input="i", expected="e"))
    now = run_of(drawn(replace(OWN, id=other), "a", **pictures))
    found = paired(now, before)
    assert bool(found.scenes) == same
    assert found.altered == (() if same else ("mine-2",))


def test_an_own_case_that_asks_something_else_is_altered() -> None:
    """Another prompt or box on the same pictures; where the baseline does not know its request,
    pixels tell.
    """
    before = run_of(drawn(OWN, "a", input="i"))
    asked = replace(OWN, id="mine-2", request="other")
    assert paired(run_of(drawn(asked, "a", input="i")), before).altered == ("mine-2",)
    old = run_of(drawn(replace(OWN, request=""), "a", input="i"))
    assert not paired(run_of(drawn(asked, "a", input="i")), old).altered


def test_an_altered_case_is_said_by_name_and_not_judged() -> None:
    """Exit 3, with what is true and what to do."""
    before = run_of(drawn(OWN, "a", input="i"), margins=(MARGIN,))
    verdict = judge_beside(
        run_of(drawn(replace(OWN, id="mine-2"), "a", input="j"), margins=(MARGIN,)), before
    )
    assert verdict.exit_code is ExitCode.INCOMPLETE
    (text,) = (reason for reason in verdict.invalid if "not compared" in reason)
    assert "1 case not compared, since the scene itself has changed (mine/cat ns seed 42)" in text
    assert "baseline accept --case" in text
    assert {judgement.outcome.value for judgement in verdict.judgements} == {"not judged"}


def test_a_planned_run_knows_what_its_pictures_will_be_compared_with() -> None:
    """The same seed, else in order; further answers behind the first; beside its own seed's picture
    another seed's.
    """
    before, also = seeds_of([1, 2]), run_of(drawn(case(1, 2), "too"), stochastic=True)
    kept = Baseline(before, (also,))
    found = plan_comparisons(seeds_of([2, 9]).manifest, kept)
    pictures = (hashed("2"), hashed("too"))
    assert found == {
        "id1-2": AcceptedPictures(pictures, hashed("1")),
        "id1-9": AcceptedPictures(pictures, ""),
    }
    assert list_answers(kept, 0) == (hashed("1"),)
    assert not plan_comparisons(run_of(drawn(case(5), "x")).manifest, kept)


def test_a_case_that_failed_meets_nobody() -> None:
    """It is neither new nor compared."""
    found = paired(run_of(failed()), run_of(drawn(case(), "a")))
    assert found.unused == ("id1-42",)
    assert not found.scenes + found.new + found.altered + found.other_seeds
    assert not found.ids


def turns_of(*inputs: str, own: str = "") -> Run:
    """The turns of one scene; `inputs`: the picture that each was given."""
    one = replace(case(0 if own else 1, 7), own=own)
    return run_of(
        *(
            drawn(replace(one, id=f"{inputs[0]}-{turn}", turn=turn), f"{shown}!", input=shown)
            for turn, shown in enumerate(inputs, start=1)
        )
    )


def test_a_turn_meets_the_same_turn_whatever_it_was_given() -> None:
    """Its input is an output, so another one does not make it another scene."""
    before = turns_of("scene", "before")
    now = turns_of("scene", "now", "later")
    before = run_of(
        *(replace(one, case=replace(one.case, id=f"old{one.case.turn}")) for one in before.records)
    )
    found = paired(now, before)
    assert [scene.name for scene in found.scenes] == ["1", "1 turn 2"]
    assert found.ids == {"scene-1": "old1", "scene-2": "old2"}
    assert found.new == ("scene-3",)


def test_later_turns_of_an_own_case_that_changed_are_not_compared() -> None:
    """What the first turn was given says whether the case is the same."""
    found = paired(turns_of("new", "a", own="photo"), turns_of("old", "a", own="photo"))
    assert found.altered == ("new-1", "new-2")
