"""Models small enough to be made in a test: untrained, but built, saved and loaded as real ones are."""

from __future__ import annotations

import string
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest


def save_stable_diffusion(folder: Path, *, text_seed: int = 0, prediction_type: str = "epsilon") -> Path:
    """A Stable Diffusion inpainting pipeline of a few MB, safetensors, with a text encoder of 32 dimensions."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=9,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
    )
    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *string.ascii_lowercase,
        *(f"{letter}</w>" for letter in string.ascii_lowercase),
    ]
    tokenizer = CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[], model_max_length=16)
    torch.manual_seed(text_seed)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=37,
            num_attention_heads=4,
            num_hidden_layers=2,
            max_position_embeddings=16,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
    pipe = StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def save_lama(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A LaMa of one block and few channels; as long as the patch holds, spandrel builds such a one from the file."""
    import torch
    from safetensors.torch import save_file

    networks = import_module("spandrel.architectures.LaMa.__arch.LaMa")

    small = partial(networks.FFCResNetGenerator, ngf=8, n_blocks=1)
    monkeypatch.setattr(networks, "FFCResNetGenerator", small)
    torch.manual_seed(0)
    save_file(networks.LaMa(in_nc=4, out_nc=3).state_dict(), path)
    return path
