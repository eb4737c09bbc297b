"""Turns in a suite: how many a scene has, and which cases they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.metric import Reference
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import Model, Suite
from editproof.harness.suites.cases import current_id, expand_suite
from editproof.harness.suites.suite import load_suite, narrow_suite
from editproof.harness.suites.tasks import find_drawn_case
from editproof.harness.suites.turns import check_turn_names, count_turns, derive_seed, edit_again
from editproof.pipelines.contract import EditRequest

SUITE = """
name = "turns"
size = 64
scale = 1
{turns}
metrics = ["psnr"]
[vectors]
logo = [1]
photobomb = [1]
[models]
ns = "reference"
"""


def read(folder: Path, turns: str, after: str = "") -> Suite:
    (folder / "turns.toml").write_text(SUITE.format(turns=turns) + after)
    return load_suite("turns.toml", folder)


def expand(suite: Suite) -> tuple[Case, ...]:
    pipelines = {"ns": PipelineInfo("reference", "known", "", stochastic=False)}
    return expand_suite(suite, pipelines, NO_WEIGHTS).cases


def test_turns_of_all_families_make_cases_in_a_row(tmp_path: Path) -> None:
    """`turns = 3` makes three cases of each scene, each the next of the one before."""
    cases = expand(read(tmp_path, "turns = 3"))
    assert [case.scene for case in cases[:3]] == ["logo/1", "logo/1 turn 2", "logo/1 turn 3"]
    assert [case.turn for case in cases] == [1, 2, 3, 1, 2, 3]
    assert cases[1].follows(cases[0])
    assert not cases[2].follows(cases[0])
    assert not cases[4].follows(cases[0])


def test_turns_by_family_leave_the_others_at_one(tmp_path: Path) -> None:
    """A table names families; the others are edited once."""
    cases = expand(read(tmp_path, "", "[turns]\nlogo = 2\n"))
    assert [case.scene for case in cases] == ["logo/1", "logo/1 turn 2", "photobomb/1"]


def test_turns_of_a_folder_are_those_of_its_groups(tmp_path: Path) -> None:
    """A group that is named itself has its own."""
    suite = replace(read(tmp_path, ""), turns={"set": 3, "set/people": 2})
    scene = Case("1", "", "set/animals", 0, {}, 0, 1, 0, Model("ns", "reference"), 1, own="a")
    assert count_turns(suite, scene) == 3
    assert count_turns(suite, replace(scene, family="set/people")) == 2
    assert count_turns(suite, replace(scene, family="other")) == 1


def test_a_first_turn_is_the_case_that_it_was(tmp_path: Path) -> None:
    """Turns change neither id nor key of a first turn; each later turn has its own."""
    once, often = expand(read(tmp_path, "")), expand(read(tmp_path, "turns = 3"))
    assert [case for case in often if case.turn == 1] == list(once)
    assert len({case.id for case in often}) == len({case.key for case in often}) == len(often)
    assert all(current_id(case) == case.id for case in often)


@pytest.mark.parametrize(
    ("turns", "after", "said"),
    [
        ("turns = 0", "", "turns must be 1 to 20; it is 0"),
        ("turns = 21", "", "turns must be 1 to 20; it is 21"),
        ('turns = "3"', "", "turns"),
        ("", "[turns]\nlogos = 2\n", "did you mean logo?"),
        ("", "[turns]\nlogo = 21\n", "turns must be 1 to 20; it is 21"),
    ],
)
def test_turns_that_can_not_be_made_are_said(
    tmp_path: Path, turns: str, after: str, said: str
) -> None:
    """The file, the key and what is allowed."""
    with pytest.raises(UsageError, match=said) as error:
        read(tmp_path, turns, after)
    assert "turns.toml" in str(error.value)


def test_turns_need_scale_1(tmp_path: Path) -> None:
    """The message says what to set; a family that is edited once may have any scale."""
    suite = replace(read(tmp_path, "", "[turns]\nlogo = 2\n"), scale=2)
    with pytest.raises(UsageError, match=r"logo/1: turns = 2 needs scale 1.*Set scale = 1"):
        expand(suite)
    assert len(expand(replace(suite, turns={"logo": 1}))) == 2


def test_an_own_case_is_not_called_as_a_turn_of_another() -> None:
    """The gate could not tell which of them a finding means."""
    first = Case("1", "", "mine", 0, {}, 0, 1, 0, Model("ns", "reference"), 1, own="a", folder="x")
    others = [replace(first, turn=2), replace(first, own="b turn 2")]
    check_turn_names([first, *others])
    with pytest.raises(UsageError, match=r"x has a case 'a turn 2'.*Rename"):
        check_turn_names([first, *others, replace(first, own="a turn 2")])


def test_the_command_line_sets_the_turns_of_every_family(tmp_path: Path) -> None:
    """`--turns` stands instead of the suite's; 0 leaves them."""
    suite = read(tmp_path, "", "[turns]\nlogo = 2\n")
    assert narrow_suite(suite, turns=4).turns == 4
    assert narrow_suite(suite).turns == {"logo": 2}
    with pytest.raises(UsageError, match="turns must be 1 to 20"):
        narrow_suite(suite, turns=30)


def test_turns_share_a_scene_unless_its_family_moves(tmp_path: Path) -> None:
    """What a worker has prepared holds in every turn with the same mask."""
    drawn = [find_drawn_case(case).turn for case in expand(read(tmp_path, "turns = 3"))]
    assert drawn == [1, 1, 1, 1, 2, 3]


def test_seeds_of_turns_differ_and_stay_the_same(tmp_path: Path) -> None:
    """The first turn has the case's seed; each later one has its own, the same in every run."""
    cases = [replace(case, seed=42) for case in expand(read(tmp_path, "turns = 3"))[:3]]
    assert [derive_seed(case) for case in cases] == [42, 955475868 // 2, 2541583436 // 2]


def test_an_output_is_the_next_input() -> None:
    """A moved overlay lies over it with its own alpha; the file of the first input is not kept."""
    grey = np.full((4, 4, 3), 0.5, np.float32)
    request = EditRequest(np.zeros((4, 4, 3), np.float32), prompt="remove it", file=b"PNG")
    overlay = np.zeros((4, 4), np.float32)
    overlay[0, 0] = 0.5
    reference = Reference(areas={}, overlay=overlay, overlay_rgb=np.ones((4, 4, 3), np.float32))
    plain = edit_again(request, reference, grey, moved=False)
    assert np.array_equal(plain.image, grey)
    assert (plain.prompt, plain.file) == ("remove it", b"")
    moved = edit_again(request, reference, grey, moved=True)
    assert moved.image.dtype == np.float32
    assert moved.image[0, 0] == pytest.approx([0.75] * 3)
    assert np.array_equal(moved.image[1:], grey[1:])
