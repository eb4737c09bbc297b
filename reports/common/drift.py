"""Drift in words: `PSNR in keep falls 0.80 dB a turn (0.60 to 1.00)`."""

from __future__ import annotations

from collections.abc import Sequence

from editproof.harness.records.drift import TurnDrift, measure_turn_drift
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import format_title
from editproof.reports.common import numbers
from editproof.reports.common.verdict import shorten


def list_drift_lines(run: Run) -> list[str]:
    """A line a model, over all families; none where no output was edited again."""
    by_model: dict[str, list[TurnDrift]] = {}
    for drift in measure_turn_drift(run):
        by_model.setdefault(drift.model, []).append(drift)
    return [f"drift:   {shorten(model)}: {describe_drifts(own)}" for model, own in by_model.items()]


def describe_drifts(drifts: Sequence[TurnDrift]) -> str:
    """All numbers of one model."""
    return "; ".join(describe_drift(drift) for drift in drifts)


def describe_drift(drift: TurnDrift) -> str:
    """One number: how it goes each turn, with the 95 % interval."""
    name = f"{format_title(drift.metric)} in {drift.region}"
    if drift.interval is None and not drift.slope:
        return f"{name} holds (one chain, so no interval)"
    if drift.interval is None:
        return (
            f"{name} {_choose_verb(drift.slope)} {_format(abs(drift.slope), drift)} a turn"
            " (one chain, so no interval)"
        )
    low, high = drift.interval
    if not drift.is_plain:
        return f"{name} holds ({_format_bare(low, drift)} to {_format(high, drift)} a turn)"
    near, far = sorted((abs(low), abs(high)))
    return (
        f"{name} {_choose_verb(drift.slope)} {_format(abs(drift.slope), drift)} a turn"
        f" ({_format_bare(near, drift)} to {_format_bare(far, drift)})"
    )


def _choose_verb(slope: float) -> str:
    return "falls" if slope < 0 else "rises"


def _format(value: float, drift: TurnDrift) -> str:
    return numbers.format_quantity(value, drift.unit)


def _format_bare(value: float, drift: TurnDrift) -> str:
    return numbers.number(value, drift.unit)
