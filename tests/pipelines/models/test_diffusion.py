"""Diffusers pipelines as inpainters: seeds, schedulers, steps, prompts and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from editproof.pipelines import ContractError, EditRequest, Image, reference
from editproof.pipelines.config import InpaintConfig, ReferenceConfig
from editproof.pipelines.contract import Param
from editproof.pipelines.models import conditioning, diffusion, get_model
from tests.grids import diagonal
from tests.pipelines.models.test_contract import crop
from tests.pipelines.models.tiny import save_stable_diffusion, save_stable_diffusion_xl

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""diffusers' DPM-Solver++ makes NumPy arrays of tensors in an old way."""


@pytest.fixture(scope="module")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"diffusers:{save_stable_diffusion(tmp_path_factory.mktemp('models') / 'sd')}"


@pytest.fixture(scope="module")
def stable_diffusion_xl(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"diffusers:{save_stable_diffusion_xl(tmp_path_factory.mktemp('models') / 'sdxl')}"


NAMES = ["microfill", "stable_diffusion", "stable_diffusion_xl"]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = (
        "microfill" if request.param == "microfill" else request.getfixturevalue(request.param)
    )
    return chosen


def config(**settings: Param) -> InpaintConfig:
    return (
        ReferenceConfig()
        .with_settings({f"inpaint.{name}": value for name, value in settings.items()})
        .inpaint
    )


def fill(name: str, *, prompt: str = "", seed: int = 1, **settings: Param) -> Image:
    return get_model(name, config(**settings))(*crop(), seed, prompt=prompt)


@pytest.mark.parametrize("scheduler", ["ddim", "dpmsolver++"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_any_number_of_steps_by_either_scheduler(name: str, scheduler: str, steps: int) -> None:
    """One step after another is made, and none more."""
    seen: list[int] = []
    model = get_model(
        name,
        config(
            scheduler=scheduler, sampling_steps=steps, keep_steps=",".join(map(str, range(steps)))
        ),
    )
    fill = model(*crop(), 1, steps_callback=lambda step, _: seen.append(step))
    assert seen == list(range(steps))
    assert np.isfinite(fill).all()


def test_schedulers_differ_and_a_swap_leaves_nothing_behind(name: str) -> None:
    """The pipeline is loaded once: one scheduler after the other gives what it gave before."""
    first, other, again = (
        fill(name, scheduler=kind, sampling_steps=4) for kind in ("ddim", "dpmsolver++", "ddim")
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_chosen_steps_are_handed_out_as_pictures(name: str) -> None:
    """Those that were asked for, of the crop's size; the last one is the fill."""
    kept: dict[int, Image] = {}
    model = get_model(name, config(sampling_steps=3, keep_steps="0,2"))
    whole = model(*crop(), 1, steps_callback=kept.__setitem__)
    assert sorted(kept) == [0, 2]
    assert all(step.shape == whole.shape and step.dtype == np.float32 for step in kept.values())
    assert kept[2] == pytest.approx(whole, abs=1e-5)
    assert not np.array_equal(kept[0], whole)


def test_less_strength_makes_fewer_steps(name: str) -> None:
    """Half of four are made."""
    seen: list[int] = []
    model = get_model(name, config(sampling_steps=4, strength=0.5, keep_steps="0,1,2,3"))
    model(*crop(), 1, steps_callback=lambda step, _: seen.append(step))
    assert seen == [0, 1]


def test_a_prompt_changes_the_fill_and_its_embedding_is_noted(stable_diffusion: str) -> None:
    """Before and after are one where there is no calibration."""
    model = get_model(stable_diffusion, config(sampling_steps=2))
    plain = model(*crop(), 1)
    assert not np.array_equal(plain, model(*crop(), 1, prompt="red"))
    before, after = (
        model.note.split("; ")[1].removeprefix("prompt_embeds: before ").split(", after ")
    )
    assert before == after
    assert before.startswith("norm ")


@pytest.mark.parametrize("family", ["stable_diffusion", "stable_diffusion_xl"])
def test_every_family_heeds_prompt_and_negative_prompt(
    family: str, request: pytest.FixtureRequest
) -> None:
    """Each changes the fill; the negative one only where there is guidance away from it."""
    source: str = request.getfixturevalue(family)
    prompts = [fill(source, prompt=prompt) for prompt in ("", "red", "blue")]
    assert len({picture.tobytes() for picture in prompts}) == 3
    assert np.array_equal(prompts[1], fill(source, prompt="red"))
    assert not np.array_equal(prompts[1], fill(source, prompt="red", negative_prompt="blue"))
    unguided = [
        fill(source, prompt="red", negative_prompt=no, guidance_scale=1.0) for no in ("", "blue")
    ]
    assert np.array_equal(unguided[0], unguided[1])


def test_guidance_matters_only_with_a_prompt_model(stable_diffusion: str) -> None:
    """It does for Stable Diffusion; ours takes no prompt."""
    weak, strong = (
        fill(stable_diffusion, prompt="red", guidance_scale=scale) for scale in (1.0, 9.0)
    )
    assert not np.array_equal(weak, strong)
    assert np.array_equal(
        fill("microfill", guidance_scale=1.0), fill("microfill", guidance_scale=9.0, prompt="red")
    )


def test_a_calibration_makes_one_encoder_speak_like_another(
    stable_diffusion: str, tmp_path: Path
) -> None:
    """A text encoder whose embeddings are another's, stretched and moved, fills as the other
    does.
    """
    from safetensors.torch import load_file, save_file

    stretched = save_stable_diffusion(tmp_path / "stretched")
    path = stretched / "text_encoder" / "model.safetensors"
    state = load_file(path)
    norm = next(key for key in state if key.endswith("final_layer_norm.weight"))
    bias = norm.replace("weight", "bias")
    state[norm], state[bias] = state[norm] * 3, state[bias] * 3 + 0.7
    save_file(state, path, metadata={"format": "pt"})
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(64, 32)).astype(np.float32)
    conditioning.save(
        conditioning.calibrate(seen * 3 + np.float32(0.7), seen), tmp_path / "to.safetensors"
    )

    wanted = fill(stable_diffusion, prompt="red", sampling_steps=2)
    model = get_model(
        f"diffusers:{stretched}",
        config(sampling_steps=2, conditioning=str(tmp_path / "to.safetensors")),
    )
    calibrated = model(*crop(), 1, prompt="red")
    assert calibrated == pytest.approx(wanted, abs=1e-3)
    assert (
        np.abs(fill(f"diffusers:{stretched}", prompt="red", sampling_steps=2) - wanted).max() > 5e-3
    )
    before, after = (
        model.note.split("; ")[1].removeprefix("prompt_embeds: before ").split(", after ")
    )
    assert before != after


def test_a_calibration_without_a_prompt_to_calibrate_is_refused(tmp_path: Path) -> None:
    """Our own model takes none; and a file that is not there is named at once."""
    seen = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    conditioning.save(conditioning.calibrate(seen, seen * 2), tmp_path / "a.safetensors")
    with pytest.raises(ContractError, match="no embeddings that can be calibrated"):
        fill("microfill", conditioning=str(tmp_path / "a.safetensors"))
    with pytest.raises(ContractError, match=r"there is no file .*b\.safetensors"):
        get_model("microfill", config(conditioning=str(tmp_path / "b.safetensors")))


def test_a_v_prediction_model_starts_from_pure_noise(tmp_path: Path) -> None:
    """Without that, few steps of it can't leave the mean brightness."""
    save_stable_diffusion(tmp_path / "v", prediction_type="v_prediction")
    pipe = diffusion.set_scheduler(diffusion._load_pipeline(tmp_path / "v", "float32"), "ddim")
    pipe.scheduler.set_timesteps(4)
    assert float(pipe.scheduler.alphas_cumprod[pipe.scheduler.timesteps[0]]) == pytest.approx(
        0, abs=1e-6
    )


@pytest.mark.parametrize("save", [save_stable_diffusion, save_stable_diffusion_xl])
def test_a_folder_with_pickled_weights_only_is_refused(
    save: Callable[[Path], Path], tmp_path: Path
) -> None:
    """They may hold code; safetensors can't. Even one part of a pipeline is enough."""
    import torch
    from safetensors.torch import load_file

    folder = save(tmp_path / "model")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ContractError, match="not an inpainting pipeline with safetensors weights"):
        fill(f"diffusers:{folder}")


def test_a_pipeline_of_another_kind_is_refused(tmp_path: Path) -> None:
    """One that can't inpaint, and an index that is no JSON."""
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline"}), "utf-8")
    with pytest.raises(ContractError, match="not an inpainting pipeline"):
        fill(f"diffusers:{tmp_path}")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model_index.json").write_text("{", "utf-8")
    with pytest.raises(ContractError, match="not an inpainting pipeline"):
        fill(f"diffusers:{broken}")


def test_a_hub_that_does_not_answer_is_told_from_a_missing_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message says that both were tried."""
    import diffusers

    def unreachable(name: str, **options: object) -> str:
        raise OSError(f"can't reach the hub for {name}")

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", unreachable)
    with pytest.raises(ContractError, match="no such folder here, and the hub"):
        fill("diffusers:owner/name")


def test_a_hub_model_is_a_folder_once_it_is_here(
    stable_diffusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safetensors are asked for, and what the hub gives is filled with."""
    import diffusers

    asked: dict[str, object] = {}

    def download(name: str, **options: object) -> str:
        asked.update(options, name=name)
        return stable_diffusion.removeprefix("diffusers:")

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    assert np.array_equal(fill("diffusers:owner/here"), fill(stable_diffusion))
    assert (asked["name"], asked["use_safetensors"]) == ("owner/here", True)


def test_a_black_fill_by_a_safety_checker_is_no_fill(
    stable_diffusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error that says so."""
    source = Path(stable_diffusion.removeprefix("diffusers:"))
    pipe = diffusion._load_pipeline(source, "float32").pipe
    monkeypatch.setattr(
        type(pipe), "run_safety_checker", lambda self, image, device, dtype: (image, [True])
    )
    with pytest.raises(ContractError, match="safety checker"):
        fill(stable_diffusion)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scheduler"), diagonal(NAMES, ["ddim", "dpmsolver++"]), indirect=["name"]
)
def test_kept_steps_are_artefacts_of_the_whole_pipeline(name: str, scheduler: str) -> None:
    """Of a hole in two parts, one of them in tiles: pictures of the whole image, in order, changed
    in the mask only; the last is the fill; and what is kept changes nothing.
    """
    from skimage import data

    image = np.asarray(data.coffee()[:150, :220] / 255, np.float32)
    mask = np.zeros(image.shape[:2], np.float32)
    mask[20:32, 20:40] = mask[60:130, 110:190] = 1
    settings: dict[str, Param] = {
        "inpaint.model": name,
        "inpaint.sampling_steps": 3,
        "inpaint.scheduler": scheduler,
        "inpaint.context_px": 16,
        "inpaint.tile_px": 64,
        "inpaint.tile_overlap_px": 16,
        "mask.max_coverage": 1.0,
        "mask.dilate_px": 0,
        "mask.soft_sigma_px": 0.0,
    }
    request = EditRequest(image, mask, seed=3)
    kept = reference.build(**settings, **{"inpaint.keep_steps": "0,2"})(request)
    steps = {stage.name: stage.artefact for stage in kept.stages if ", step " in stage.name}
    assert list(steps) == ["inpaint, step 0", "inpaint, step 2"]
    for artefact in steps.values():
        assert artefact is not None
        assert artefact.shape == image.shape
        assert not (artefact[mask > 0] == image[mask > 0]).all(axis=-1).any()
    fill = next(stage.artefact for stage in kept.stages if stage.name == "inpaint")
    assert fill is not None
    assert steps["inpaint, step 2"][25, 30] == pytest.approx(fill[25, 30], abs=1e-5)  # type: ignore[index]
    plain = reference.build(**settings)(request)
    assert plain.image is not None
    assert kept.image is not None
    assert np.array_equal(plain.image, kept.image)


def test_a_soft_mask_is_what_the_model_is_told(name: str) -> None:
    """It fills otherwise with it, and as before without it again; none of what has to go is seen
    through the soft edge.
    """
    image, hole, soft = crop()
    other = np.where(hole[..., None], 1 - image, image)
    fills = [
        get_model(name, config(soft_mask=asked, sampling_steps=2))(picture, hole, soft, 1)
        for asked, picture in ((False, image), (True, image), (True, other), (False, image))
    ]
    assert not np.array_equal(fills[0], fills[1])
    assert np.array_equal(fills[1][hole], fills[2][hole])
    assert np.array_equal(fills[0], fills[3])
    hard = get_model(name, config(soft_mask=True, sampling_steps=2))(
        image, hole, hole.astype(np.float32), 1
    )
    assert np.array_equal(hard, fills[0])


def test_a_soft_mask_for_a_model_that_takes_none_is_refused(
    stable_diffusion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the pipeline has no processor of masks that could let it through."""
    pipe = diffusion._load_pipeline(
        Path(stable_diffusion.removeprefix("diffusers:")), "float32"
    ).pipe
    monkeypatch.delattr(pipe, "mask_processor")
    with pytest.raises(ContractError, match=r"takes no soft mask; set inpaint\.soft_mask=false"):
        fill(stable_diffusion, soft_mask=True)


def test_the_pipeline_keeps_steps_and_says_what_the_prompt_became(stable_diffusion: str) -> None:
    """In the trace: kept pictures of the whole image, and the embedding's features; outside the
    mask not a bit changes.
    """
    image, hole, _ = crop()
    settings: dict[str, Param] = {
        "inpaint.model": stable_diffusion,
        "inpaint.keep_steps": "1",
        "inpaint.sampling_steps": 2,
    }
    request = EditRequest(
        image, hole.astype(np.float32), prompt="red", config={"mask.max_coverage": 0.5, **settings}
    )
    result = reference.build()(request)
    traces = {stage.name: stage for stage in result.stages}
    (step,) = (stage for name, stage in traces.items() if "step 1" in name)
    assert step.artefact is not None
    assert step.artefact.shape == image.shape
    assert "prompt_embeds: before norm" in traces["inpaint"].decision
    assert result.image is not None
    assert np.array_equal(result.image[:5], image[:5])
