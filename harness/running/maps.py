"""Heat maps for a report: where a metric sees the damage, of the cases that somebody will look at.

A map is drawn from the scene, which is drawn again, and the picture that the run kept. The colours
of a metric stand for the same values in all cases of a run. The ends are percentiles of the pixels
that are damaged at all. So a small edit is not lost in a large picture, and one pixel does not
darken the others.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.contract import check_metric
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Metric, Plane
from editproof.harness.metrics.core.registry import all_names, get_metric
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.files import Levels
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import EditproofError, IncompleteError, UsageError
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.map_index import PAGE_SCALES, Maps, MapScale, load_maps, write_maps
from editproof.harness.records.palettes import make_palettes
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.verdicts import Outcome
from editproof.harness.running.measure import PreparedReference, prepare
from editproof.harness.suites.tasks import make_task

MOST = 60
"""Cases that get maps where nobody says how many."""

REACH = 99.5
"""Percentile of the damaged pixels that the end of a scale stands for."""

FAINT = 1e-3
"""A pixel is damaged from this share of the picture's worst pixel on."""

LONGEST_PX = 1024
"""Longer edge of a map: it is looked at, not measured."""

SAMPLED = 256
"""Rows and columns of a map that its scale is found from."""

MOST_HALF = 65504.0
"""The largest number of half precision."""

HELD_BYTES = 256 << 20
"""Maps that are held, packed, while their scale is found; later ones are drawn on the scale of the
earlier ones.
"""

DRAWN = frozenset({"lpips", "cvvdp", "flip", "cer", "text_residue", "micro_legibility"})
"""Metrics whose maps are drawn of every case that gets maps: the page can't compute them. Maps of
other metrics are drawn of the cases where a finding shows one, or where maps of all cases are asked
for.
"""

Half = npt.NDArray[np.float16]


def draw(run: Run, weights: LpipsWeights, *, most: int | None = MOST) -> Maps:
    """Draw the maps of the cases that need a look (at most `most`; None: of all) into the run's
    folder, and give `maps.json`.

    What is there already, of the same pictures, is kept, unless maps of all cases are asked for.
    """
    chosen = choose_cases(run, most)
    before = load_maps(run.folder)
    known = before.pictures | before.skipped
    is_known = all(record.case.id in known for record in chosen)
    if most is not None and is_known and _same_pictures(before, chosen):
        return before
    shown = None if most is None else _find_shown_metrics(run)
    asked = None if shown is None else DRAWN.union(*shown.values())
    drawer = _MapDrawer(run.folder, _load_metrics(run, weights, asked))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy, OpenCV and torch run side by side
        for drawings in pool.map(lambda group: drawer.draw(group, shown), _by_scene(chosen)):
            drawer.take(drawings)
    maps = drawer.collect_maps()
    write_maps(run.folder, maps)
    return maps


def find_called_out(run: Run) -> tuple[str, ...]:
    """Ids of the cases that a finding names that is not a pass, in the verdict's order."""
    findings = run.verdict.findings if run.verdict else ()
    called = [finding for finding in findings if finding.outcome is not Outcome.PASS]
    firsts = [finding.case_id for finding in called if finding.case_id]
    return tuple(
        dict.fromkeys([*firsts, *(case_id for finding in called for case_id in finding.cases)])
    )


def choose_cases(run: Run, most: int | None) -> tuple[CaseRecord, ...]:
    """Finished cases with a picture, those first that need a person most: what findings call out,
    in the verdict's order, then the last step of each family that none calls out, then, where
    `most` is None, the others.
    """
    records = {record.case.id: record for record in run.records if "actual" in record.blobs}
    called = find_called_out(run)
    seen = {records[case_id].case.family for case_id in called if case_id in records}
    last: dict[str, CaseRecord] = {}
    for record in records.values():
        family = record.case.family
        if family not in seen and (family not in last or record.case.step > last[family].case.step):
            last[family] = record
    ids = [*called, *(record.case.id for record in last.values())]
    ranked = dict.fromkeys([*ids, *(records if most is None else ())])
    found = [records[case_id] for case_id in ranked if case_id in records]
    return tuple(found if most is None else found[:most])


