"""Decisions: what is grouped, what stands, what is refused, and what becomes the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.records import runs
from editproof.harness.records.decisions import DecisionFiles, Kind, Place
from editproof.harness.records.errors import DamagedError, IncompleteError, UsageError
from editproof.harness.review.desk import Desk, Ruling, apply_decisions
from tests.harness.review.conftest import OpenDesk
from tests.harness.review.made import BAD, judge_run


def decide(desk: Desk, kind: Kind, steps: Sequence[int], reason: str = "") -> None:
    cases = tuple(one.case.id for one in desk.changes if one.case.step in steps)
    assert len(cases) == len(steps)
    desk.decide(Ruling(kind, cases, reason))


def every_step(desk: Desk) -> list[int]:
    return [one.case.step for one in desk.changes]


def test_alike_changes_are_one_group(desk_of: OpenDesk) -> None:
    """Fifty changes of three kinds are three groups, and the bad ones stand first in them."""
    desk = desk_of()
    assert [len(group.members) for group in desk.groups] == [17, 17, 16]
    assert {group.part for group in desk.groups} == {"detail", "tone", "colour"}
    first = {member.case.step for group in desk.groups for member in group.members[:2]}
    assert set(BAD) <= first
    assert len(desk.changes) == 50


def test_what_is_unlike_is_no_group(desk_of: OpenDesk) -> None:
    """No group holds two families here, since each family changed in its own way."""
    for group in desk_of().groups:
        assert len({member.case.family for member in group.members}) == 1


def test_a_decision_is_a_file(desk_of: OpenDesk) -> None:
    """Small text, with who, when, why, and the pictures; it is read back as it was."""
    desk = desk_of("Ann <ann@example.org>")
    decide(desk, "reject", [BAD[0]], "a bar")
    (path,) = desk.files.folder.iterdir()
    assert path.name.startswith("20270101T")
    assert "ann-ann-example-org" in path.name
    (found,) = DecisionFiles(desk.files.folder).read()
    assert (found.kind, found.author, found.reason) == ("reject", "Ann <ann@example.org>", "a bar")
    assert found.cases[0].name == "stamp/7 ns seed 42"
    assert found.baseline == desk.digest


def test_the_last_decision_counts(desk_of: OpenDesk) -> None:
    desk = desk_of()
    decide(desk, "reject", [1])
    decide(desk, "accept", [1, 2])
    assert {one.state for one in desk.find_standing().values()} == {"accept"}
    assert len(desk.find_standing()) == 2


def test_undo_takes_back_step_by_step(desk_of: OpenDesk) -> None:
    """A file is added each time, and none is changed."""
    desk = desk_of()
    decide(desk, "reject", [1])
    decide(desk, "accept", [1])
    desk.undo()
    assert [one.state for one in desk.find_standing().values()] == ["reject"]
    desk.undo()
    assert desk.find_standing() == {}
    with pytest.raises(UsageError, match="no decision that could be taken back"):
        desk.undo()
    assert len(list(desk.files.folder.iterdir())) == 4


def test_nobody_undoes_for_another(desk_of: OpenDesk) -> None:
    decide(desk_of("ann"), "accept", [1])
    with pytest.raises(UsageError, match="ben has no decision"):
        desk_of("ben").undo()


def test_reviewers_who_disagree(desk_of: OpenDesk) -> None:
    """Both are shown, nothing is applied, and agreement ends it."""
    ann, ben = desk_of("ann"), desk_of("ben")
    decide(ann, "accept", every_step(ann), "new blur")
    decide(ben, "reject", [5])
    (split,) = (one for one in ann.find_standing().values() if one.state == "conflict")
    assert [(vote.author, vote.kind) for vote in split.votes] == [
        ("ann", "accept"),
        ("ben", "reject"),
    ]
    with pytest.raises(UsageError, match="reviewers disagree about 1 case"):
        apply_decisions(ann)
    decide(ben, "accept", [5])
    apply_decisions(ann)


def test_what_is_accepted_becomes_the_baseline(desk_of: OpenDesk, project: Path) -> None:
    """The rejected ones stay as they were, and the index says who and why."""
    desk = desk_of()
    decide(desk, "reject", BAD)
    decide(desk, "accept", [step for step in every_step(desk) if step not in BAD], "new blur")
    folder, count = apply_decisions(desk)
    assert count == 47
    last = baseline_folder.read_state(folder).accepted[-1]
    assert (last.author, last.reason, last.cases) == ("ann", "new blur", 47)
    judged = judge_run(runs.load(project / "runs" / "now"), folder)
    assert {change.case_id for change in judged.verdict.changes if judged.verdict} == {  # type: ignore[union-attr]
        one.case.id for one in desk.changes if one.case.step in BAD
    }


def test_old_decisions_do_not_count_beside_another_baseline(desk_of: OpenDesk) -> None:
    desk = desk_of()
    decide(desk, "accept", [1], "fine")
    apply_decisions(desk)
    judge_run(desk.run, desk.folder)
    again = desk_of()
    assert len(again.changes) == 49
    assert again.find_standing() == {}


def test_a_moved_baseline_refuses_decisions(desk_of: OpenDesk) -> None:
    """At the open desk, and when a desk is opened for a run that was judged before."""
    desk = desk_of()
    decide(desk, "accept", [1], "fine")
    request = AcceptRequest(reason="meanwhile", cases=(desk.changes[3].case.id,))
    acceptance.accept(desk.run, desk.folder, request)
    with pytest.raises(UsageError, match="has changed since this desk was opened"):
        decide(desk, "accept", [2])
    with pytest.raises(UsageError, match="has changed since its pictures were looked at"):
        apply_decisions(desk)
    with pytest.raises(UsageError, match="was not judged against the baseline"):
        desk_of()


def test_a_run_that_was_not_judged(desk_of: OpenDesk, project: Path) -> None:
    (project / "runs" / "now" / "verdict.json").unlink()
    with pytest.raises(UsageError, match="has not been judged"):
        desk_of()


def test_nothing_of_a_partial_run_is_accepted(desk_of: OpenDesk, project: Path) -> None:
    """It can be rejected and commented on."""
    folder = project / "runs" / "now"
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    desk = desk_of()
    decide(desk, "reject", [1])
    with pytest.raises(IncompleteError, match="1 are missing"):
        decide(desk, "accept", [2])
    with pytest.raises(IncompleteError, match="nothing of this run can be accepted"):
        apply_decisions(desk)


def test_a_desk_to_look_at(desk_of: OpenDesk) -> None:
    desk = desk_of(read_only=True)
    with pytest.raises(UsageError, match="for looking only"):
        decide(desk, "accept", [1])
    assert not desk.files.folder.exists()


@pytest.mark.parametrize(
    ("ruling", "message"),
    [
        (Ruling("accept", ()), "no case was named"),
        (Ruling("accept", ("elsewhere",)), "no changed case 'elsewhere'"),
        (Ruling("comment", ("id1-42-stamp",), "  "), "a comment needs a text"),
        (Ruling("waive", ("id1-42-stamp",), "known"), "needs a last day"),
        (Ruling("waive", ("id1-42-stamp",), "known", expires=date(2026, 1, 1)), "needs a last day"),
    ],
)
def test_rulings_that_say_too_little(desk_of: OpenDesk, ruling: Ruling, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        desk_of().decide(ruling)


def test_a_comment_is_pinned(desk_of: OpenDesk) -> None:
    """And decides nothing."""
    desk = desk_of()
    desk.decide(Ruling("comment", ("id1-42-stamp",), "look here", Place(0.25, 0.5)))
    (found,) = desk.read_decisions()
    assert found.place == Place(0.25, 0.5)
    assert desk.find_standing() == {}


def test_nothing_to_apply(desk_of: OpenDesk) -> None:
    desk = desk_of()
    with pytest.raises(UsageError, match="nothing is accepted"):
        apply_decisions(desk)
    decide(desk, "accept", [1])
    with pytest.raises(UsageError, match="--reason TEXT"):
        apply_decisions(desk)
    assert apply_decisions(desk, "new blur")[1] == 1


def test_damaged_decisions_are_said(desk_of: OpenDesk) -> None:
    """A file that somebody changed by hand does not count."""
    desk = desk_of()
    decide(desk, "reject", [1])
    (path,) = desk.files.folder.iterdir()
    path.write_text(path.read_text().replace('"reject"', '"accept"'))
    with pytest.raises(DamagedError, match="does not match its checksum"):
        DecisionFiles(desk.files.folder).read()
