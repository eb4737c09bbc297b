"""A run folder as a harness would leave it: drawn pictures, plausible numbers, and every kind of
trouble.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter

from editproof.harness.records import runs
from editproof.harness.records.cases import Case, CaseError, CaseRecord, Measurement, StageRecord
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.journal import Journal
from editproof.harness.records.manifest import (
    SCHEMA,
    Manifest,
    MetricInfo,
    PipelineInfo,
    write_manifest,
)
from editproof.harness.records.suites import Budget, Margin, Model, Suite, Variant
from editproof.harness.records.verdicts import (
    Change,
    Evidence,
    Finding,
    Judgement,
    Outcome,
    Verdict,
)
from editproof.harness.records.vocabulary import REGIONS, Better, Param, Region

HOSTILE = "<script>alert(1)</script>"
LONG = (
    "score 0.31 below 0.40 \N{WARNING SIGN} שלום עולם "
    + "wordwithoutanyspace" * 14
    + ' <b onmouseover="alert(2)">'
)
NO_PROTECT = "the scene has no pixels in this region"
LADDERS = {
    "thin_text": ("stroke_px", (3.0, 2.0, 1.0)),
    "logo": ("opacity", (0.35, 0.6, 0.9)),
    "microprint": ("height_px", (8, 6, 4)),
    "tiled_seams": ("tile_px", (128, 96, 64)),
}
METRICS = {
    "psnr": "psnr@1",
    "ssim": "ssim@1",
    "lpips": "lpips[st-alex]@1",
    "delta_e00": "delta_e00@1",
    "spectral_energy": "spectral_energy@1",
    "local_contrast": "local_contrast@1",
}
BETTER: dict[str, Better] = {
    "psnr": "higher",
    "ssim": "higher",
    "lpips": "lower",
    "delta_e00": "lower",
    "spectral_energy": "zero",
    "local_contrast": "zero",
}

STATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "psnr": ("dB", ("mean", "worst")),
    "ssim": ("", ("mean", "p01", "worst")),
    "lpips": ("", ("mean", "worst")),
    "delta_e00": ("ΔE00", ("mean", "p99", "worst")),
    "spectral_energy": (
        "dB",
        ("octave_1", "octave_2", "octave_3", "octave_4", "octave_5", "worst"),
    ),
    "local_contrast": ("dB", ("mean", "worst")),
}
TRACEBACK = """Traceback (most recent call last):
  File "/srv/pipelines/worker.py", line 118, in edit
    result = self.pipeline(request)
  File "/srv/pipelines/reference.py", line 74, in __call__
    image = stage(image, mask, config)
  File "/srv/pipelines/inpaint.py", line 203, in patch_match
    source = candidates[rng.integers(len(candidates))]
