"""Findings as people look at them: by family, model and the first stage that differs, one a metric before the others.

A regression moves many numbers at once: of each metric the worst region and statistic says it, and the others are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.types import Outcome, Verdict
from harness.wording import counted
from reports.verdict import CONDUCT, Row, open_rows, rows, short

NAMED_FAMILIES = 4
NAMED_MODELS = 3
"""Names in a sentence, before the others are counted."""
MAX_NAME = 60

_BESIDE_BASELINE = frozenset({"baseline", *CONDUCT})


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one family and model, at one stage."""

    family: str
    model: str
    stage: str
    """Empty: not known."""
    leading: tuple[Row, ...]
    """One a metric, the worst; worst first."""
    others: tuple[Row, ...]
    """Other regions and statistics of the same metrics, worst first."""

    @property
    def size(self) -> int:
        """How many findings it holds."""
        return len(self.leading) + len(self.others)

    def more(self, listed: int) -> str:
        """What is not said once so many of it are listed: `62 more checks of 14 metrics`; empty: nothing."""
        rest = [*self.leading[listed:], *self.others]
        metrics = len({row.metric for row in rest})
        return f"{counted(len(rest), 'more check')} of {counted(metrics, 'metric')}" if rest else ""


def grouped(found: Sequence[Row]) -> tuple[Group, ...]:
    """Rows that are worst first, in groups that are worst first.

    What no stage is known of joins the first group of its family and model.
    """
    places: dict[tuple[str, str, str], list[Row]] = {}
    first: dict[tuple[str, str], tuple[str, str, str]] = {}
    for row in found:
        pair = (row.family, row.model)
        place = (*pair, row.stage) if row.stage else first.get(pair, (*pair, ""))
        first.setdefault(pair, place)
        places.setdefault(place, []).append(row)
    return tuple(_group(place, own) for place, own in places.items())


def open_groups(found: Sequence[Row]) -> tuple[Group, ...]:
    """What is no plain pass: first what needs a person, then what got better."""
    wrong = open_rows(found)
    return (
        *grouped([row for row in wrong if row.outcome != Outcome.IMPROVED]),
        *grouped([row for row in wrong if row.outcome == Outcome.IMPROVED]),
    )


def leading(groups: Sequence[Group], most: int, each: int) -> tuple[Row, ...]:
    """At most `most` rows, in the order of the groups: one of every group before any has two, `each` of one at most."""
    taken = [0] * len(groups)
    left = most
    for turn in range(each):
        for index, group in enumerate(groups):
            if left and turn < len(group.leading):
                taken[index] += 1
                left -= 1
    return tuple(row for group, number in zip(groups, taken, strict=True) for row in group.leading[:number])


def broken(verdict: Verdict) -> str:
    """What got worse, where, and at which stage first: `ns got worse in logo and microprint, first at refine_mask`.

    Empty: nothing is past a limit.
    """
    models: dict[str, list[Row]] = {}
    for row in rows(verdict):
        if row.outcome == Outcome.REGRESSED:
            models.setdefault(row.model, []).append(row)
    said = [f"{short(model, MAX_NAME)} {_of_model(own)}" for model, own in list(models.items())[:NAMED_MODELS]]
    more = len(models) - len(said)
    return "; ".join([*said, *([f"and {counted(more, 'more model')}"] if more else [])])


def _of_model(found: Sequence[Row]) -> str:
    stages: dict[str, Counter[str]] = {}
    for row in found:
        stages.setdefault(row.family, Counter())[row.stage] += 1
    families: dict[str, list[str]] = {}
    for family, counts in stages.items():
        families.setdefault(counts.most_common(1)[0][0], []).append(short(family, MAX_NAME))
    places = [f"in {_names(own)}{f', first at {stage}' if stage else ''}" for stage, own in families.items()]
    return f"{_verb({row.kind for row in found})} {_joined(places, ', and ')}"


def _verb(kinds: set[str]) -> str:
    if kinds & _BESIDE_BASELINE:
        return "got worse"
    return "takes more than its limit" if kinds == {"limit"} else "is past its budgets"


def _names(names: Sequence[str]) -> str:
    listed, more = [*names[:NAMED_FAMILIES]], len(names) - NAMED_FAMILIES
    return _joined([*listed, f"{more} more"] if more > 0 else listed, " and ")


def _joined(parts: Sequence[str], last: str) -> str:
    return last.join([part for part in (", ".join(parts[:-1]), *parts[-1:]) if part])


def _group(place: tuple[str, str, str], found: Iterable[Row]) -> Group:
    worst: dict[str, Row] = {}
    others = [row for row in found if worst.setdefault(row.metric, row) is not row]
    return Group(*place, tuple(worst.values()), tuple(others))


def by_metric(found: Iterable[Row]) -> Mapping[str, tuple[Row, ...]]:
    """Rows by their metric, in their order."""
    metrics: dict[str, list[Row]] = {}
    for row in found:
        metrics.setdefault(row.metric, []).append(row)
    return {metric: tuple(own) for metric, own in metrics.items()}
