"""What the front page says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from editproof.harness.records import runs
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import NotApplicable
from editproof.harness.records.verdicts import Change, Finding, Judgement, Outcome, Verdict
from editproof.reports.common import view
from editproof.reports.html import front_page
from tests.reports.conftest import lpips


def judged(run: runs.Run, *findings: Finding, code: ExitCode = ExitCode.REGRESSION) -> runs.Run:
    """The run with another verdict."""
    return run.with_verdict(replace(verdict_of(run), exit_code=code, invalid=(), findings=findings))


def verdict_of(run: runs.Run) -> Verdict:
    """The run's verdict."""
    assert run.verdict is not None
    return run.verdict


def finding(
    run: runs.Run, outcome: Outcome = Outcome.REGRESSED, *, rule: str = "picture", step: int = 0
) -> Finding:
    """A finding about a case of the run."""
    case = run.manifest.cases[step]
    return Finding(
        rule,
        outcome,
        (case.family,),
        (case.model.name,),
        case.id,
        (case.id,),
        "the fill is blurrier",
        "It is blurrier.",
        "detail",
        ("detail",),
        jod=0.4,
        stage="inpaint",
        evidence=lpips(0.1, 0.2, 0.02),
        fails=outcome is Outcome.REGRESSED,
    )


@pytest.mark.parametrize(
    ("code", "outcome", "invalid", "word"),
    [
        (ExitCode.OK, Outcome.IMPROVED, (), "PASS"),
        (ExitCode.REGRESSION, Outcome.REGRESSED, (), "REGRESSION"),
        (ExitCode.INCOMPLETE, Outcome.UNDERPOWERED, (), "UNDERPOWERED"),
        (
            ExitCode.INCOMPLETE,
            Outcome.REGRESSED,
            ("3 cases are missing: resume the run",),
            "COULD NOT BE JUDGED",
        ),
        (None, Outcome.PASS, (), "NOT JUDGED YET"),
    ],
)
def test_headline(
    run: runs.Run, code: ExitCode | None, outcome: Outcome, invalid: tuple[str, ...], word: str
) -> None:
    """The headline is the gate's word, with the reason where there is one."""
    verdict = None if code is None else Verdict(code, outcome, invalid, (), (), (), 0, "")
    found = front_page.choose_headline(run.with_verdict(verdict))
    assert found.word == word
    assert all(reason in found.why for reason in invalid)


def test_headline_says_what_broke(run: runs.Run) -> None:
    """What it looks like, family, model and stage."""
    case = run.manifest.cases[0]
    expected = f"The fill is blurrier in {case.family} with {case.model.name}, first at inpaint."
    assert front_page.choose_headline(judged(run, finding(run))).why == expected


def test_counts_lead_to_their_cases(run: runs.Run) -> None:
    """Pictures by how they changed, findings by outcome, edits without a picture; what is zero
    leads nowhere.
    """
    found = {count.label: count for count in front_page.count_all(run, view.find_states(run))}
    assert found["cases"].text == "23 of 24"
    assert (found["errors"].text, found["errors"].href) == ("1", "#status=error")
    assert [found[word].text for word in ("unchanged", "invisibly changed", "visibly changed")] == [
        "9",
        "3",
        "9",
    ]
    assert (found["regressed findings"].text, found["traded finding"].text) == ("2", "1")
    assert "refused" not in found


def test_cards_keep_the_verdicts_order(run: runs.Run) -> None:
    """What needs a person stands as the verdict has it; what got better is apart, a kept budget
    only where at risk.
    """
    risky = replace(finding(run, Outcome.PASS, rule="budget"), at_risk=True)
    found = [
        finding(run, outcome) for outcome in (Outcome.REGRESSED, Outcome.CHANGED, Outcome.IMPROVED)
    ]
    cards = front_page.make_cards(judged(run, *found, risky))
    assert [card.line.outcome for card in cards.open] == ["regressed", "changed", "at risk"]
    assert [card.line.outcome for card in cards.quiet] == ["improved"]


def test_a_card_leads_to_its_cases(run: runs.Run) -> None:
    """The picture to the case as it opens by itself, the list to all; of many cases the first are
    linked.
    """
    ids = tuple(case.id for case in run.manifest.cases)
    (card,) = front_page.make_cards(
        judged(run, replace(finding(run), cases=(*ids, *(f"other{i}" for i in range(9)))))
    ).open
    assert card.href == f"#case={ids[0]}"
    assert card.listing == "#finding=1"
    assert (len(card.places), card.more) == (front_page.MAX_LINKS, 9)
    assert card.places[0].name.endswith("seed 0")
    assert card.places[-1].href == ""  # it was not run


