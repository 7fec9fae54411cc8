"""Latents as the denoiser foresees them: what later stages get from it, with its own kind of faults."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ..models.denoiser import BODY_MAP_SIZE
from ..pipelines.window import Window
from .denoiser import load_base
from .latents import LatentSet


@torch.no_grad()
def foreseen_latents(
    data: LatentSet, models: Path, times: tuple[float, float], tries: int = 2, seed: int = 0, batch: int = 32
) -> Tensor:
    """(N, 2, tries, C, 32, 32) float16: for both sides of each person, clean latents foreseen from noisy ones.

    The noisy latents' times are drawn between ``times``: at 0 they are the truth, at 1 nothing but the prompt speaks.
    """
    model = load_base(models)
    generator = torch.Generator().manual_seed(seed)
    made = torch.zeros(*data.latents.shape[:2], tries, *data.latents.shape[2:], dtype=torch.float16)
    for columns in data.columns.unique().tolist():
        window = Window(columns)
        rows = (data.columns == columns).nonzero().squeeze(1)
        for some in tqdm(rows.split(batch), desc=f"foreseen, {columns} columns"):
            for side in (0, 1):
                for k in range(tries):
                    clean = window.crop(data.latents[some, side]).float()
                    maps = window.crop(data.maps[some, side], BODY_MAP_SIZE // window.size).float()
                    share = torch.rand(len(some), generator=generator)
                    time = times[0] + (times[1] - times[0]) * share
                    t = time.view(-1, 1, 1, 1)
                    noisy = (1 - t) * clean + t * torch.randn(clean.shape, generator=generator)
                    caption = int(torch.randint(data.tokens.shape[1], (1,), generator=generator))
                    tokens = data.tokens[some, caption].float()
                    foreseen = model(noisy, time, tokens, maps)
                    # Outside the window nobody is, and empty cells are all alike.
                    whole = data.latents[some, side].clone()
                    window.crop(whole).copy_(foreseen)
                    made[some, side, k] = whole
    return made
