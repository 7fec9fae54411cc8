"""Latents as the denoiser foresees them: what later stages get from it, with its own kind of faults."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..models.denoiser import BODY_MAP_SIZE, velocity_of
from ..pipelines.flow import LAST_NOISE
from ..pipelines.window import Window
from .denoiser import load_base
from .latents import LatentSet


@torch.no_grad()
def foreseen_latents(
    data: LatentSet,
    models: Path,
    times: tuple[float, float],
    steps: tuple[int, ...] = (1, 1),
    seed: int = 0,
    batch: int = 32,
) -> Tensor:
    """(N, 2, K, C, 32, 32) float16: for both sides of each person, clean latents foreseen from noisy ones.

    The noisy latents' times are drawn between ``times``: at 0 they are the truth, at 1 nothing but the prompt speaks.
    The Kth is foreseen in ``steps[k]`` steps, as a sampler would: with more of them come its own faults.
    """
    model = load_base(models)
    generator = torch.Generator().manual_seed(seed)
    made = torch.zeros(*data.latents.shape[:2], len(steps), *data.latents.shape[2:], dtype=torch.float16)
    for columns in data.columns.unique().tolist():
        window = Window(columns)
        rows = (data.columns == columns).nonzero().squeeze(1)
        for some in tqdm(rows.split(batch), desc=f"foreseen, {columns} columns"):
            for side in (0, 1):
                for k, count in enumerate(steps):
                    clean = window.crop(data.latents[some, side]).float()
                    maps = window.crop(data.maps[some, side], BODY_MAP_SIZE // window.size).float()
                    share = torch.rand(len(some), generator=generator)
                    time = times[0] + (times[1] - times[0]) * share
                    t = time.view(-1, 1, 1, 1)
                    x = (1 - t) * clean + t * torch.randn(clean.shape, generator=generator)
                    caption = int(torch.randint(data.tokens.shape[1], (1,), generator=generator))
                    tokens = data.tokens[some, caption].float()
                    ways = [torch.lerp(time, torch.full_like(time, LAST_NOISE), i / count) for i in range(count)]
                    for now, then in pairwise(ways):
                        x = x + (then - now).view(-1, 1, 1, 1) * velocity_of(x, model(x, now, tokens, maps), now)
                    foreseen = model(x, ways[-1], tokens, maps)
                    # Outside the window nobody is, and empty cells are all alike.
                    whole = data.latents[some, side].clone()
                    window.crop(whole).copy_(foreseen)
                    made[some, side, k] = whole
    return made
