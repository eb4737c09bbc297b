"""`microfill` as a diffusers pipeline: the same call, scheduler, generator and callback as any
other inpainting one.

Imported where a diffusion model is used, so it may import torch and diffusers itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput, UNet2DModel
from diffusers.utils.torch_utils import randn_tensor

from editproof.pipelines.contract import Image
from editproof.pipelines.models.microfill_view import View, make_view, unpack

LUMA_SHARE = 0.7
CHROMA_SHARE = 0.35
"""Shares of the residual that are added: chosen by LPIPS on held-out crops, other ones than the
card's.
"""


class MicrofillPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Denoises the residual to the mean of two classical fills, in units of how far they differ.

    The network is given fresh noise in every step, as it was trained to draw one of the possible
    residuals rather than their mean. What it draws is added in part: a network as small as this is
    too sure of itself.
    """

    def __init__(
        self,
        unet: UNet2DModel,
        scheduler: Any,
        luma_share: float = LUMA_SHARE,
        chroma_share: float = CHROMA_SHARE,
    ) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(luma_share=luma_share, chroma_share=chroma_share)
        self._views: list[View] = []

    @torch.no_grad()
    def __call__(
        self,
        image: torch.Tensor,
        mask_image: torch.Tensor,
        *,
        num_inference_steps: int = 4,
        strength: float = 1.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        callback_on_step_end: (
            Callable[[Any, int, int, dict[str, Any]], dict[str, Any]] | None
        ) = None,
    ) -> ImagePipelineOutput:
        """Fill N×3×H×W images in [0, 1] where the N×1×H×W masks are above 0; H and W are multiples
        of 8.

        generator: one, or one for each image, whose noise then does not depend on the others.
        strength: below 1, only the last part of the steps is made, from the noised classical fills
        on. The callback may change `latents`, the noisy residuals. Gives N×H×W×3 in [0, 1].
        """
        count = len(image)
        generators = generator if isinstance(generator, list) else [generator] * count
        self._views = [
            make_view(
                np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()),
                mask[0].numpy(),
                _patch_seed(noise_source),
            )
            for pixels, mask, noise_source in zip(image, mask_image, generators, strict=True)
        ]
        condition = torch.from_numpy(np.stack([seen.condition for seen in self._views])).to(
            self.device
        )
        self.scheduler.set_timesteps(num_inference_steps, device=self.device)
        times = self.scheduler.timesteps[
            num_inference_steps - max(1, round(num_inference_steps * strength)) :
        ]
        shape = (count, self.unet.config.out_channels, *condition.shape[2:])
        noise = randn_tensor(shape, generator=generator, device=self.device)
        latents = self.scheduler.add_noise(torch.zeros_like(noise), noise, times[:1].repeat(count))
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(num_inference_steps - len(times))
        for number, time in enumerate(self.progress_bar(times)):
            fresh = randn_tensor(shape, generator=generator, device=self.device)
            shown = torch.cat([latents, fresh, condition], dim=1).to(self.unet.dtype)
            residual = self.unet(shown, time).sample.float()
            latents = self.scheduler.step(residual, time, latents).prev_sample
            if callback_on_step_end is not None:
                latents = callback_on_step_end(self, number, int(time), {"latents": latents}).get(
                    "latents", latents
                )
        return ImagePipelineOutput(images=self.pictures(latents))

    def pictures(self, latents: torch.Tensor) -> Image:
        """The images with the shares of their residuals, noisy or not, added to their bases:
        N×H×W×3 in [0, 1].
        """
        if len(self._views) != len(latents):
            raise RuntimeError("these are no residuals of the last call's images")
        pictures = []
        for seen, packed in zip(self._views, latents, strict=True):
            residual = unpack(packed.cpu().numpy()) * seen.unit
            grey = residual.mean(axis=2, keepdims=True)
            added = self.config.luma_share * grey + self.config.chroma_share * (residual - grey)
            pictures.append(np.clip(seen.base + added, 0, 1))
        return np.asarray(np.stack(pictures), np.float32)


def _patch_seed(generator: torch.Generator | None) -> int:
    """PatchMatch's seed, drawn from the generator."""
    return int(torch.randint(2**31 - 1, (1,), generator=generator))
