"""Did a picture change, and can anybody see it? The first two questions of the gate, asked of every
finished case.

What workers measured while the run went on lies in the run's folder, what was measured before in
the cache; the rest is measured here, several pairs at a time. Looking also tells whether the
pictures of a stochastic model still are the accepted samples, changed, or other samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from editproof.harness.metrics.core.colorvideovdp import explain_unavailable
from editproof.harness.metrics.core.metric import Areas
from editproof.harness.metrics.core.visibility import (
    BLIND_PSNR_DB,
    Difference,
    compare,
    compare_without_model,
    measure_kept_sample,
)
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.differences import DifferenceStore, PicturePair, viewing_of
from editproof.harness.processes.threads import one_thread_each
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.case_table import Columns
from editproof.harness.records.cases import Case
from editproof.harness.records.ending_table import Flags
from editproof.harness.records.errors import UsageError
from editproof.harness.records.pairing import (
    Mode,
    Pairing,
    Scene,
    Subject,
    find_other_seed,
    is_stochastic,
    list_answers,
    takes_seed,
)
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Viewing
from editproof.harness.suites.tasks import make_task

State = Literal["invisible", "visible", "unknown", "no picture"]
"""`unknown`: a picture is not there any more, so only its numbers tell. `no picture`: one side
refused the edit, or both.
"""

BLIND = (
    f"Meanwhile a window whose PSNR to the accepted picture is below {BLIND_PSNR_DB:g} dB counts as"
    " visible"
)

KEPT = 0.5
"""From this far on, a picture counts as the accepted sample of its seed: halfway between that and
any other sample.
"""

SEED_PAIRS = 3
"""Pairs of accepted pictures of a scene that say how much its seeds differ."""

Report = Callable[[int, int], None]
"""Called with how many pairs have been measured, and how many there are."""


def report_nothing(done: int, total: int) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class LookOptions:
    """How pictures are looked at."""

    jobs: int = 1
    cache: Path | None = None
    report: Report = report_nothing


class Look(msgspec.Struct, frozen=True):
    """One picture of a run beside the accepted one, of which it is no copy."""

    column: int
    """Of the run."""
    partner: int
    """Of the baseline."""
    answer: int
    """Which of the accepted answers is nearest: 0 the first one."""
    state: State
    difference: Difference | None = None
    """None: it is not known, or there is none."""


@dataclass(frozen=True)
class Looks:
    """Every picture of a run that has a counterpart."""

    unchanged: tuple[int, ...]
    """Columns of the run whose picture is an accepted one, bit for bit."""
    by_column: Mapping[int, Look]
    """All others."""
    modes: Mapping[Subject, Mode] = field(default_factory=dict)
    """How each scene is compared, now that its pictures are known."""
    among_seeds: Mapping[Subject, tuple[Difference, ...]] = field(default_factory=dict)
    """How much the accepted pictures of a scene differ among one another, where that matters."""
    seen_by: str = ""
    """How visibility was measured."""

    def of(self, columns: Iterable[int], state: State) -> list[int]:
        """Those of the columns that are in that state."""
        known = self.by_column
        return [column for column in columns if column in known and known[column].state == state]

    def find_difference(self, column: int) -> Difference | None:
        """By how much a picture differs; None: it does not, or that is not known."""
        return self.by_column[column].difference if column in self.by_column else None

    def list_changed(self, columns: Iterable[int]) -> list[Look]:
        """Those of the columns that changed."""
        known = self.by_column
        return [known[column] for column in columns if column in known]

    def list_changed_scenes(self, scenes: Iterable[Scene]) -> list[Scene]:
        """Those of the scenes of which a picture changed."""
        known = self.by_column.keys()
        return [scene for scene in scenes if not known.isdisjoint(scene.ours)]


@dataclass(frozen=True, slots=True)
class _Task:
    pair: PicturePair
    column: int
    """Of the run; the case's scene says where regions lie."""
    other: str = ""
    """Hash of the accepted picture of another seed; empty: nobody asks for it."""


def look(run: Run, baseline: Baseline, pairing: Pairing, looking: LookOptions) -> Looks:
    """Compare every picture with the accepted one, bit for bit; what changed, as a viewer would see
    it.
    """
    viewing = {
        family: viewing_of(run.manifest.suite.viewing, family)
        for family in {scene.family for scene in pairing.scenes}
    }
    sights = _list_sights(pairing.scenes)
    same = _find_same(run, baseline, sights)
    unchanged = tuple(sights.ours[same].tolist())
    left = (part[~same].tolist() for part in sights)
    changed = [
        (pairing.scenes[place], column, partner)
        for place, column, partner in zip(*left, strict=True)
    ]
    tasks = [
        task
        for scene, column, partner in changed
        for task in _plan_tasks(run, baseline, scene, column, partner, viewing[scene.family])
    ]
    store = DifferenceStore(run.folder, looking.cache)
    known, blind = _measure_tasks(run, baseline, tasks, store, looking)
    found = {
        column: _look_at(run, baseline, column, partner, known, viewing[scene.family])
        for scene, column, partner in changed
    }
    modes = _choose_modes(run, baseline.run, pairing.scenes, sights, found)
    seeded = [scene for scene in pairing.scenes if modes[scene.subject] == "seeds"]
    among = {
        scene.subject: list(_plan_seed_tasks(baseline, scene, viewing[scene.family]))
        for scene in seeded
    }
    more, _ = _measure_tasks(
        run, baseline, [task for own in among.values() for _, task in own], store, looking
    )
    differences = {
        subject: tuple(
            difference
            for same, task in own
            if (difference := Difference(0.0, 0.0) if same else more.get(task.pair)) is not None
        )
        for subject, own in among.items()
    }
    return Looks(
        unchanged,
        found,
        modes,
        differences,
        f"{blind}. {BLIND}" if blind else _describe_viewing(run.manifest.suite.viewing),
    )