def test_only_a_budget_leads_to_a_heat_map(run: runs.Run) -> None:
    """Of its metric; a finding about how edits end leads to its case, and to no map."""
    case_id = run.manifest.cases[0].id
    (card,) = front_page.make_cards(judged(run, finding(run, rule="status"))).open
    assert card.href == f"#case={case_id}"
    (card,) = front_page.make_cards(judged(run, finding(run, rule="budget"))).open
    assert card.href == f"#case={case_id}&mode=heat&metric=lpips"


def test_a_card_of_no_case_leads_nowhere(run: runs.Run) -> None:
    """A finding may be about no case at all, or one that has no result."""
    (card,) = front_page.make_cards(judged(run, replace(finding(run), case_id="", cases=()))).open
    assert (card.href, card.listing, card.places) == ("", "", ())
    (card,) = front_page.make_cards(judged(run, finding(run, step=-1))).open
    assert card.href == ""


def test_what_changed_is_said_in_a_sentence(run: runs.Run) -> None:
    """How many pictures changed, and how; nothing without a baseline."""
    assert front_page.describe_pictures(run).startswith(
        "4 pictures regressed, 2 traded, 1 perhaps worse, 9 unchanged, 3 changed"
    )
    assert front_page.describe_pictures(run.with_verdict(None)) == ""
    assert (
        front_page.describe_pictures(run.with_verdict(replace(verdict_of(run), baseline=""))) == ""
    )


def test_invisible_changes_are_listed_and_counted(run: runs.Run) -> None:
    """The most visible first, with what was measured."""
    found = front_page.list_invisible(run)
    assert [(one.whole, one.worst) for one in found] == [("0.01", "0.02")] * 3
    many = tuple(Change(f"c{index}", Outcome.INVISIBLE, 0.001, 0.001) for index in range(300))
    assert (
        len(front_page.list_invisible(run.with_verdict(replace(verdict_of(run), changes=many))))
        == 200
    )


def test_map_shows_the_worst(run: runs.Run) -> None:
    """A cell says the worst outcome of its aspects in a word and a shape, and lists them all for
    who points at it.
    """
    cells = front_page.make_family_map(run, view.find_states(run))
    broken = run.manifest.cases[-1].model.name
    assert cells["microprint"][broken].text == "regressed"
    assert (cells["logo"]["ns"].tone, cells["logo"]["ns"].text) == ("good", "improved")
    assert cells["thin_text"]["ns"].text == "invisible"
    title = cells["thin_text"][broken].title
    assert title.startswith(f"thin_text × {broken}, 3 cases: 1 needs review; structure: regressed")
    assert "regressed (clearly visible, 0.60 JOD); detail: regressed (obvious" in title
    assert "seams: unchanged" in title
    assert "just visible" not in title  # what is unchanged is not visible


def test_map_without_a_baseline(run: runs.Run) -> None:
    """Budgets are on the map; a pair that nothing was said of is not called a pass."""
    past = finding(run, rule="budget")
    found = replace(verdict_of(run), judgements=(), findings=(past,), baseline="", changes=())
    cells = front_page.make_family_map(run.with_verdict(found), view.find_states(run))
    assert cells[past.families[0]][past.models[0]].text == "regressed"
    assert cells["logo"]["ns"].text == "not compared"


def test_an_edit_without_a_picture_is_on_the_map(run: runs.Run) -> None:
    """Whatever its pictures say, in the header's words: an error is not a refusal."""
    good = tuple(
        Judgement("microprint", case.model.name, "detail", Outcome.IMPROVED, 0, 1, 0.4, 1)
        for case in run.manifest.cases[-1:]
    )
    found = replace(verdict_of(run), judgements=good, findings=())
    cells = front_page.make_family_map(run.with_verdict(found), view.find_states(run))
    assert cells["microprint"][run.manifest.cases[-1].model.name].text == "1 error"
    model = run.manifest.cases[-1].model.name
    ours = [one for one in run.manifest.cases if one.scene == "microprint/1"]
    case_id = next(one.id for one in ours if one.model.name == model)
    states = dict.fromkeys(view.find_states(run), "unchanged") | {case_id: "refused"}
    refused = front_page.make_family_map(run.with_verdict(found), states)["microprint"][model]
    assert (refused.text, refused.tone, refused.mark) == ("1 refused", "warn", "⊘")


def test_what_is_not_applicable_is_on_the_map(run: runs.Run) -> None:
    """With its reason, and without a list: it has no case."""
    left_out = NotApplicable("logo", "1", "tiny", "tiny makes no ×2")
    manifest = replace(run.manifest, not_applicable=(left_out,))
    other = replace(run, manifest=manifest)
    cell = front_page.make_family_map(other, view.find_states(run))["logo"]["tiny"]
    assert (cell.text, cell.href, cell.title) == ("not applicable", "", "tiny makes no ×2")
