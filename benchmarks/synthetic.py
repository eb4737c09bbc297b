"""A run of any number of cases, as the report reads it: numbers and pictures as a real run has
them, drawn from a seed.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.registry import EVERY_NIGHT, get_metric, stats_of
from editproof.harness.records.cases import Case, CaseError, CaseRecord, Measurement, StageRecord
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import SCHEMA, Manifest, MetricInfo, PipelineInfo
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.suites import Budget, Model, Suite, Variant
from editproof.harness.records.verdicts import (
    Change,
    Evidence,
    Finding,
    Judgement,
    Outcome,
    Verdict,
)
from editproof.harness.records.vocabulary import ASPECTS, REGIONS

FAMILIES = 20
MODELS = 5
STEPS = 5
STAGES = (
    "decode",
    "detect",
    "refine_mask",
    "remove_text",
    "inpaint",
    "blend",
    "upscale",
    "harmonise",
    "verify",
)
KINDS = ("input", "expected", "actual", "difference")
PROTOTYPES = 97
"""Different sets of numbers; cases take them in turn, so that a run of any size fits into memory.
"""


def make_run(folder: Path, cases: int, *, seed: int = 0, edge_px: int = 512) -> Run:
    """A run of that many cases in memory, its pictures on disk, every one of them a file of its
    own, and `edge_px` wide and high.
    """
    models = tuple(
        Model(f"model-{number}", f"reference?inpaint.radius_px={number + 1}")
        for number in range(MODELS)
    )
    families = [f"family_{number:02}" for number in range(FAMILIES)]
    variants = tuple(Variant(family, step) for family in families for step in range(1, STEPS + 1))
    seeds = tuple(range(1 + cases // (len(variants) * MODELS)))
    planned = tuple(
        Case(
            _digest(f"{variant.name} {model.name} {number}")[:16],
            "",
            variant.family,
            variant.step,
            {"strength": variant.step / 5},
            256,
            2,
            7,
            model,
            number,
        )
        for number in seeds
        for variant in variants
        for model in models
    )[:cases]
    metrics = [get_metric(name, NO_WEIGHTS) for name in EVERY_NIGHT]
    infos = {
        metric.name: MetricInfo(metric.identity, metric.unit, metric.better) for metric in metrics
    }
    budgets = (Budget("lpips", "edit", "mean", max=0.2), Budget("psnr", "edit", "mean", min=30.0))
    suite = Suite(
        "synthetic", f"{cases} cases", 256, 2, 7, seeds, variants, models, tuple(infos), budgets, ()
    )
    pipelines = {
        model.name: PipelineInfo(model.spec, _digest(model.name), "", stochastic=True)
        for model in models
    }
    manifest = Manifest(
        SCHEMA,
        "0",
        "2026-01-01T00:00:00+00:00",
        suite,
        pipelines,
        infos,
        planned,
        {"python": "3"},
        {"cpu": "2 cores"},
    )
    rng = np.random.default_rng(seed)
    numbers = [tuple(_numbers(infos, rng)) for _ in range(PROTOTYPES)]
    picture = _picture(folder, edge_px)
    records = tuple(
        _record(folder, picture, case, index, numbers[index % PROTOTYPES])
        for index, case in enumerate(planned)
    )
    return Run.of_records(folder, manifest, records, _verdict(records))


def _numbers(infos: dict[str, MetricInfo], rng: np.random.Generator) -> Iterator[Measurement]:
    for name, info in infos.items():
        for region in REGIONS:
            for stat in stats_of(name):
                place = rng.integers(40, 470, 2).tolist() if stat == "worst" else [None, None]
                value = (
                    float(rng.normal(36, 4))
                    if name == "psnr"
                    else float(abs(rng.normal(0.1, 0.08)))
                )
                yield Measurement(info.identity, region, stat, value, info.unit, "", *place)


def _record(
    folder: Path, picture: Path, case: Case, index: int, numbers: tuple[Measurement, ...]
) -> CaseRecord:
    blobs = {kind: _digest(f"{case.id} {kind}") for kind in KINDS}
    for digest in blobs.values():
        path = blob_path(folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.link(picture, path)
    stages = tuple(
        StageRecord(name, 0.01 * (at + 1), "done", blobs["actual"] if at > 3 else "")
        for at, name in enumerate(STAGES)
    )
    cached = index % 5 == 0
    if index % 211 == 0:
        error = CaseError(
            "ValueError",
            f"case {index}: the mask is empty",
            "Traceback (most recent call last):\n  …",
        )
        return CaseRecord(
            case, "error", "", 0.2, cached, {"input": blobs["input"]}, {}, stages[:4], (), error
        )
    status, reason = (
        ("needs_review", "verify: text is still legible") if index % 97 == 0 else ("done", "")
    )
    return CaseRecord(
        case,
        status,
        reason,
        0.3 + index % 13 / 10,
        cached,
        blobs,
        {"a": 1},
        stages,
        numbers,
        None,
        350.0,
    )


def _verdict(records: tuple[CaseRecord, ...]) -> Verdict:
    """Of every 17th family and model something regressed; every other picture changed, most of them
    invisibly.
    """
    pairs: dict[tuple[str, str], list[str]] = {}
    for record in records:
        pairs.setdefault((record.case.family, record.case.model.name), []).append(record.case.id)
    bad = [index % 17 == 0 for index in range(len(pairs))]
    findings = [
        _finding(*pair, ids) for (pair, ids), fails in zip(pairs.items(), bad, strict=True) if fails
    ]
    worse = {case_id for finding in findings for case_id in finding.cases}
    changes = [
        Change(
            record.case.id,
            *(
                (Outcome.REGRESSED, 0.2, 0.6)
                if record.case.id in worse
                else (Outcome.INVISIBLE, 0.0, 0.01)
            ),
        )
        for record in records[::2]
    ]
    judgements = [
        Judgement(
            *pair,
            aspect,
            Outcome.REGRESSED if fails else Outcome.INVISIBLE,
            3.0 * fails,
            0.0,
            0.6 * fails,
            len(ids),
        )
        for (pair, ids), fails in zip(pairs.items(), bad, strict=True)
        for aspect in ASPECTS
    ]
    return Verdict(
        exit_code=ExitCode.REGRESSION,
        outcome=Outcome.REGRESSED,
        invalid=(),
        findings=tuple(findings),
        judgements=tuple(judgements),
        changes=tuple(sorted(changes, key=lambda change: -change.worst)),
        unchanged=len(records) - len(changes),
        baseline="baselines/synthetic",
    )


def _finding(family: str, model: str, ids: list[str]) -> Finding:
    return Finding(
        rule="picture",
        outcome=Outcome.REGRESSED,
        families=(family,),
        models=(model,),
        case_id=ids[0],
        cases=tuple(ids),
        words="the fill is blurrier",
        text=f"In {family} with {model} the fill is blurrier.",
        aspect="detail",
        lost=("detail",),
        jod=0.6,
        stage="inpaint",
        evidence=Evidence("lpips[alex]@1", "edit", "mean", "", 0.1, 0.3, 0.02, -0.18),
        fails=True,
    )


def _picture(folder: Path, edge_px: int) -> Path:
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((edge_px, edge_px)).save(buffer, "PNG")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "picture.png"
    path.write_bytes(buffer.getvalue())
    return path


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
