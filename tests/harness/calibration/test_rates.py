"""What is counted from the outcomes of trials, and the page that reports it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from editproof.harness.calibration.outcome import OUTCOMES, PeerVerdict, TrialOutcome, read_outcomes
from editproof.harness.calibration.page import write_page
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
from editproof.harness.faults.stages import get_fault
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.suites import Suite

WEIGHTS = find_weights("", download=False)
"""Those that come with a package."""


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


@pytest.mark.slow
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
    raised = (
        "- mine raised an error in 1 trials, which count in no rate.\n  The first was: KeyError: 1"
    )
    assert raised in page
    assert "| float16 | through float16 | ns | 0.000 | 0.000 | no | invisible | 0 |" in page
    fault = get_fault("ghost")
    assert (
        f"| inpaint | ghost | {fault.about} | 0.02 share of it | 0.40 | - ↑ | none | odiff |"
        in page
    )
    assert "The switch patch → ns alone: traded." in page