def _same_pictures(before: Maps, chosen: Iterable[CaseRecord]) -> bool:
    return all(
        before.pictures.get(record.case.id, record.blobs["actual"]) == record.blobs["actual"]
        for record in chosen
    )


def _load_metrics(
    run: Run, weights: LpipsWeights, asked: Collection[str] | None
) -> tuple[Metric, ...]:
    """The run's metrics that have maps which the page can't compute, are still what they were when
    it was measured, and are fit to be used here; `asked` None: all of them.
    """
    names = [name for name in run.manifest.metrics if name in all_names()]
    wanted = [name for name in names if asked is None or name in asked]
    here = {name: get_metric(name, weights) for name in wanted if name not in PAGE_SCALES}
    return tuple(
        metric
        for name, metric in here.items()
        if metric.map is not None
        and metric.identity == run.manifest.metrics[name].identity
        and _fit(metric)
    )


def _find_shown_metrics(run: Run) -> dict[str, set[str]]:
    """Case id -> the metrics whose numbers findings show of it."""
    found: dict[str, set[str]] = {}
    for finding in run.verdict.findings if run.verdict else ():
        if finding.evidence and finding.outcome is not Outcome.PASS:
            for case_id in (finding.case_id, *finding.cases):
                found.setdefault(case_id, set()).add(metric_name(finding.evidence.metric))
    return found


def _fit(metric: Metric) -> bool:
    try:
        check_metric(metric)
    except IncompleteError:  # whoever reads a report need not have what measured it
        return False
    return True


def _by_scene(records: Sequence[CaseRecord]) -> list[list[CaseRecord]]:
    """The same records, those of one scene together, so that it is prepared once."""
    scenes: dict[tuple[object, ...], list[CaseRecord]] = {}
    for record in records:
        scenes.setdefault(record.case.scene_key, []).append(record)
    return list(scenes.values())


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What was drawn of one case, or why it can't be drawn."""

    record: CaseRecord
    planes: Mapping[str, Half]
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class _WaitingMap:
    """A map that waits for its scale."""

    case_id: str
    metric: str
    packed: bytes
    shape: tuple[int, ...]

    def plane(self) -> Half:
        """Unpacked."""
        return np.frombuffer(zlib.decompress(self.packed), np.float16).reshape(self.shape)


