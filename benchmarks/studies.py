"""What single choices of a pipeline do to an edit: the comparisons that the field reports, measured
on drawn scenes.

    python -m benchmarks.studies [STUDY ...]

Each study edits the same scenes with two or more settings of the reference pipeline and measures
where the choice shows. Writes docs/studies.md and a picture for each study where all of them ran;
LPIPS weights: EDITPROOF_LPIPS_WEIGHTS, or torch's hub cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from editproof.harness.metrics.core.lpips_weights import LpipsWeights, find_weights
from editproof.harness.metrics.core.metric import Image, Metric, require_part
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records.vocabulary import Region
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.settings import find_settings
from editproof.harness.suites.tasks import Task, make_scene_task
from editproof.pipelines import reference
from editproof.pipelines.contract import Param
from editproof.pipelines.models import conditioning
from editproof.vectors.regions import seams
from editproof.vectors.registry import get_vector
from tests.pipelines.models.tiny import save_stable_diffusion

PAGE = Path(__file__).parents[1] / "docs" / "studies.md"
CROP_PX = 220
"""Edge of what a picture shows of each variant, output pixels."""
GAP_PX = 8
LETTERS = "ABCDEFGH"
"""Names of a study's variants in its table."""
Settings = Mapping[str, Param]


@dataclass(frozen=True, slots=True)
class Number:
    """One column of a study's table."""

    metric: str
    region: Region
    stat: str
    unit: str = ""

    @property
    def heading(self) -> str:
        """As a table's head has it."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.metric} {self.stat} in {self.region}{unit}"


@dataclass(frozen=True, slots=True)
class Study:
    """One question."""

    name: str
    question: str
    field: str
    """What is reported elsewhere."""
    scenes: tuple[tuple[str, int], ...]
    """Family and rung."""
    variants: Mapping[str, Settings]
    """The choice under study, by name; the first is what it is compared with."""
    numbers: tuple[Number, ...]
    seeds: tuple[int, ...] = (3, 7, 11)
    """Of the scenes."""
    size: int = 256
    scale: int = 2
    tile_px: int = 0
    """Where seams are looked for, input pixels, in scenes that ask for no tiling."""


TILES: Settings = {
    "upscale.model": "realesrgan",
    "upscale.creative_back_projections": 0,
    "tile.size_px": 64,
}
KEEP_ALL: Settings = {
    "mask.spare_anchors": False,
    "mask.max_coverage": 1.0,
    "inpaint.model": "patch",
}

STUDIES = (
    Study(
        "tiling",
        "Does it matter how an upscaler's tiles are joined?",
        "SSIM at the seams from 0.72 to 0.89 with overlap and pyramid blending",
        (("logo", 1), ("logo", 2), ("grain", 5), ("photobomb", 3)),
        {
            "naive, no overlap": {**TILES, "tile.overlap_px": 0, "tile.join": "naive"},
            "overlap 16, cross-faded": {**TILES, "tile.overlap_px": 16, "tile.join": "fade"},
            "overlap 16, pyramid": {**TILES, "tile.overlap_px": 16, "tile.join": "pyramid"},
        },
        (
            Number("ssim", "seams", "mean"),
            Number("seam_energy", "seams", "residual", "dB"),
            Number("psnr", "seams", "mean", "dB"),
        ),
        tile_px=64,
    ),
    Study(
        "upscaling",
        "Is a staged upscaler better than bicubic after text was removed?",
        "3.4 dB in PSNR and 0.18 in LPIPS",
        (
            ("thin_text", 1),
            ("thin_text", 2),
            ("logo", 2),
            ("microprint", 2),
            ("low_res_capture", 2),
        ),
        {
            "bicubic": {"upscale.model": "bicubic"},
            "lanczos": {"upscale.model": "lanczos"},
            "staged: net, back-projected, checked": {
                "upscale.model": "realesrgan",
                "upscale.feedback_threshold": 0.03,
            },
        },
        (
            Number("psnr", "all", "mean", "dB"),
            Number("lpips", "all", "mean"),
            Number("psnr", "edit", "mean", "dB"),
            Number("lpips", "edit", "mean"),
            Number("micro_legibility", "protect", "mean"),
        ),
        size=128,
        scale=4,
    ),
    Study(
        "soft masks",
        "Should the mask's edge be soft?",
        "soft masks leave no outline",
        (("logo", 2), ("logo", 3), ("photobomb", 2), ("shadow_edge", 3)),
        {
            "hard": {"mask.soft_sigma_px": 0.0, "blend.mode": "hard", "inpaint.model": "patch"},
            "soft, σ 0.7 px": {"mask.soft_sigma_px": 0.7, "inpaint.model": "patch"},
            "soft, σ 3 px": {"mask.soft_sigma_px": 3.0, "inpaint.model": "patch"},
        },
        (
            Number("lpips", "ring", "mean"),
            Number("psnr", "ring", "mean", "dB"),
            Number("halo", "ring", "peak", "levels"),
            Number("lpips", "edit", "mean"),
        ),
    ),
    Study(
        "dilation",
        "What does a generous mask do to microprint beside it?",
        "global SSIM hardly moves while the microprint is gone",
        (("microprint", 3), ("microprint", 4)),
        {
            "1 px": {**KEEP_ALL, "mask.dilate_px": 1},
            "16 px, anchors spared": {**KEEP_ALL, "mask.dilate_px": 16, "mask.spare_anchors": True},
            "4 px": {**KEEP_ALL, "mask.dilate_px": 4},
            "8 px": {**KEEP_ALL, "mask.dilate_px": 8},
            "16 px": {**KEEP_ALL, "mask.dilate_px": 16},
        },
        (
            Number("ssim", "all", "mean"),
            Number("ssim", "protect", "mean"),
            Number("micro_legibility", "protect", "mean"),
            Number("micro_legibility", "protect", "worst"),
        ),
    ),
    Study(
        "order",
        "Inpaint first, or upscale first?",
        "inpaint first: the upscaler then sees no overlay to sharpen",
        (("thin_text", 1), ("thin_text", 2), ("logo", 2), ("logo", 3), ("date_stamp", 2)),
        {
            "inpaint, then upscale": {"inpaint.model": "patch"},
            "upscale, then inpaint": {"inpaint.model": "patch", "order.upscale_first": True},
        },
        (
            Number("psnr", "edit", "mean", "dB"),
            Number("lpips", "edit", "mean"),
            Number("ghost", "edit", "amplitude"),
            Number("psnr", "ring", "mean", "dB"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Result:
    """A study's table and picture."""

    study: Study
    means: Mapping[str, tuple[float, ...]]
    """Variant -> its numbers, means over the scenes where every variant has one."""
    cases: int
    picture: Pil.Image


