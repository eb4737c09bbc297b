"""Which cases change though nothing changed.

Two edits of a case, one after the other, are a pair where they have one fingerprint: pipeline,
settings, libraries and machine. Answers of the cache do not count. A pair whose pictures differ,
or which ended or was judged otherwise, is a change that nobody made.
"""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.harness.history.night_tables import read_rows
from editproof.harness.history.parts import PartStore, read_suite
from editproof.harness.history.series import encode_words
from editproof.harness.records.nights import FlakyCase, Mode

COLUMNS = (
    "case_id", "family", "model", "scene", "seed", "run", "fingerprint", "picture", "status",
    "outcome", "cached",
)  # fmt: skip

FEW_MODES = 3
"""A case with up to so many pictures, some of them more than once, gives one of several answers. A
case with more draws a sample each time.
"""


class Edit(NamedTuple):
    """One edit of a case in one night."""

    run: str
    fingerprint: str
    picture: str
    """Hash; empty: it made none."""
    status: str
    outcome: str
    """Of the gate; empty: it was not judged."""


class CaseName(NamedTuple):
    """What a case is called."""

    case_id: str
    family: str
    model: str
    scene: str
    seed: int


def read_edits(store: PartStore, suite: str, last: int = 0) -> dict[CaseName, list[Edit]]:
    """The edits of every case that did not always give one picture and one ending, oldest first.
    `last`: of so many nights at the end; 0: of all.
    """
    import pyarrow as pa
    from pyarrow import compute

    tables: list[Any] = []
    for where, data in read_suite(store, suite, last):
        _, table = read_rows(data, "case", COLUMNS, where)
        tables.append(table.filter(compute.invert(table.column("cached"))))
    if not tables:
        return {}
    whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    whole = whole.filter(pa.array(_find_changing(whole)))
    found: dict[CaseName, list[Edit]] = {}
    columns = [whole.column(column).to_pylist() for column in COLUMNS]
    for *named, run, fingerprint, picture, status, outcome, _ in zip(*columns, strict=True):
        edit = Edit(run, fingerprint, picture, status, outcome or "")
        found.setdefault(CaseName(*named), []).append(edit)
    return found


def _find_changing(table: Any) -> npt.NDArray[np.bool_]:
    """The rows of cases that have more than one picture or status."""
    case, picture, status = (
        encode_words(table.column(name))[1] for name in ("case_id", "picture", "status")
    )
    endings = np.unique(np.stack([case, picture, status], axis=1), axis=0)[:, 0]
    several = np.bincount(endings, minlength=int(case.max(initial=0)) + 1) > 1
    return np.asarray(several[case], np.bool_)


def find_flaky(edits: Mapping[CaseName, Sequence[Edit]]) -> tuple[FlakyCase, ...]:
    """The cases that changed with one fingerprint, those that did so most often first."""
    found = (_look_at(name, own) for name, own in edits.items())
    return tuple(
        sorted(
            (one for one in found if one),
            key=lambda one: (-one.rate, one.family, one.model, one.scene, one.seed),
        )
    )


def _look_at(name: CaseName, edits: Sequence[Edit]) -> FlakyCase | None:
    pairs = [
        (before, after)
        for before, after in itertools.pairwise(edits)
        if before.fingerprint == after.fingerprint
    ]
    pictures = sum(before.picture != after.picture for before, after in pairs)
    verdicts = sum(_is_judged_otherwise(before, after) for before, after in pairs)
    if not pictures and not verdicts:
        return None
    newest = [edit for edit in edits if edit.fingerprint == edits[-1].fingerprint]
    modes = _count_modes(newest if len(newest) > 1 else edits)
    is_few = 1 < len(modes) <= FEW_MODES and modes[0].nights > 1
    return FlakyCase(
        *name,
        len(edits),
        len(pairs),
        pictures,
        verdicts,
        modes,
        "second answer" if is_few else "more seeds",
        _write_command(modes) if is_few else "",
    )


def _is_judged_otherwise(before: Edit, after: Edit) -> bool:
    """Whether another picture was judged otherwise, or the edit ended otherwise. Of one picture,
    another verdict is the baseline's or the gate's.
    """
    if before.status != after.status:
        return True
    both = before.outcome and after.outcome and before.picture != after.picture
    return bool(both) and before.outcome != after.outcome


def _count_modes(edits: Iterable[Edit]) -> tuple[Mode, ...]:
    """The pictures, the most frequent first, each with the newest run that has it."""
    made = [edit for edit in edits if edit.picture]
    counts = Counter(edit.picture for edit in made)
    runs = {edit.picture: edit.run for edit in made}
    ranked = sorted(counts, key=lambda picture: (-counts[picture], picture))
    return tuple(Mode(picture, counts[picture], runs[picture]) for picture in ranked)


def _write_command(modes: Sequence[Mode]) -> str:
    """What accepts every picture as a right answer."""
    runs = sorted({mode.run for mode in modes})
    return shlex.join(
        ["editproof", "noise", *(f"runs/{run}" for run in runs), "--accept", "--reason", "TEXT"]
    )
