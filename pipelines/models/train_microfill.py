"""Train `microfill`, and keep its weights: `python -m editproof.pipelines.models.train_microfill
FOLDER` (`nox -s train`).

The network is a denoiser of the residual in the hole, trained on the noise levels that one, two and
four steps visit. Instead of the mean over all residuals that a squared error asks for (a smear), it
is to draw one of them: beside the noisy residual it is given fresh noise, and trained by the energy
score, a proper scoring rule, over blocks of three sizes: De Bortoli et al. 2025, "Distributional
diffusion models with scoring rules". No other network judges it.

FOLDER keeps the training squares and the checkpoints; a run that was stopped goes on from the last
of them. What ships is one of its `step-…` folders, copied to pipelines/weights/microfill.
"""

from __future__ import annotations

import argparse
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from editproof.pipelines.models.classical import navier_stokes, patch_match
from editproof.pipelines.models.microfill_data import random_hole, training_square
from editproof.pipelines.models.microfill_view import (
    CONDITION_CHANNELS,
    PATCH_RADIUS_PX,
    RESIDUAL_CHANNELS,
    SMOOTH_RADIUS_PX,
    make_view_from_fills,
    pack,
)

ARCHITECTURE: dict[str, Any] = {
    "in_channels": 2 * RESIDUAL_CHANNELS + CONDITION_CHANNELS,
    "out_channels": RESIDUAL_CHANNELS,
    "layers_per_block": 1,
    "block_out_channels": (48, 72, 96),
    "down_block_types": ("DownBlock2D",) * 3,
    "up_block_types": ("UpBlock2D",) * 3,
    "norm_num_groups": 8,
    "add_attention": False,
}
"""Of diffusers' UNet2DModel: noisy residual, fresh noise, condition -> residual."""
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "sample",
    "timestep_spacing": "trailing",
    "clip_sample": False,
}
"""Of diffusers' DDIMScheduler."""

SQUARE_PX = 64
SQUARES = 9000
BATCH = 8
"""Holes a step; each is filled twice, as the energy score compares two draws."""
VISITED = (999, 749, 499, 249)
"""Time steps that sampling in one, two and four steps visits."""
VISITED_SHARES = (0.4, 0.15, 0.25, 0.2)
RATE = 6e-4
WARM_UP = 100
DECAY_FROM = 0.75
"""Share of the steps after which the learning rate falls to 0."""
AVERAGE = 0.997
"""Of the weights, exponential: what is shipped is the average."""
KEEP_EVERY = 250

Pool = dict[str, npt.NDArray[Any]]
"""`truth`, `smooth`, `patched` (n×64×64×3, 8 bits) and `hole` (n×64×64)."""


