"""Runs made by hand: a model, its cases, their numbers and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from editproof.harness.gate.judge import judge
from editproof.harness.metrics.core.visibility import Difference
from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.differences import DifferenceStore, PicturePair
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import Case, CaseError, CaseRecord, Measurement
from editproof.harness.records.manifest import SCHEMA, Manifest, MetricInfo, PipelineInfo
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Budget, Margin, Model, Suite, Variant, Viewing
from editproof.harness.records.verdicts import Finding, Verdict
from editproof.harness.records.vocabulary import Aspect

Picture = npt.NDArray[np.float32]

MODEL = Model("ns", "reference?inpaint.model=ns")
OTHER = Model("patch", "reference?inpaint.model=patch")
BUDGET = Budget("psnr", "edit", "mean", min=30.0)
MARGIN = Margin("psnr", "edit", "mean", margin=0.5)

VISIBLE = Difference(
    whole=0.1, worst=0.5, parts={"detail": 0.3, "structure": 0.3, "tone": 0.1, "colour": 0.1}
)
INVISIBLE = Difference(whole=0.01, worst=0.05)


def case(step: int = 1, seed: int = 42, *, family: str = "logo", model: Model = MODEL) -> Case:
    """One rung; its id is `id1-42`, with the family and the model where they are others."""
    rest = "".join(f"-{name}" for name in (family, model.name) if name not in {"logo", "ns"})
    return Case(f"id{step}-{seed}{rest}", "", family, step, {}, 64, 2, 7, model, seed)


def measured(psnr: float | None, *, step: int = 1, seed: int = 42, reason: str = "") -> CaseRecord:
    """A case with one number."""
    rows = (Measurement("psnr@1", "edit", "mean", psnr, "dB", reason),)
    return CaseRecord(case(step, seed), "done", "", 1.0, cached=False, measurements=rows)


def failed(step: int = 1) -> CaseRecord:
    """A case that raised an error."""
    error = CaseError("ValueError", "by design", "")
    return CaseRecord(case(step), "error", "by design", 0.0, cached=False, error=error)


def run_of(
    *records: CaseRecord,
    budgets: tuple[Budget, ...] = (),
    margins: tuple[Margin, ...] = (),
    metrics: Mapping[str, MetricInfo] | None = None,
    stochastic: bool = False,
    folder: Path = Path("made"),
    **rules: object,
) -> Run:
    """A run of these cases; `rules` are fields of its suite."""
    models = tuple(dict.fromkeys(record.case.model for record in records)) or (MODEL,)
    known = metrics or {
        "psnr": MetricInfo("psnr@1", "dB", "higher", aspect="structure", unseen=50.0)
    }
    suite = Suite(
        "made",
        "",
        64,
        2,
        7,
        (42,),
        (Variant("logo", 1),),
        models,
        tuple(known),
        budgets=budgets,
        margins=margins,
    )
    manifest = Manifest(
        SCHEMA,
        "0",
        "2026-01-01",
        replace(suite, **rules),  # type: ignore[arg-type]
        {model.name: PipelineInfo(model.spec, "", "", stochastic=stochastic) for model in models},
        known,
        tuple(record.case for record in records),
        {},
        {"device": "cpu"},
    )
    return Run.of_records(folder, manifest, records)


def sampled(
    changes: Sequence[Sequence[float]] = ((0.0,) * 3,) * 3,
    *,
    seeds: Sequence[int] = (1, 2, 3),
    margins: tuple[Margin, ...] = (),
) -> Run:
    """A stochastic model's run without pictures: three scenes (rows) on some seeds (columns), at 35
    dB less `changes`.
    """
    records = [
        measured(35.0 - change, step=step, seed=seed)
        for step, row in enumerate(changes, start=1)
        for seed, change in zip(seeds, row, strict=True)
    ]
    return run_of(*records, margins=margins, stochastic=True)


NUMBERS: tuple[Aspect, ...] = ("structure", "detail", "colour and tone", "ghosts and residue")
"""One metric each, with a margin of 1: more is worse."""


def info(aspect: Aspect) -> MetricInfo:
    """A number from 0 up, with a margin of 1."""
    return MetricInfo(f"{_name(aspect)}@1", "u", "lower", margins={"mean": 1.0}, aspect=aspect)


def _name(aspect: Aspect) -> str:
    return aspect.partition(" ")[0]


METRICS = {_name(aspect): info(aspect) for aspect in NUMBERS}


def scored(one: Case, picture: str = "", **values: float) -> CaseRecord:
    """A case with a number of some aspects, 10 where nothing else is said, and a picture by
    name.
    """
    rows = tuple(
        Measurement(f"{name}@1", "edit", "mean", values.get(name, 10.0), "u") for name in METRICS
    )
    return CaseRecord(
        one,
        "done",
        "",
        1.0,
        cached=False,
        measurements=rows,
        blobs={"actual": hashed(picture)} if picture else {},
    )


def hashed(picture: str) -> str:
    """The hash of a picture that is only a name."""
    return (picture.encode().hex() + "0" * 64)[:64]


def see(folder: Path, before: str, after: str, difference: Difference = VISIBLE) -> None:
    """Let the run in a folder know how two pictures that are only names differ."""
    folder.mkdir(exist_ok=True, parents=True)
    DifferenceStore(folder).put(
        PicturePair(hashed(before), hashed(after), "", Viewing()), difference
    )


def judge_beside(now: Run, before: Run | None, **options: Any) -> Verdict:
    """A run beside another as its baseline; `options` are those of `judge`."""
    return judge(now, Baseline(before) if before else None, **options).verdict


def of_pictures(verdict: Verdict) -> list[Finding]:
    """The findings about pictures."""
    return [finding for finding in verdict.findings if finding.rule == "picture"]


def texture(seed: int = 0, size: int = 64) -> Picture:
    """A picture of soft noise."""
    import cv2

    noise = np.random.default_rng(seed).uniform(0.2, 0.8, (size, size, 3)).astype(np.float32)
    return np.asarray(
        np.rint(cv2.GaussianBlur(noise, (0, 0), 1.5) * 255) / np.float32(255), np.float32
    )


def shown(folder: Path, record: CaseRecord, image: Picture) -> CaseRecord:
    """The case with a picture that lies in the folder."""
    return replace(record, blobs={**record.blobs, "actual": pictures.store(folder, image)})
