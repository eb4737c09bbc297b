"""What edits cost beside the baseline's: processor time, and memory that grows from edit to edit.

Wall time alone says little where machines are shared: it is only spoken of where processor time is
not known.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from editproof.harness.records.baseline import Baseline
from editproof.harness.records.case_table import Columns
from editproof.harness.records.pairing import Pairing
from editproof.harness.records.runs import Run
from editproof.harness.records.wording import number

SLOWER = 1.5
SLOWER_S = 0.1
"""An edit is said to be slower from so many times the accepted time on, in the median over pairs,
if by so many seconds.
"""

SLOWER_WALL = 2.0
"""The same where only wall time is known."""

LEAST_EDITS = 8
"""So many edits of a process tell whether its memory grows; the first few load models."""

WARM_UP = 3
"""Edits that are left out: what is loaded at first is no leak."""

MOST_EDITS = 2_000
"""So many edits, evenly spread over all of a model's, tell its growth: every two of them are
compared.
"""

GROWTH_MB = 5.0
"""An edit is said to leave memory behind from so many MB on, if the accepted run's left less than
half of it.
"""


def list_notes(run: Run, baseline: Baseline, pairing: Pairing) -> Iterable[str]:
    """What costs far more than it did, in a sentence each. To have it fail the build, somebody
    writes [[limits]].
    """
    pairs = pairing.ids.ours, pairing.ids.theirs
    for model in dict.fromkeys(scene.model for scene in pairing.scenes):
        if slower := _describe_slowdown(run, baseline.run, pairs, model):
            yield slower
        now, then = measure_growth(run, model), measure_growth(baseline.run, model)
        if now is not None and now >= GROWTH_MB and now > 2 * max(then or 0.0, 0.0):
            before = (
                "" if then is None else f", and by {number(max(then, 0.0), 'MB')} in the baseline"
            )
            yield (
                f"{model}: the memory of its process grows by {number(now, 'MB')} an edit{before}."
                " Look for pictures or tensors that are kept. To limit it, write [[limits]] with"
                ' of = "growth"'
            )


def _describe_slowdown(run: Run, baseline: Run, pairs: tuple[Columns, Columns], model: str) -> str:
    """What a model's edits take beside the accepted ones, where that is far more."""
    ours, theirs = run.ending_table, baseline.ending_table
    mine, yours = pairs
    kept = (run.case_table.models[mine] == model) & ~ours.flags("cached")[mine]
    for table, columns in ((ours, mine), (theirs, yours)):
        kept &= ~table.failed[columns]
    mine, yours = mine[kept], yours[kept]
    cpu = ~np.isnan(ours.numbers("cpu_s")[mine] + theirs.numbers("cpu_s")[yours])
    column, least, what = ("cpu_s", SLOWER, "processor time")
    if not cpu.any():
        column, least, what, cpu = "seconds", SLOWER_WALL, "time", np.ones(len(mine), bool)
    if not cpu.any():
        return ""
    after = ours.numbers(column)[mine[cpu]]
    before = theirs.numbers(column)[yours[cpu]]
    now, then = float(np.median(after)), float(np.median(before))
    ratio = float(np.median(after / np.maximum(before, 1e-3)))
    if ratio < least or now - then < SLOWER_S:
        return ""
    return (
        f"{model} is slower than in the baseline: an edit takes {ratio:.1f} times the {what} in the"
        f" median, {now:.2g} s now and {then:.2g} s then. To limit it, write [[limits]]"
    )


def measure_growth(run: Run, model: str) -> float | None:
    """How many MB more a model's process holds after each edit: the median slope over all pairs of
    edits (Theil and Sen), or of MOST_EDITS of them.

    None: there are too few edits, or the system does not say.
    """
    ended = run.ending_table
    turns, held = ended.numbers("turn"), ended.numbers("held_mb")
    points = np.flatnonzero(
        (run.case_table.models == model)
        & (turns >= WARM_UP)
        & ~np.isnan(held)
        & ~ended.flags("cached")
    )
    if len(points) < LEAST_EDITS:
        return None
    chosen = points[:: -(-len(points) // MOST_EDITS)]
    turns, held = turns[chosen], held[chosen]
    first, second = np.triu_indices(len(chosen), 1)
    apart = turns[second] - turns[first]
    known = apart != 0
    if not known.any():
        return None
    return float(np.median((held[second] - held[first])[known] / apart[known]))
