"""Cases that change though nothing changed."""

from __future__ import annotations

from editproof.harness.history.flakiness import CaseName, Edit, find_flaky

CASE = CaseName("id1", "logo", "ns", "1", 42)


def edits(
    pictures: str, fingerprints: str = "", outcomes: str = "", statuses: str = ""
) -> dict[CaseName, list[Edit]]:
    """One case, a letter a night."""
    count = len(pictures)
    rows = zip(
        pictures, fingerprints or "f" * count, outcomes or "u" * count, statuses or "d" * count,
        strict=True,
    )  # fmt: skip
    return {
        CASE: [
            Edit(f"run-{number}", fingerprint, picture, status, outcome)
            for number, (picture, fingerprint, outcome, status) in enumerate(rows)
        ]
    }


def test_a_case_that_never_changes_is_not_flaky() -> None:
    assert find_flaky(edits("aaaa")) == ()


def test_a_change_of_the_pipeline_is_not_flaky() -> None:
    assert find_flaky(edits("aabb", "ffgg")) == ()


def test_two_pictures_by_turns_want_a_second_answer() -> None:
    (case,) = find_flaky(edits("aabab"))
    assert (case.edits, case.pairs, case.picture_changes, case.verdict_changes) == (5, 4, 3, 0)
    assert case.rate == 0.75
    assert [(one.picture, one.nights) for one in case.modes] == [("a", 3), ("b", 2)]
    assert case.advice == "second answer"
    assert case.command == "editproof noise runs/run-3 runs/run-4 --accept --reason TEXT"


def test_another_picture_each_night_wants_more_seeds() -> None:
    (case,) = find_flaky(edits("abcdef"))
    assert len(case.modes) == 6
    assert (case.advice, case.command) == ("more seeds", "")


def test_modes_are_of_the_newest_fingerprint() -> None:
    (case,) = find_flaky(edits("abbaxyxy", "ffffgggg"))
    assert case.pairs == 6
    assert {one.picture for one in case.modes} == {"x", "y"}


def test_another_verdict_on_another_picture_counts() -> None:
    """On one picture it is the baseline's: somebody accepted something."""
    (case,) = find_flaky(edits("aab", outcomes="uru"))
    assert (case.picture_changes, case.verdict_changes) == (1, 1)


def test_another_ending_counts() -> None:
    (case,) = find_flaky(edits("aa", statuses="dr"))
    assert (case.picture_changes, case.verdict_changes) == (0, 1)