def main() -> None:
    """Run the studies asked for; write the page where all were."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [study.name for study in STUDIES] + [CONDITIONING.name]
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=", ".join(names))
    asked = parser.parse_args().studies
    results = [_run(study) for study in STUDIES if not asked or study.name in asked]
    if not asked or CONDITIONING.name in asked:
        with tempfile.TemporaryDirectory() as folder:
            results.append(_conditioning(Path(folder)))
    text = "\n".join(_page(results))
    sys.stdout.write(text)
    if not asked:
        pictures = PAGE.with_suffix("")
        pictures.mkdir(exist_ok=True)
        for result in results:
            result.picture.save(pictures / f"{_slug(result.study)}.png", optimize=True)
        PAGE.write_text(text, encoding="utf-8")


def _run(study: Study) -> Result:
    metrics = _metrics(study)
    tasks = [
        _task(study, family, step, seed) for family, step in study.scenes for seed in study.seeds
    ]
    rows: dict[str, list[tuple[float, ...]]] = {}
    shown: dict[str, Image] = {}
    for label, settings in study.variants.items():
        pipeline = reference.build(**settings)
        for task in tasks:
            image = pipeline(task.request).image
            delivered = None if image is None else as_delivered(image)
            rows.setdefault(label, []).append(_numbers(study, task, metrics, delivered))
            if delivered is not None:
                shown.setdefault(label, delivered)
    table = np.array([rows[label] for label in study.variants])
    whole = np.isfinite(table).all(axis=0)
    means = {
        label: tuple(float(values[:, n][whole[:, n]].mean()) for n in range(len(study.numbers)))
        for label, values in zip(study.variants, table, strict=True)
    }
    return Result(study, means, int(whole.any(axis=1).sum()), _picture(tasks[0], shown))


CONDITIONING = Study(
    "conditioning",
    "What does another family's prompt encoder do, and does normalising its embeddings help?",
    "hue shifts and lost strokes after a swap; nobody gives a number",
    (("logo", 2), ("logo", 4), ("photobomb", 3)),
    {},
    (
        Number("hue_offset", "edit", "mean", "°"),
        Number("spectral_energy", "edit", "octave_5", "dB"),
        Number("delta_e00", "edit", "mean"),
    ),
)
"""Its models are made on the spot: untrained Stable Diffusion pipelines that differ in the text
encoder only, so what is measured is the swap and nothing else, against the pictures of the model
with its own encoder."""

PROMPTS = (
    "remove the logo",
    "a quiet sea",
    "grass",
    "an old wall of bricks",
    "plain paper",
    "a cup of coffee",
    "sky",
    "wood",
)


def _conditioning(folder: Path) -> Result:
    own, other = (
        save_stable_diffusion(folder / name, text_seed=seed)
        for name, seed in (("own", 0), ("other", 1))
    )
    embedded = [_embeddings(place) for place in (other, own)]
    settings: dict[str, Settings] = {
        "own encoder": _diffusion(own),
        "another family's": _diffusion(other),
    }
    methods: tuple[conditioning.Method, ...] = ("mean_std", "procrustes")
    for method in methods:
        path = folder / f"{method}.safetensors"
        conditioning.save(conditioning.calibrate(*embedded, method=method), path)
        settings[f"another family's, {method}"] = {
            **_diffusion(other),
            "inpaint.conditioning": str(path),
        }
    study = CONDITIONING
    metrics = _metrics(study)
    tasks = [
        _task(study, family, step, seed) for family, step in study.scenes for seed in study.seeds
    ]
    pictures = {
        label: [
            as_delivered(require_part(reference.build(**values)(task.request).image))
            for task in tasks
        ]
        for label, values in settings.items()
    }
    judged = [
        replace(task, reference=replace(task.reference, expected=image))
        for task, image in zip(tasks, pictures["own encoder"], strict=True)
    ]
    means = {
        label: tuple(
            float(np.nanmean(np.abs(column)))
            for column in np.array(
                [
                    _numbers(study, task, metrics, image)
                    for task, image in zip(judged, images, strict=True)
                ]
            ).T
        )
        for label, images in pictures.items()
    }
    shown = {label: images[0] for label, images in pictures.items()}
    return Result(study, means, len(tasks), _picture(tasks[0], shown))


def _diffusion(folder: Path) -> Settings:
    return {
        "inpaint.model": f"diffusers:{folder}",
        "inpaint.sampling_steps": 4,
        "mask.max_coverage": 1.0,
    }


def _embeddings(folder: Path) -> conditioning.Embedding:
    """Every token of every prompt, N×D."""
    import torch
    from diffusers import StableDiffusionInpaintPipeline

    pipe = StableDiffusionInpaintPipeline.from_pretrained(folder, use_safetensors=True)
    with torch.no_grad():
        parts = [
            pipe.encode_prompt(prompt, torch.device("cpu"), 1, do_classifier_free_guidance=False)[
                0
            ][0].numpy()
            for prompt in PROMPTS
        ]
    return np.asarray(np.concatenate(parts), np.float32)


def _task(study: Study, family: str, step: int, seed: int) -> Task:
    task = make_scene_task(
        get_vector(family).render(seed, study.size, step=step, scale=study.scale)
    )
    if not study.tile_px:
        return task
    areas = {
        **task.reference.areas,
        "seams": seams(study.size, study.scale, tile_px=study.tile_px, overlap_px=0) > 0,
    }
    return replace(task, reference=replace(task.reference, areas=areas))


def _metrics(study: Study) -> list[Metric]:
    return [
        get_metric(name, _weights())
        for name in dict.fromkeys(number.metric for number in study.numbers)
    ]


def _weights() -> LpipsWeights:
    return find_weights(find_settings(Path.cwd()).lpips_weights, download=False)


def _numbers(
    study: Study, task: Task, metrics: Sequence[Metric], image: Image | None
) -> tuple[float, ...]:
    """The study's numbers of one edit; NaN where there is none, or the edit was refused."""
    if image is None:
        return (np.nan,) * len(study.numbers)
    rows = measure(prepare(task.reference, metrics), metrics, image)
    found = {
        (row.metric.partition("@")[0].partition("[")[0], row.region, row.stat): row.value
        for row in rows
    }
    values = (found.get((number.metric, number.region, number.stat)) for number in study.numbers)
    return tuple(np.nan if value is None else value for value in values)