class _Sights(NamedTuple):
    """Every picture that has a counterpart, in the order of the scenes."""

    scenes: Columns
    """Place of its scene."""
    ours: Columns
    """Its column of the run."""
    partners: Columns
    """The accepted column that it is looked at beside."""


def _list_sights(scenes: Sequence[Scene]) -> _Sights:
    counts = np.array([len(scene.ours) for scene in scenes], np.intp)
    sides = (
        np.fromiter(chain.from_iterable(side), np.intp, int(counts.sum()))
        for side in ((one.ours for one in scenes), (one.partners for one in scenes))
    )
    return _Sights(np.repeat(np.arange(len(scenes)), counts), *sides)


def _find_same(run: Run, baseline: Baseline, sights: _Sights) -> Flags:
    """Whether each picture is an accepted one."""
    pictures = run.ending_table.texts("actual")[sights.ours]
    same = pictures == baseline.run.ending_table.texts("actual")[sights.partners]
    for place in np.flatnonzero(~same) if baseline.also else ():
        same[place] = pictures[place] in list_answers(baseline, sights.partners[place])
    return np.asarray(same & (pictures != ""), bool)


def _choose_modes(
    run: Run,
    baseline: Run,
    scenes: Sequence[Scene],
    sights: _Sights,
    looks: Mapping[int, Look],
) -> dict[Subject, Mode]:
    """How each scene is compared. Seeds tell nothing where one side has none, or others."""
    seeded = {
        model: all(is_stochastic(side, model) and takes_seed(side, model) for side in sides)
        for sides in [(run, baseline)]
        for model in {scene.model for scene in scenes}
    }
    ours, theirs = (side.case_table.column("seed") for side in (run, baseline))
    other = np.asarray(ours[sights.ours] != theirs[sights.partners], bool)
    on_others = {*sights.scenes[other].tolist()}
    return {
        scene.subject: _choose_mode(run, baseline, scene, looks)
        if seeded[scene.model] and place not in on_others
        else scene.mode
        for place, scene in enumerate(scenes)
    }


def _choose_mode(run: Run, baseline: Run, scene: Scene, looks: Mapping[int, Look]) -> Mode:
    """How a scene on the accepted seeds is compared. They mean something where most of its pictures
    still are the accepted samples. Where that can't be told, what was found of the model stands.
    """
    if looks.keys().isdisjoint(scene.ours):
        return "pairs"
    told = [
        word
        for column in scene.ours
        if (word := _is_kept_sample(run, baseline, scene, looks.get(column))) is not None
    ]
    if not told:
        return scene.mode
    return "pairs" if 2 * sum(told) > len(scene.ours) else "seeds"


def _is_kept_sample(run: Run, baseline: Run, scene: Scene, look: Look | None) -> bool | None:
    """Whether a picture still is the accepted sample of its seed; None: that can't be told."""
    if look is None:
        return True
    kept = look.difference.kept if look.difference else None
    if kept is not None:
        return KEPT <= kept <= 2 - KEPT
    if len(scene.theirs) > 1 and len(_list_pictures(baseline, scene.theirs)) == 1:
        return len(_list_pictures(run, scene.ours)) == 1  # no seed matters in this scene
    return None


def _list_pictures(run: Run, columns: Iterable[int]) -> set[str]:
    pictures = run.ending_table.texts("actual")
    return {pictures[column] for column in columns}


def _plan_tasks(
    run: Run,
    baseline: Baseline,
    scene: Scene,
    column: int,
    partner: int,
    viewing: Viewing,
) -> Iterator[_Task]:
    """The pairs of pictures that differ."""
    ended = run.ending_table
    image, expected = ended.texts("actual")[column], ended.texts("expected")[column]
    accepted = list_answers(baseline, partner)
    if image and accepted:
        seed = run.case_table.column("seed")[column]
        other = find_other_seed(seed, baseline.run, partner, scene.theirs)
        for digest in accepted:
            yield _Task(PicturePair(digest, image, expected, viewing), column, other)


