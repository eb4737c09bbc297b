"""Models small enough to be made in a test: untrained, but built, saved and loaded as real ones
are.
"""

from __future__ import annotations

import string
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

LAYOUT: dict[str, Any] = {
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "sample_size": 16,
    "in_channels": 9,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 8,
}
"""Of the denoising networks."""


def save_stable_diffusion(
    folder: Path, *, text_seed: int = 0, prediction_type: str = "epsilon"
) -> Path:
    """A Stable Diffusion inpainting pipeline of a few MB, safetensors, with a text encoder of 32
    dimensions.
    """
    import torch
    from diffusers import StableDiffusionInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(**LAYOUT, cross_attention_dim=32)
    vae = _autoencoder()
    tokenizer, configuration = _words()
    torch.manual_seed(text_seed)
    pipe = StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(configuration),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=_scheduler(prediction_type),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def save_stable_diffusion_xl(folder: Path) -> Path:
    """A Stable Diffusion XL inpainting pipeline: two text encoders, pooled embeddings, sizes as
    conditions.
    """
    import torch
    from diffusers import StableDiffusionXLInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        **LAYOUT,
        cross_attention_dim=64,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
    )
    tokenizer, configuration = _words()
    pipe = StableDiffusionXLInpaintPipeline(
        vae=_autoencoder(),
        text_encoder=CLIPTextModel(configuration),
        text_encoder_2=CLIPTextModelWithProjection(configuration),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=_scheduler("epsilon"),
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def _autoencoder() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
    )


def _words() -> tuple[Any, Any]:
    """A tokenizer of single letters, and the configuration of a text encoder for it."""
    from transformers import CLIPTextConfig, CLIPTokenizer

    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *string.ascii_lowercase,
        *(f"{letter}</w>" for letter in string.ascii_lowercase),
    ]
    tokenizer = CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)}, merges=[], model_max_length=16
    )
    return tokenizer, CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        projection_dim=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )


def _scheduler(prediction_type: str) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )


def save_lama(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A LaMa of one block and few channels; as long as the patch holds, spandrel builds such a one
    from the file.
    """
    import torch
    from safetensors.torch import save_file

    networks = import_module("spandrel.architectures.LaMa.__arch.LaMa")

    small = partial(networks.FFCResNetGenerator, ngf=8, n_blocks=1)
    monkeypatch.setattr(networks, "FFCResNetGenerator", small)
    torch.manual_seed(0)
    save_file(networks.LaMa(in_nc=4, out_nc=3).state_dict(), path)
    return path