ValueError: high <= 0: no <source> patch lies outside the mask
"""


def make_run(folder: Path, *, size: int = 64, scale: int = 2, hostile: bool = True) -> Path:
    """Write a run of 4 families × 3 steps × 2 models into a folder and return it."""
    names = ("ns", HOSTILE if hostile else "patch")
    models = tuple(Model(name, f"reference?inpaint.model={name}") for name in names)
    variants = tuple(Variant(family, step) for family in LADDERS for step in (1, 2, 3))
    cases = tuple(_case(variant, model, size, scale) for variant in variants for model in models)
    budgets = (
        Budget("lpips", "edit", "mean", max=0.2, until_step=2),
        Budget("psnr", "edit", "mean", min=26.0, until_step=2),
    )
    suite = Suite(
        "smoke",
        "the easiest three rungs of four ladders",
        size,
        scale,
        7,
        (0,),
        variants,
        models,
        tuple(METRICS),
        budgets,
        (Margin("lpips", "edit", "mean", 0.02),),
    )
    manifest = Manifest(
        SCHEMA,
        "0.1.0",
        "2026-03-14T02:15:09Z",
        suite,
        {
            model.name: PipelineInfo(model.spec, "sha256:" + "9f3c" * 10, "", stochastic=False)
            for model in models
        },
        {name: MetricInfo(METRICS[name], unit, BETTER[name]) for name, (unit, _) in STATS.items()},
        cases,
        {"python": "3.11.9", "numpy": "2.1.0", "opencv": "4.10.0", "torch": "2.4.1"},
        {"cpu": "2 cores", "gpu": "none", "os": "Linux 6.1"},
    )
    write_manifest(folder, manifest)
    journal = Journal(folder)
    for case in cases[:-1] if hostile else cases:
        journal.append(_record(folder, case, names[0]))
    journal.close()
    runs.write_verdict(folder, _verdict(cases))
    return folder


def _case(variant: Variant, model: Model, size: int, scale: int) -> Case:
    name, rungs = LADDERS[variant.family]
    params: dict[str, Param] = {
        name: rungs[variant.step - 1],
        "contrast": 0.3,
        "background": "photo",
    }
    digest = hashlib.sha256(f"{variant.name}{model.name}".encode()).hexdigest()[:16]
    return Case(digest, "", variant.family, variant.step, params, size, scale, 7, model, 0)


def _record(folder: Path, case: Case, best: str) -> CaseRecord:
    harm = (0.5 if case.model.name == best else 1.0) * (0.4 + 0.55 * case.step)
    pictures = _draw(case, harm)
    blobs = {kind: _keep(folder, picture) for kind, picture in pictures.items()}
    kept = {kind: digest for kind, digest in blobs.items() if not kind.startswith("stage")}
    if (case.family, case.step, case.model.name == best) == ("microprint", 3, False):
        error = CaseError(
            "ValueError", "high <= 0: no <source> patch lies outside the mask", TRACEBACK
        )
        only = {kind: kept[kind] for kind in ("input", "expected")}
        return CaseRecord(case, "error", "", 0.41, False, only, {}, _stages(blobs)[:3], (), error)
    record = CaseRecord(
        case,
        "done",
        "",
        0.8 + 0.3 * case.step,
        case.step == 1,
        kept,
        {
            "inpaint.model": case.model.name,
            "inpaint.radius_px": 5,
            "upscale.model": "lanczos",
            "tile.overlap_px": 32,
        },
        _stages(blobs),
        tuple(_measure(case, harm)),
    )
    if (case.family, case.step, case.model.name == best) == ("thin_text", 3, False):
        stages = (*record.stages[:-1], replace(record.stages[-1], decision=LONG))
        return replace(
            record,
            status="needs_review",
            reason="verify: text still legible in the edit",
            stages=stages,
        )
    return record


def _stages(blobs: dict[str, str]) -> tuple[StageRecord, ...]:
    return (
        StageRecord("detect", 0.041, "3 boxes, lowest score 0.83", blobs["stage_mask"]),
        StageRecord("refine mask", 0.012, "dilated by 3 px", blobs["stage_mask"]),
        StageRecord("check mask", 0.003, "covers 7.1 % of the picture", ""),
        StageRecord("inpaint", 0.512, "1 pass", blobs["stage_inpaint"]),
        StageRecord("upscale", 0.208, "4 tiles, overlap 32 px", blobs["actual"]),
        StageRecord("verify", 0.066, "accepted: nothing legible", ""),
    )


def _measure(case: Case, harm: float) -> Iterator[Measurement]:
    rng = np.random.default_rng(int(case.id[:8], 16))
    edge = case.size * case.scale
    spread: dict[Region, float] = {
        "all": 0.25,
        "edit": 1.0,
        "ring": 0.6,
        "keep": 0.05,
        "protect": 0.8,
        "seams": 0.45,
        "border": 0.3,
    }
    for metric, (unit, stats) in STATS.items():
        for region in REGIONS:
            for stat in stats:
                if region == "protect" and case.family in {"logo", "tiled_seams"}:
                    yield Measurement(METRICS[metric], region, stat, None, unit, NO_PROTECT)
                    continue
                if metric == "lpips" and region in {"ring", "seams"}:
                    reason = f"the region is narrower than the network's {64}-px window"
                    yield Measurement(METRICS[metric], region, stat, None, unit, reason)
                    continue
                value = _value(metric, stat, harm * spread[region] * (0.9 + 0.2 * rng.random()))
                place = (
                    [int(rng.integers(edge // 4, 3 * edge // 4)) for _ in "yx"]
                    if stat == "worst"
                    else [None, None]
                )
                yield Measurement(METRICS[metric], region, stat, value, unit, "", *place)


def _value(metric: str, stat: str, harm: float) -> float:
    tail = {"worst": 2.2, "p01": 1.7, "p99": 1.7}.get(stat, 1.0)
    if stat.startswith("octave_"):
        octave = float(stat[-1])
        return 0.2 - 0.16 * harm * octave * octave
    values: dict[str, float] = {
        "psnr": 36.0 - 7.0 * harm * tail**0.5,
        "ssim": max(0.0, 1 - 0.06 * harm * tail),
        "lpips": 0.11 * harm * tail,
        "delta_e00": 2.4 * harm * tail,
        "spectral_energy": -3.0 * harm * tail,
        "local_contrast": -1.4 * harm * tail,
    }
    return values[metric]


def _draw(case: Case, harm: float) -> dict[str, Image.Image]:
    from skimage import data

    photo = {
        "thin_text": data.astronaut,
        "logo": data.coffee,
        "microprint": data.chelsea,
        "tiled_seams": data.rocket,
    }
    pixels: npt.NDArray[np.uint8] = photo[case.family]()
    picture = Image.fromarray(pixels)
    edge = case.size * case.scale
    short = min(picture.size)
    clean = picture.crop((0, 0, short, short)).resize((edge, edge), Image.Resampling.LANCZOS)
    alpha = Image.new("L", clean.size, 0)
    pen = ImageDraw.Draw(alpha)
    for row in range(3):
        pen.text(
            (edge * 0.12, edge * (0.3 + 0.17 * row)),
            "SAMPLE No. 0417",
            fill=230,
            font_size=edge / 11,
        )
    marked = Image.composite(Image.new("RGB", clean.size, "white"), clean, alpha)
    mask = alpha.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.GaussianBlur(2))
    actual = Image.composite(clean.filter(ImageFilter.GaussianBlur(harm * edge / 120)), clean, mask)
    gap = np.abs(np.asarray(actual, np.float32) - np.asarray(clean, np.float32)).mean(axis=2)
    shown: npt.NDArray[np.uint8] = (
        np.clip(gap[..., None] / 40 * [1.0, 0.55, 0.3], 0, 1) * 255
    ).astype(np.uint8)
    regions = Image.composite(
        Image.new("RGB", clean.size, "#d55e00"), Image.new("RGB", clean.size, "#0072b2"), mask
    )
    small = (case.size, case.size)
    return {
        "input": marked.resize(small, Image.Resampling.LANCZOS),
        "expected": clean,
        "actual": actual,
        "difference": Image.fromarray(shown),
        "regions": Image.blend(clean, regions, 0.6),
        "overlay": alpha,
        "stage_mask": mask.resize(small),
        "stage_inpaint": actual.resize(small),
    }


def _keep(folder: Path, picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    path = runs.blob_path(folder, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return digest


def lpips(before: float | None, after: float, limit: float) -> Evidence:
    """LPIPS in the edit of one case; without a `before` held to a limit alone."""
    headroom = limit - after if before is None else limit - (after - before)
    return Evidence("lpips[st-alex]@1", "edit", "mean", "", before, after, limit, headroom)


def _verdict(cases: tuple[Case, ...]) -> Verdict:
    by_place = {(case.family, case.step, index % 2): case for index, case in enumerate(cases)}
    names = [cases[0].model.name, cases[1].model.name]

    def ids(
        families: tuple[str, ...], model: int, steps: tuple[int, ...] = (2, 1)
    ) -> tuple[str, ...]:
        return tuple(by_place[family, step, model].id for family in families for step in steps)

    blurred = ids(("thin_text", "microprint"), 1)
    traded, unsure, better, past = (
        ids(("tiled_seams",), 1),
        ids(("logo",), 1, (2,)),
        ids(("logo",), 0),
        blurred[2:3],
    )
    where = f"thin_text and microprint with {names[1]}"
    findings = (
        Finding(
            "picture",
            Outcome.REGRESSED,
            ("thin_text", "microprint"),
            (names[1],),
            blurred[0],
            blurred,
            "the fill is blurrier",
            f"In {where} the fill is blurrier.",
            "detail",
            ("detail", "structure"),
            (),
            1.32,
            "inpaint",
            lpips(0.1121, 0.2481, 0.02),
            7,
            fails=True,
        ),
        Finding(
            "budget",
            Outcome.REGRESSED,
            ("microprint",),
            (names[1],),
            past[0],
            past,
            "LPIPS is past its budget",
            f"In microprint with {names[1]} LPIPS is past its budget.",
            evidence=lpips(None, 0.2481, 0.2),
            fails=True,
        ),
        Finding(
            "picture",
            Outcome.TRADED,
            ("tiled_seams",),
            (names[1],),
            traded[0],
            traded,
            "finer, and the seams show",
            f"In tiled_seams with {names[1]} the picture is finer, and the seams show.",
            "seams",
            ("seams",),
            ("detail",),
            0.41,
            "upscale",
            lpips(0.08, 0.11, 0.02),
        ),
        Finding(
            "picture",
            Outcome.UNDERPOWERED,
            ("logo",),
            (names[1],),
            unsure[0],
            unsure,
            "a ghost of the logo is left",
            f"In logo with {names[1]} a ghost of the logo is left; one seed is too few to be sure.",
            "ghosts and residue",
            ("ghosts and residue",),
            (),
            0.22,
            "",
            lpips(0.10, 0.13, 0.02),
        ),
        Finding(
            "picture",
            Outcome.IMPROVED,
            ("logo",),
            (names[0],),
            better[0],
            better,
            "the colours are nearer to the expected ones",
            f"In logo with {names[0]} the colours are nearer to the expected ones.",
            "colour and tone",
            (),
            ("colour and tone",),
            0.35,
            "harmonise",
            lpips(0.13, 0.09, 0.02),
        ),
        Finding(
            "budget",
            Outcome.PASS,
            ("tiled_seams",),
            (names[0],),
            by_place["tiled_seams", 2, 0].id,
            (by_place["tiled_seams", 2, 0].id,),
            "LPIPS is near its budget",
            f"In tiled_seams with {names[0]} LPIPS is near its budget.",
            evidence=lpips(None, 0.194, 0.2),
            at_risk=True,
        ),
    )
    outcomes = {
        ("thin_text", names[1], "detail"): (Outcome.REGRESSED, 1.32),
        ("thin_text", names[1], "structure"): (Outcome.REGRESSED, 0.6),
        ("microprint", names[1], "detail"): (Outcome.REGRESSED, 0.9),
        ("tiled_seams", names[1], "seams"): (Outcome.TRADED, 0.41),
        ("tiled_seams", names[1], "detail"): (Outcome.IMPROVED, 0.41),
        ("logo", names[1], "ghosts and residue"): (Outcome.UNDERPOWERED, 0.22),
        ("logo", names[0], "colour and tone"): (Outcome.IMPROVED, 0.35),
        ("thin_text", names[0], "detail"): (Outcome.INVISIBLE, 0.02),
    }
    judgements = tuple(
        Judgement(family, name, aspect, *_judged(outcomes.get((family, name, aspect))), 3)
        for family in LADDERS
        for name in names
        for aspect in ("structure", "detail", "colour and tone", "ghosts and residue", "seams")
    )
    changed = [
        *((case_id, Outcome.REGRESSED, 1.32) for case_id in blurred),
        *((case_id, Outcome.TRADED, 0.41) for case_id in traded),
        *((case_id, Outcome.IMPROVED, 0.35) for case_id in better),
        *((case_id, Outcome.UNDERPOWERED, 0.22) for case_id in unsure),
        *((case_id, Outcome.INVISIBLE, 0.02) for case_id in ids(("thin_text",), 0, (1, 2, 3))),
    ]
    return Verdict(
        exit_code=ExitCode.REGRESSION,
        outcome=Outcome.REGRESSED,
        invalid=(
            (
                "1 of 24 cases ended in an error: see the list of cases, mend the pipeline and run"
                " `editproof run` again"
            ),
        ),
        findings=findings,
        judgements=judgements,
        changes=tuple(Change(case_id, outcome, jod / 3, jod) for case_id, outcome, jod in changed),
        unchanged=9,
        baseline="baselines/smoke",
        seen_by="standard_4k at its own distance",
    )


def _judged(found: tuple[Outcome, float] | None) -> tuple[Outcome, float, float, float]:
    """An outcome, margins lost and won, and JOD."""
    outcome, jod = found or (Outcome.UNCHANGED, 0.0)
    lost = jod * 10 if outcome not in {Outcome.IMPROVED, Outcome.UNCHANGED} else 0.0
    return outcome, lost, jod * 10 if outcome is Outcome.IMPROVED else 0.0, jod


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an error, a case for review, a case not run, and hostile names."""
    return make_run(tmp_path_factory.mktemp("runs") / "2026 #1")


@pytest.fixture(scope="session")
def run(run_folder: Path) -> runs.Run:
    """The same run, read."""
    return runs.load(run_folder)


@pytest.fixture
def manifest(run: runs.Run) -> Manifest:
    """Of a suite with two models."""
    return run.manifest