def _plan_seed_tasks(
    baseline: Baseline, scene: Scene, viewing: Viewing
) -> Iterator[tuple[bool, _Task]]:
    """Pairs of accepted pictures of a scene, and whether they are one picture."""
    columns = scene.theirs
    count = len(columns) if len(columns) > 2 else len(columns) - 1
    pictures = baseline.run.ending_table.texts("actual")
    for place in range(min(count, SEED_PAIRS)):
        before, after = pictures[columns[place]], pictures[columns[(place + 1) % len(columns)]]
        if before and after:
            yield (
                before == after,
                _Task(PicturePair(before, after, "", viewing), scene.ours[0]),
            )


def _look_at(
    run: Run,
    baseline: Baseline,
    column: int,
    partner: int,
    known: Mapping[PicturePair, Difference],
    viewing: Viewing,
) -> Look:
    ours, theirs = run.ending_table, baseline.run.ending_table
    pictures = ours.texts("actual")[column], ours.texts("expected")[column]
    pairs = [PicturePair(one, *pictures, viewing) for one in list_answers(baseline, partner)]
    measured = [(place, known[pair]) for place, pair in enumerate(pairs) if pair in known]
    if not measured:
        statuses = {ours.texts("status")[column], theirs.texts("status")[partner]}
        return Look(column, partner, 0, "no picture" if "refused" in statuses else "unknown")
    place, nearest = min(measured, key=lambda one: (one[1].visible, one[1].jod))
    return Look(column, partner, place, "visible" if nearest.visible else "invisible", nearest)


def _measure_tasks(
    run: Run,
    baseline: Baseline,
    tasks: Sequence[_Task],
    store: DifferenceStore,
    looking: LookOptions,
) -> tuple[dict[PicturePair, Difference], str]:
    """What every pair differs by: known, or measured now; and why it was measured blind, if it was.
    A pair of which a picture is gone is left out.
    """
    known: dict[PicturePair, Difference] = {}
    missing: dict[PicturePair, _Task] = {}
    folders = [run.folder, baseline.run.folder]
    for task in tasks:
        if task.pair.accepted == task.pair.image:
            continue
        found = store.get(task.pair)
        if found:
            known[task.pair] = found
        if (found is None or (task.other and found.kept is None)) and _has_pictures(task, folders):
            missing[task.pair] = task
    if not missing:
        return known, ""
    blind = explain_unavailable() if len(known) < len({*known, *missing}) else ""
    with one_thread_each(), ThreadPoolExecutor(looking.jobs) as pool:
        results = pool.map(
            lambda asked: (
                asked[0].pair,
                _compare_task(
                    asked[0], asked[1], folders, known.get(asked[0].pair), blind=bool(blind)
                ),
            ),
            _by_scene(run, missing.values()),
        )
        for done, (pair, difference) in enumerate(results, start=1):
            if difference is not None:
                known[pair] = difference
                if not blind:
                    store.put(pair, difference)
            looking.report(done, len(missing))
    return known, blind


def _has_pictures(task: _Task, folders: Sequence[Path]) -> bool:
    return all(
        pictures.path_in(folders, digest) for digest in (task.pair.accepted, task.pair.image)
    )


def _compare_task(
    task: _Task, case: Case, folders: Sequence[Path], known: Difference | None, *, blind: bool
) -> Difference | None:
    """What a viewer sees of the difference; without the package, what limits by PSNR say of it.
    None: the two are of different sizes.
    """
    accepted, image = (
        pictures.load(_find_picture(folders, digest))
        for digest in (task.pair.accepted, task.pair.image)
    )
    if accepted.shape != image.shape:
        return None
    other, expected = (
        pictures.find(folders, digest) for digest in (task.other, task.pair.expected)
    )
    if known or blind:
        kept = measure_kept_sample(accepted, image, other) if other is not None else None
        return msgspec.structs.replace(known or compare_without_model(accepted, image), kept=kept)
    areas = draw_areas(case, image.shape[:2])
    return compare(
        accepted, image, viewing=task.pair.viewing, areas=areas, expected=expected, other=other
    )


def draw_areas(case: Case, shape: tuple[int, ...]) -> Areas:
    """Where the scene's regions lie; none where its files are gone, or it is drawn otherwise
    now.
    """
    try:
        areas = make_task(case).reference.areas
    except UsageError:
        return {}
    return areas if all(area.shape == shape for area in areas.values()) else {}


def _by_scene(run: Run, tasks: Iterable[_Task]) -> list[tuple[_Task, Case]]:
    asked = [(task, run.manifest.cases[task.column]) for task in tasks]
    return sorted(asked, key=lambda one: (one[1].scene, one[1].model.name, one[1].seed))


def _describe_viewing(viewing: Sequence[Viewing]) -> str:
    """How visibility was measured, in words."""
    looks = viewing or (Viewing(),)
    told = dict.fromkeys(
        f"{one.display}{f', {one.zoom:g} × zoom' if one.zoom != 1 else ''}" for one in looks
    )
    return f"ColorVideoVDP, {'; '.join(told)}"


def _find_picture(folders: Sequence[Path], digest: str) -> Path:
    path = pictures.path_in(folders, digest)
    if path is None:
        raise UsageError(f"the picture {digest} is gone from {folders[0]}")
    return path
