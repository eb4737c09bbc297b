"""What edits cost beside the baseline's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from editproof.harness.gate import cost
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Limit
from editproof.harness.records.verdicts import Outcome
from tests.harness.made import MARGIN, judge_beside, measured, run_of


def costing(
    *,
    wall: float = 2.0,
    cpu: float | None = 2.0,
    growth: float = 0.0,
    cached: bool = False,
    edits: int = 12,
    limits: tuple[Limit, ...] = (),
) -> Run:
    """Edits of one process, one after the other; the first holds 500 MB of models that were
    loaded.
    """
    records = [
        replace(
            measured(35.0, step=turn + 1),
            seconds=wall,
            cpu_s=cpu,
            held_mb=(500.0 if turn else 100.0) + growth * turn,
            turn=turn,
            cached=cached,
        )
        for turn in range(edits)
    ]
    return run_of(*records, margins=(MARGIN,), limits=limits)


def notes(now: Run, before: Run) -> list[str]:
    """What a verdict says of it; nothing of it fails."""
    verdict = judge_beside(now, before)
    assert verdict.exit_code is ExitCode.OK
    return [note for note in verdict.notes if "slower" in note or "memory" in note]


def test_twice_the_processor_time_is_said() -> None:
    """With both times; it may be meant, so it fails nothing."""
    (note,) = notes(costing(cpu=4.0), costing())
    assert "ns is slower than in the baseline: an edit takes 2.0 times the processor time" in note
    assert "4 s now and 2 s then" in note


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (costing(wall=9.0), costing()),
        (costing(cpu=2.8), costing()),
        (costing(cpu=4.0, cached=True), costing()),
        (costing(cpu=0.08), costing(cpu=0.02)),
        (costing(wall=3.8, cpu=None), costing()),
    ],
)
def test_what_is_no_slower_is_not_said(now: Run, before: Run) -> None:
    """Wall time alone is the machine's business; a cached edit was not timed; a fraction of a
    second is none.
    """
    assert not notes(now, before)


def test_where_processor_time_is_not_known_twice_the_wall_time_is_said() -> None:
    """Of either side."""
    (note,) = notes(costing(wall=4.2), costing(cpu=None))
    assert "2.1 times the time" in note


def test_memory_that_grows_from_edit_to_edit_is_said() -> None:
    """40 MB an edit; what models took at first is no growth, nor what grew in the baseline as
    well.
    """
    (note,) = notes(costing(growth=40.0), costing())
    assert (
        "ns: the memory of its process grows by 40 MB an edit, and by 0 MB in the baseline" in note
    )
    assert not notes(costing(growth=40.0), costing(growth=30.0))
    assert not notes(costing(growth=3.0), costing())


def test_growth_is_the_slope_of_a_process_and_takes_8_edits_to_tell() -> None:
    """Not known of fewer, nor where the system says nothing."""
    assert cost.measure_growth(costing(growth=40.0), "ns") == pytest.approx(40)
    assert cost.measure_growth(costing(growth=40.0, edits=10), "ns") is None
    many = costing(growth=40.0, edits=2 * cost.MOST_EDITS)
    assert cost.measure_growth(many, "ns") == pytest.approx(40)
    silent = costing(growth=40.0)
    silent = silent.with_records([replace(record, held_mb=None) for record in silent.records])
    assert cost.measure_growth(silent, "ns") is None


@pytest.mark.parametrize(
    ("limit", "after", "code"),
    [
        (Limit("growth", max=10.0), 40.0, ExitCode.REGRESSION),
        (Limit("growth", max=50.0), 40.0, ExitCode.OK),
        (Limit("cpu", max=1.0), 2.0, ExitCode.REGRESSION),
        (Limit("cpu", max=3.0), 2.0, ExitCode.OK),
    ],
)
def test_a_limit_of_growth_or_processor_time_is_kept_or_broken(
    limit: Limit, after: float, code: ExitCode
) -> None:
    """With the number and the limit."""
    verdict = judge_beside(costing(growth=40.0, limits=(limit,)), None)
    assert verdict.exit_code is code
    (finding,) = verdict.findings
    assert finding.outcome is (Outcome.PASS if code is ExitCode.OK else Outcome.REGRESSED)
    assert finding.evidence
    assert (finding.evidence.metric, finding.evidence.limit) == (limit.of, limit.max)
    assert finding.evidence.after == pytest.approx(after)


def test_a_limit_of_growth_on_too_few_edits_is_not_judged() -> None:
    """Exit 3, with why."""
    verdict = judge_beside(costing(edits=5, limits=(Limit("growth", max=10.0),)), None)
    assert verdict.exit_code is ExitCode.INCOMPLETE
    assert "growth needs 8 edits in one process" in verdict.invalid[0]