def training_pool(count: int, seed: int) -> Pool:
    """Squares, holes and their classical fills."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[npt.NDArray[Any], ...]] = []
    for number in range(count):
        square, hole = training_square(rng, SQUARE_PX), random_hole(rng, SQUARE_PX)
        image = (square / np.float32(255)).astype(np.float32)
        smooth = navier_stokes(image, hole, radius_px=SMOOTH_RADIUS_PX)
        patched = patch_match(image, hole, patch_radius_px=PATCH_RADIUS_PX, seed=number)
        rows.append(
            (square, *(np.round(fill * 255).astype(np.uint8) for fill in (smooth, patched)), hole)
        )
    return dict(
        zip(
            ("truth", "smooth", "patched", "hole"),
            map(np.stack, zip(*rows, strict=True)),
            strict=True,
        )
    )


def draw_batch(pool: Pool, rng: np.random.Generator) -> tuple[Any, ...]:
    """Condition, true residual and hole, packed, of BATCH squares, turned, mirrored and with
    channels exchanged.
    """
    import torch

    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for index in rng.integers(len(pool["hole"]), size=BATCH):
        turns, mirrored, channels = int(rng.integers(4)), bool(rng.integers(2)), rng.permutation(3)
        truth, smooth, patched = (
            (
                _turn_picture(pool[name][index], turns, mirrored=mirrored)[..., channels]
                / np.float32(255)
            ).astype(np.float32)
            for name in ("truth", "smooth", "patched")
        )
        hole = _turn_picture(pool["hole"][index], turns, mirrored=mirrored)
        seen = make_view_from_fills(truth, hole.astype(np.float32), smooth, patched)
        inside = hole[..., None].astype(np.float32)
        parts.append((seen.condition, pack((truth - seen.base) / seen.unit * inside), pack(inside)))
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))


def energy_score(draws: tuple[Any, Any], truth: Any, inside: Any) -> Any:
    """Gneiting & Raftery 2007, of two draws, over blocks of 2, 4 and 8 px inside the hole: the mean
    of E|x-y| - E|x-x'|/2.
    """
    one, other = draws
    weights = inside.mean(dim=1, keepdim=True)
    weighted = inside.repeat(1, one.shape[1] // inside.shape[1], 1, 1)
    total = 0.0
    for edge in (1, 2, 4):
        share = _average_blocks(weights, edge)
        near, far, spread = (
            (
                _average_blocks(((a - b).square() * weighted).mean(dim=1, keepdim=True), edge)
                + 1e-4
            ).sqrt()
            for a, b in ((one, truth), (other, truth), (one, other))
        )
        total = total + ((near + far - spread) * share).sum() / share.sum() / 2
    return total / 3


def train(folder: Path, *, steps: int, squares: int, seed: int, hours: float) -> None:
    """Train to `steps`, or for `hours`; keep a checkpoint every KEEP_EVERY steps, and go on from
    the last that is there.
    """
    import torch
    from diffusers import DDIMScheduler, UNet2DModel

    torch.manual_seed(seed)
    pool = _load_pool(folder, squares, seed)
    network = UNet2DModel(**ARCHITECTURE)
    torch.nn.init.zeros_(network.conv_out.weight)  # the first fill is the base
    torch.nn.init.zeros_(network.conv_out.bias)
    average_of = torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)  # type: ignore[no-untyped-call]
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=average_of)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=1e-3
    )
    first = _load_checkpoint(folder, network, average, optimiser)
    levels = DDIMScheduler(**SCHEDULE).alphas_cumprod
    end, mean = time.monotonic() + hours * 3600, 0.0
    for step in range(first, steps):
        rng = np.random.default_rng((seed, step))
        torch.manual_seed(seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps)
        loss = _loss(network, draw_batch(pool, rng), levels, rng)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(network)
        mean += float(loss.detach())
        if (step + 1) % KEEP_EVERY == 0 or step + 1 == steps or time.monotonic() > end:
            print(  # noqa: T201
                f"step {step + 1} of {steps}: score {mean / (step % KEEP_EVERY + 1):.4f}",
                flush=True,
            )
            mean = 0.0
            _save_checkpoint(folder, step + 1, network, average, optimiser)
            if time.monotonic() > end:
                break


def learning_rate(step: int, steps: int) -> float:
    """Up over WARM_UP steps, even, and down to 0 from DECAY_FROM on."""
    falling = (steps - step) / (steps * (1 - DECAY_FROM))
    return RATE * min((step + 1) / WARM_UP, 1.0, falling)


def _loss(network: Any, batch: tuple[Any, ...], levels: Any, rng: np.random.Generator) -> Any:
    """The energy score of two fills from the same noisy residual, each with fresh noise of its
    own.
    """
    import torch

    condition, residual, inside = batch
    times = rng.choice(VISITED, size=len(residual), p=VISITED_SHARES)
    anywhere = rng.random(len(residual)) < 0.15
    steps = torch.from_numpy(np.where(anywhere, rng.integers(1000, size=len(residual)), times))
    kept = levels[steps][:, None, None, None]
    noisy = kept.sqrt() * residual + (1 - kept).sqrt() * torch.randn_like(residual)
    seen = torch.cat(
        [torch.cat([noisy, torch.randn_like(noisy), condition], dim=1) for _ in range(2)]
    )
    with torch.autocast("cpu", torch.bfloat16):
        drawn = network(
            seen.to(memory_format=torch.channels_last), torch.cat([steps, steps])
        ).sample
    one, other = drawn.float().chunk(2)
    return energy_score((one, other), residual, inside)


def _average_blocks(planes: Any, edge: int) -> Any:
    import torch

    return (
        torch.nn.functional.avg_pool2d(planes, edge, stride=max(edge // 2, 1))
        if edge > 1
        else planes
    )


def _turn_picture(picture: npt.NDArray[Any], turns: int, *, mirrored: bool) -> npt.NDArray[Any]:
    turned = np.rot90(picture, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def _load_pool(folder: Path, count: int, seed: int) -> Pool:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"squares-{count}-{seed}.npz"
    if not path.is_file():
        np.savez(path.with_suffix(".part.npz"), **training_pool(count, seed))  # type: ignore[arg-type]
        path.with_suffix(".part.npz").replace(path)
    with np.load(path) as squares:
        return dict(squares)


def _save_checkpoint(folder: Path, step: int, network: Any, average: Any, optimiser: Any) -> None:
    """Write what goes on (`last.pt`), and the averaged network in 16 bits, as a pipeline that may
    be shipped.
    """
    import torch
    from diffusers import DDIMScheduler

    from editproof.pipelines.models.microfill_pipeline import MicrofillPipeline

    state = {"step": step, "network": network.state_dict(), "average": average.state_dict()}
    torch.save({**state, "optimiser": optimiser.state_dict()}, folder / "last.part")
    (folder / "last.part").replace(folder / "last.pt")
    pipe = MicrofillPipeline(deepcopy(average.module).half(), DDIMScheduler(**SCHEDULE))
    pipe.save_pretrained(folder / f"step-{step:05d}", safe_serialization=True)


def _load_checkpoint(folder: Path, network: Any, average: Any, optimiser: Any) -> int:
    """Load the last checkpoint, if there is one, and give the next step's number."""
    import torch

    path = folder / "last.pt"
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def main() -> None:
    """Train in one thread."""
    import torch

    command = "python -m editproof.pipelines.models.train_microfill"
    parser = argparse.ArgumentParser(prog=command, description="Train microfill.")
    parser.add_argument("folder", type=Path, help="keeps squares and checkpoints")
    parser.add_argument("--steps", type=int, default=1500, help="default %(default)s")
    parser.add_argument(
        "--squares", type=int, default=SQUARES, help="to train on, default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    parser.add_argument(
        "--hours", type=float, default=24.0, help="stop after so long, default %(default)s"
    )
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    train(
        asked.folder, steps=asked.steps, squares=asked.squares, seed=asked.seed, hours=asked.hours
    )


if __name__ == "__main__":
    main()