@dataclass(slots=True)
class _MapDrawer:
    """Draws maps, and stores them as soon as their scales are known."""

    folder: Path
    metrics: tuple[Metric, ...]
    cases: dict[str, dict[str, str]] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    scales: dict[str, MapScale] = field(default_factory=dict)
    _held: list[_WaitingMap] = field(default_factory=list)
    _held_bytes: int = 0

    def draw(
        self, records: Sequence[CaseRecord], shown: Mapping[str, set[str]] | None
    ) -> list[_Drawing]:
        """Draw the cases of one scene: DRAWN and what findings show (`shown`, by case id); None:
        every map that there is. Changes nothing here, so scenes are drawn side by side.
        """
        wanted = {
            record.case.id: [
                metric
                for metric in self.metrics
                if shown is None or metric.name in DRAWN | shown.get(record.case.id, set())
            ]
            for record in records
        }
        asked = {metric.name: metric for metrics in wanted.values() for metric in metrics}
        drawings: list[_Drawing] = []
        prepared: PreparedReference | None = None
        for record in records:
            try:
                prepared = prepared or _prepare(record, tuple(asked.values()))
                actual = pictures.load(blob_path(self.folder, record.blobs["actual"]))
            except EditproofError as error:
                drawings.append(_Drawing(record, {}, str(error)))
                continue
            planes = {
                metric.name: _shrink(metric.map(prepared.parts[metric.name], actual))
                for metric in wanted[record.case.id]
                if metric.map is not None and metric.name in prepared.parts
            }
            drawings.append(_Drawing(record, planes))
        return drawings

    def take(self, drawings: Sequence[_Drawing]) -> None:
        """Keep what was drawn, or why it could not be."""
        for drawing in drawings:
            case_id = drawing.record.case.id
            if drawing.skipped:
                self.skipped[case_id] = drawing.skipped
                continue
            self.pictures[case_id] = drawing.record.blobs["actual"]
            for metric, plane in drawing.planes.items():
                self._keep(case_id, metric, plane)

    def collect_maps(self) -> Maps:
        """Everything drawn."""
        self._release()
        colours = {name: colours.hex() for name, colours in make_palettes().items()}
        return Maps(
            palettes=colours,
            scales=self.scales,
            cases=self.cases,
            pictures=self.pictures,
            skipped=self.skipped,
        )

    def _keep(self, case_id: str, metric: str, plane: Half) -> None:
        if metric in self.scales:
            self._store(case_id, metric, plane)
            return
        held = _WaitingMap(case_id, metric, zlib.compress(plane.tobytes(), 1), plane.shape)
        self._held.append(held)
        self._held_bytes += len(held.packed)
        if self._held_bytes > HELD_BYTES:
            self._release()

    def _release(self) -> None:
        """Find the scales, and store what waited for them."""
        for metric in self.metrics:
            waiting = [held for held in self._held if held.metric == metric.name]
            if waiting:
                self.scales[metric.name] = scale_of(
                    metric, [_sample(held.plane()) for held in waiting]
                )
            for held in waiting:
                self._store(held.case_id, held.metric, held.plane())
        self._held, self._held_bytes = [], 0

    def _store(self, case_id: str, metric: str, plane: Half) -> None:
        scale = self.scales[metric]
        kind = "diverging" if scale.better == "zero" else "sequential"
        stored = pictures.store_indexed(self.folder, levels_of(plane, scale), make_palettes()[kind])
        self.cases.setdefault(case_id, {})[metric] = stored


def _prepare(record: CaseRecord, metrics: tuple[Metric, ...]) -> PreparedReference:
    """What is known about the scene's right answer. Raises UsageError where the scene is not what
    it was.
    """
    reference = make_task(record.case).reference
    expected = None if reference.expected is None else pictures.digest_of(reference.expected)
    if record.blobs.get("expected") != expected:
        raise UsageError(
            "the scene is another now than it was in the run, so its maps would be of"
            " something else"
        )
    return prepare(reference, metrics)


def scale_of(metric: Metric, samples: Sequence[Half]) -> MapScale:
    """What the ends of a metric's colours stand for: nothing wrong, and what hardly any damaged
    pixel exceeds.
    """
    better = metric.map_better or metric.better
    best = metric.range[1] if better == "higher" else 0.0
    depths = [np.abs(sample.astype(np.float64) - best) for sample in samples]
    damaged = np.concatenate([depth[depth > FAINT * depth.max(initial=0)] for depth in depths])
    reach = float(f"{np.percentile(damaged, REACH):.3g}") if len(damaged) else 1.0
    low, high = {"lower": (0.0, reach), "higher": (best - reach, best), "zero": (-reach, reach)}[
        better
    ]
    unit = metric.unit if metric.map_unit is None else metric.map_unit
    return MapScale(metric.identity, unit, better, low, high, len(samples))


def levels_of(plane: Plane, scale: MapScale) -> Levels:
    """A map as indices of its palette: 0 is harmless, or of `zero` the lowest value."""
    share = (plane.astype(np.float32) - scale.low) / (scale.high - scale.low)
    levels = np.round(np.clip(1 - share if scale.better == "higher" else share, 0, 1) * 255)
    return np.asarray(levels, np.uint8)


def _sample(plane: Half) -> Half:
    """Some of the pixels, evenly spread: enough for a percentile."""
    return plane[:: max(1, plane.shape[0] // SAMPLED), :: max(1, plane.shape[1] // SAMPLED)].ravel()


def _shrink(plane: Plane) -> Half:
    factor = LONGEST_PX / max(plane.shape)
    if factor < 1:
        size = (round(plane.shape[1] * factor), round(plane.shape[0] * factor))
        plane = np.asarray(
            cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32
        )
    return np.clip(plane, -MOST_HALF, MOST_HALF).astype(np.float16)