def _picture(task: Task, shown: Mapping[str, Image]) -> Pil.Image:
    """The right answer and every variant, around the edit, as crops side by side."""
    expected = require_part(task.reference.expected)
    ys, xs = np.nonzero(task.reference.areas["edit"])
    top, left = (
        int(np.clip(along.mean() - CROP_PX / 2, 0, edge - CROP_PX))
        for along, edge in ((ys, expected.shape[0]), (xs, expected.shape[1]))
    )
    crops = [
        image[top : top + CROP_PX, left : left + CROP_PX] for image in (expected, *shown.values())
    ]
    sheet = Pil.new("RGB", (len(crops) * (CROP_PX + GAP_PX) - GAP_PX, CROP_PX), "white")
    for index, crop in enumerate(crops):
        sheet.paste(
            Pil.fromarray(np.round(crop * 255).astype(np.uint8)), (index * (CROP_PX + GAP_PX), 0)
        )
    return sheet


def _page(results: Sequence[Result]) -> Iterator[str]:
    yield "# Studies\n"
    yield "`nox -s studies` (`python -m benchmarks.studies`) writes this page.\n"
    yield "The page shows what single choices of a pipeline do to an edit."
    yield "The reference pipeline edits drawn scenes, where the right answer is known."
    yield "Numbers are means over scenes."
    yield "Pictures show the right answer, then each variant, around the edit of the first scene."
    yield f"LPIPS is lpips[{_weights().variant}].\n"
    for result in results:
        yield from _section(result)


def _section(result: Result) -> Iterator[str]:
    study, letters = result.study, LETTERS[: len(result.means)]
    yield f"## {study.name.capitalize()}\n"
    yield f"{study.question}"
    yield f"The field reports: {study.field}.\n"
    scenes = ", ".join(f"{family}/{step}" for family, step in study.scenes)
    yield f"{result.cases} scenes, {study.size} px ×{study.scale}: {scenes}."
    yield f"Scene seeds: {', '.join(map(str, study.seeds))}.\n"
    for letter, label in zip(letters, result.means, strict=True):
        yield f"- {letter}: {label}"
    columns = [*letters, f"{letters[0]} to {letters[-1]}"]
    yield f"\n| | {' | '.join(columns)} |"
    yield "|---|" + "---:|" * len(columns)
    for number, *means in zip(study.numbers, *result.means.values(), strict=True):
        cells = [*(f"{mean:.4g}" for mean in means), f"{means[-1] - means[0]:+.3g}"]
        yield f"| {number.heading} | {' | '.join(cells)} |"
    yield f"\n![the right answer, then {', '.join(letters)}](studies/{_slug(study)}.png)\n"


def _slug(study: Study) -> str:
    return study.name.replace(" ", "-")


if __name__ == "__main__":
    main()
