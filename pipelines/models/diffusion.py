"""`microfill` and `diffusers:<folder or hub id>`: every diffusers inpainting pipeline through one
code path.

A crop is padded, mirrored, to the multiple that the model needs; seeds are torch.Generators on the
CPU, so that they mean the same everywhere; the scheduler is exchanged by name; chosen steps are
handed out as pictures on the way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from editproof.pipelines.config import InpaintConfig
from editproof.pipelines.contract import ContractError, Image, Mask
from editproof.pipelines.device import find_device, full_precision
from editproof.pipelines.models import conditioning
from editproof.pipelines.models.classical import navier_stokes
from editproof.pipelines.models.fill import (
    Crop,
    Hole,
    StepsCallback,
    check_crop,
    hash_files,
    pad_to_multiple,
)

WEIGHTS = Path(__file__).parent.parent / "weights" / "microfill"
"""A folder as diffusers writes it."""

MULTIPLE_PX = 8
LEAST_ALPHA = 1 / 255
"""What a soft mask is at least, wherever something is to be filled."""

WEIGHTS_NAMES = ("*.safetensors", "*.json", "*.txt")
"""What of a pipeline's folder determines a fill: weights, configurations and vocabularies."""


class LoadedPipeline(NamedTuple):
    """A pipeline in memory, and the scheduler that it came with."""

    pipe: Any
    scheduler: Any


