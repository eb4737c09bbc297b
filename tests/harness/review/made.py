"""A run to review: fifty changes of three kinds, three of them bad, beside an accepted run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.accepted_side import keep_accepted_side
from editproof.harness.gate.judge import judge
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.pictures import files
from editproof.harness.pictures.differences import DifferenceStore, PicturePair
from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.process_limits import DEFAULT_LIMITS
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Viewing
from editproof.harness.records.tables import write_tables
from editproof.harness.review.groups import PARTS
from editproof.harness.review.rerunning import Means
from editproof.harness.suites.trust import NO_TRUST, Trust
from tests.harness.made import METRICS, Picture, case, run_of, scored, texture

Damage = Callable[[Picture], Picture]

BAD = (7, 23, 41)
"""Steps whose pictures are spoilt beside the change that all of their kind share."""


def blur(image: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.float32)


def lighten(image: Picture) -> Picture:
    return np.asarray(np.clip(image + 0.06, 0, 1), np.float32)


def tint(image: Picture) -> Picture:
    return np.asarray(np.clip(image + np.array([0.05, 0, -0.05]), 0, 1), np.float32)


KINDS: Sequence[tuple[str, str, Damage]] = (
    ("logo", "detail", blur),
    ("stamp", "tone", lighten),
    ("moire", "colour", tint),
)
"""Family, the part of the difference that is seen most, and what is done to the picture."""

TEXTURES = 97
"""Different pictures; a larger run shows them more than once."""

TYPICAL_JOD, BAD_JOD = 0.5, 0.8
"""How visible a change is, and a bad one: not enough for a group of its own."""


def spoil(image: Picture) -> Picture:
    """A dark bar where nothing was: what a person must not accept."""
    spoilt = image.copy()
    edge = len(image)
    spoilt[edge // 3 : edge // 2, edge // 5 : -edge // 5] *= 0.2
    return spoilt


def make_pair(folder: Path, changes: int = 50, size: int = 64, name: str = "") -> tuple[Run, Path]:
    """A judged run in `folder/runs/now`, and the baseline beside which its first pictures changed.
    Four cases did not change. `name`: of all families, in place of their own.
    """
    before, now = [], []
    (folder / "runs" / "now").mkdir(parents=True)
    store = DifferenceStore(folder / "runs" / "now")
    for step in range(1, changes + 5):
        family, part, damage = KINDS[step % len(KINDS)]
        accepted = texture(step % TEXTURES, size)
        image = damage(accepted) if step <= changes else accepted
        image = spoil(image) if step in BAD else image
        one = scored(replace(case(step, family=family), family=name or family))
        before.append(_show(folder / "runs" / "before", one, accepted))
        now.append(_show(folder / "runs" / "now", one, image))
        jod = BAD_JOD if step in BAD else TYPICAL_JOD + 0.001 * (step % TEXTURES)
        see(store, before[-1], now[-1], part, jod)
    first = write_run(folder / "runs" / "before", before)
    target = acceptance.accept(first, folder / "baselines" / "made")
    return judge_run(write_run(folder / "runs" / "now", now), target), target


def see(store: DifferenceStore, before: CaseRecord, now: CaseRecord, part: str, jod: float) -> None:
    """Let a run know how two pictures differ, so that nobody needs to look."""
    pair = PicturePair(before.blobs["actual"], now.blobs["actual"], "", Viewing())
    parts = {name: jod if name == part else 0.05 for name in PARTS}
    store.put(pair, Difference(jod / 3, jod, parts=parts, regions={"all": jod}))


def write_run(folder: Path, records: Sequence[CaseRecord], name: str = "made") -> Run:
    """A complete run of these records, as it lies on the disk."""
    made = run_of(*records, metrics=METRICS, folder=folder, name=name)
    write_manifest(folder, made.manifest)
    journal = Journal(folder)
    for record in made.records:
        journal.append(record)
    journal.close()
    write_tables(folder, made.records)
    return runs.load(folder)


def make_means(trust: Trust = NO_TRUST, **pipelines: str) -> Means:
    """What the desk makes edits with; `pipelines` stand for those of the run, by model."""
    return Means(pipelines, trust, 60.0, DEFAULT_LIMITS, lambda: NO_WEIGHTS)


def judge_run(run: Run, target: Path) -> Run:
    """The run as the gate leaves it beside a baseline."""
    baseline = baseline_folder.load(target)
    result = judge(run, baseline)
    runs.write_verdict(run.folder, result.verdict)
    keep_accepted_side(run, baseline, result)
    return runs.load(run.folder)


def _show(folder: Path, record: CaseRecord, image: Picture) -> CaseRecord:
    """The case with its picture; its input is a grey one."""
    grey = np.full_like(image, 0.5)
    pictures = {"actual": image, "input": grey}
    return replace(record, blobs={kind: files.store(folder, one) for kind, one in pictures.items()})