class DiffusionFill:
    """A diffusers pipeline as a FillModel."""

    stochastic = True

    def __init__(self, source: Path | str, config: InpaintConfig) -> None:
        self.source = source
        self.config = config
        self.note = ""
        self.calibration = (
            conditioning.load(Path(config.conditioning).expanduser())
            if config.conditioning
            else None
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the pipeline's files and of the calibration, and the settings. Downloads a hub's
        model to know it.
        """
        calibration = (
            [Path(self.config.conditioning).expanduser()] if self.config.conditioning else []
        )
        files = [path for name in WEIGHTS_NAMES for path in _find_folder(self.source).rglob(name)]
        names = (
            "sampling_steps",
            "scheduler",
            "guidance_scale",
            "strength",
            "soft_mask",
            "negative_prompt",
            "precision",
        )
        settings = " ".join(f"{name}={getattr(self.config, name)!r}" for name in names)
        return f"diffusers {hash_files([*files, *calibration])} {settings}{_text_encoders()}"

    def __call__(
        self,
        image: Image,
        hole: Hole,
        soft: Mask,
        seed: int,
        *,
        prompt: str = "",
        steps_callback: StepsCallback | None = None,
    ) -> Image:
        """Fill the hole by denoising. What has to go is not shown to the model: the smooth fill
        stands in its place.
        """
        check_crop(image, hole, soft)
        if not hole.any():
            return image.copy()
        return self.denoise(
            [Crop(image, hole, soft, seed)], prompt=prompt, steps_callback=steps_callback
        )[0]

    def fill_many(self, crops: Sequence[Crop], *, prompt: str = "") -> list[Image]:
        """Denoise crops of one size: together on a GPU, one by one on a processor, so that no bit
        depends on the batch size.
        """
        for crop in crops:
            check_crop(*crop[:3])
        if len({crop.hole.shape for crop in crops}) > 1:
            raise ContractError("crops that are filled together must be of one size")
        if find_device() == "cpu":
            return [self(*crop, prompt=prompt) for crop in crops]
        some = [crop for crop in crops if crop.hole.any()]
        fills = iter(self.denoise(some, prompt=prompt) if some else ())
        return [next(fills) if crop.hole.any() else crop.image.copy() for crop in crops]

    def denoise(
        self,
        crops: Sequence[Crop],
        *,
        prompt: str = "",
        steps_callback: StepsCallback | None = None,
    ) -> list[Image]:
        """Fill crops of one size, each with a hole, in one batch: as one by one, but for the last
        bits of a float.
        """
        import torch

        pipe = set_scheduler(
            _load_pipeline(self.source, self.config.precision), self.config.scheduler
        )
        size = crops[0].hole.shape
        self._keep_soft_masks(pipe)
        starts, masks = zip(
            *(self._prepare_crop(crop, multiple_px(pipe)) for crop in crops), strict=True
        )
        generators = [torch.Generator("cpu").manual_seed(crop.seed) for crop in crops]
        arguments = {
            "image": torch.from_numpy(np.stack(starts).transpose(0, 3, 1, 2).copy()),
            "mask_image": torch.from_numpy(np.stack(masks)[:, None]),
            "height": masks[0].shape[0],
            "width": masks[0].shape[1],
            "num_inference_steps": self.config.sampling_steps,
            "guidance_scale": self.config.guidance_scale,
            "strength": self.config.strength,
            "generator": generators if len(crops) > 1 else generators[0],
            "output_type": "np",
            "callback_on_step_end": self._make_step_callback(steps_callback, size),
            **self._prompt_arguments(pipe, prompt, len(crops)),
        }
        with full_precision():
            result = pipe(**filter_arguments(pipe.__call__, arguments))
        if any(getattr(result, "nsfw_content_detected", None) or ()):
            raise ContractError(
                f"{self.source}: the model's own safety checker blacked out its fill"
            )
        return [_crop_picture(picture, size) for picture in result.images]

    def _prepare_crop(self, crop: Crop, multiple: int) -> tuple[Image, Mask]:
        """The crop with the smooth fill in its hole, and what the model is told of the hole, both
        padded.
        """
        whole = np.asarray(pad_to_multiple(crop.image, multiple), np.float32)
        inside = np.asarray(pad_to_multiple(crop.hole, multiple), np.bool_)
        smooth = navier_stokes(whole, inside, radius_px=self.config.radius_px)
        mask = inside.astype(np.float32)
        if self.config.soft_mask:
            mask *= np.maximum(
                np.asarray(pad_to_multiple(crop.soft, multiple), np.float32), LEAST_ALPHA
            )
        return np.where(inside[..., None], smooth, whole), mask

    def _keep_soft_masks(self, pipe: Any) -> None:
        """Have diffusers' own processor of masks keep soft edges, where they are asked for."""
        processor = getattr(pipe, "mask_processor", None)
        if processor is not None:
            processor.register_to_config(do_binarize=not self.config.soft_mask)
        elif self.config.soft_mask and not hasattr(pipe, "pictures"):
            raise ContractError(
                f"{self.source}: this kind of pipeline takes no soft mask; set"
                " inpaint.soft_mask=false"
            )

    def _prompt_arguments(self, pipe: Any, prompt: str, count: int) -> dict[str, Any]:
        """What tells the model the prompt, for each of `count` crops: embeddings where it has them,
        calibrated, their features noted; else the words.
        """
        unwanted = (
            self.config.negative_prompt or None
        )  # some families know no words from empty ones
        embedded = _embed_prompt(pipe, prompt, unwanted, guided=self.config.guidance_scale > 1)
        if not embedded:
            if self.calibration is not None:
                raise ContractError(
                    f"{self.source}: this kind of pipeline has no embeddings that can be calibrated"
                )
            words = {"prompt": prompt, "negative_prompt": unwanted}
            return {
                name: [text] * count if text is not None else None for name, text in words.items()
            }
        after = {name: self._calibrate(name, value) for name, value in embedded.items()}
        self.note = "; ".join(
            f"{name}: before {conditioning.features(embedded[name])}, after"
            f" {conditioning.features(after[name])}"
            for name in sorted(embedded)
        )
        import torch

        like = {"device": pipe.device, "dtype": pipe.dtype}
        return {
            name: torch.from_numpy(value.repeat(count, axis=0)).to(**like)
            for name, value in after.items()
        }

    def _calibrate(self, name: str, embedding: conditioning.Embedding) -> conditioning.Embedding:
        """Token embeddings are calibrated; pooled ones are of another space."""
        if self.calibration is None or "pooled" in name:
            return embedding
        return conditioning.apply(self.calibration, embedding)

    def _make_step_callback(
        self, steps_callback: StepsCallback | None, size: tuple[int, int]
    ) -> Callable[..., dict[str, Any]] | None:
        """What diffusers calls after every step; it hands out those of `inpaint.keep_steps`."""
        steps = parse_keep_steps(self.config.keep_steps)
        if steps_callback is None or not steps:
            return None

        def keep(pipe: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            del time
            if step in steps:
                steps_callback(step, _crop_picture(_decode_latents(pipe, tensors["latents"]), size))
            return tensors

        return keep


def parse_keep_steps(text: str) -> frozenset[int]:
    """The steps that `inpaint.keep_steps` names, e.g. "0,2"."""
    return frozenset(int(part) for part in text.split(",") if part.strip())


def filter_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that a pipeline's call takes, and that are not None."""
    names = inspect.signature(function).parameters
    return {name: value for name, value in arguments.items() if name in names and value is not None}


def multiple_px(pipe: Any) -> int:
    """What a crop's edges must be multiples of: 8, or what the autoencoder, and a transformer's
    patches, ask for.
    """
    factor = int(getattr(pipe, "vae_scale_factor", MULTIPLE_PX))
    return max(MULTIPLE_PX, factor * (2 if getattr(pipe, "transformer", None) is not None else 1))


def set_scheduler(loaded: LoadedPipeline, name: str) -> Any:
    """The pipeline with the scheduler `ddim` or `dpmsolver++` on its own noise levels.

    A flow-matching model keeps its own: the others are not defined for it.
    """
    import diffusers

    pipe, original = loaded
    if "FlowMatch" in type(original).__name__:
        pipe.scheduler = original
        return pipe
    if name == "dpmsolver++":
        pipe.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(
            original.config, algorithm_type="dpmsolver++"
        )
        return pipe
    v_prediction = {
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }  # its last level must be pure noise
    extra = v_prediction if original.config.get("prediction_type") == "v_prediction" else {}
    pipe.scheduler = diffusers.DDIMScheduler.from_config(original.config, **extra)
    return pipe


def _embed_prompt(
    pipe: Any, prompt: str, unwanted: str | None, *, guided: bool
) -> dict[str, conditioning.Embedding]:
    """The prompt's embeddings by the name of the argument that takes them; none where the
    pipeline's are unknown to us.
    """
    if not hasattr(pipe, "encode_prompt"):
        return {}
    import torch

    arguments = {
        "prompt": prompt,
        "prompt_2": prompt,
        "negative_prompt": unwanted,
        "negative_prompt_2": unwanted,
        "device": pipe.device,
        "num_images_per_prompt": 1,
        "do_classifier_free_guidance": guided,
    }
    names = (
        "prompt_embeds",
        "negative_prompt_embeds",
        "pooled_prompt_embeds",
        "negative_pooled_prompt_embeds",
    )
    if not set(names[:2]) <= set(inspect.signature(pipe.__call__).parameters):
        return {}
    with torch.no_grad():
        encoded = pipe.encode_prompt(**filter_arguments(pipe.encode_prompt, arguments))
    if len(encoded) not in {2, 4}:
        return {}
    return {
        name: part.float().cpu().numpy()
        for name, part in zip(names, encoded, strict=False)
        if part is not None
    }


def _decode_latents(pipe: Any, latents: Any) -> Image:
    """What latents show: decoded by the pipeline's autoencoder, or its own `pictures`."""
    import torch

    if hasattr(pipe, "pictures"):
        return np.asarray(pipe.pictures(latents)[0], np.float32)
    config = pipe.vae.config
    scaled = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
    with torch.no_grad():
        decoded = pipe.vae.decode(scaled, return_dict=False)[0]
    return np.asarray(pipe.image_processor.postprocess(decoded, output_type="np")[0], np.float32)


def _crop_picture(picture: Any, size: tuple[int, int]) -> Image:
    return np.ascontiguousarray(np.clip(picture[: size[0], : size[1]], 0, 1), np.float32)


def _text_encoders() -> str:
    """The version of the library that they come from, which is here for those who use models with a
    prompt.
    """
    try:
        return f" transformers=={version('transformers')}"
    except PackageNotFoundError:
        return ""


@lru_cache(maxsize=2)
def _load_pipeline(source: Path | str, precision: str) -> LoadedPipeline:
    """The pipeline, where EDITPROOF_DEVICE says. Raises ContractError where it can't be loaded."""
    import torch
    from diffusers.utils import logging

    logging.disable_progress_bar()  # of loading
    folder, device = _find_folder(source), find_device()
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}
    if precision != "float32":
        options[_dtype_argument()] = getattr(torch, precision)
    options["low_cpu_mem_usage"] = find_spec("accelerate") is not None
    try:
        if source == WEIGHTS:
            from editproof.pipelines.models.microfill_pipeline import MicrofillPipeline

            pipe = MicrofillPipeline.from_pretrained(folder, **options)
        else:
            from diffusers import AutoPipelineForInpainting

            pipe = AutoPipelineForInpainting.from_pretrained(folder, **options)
    except ImportError as error:
        raise ContractError(
            f"{source} needs a library that is not here: {_first_line(error)}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{source} is not an inpainting pipeline with safetensors weights: {_first_line(error)}"
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return LoadedPipeline(pipe.to(device), pipe.scheduler)


def _dtype_argument() -> str:
    """What `from_pretrained` calls it: diffusers renamed it."""
    return (
        "dtype"
        if tuple(map(int, version("diffusers").split(".")[:2])) >= (0, 42)
        else "torch_dtype"
    )


@lru_cache(maxsize=8)
def _find_folder(source: Path | str) -> Path:
    """The folder itself, or the one that the hub's model is, or was, downloaded to; safetensors
    only.
    """
    if isinstance(source, Path):
        return source
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(source, use_safetensors=True))
    except (OSError, ValueError) as error:
        raise ContractError(
            f"diffusers:{source}: there is no such folder here, and the hub has no such pipeline"
            f" with safetensors weights or can't be reached: {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    lines: Iterable[str] = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)
