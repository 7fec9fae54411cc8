"""Sampling a rectified flow with guidance: what the front and back view pipelines share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from ..protocol.errors import DoppelError

GUIDED_UNTIL = 0.8
"""Noise below which nothing is guided any more. Guidance decides early on what is shown and what colour it has; later
it only drives colours too far (Kynkaanniemi et al. 2024, "Applying guidance in a limited interval")."""

LAST_NOISE = 0.125
"""Noise at the last step, from which the clean latents are foreseen. With less a denoiser has hardly been trained, and
overdraws what it sees: from 0.001, where diffusers' schedule ends by default, clothes came out darker and a tenth more
colourful than from the step before it."""

Step = Callable[[int, int, Tensor], None]
"""Called after each step with (step, steps, the clean latents as they are now foreseen)."""
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Known:
    """Latents that a sample shall have where the mask is 1: an edited picture, or the seen part of a photo."""

    latents: Tensor  # [1, C, h, w]
    mask: Tensor  # [1, 1, h, w] in [0, 1]


def check(cancelled: Cancelled | None) -> None:
    """Raise DoppelError ``cancelled`` when asked to stop."""
    if cancelled is not None and cancelled():
        raise DoppelError("cancelled", "the job was cancelled")


def sample_flow(
    velocity: Callable[[Tensor, Tensor, Tensor], Tensor],
    scheduler: FlowMatchEulerDiscreteScheduler,
    noise: Tensor,
    tokens: Tensor,
    negative: Tensor,
    steps: int,
    guidance_scale: float,
    on_step: Step | None = None,
    cancelled: Cancelled | None = None,
    known: Known | None = None,
    last_noise: float = LAST_NOISE,
) -> Tensor:
    """From noise (B, C, h, w) to latents by Euler steps with classifier-free guidance of the early ones.

    Args:
        velocity: (latents, time in [0, 1] (B,), tokens) -> noise - data.
        scheduler: diffusers' flow-matching Euler scheduler.
        noise: [B, C, h, w].
        tokens, negative: [B, 15, D].
        steps: how many.
        guidance_scale: 1 means none; a guided step is twice the work.
        known: what is given already; it goes the straight way from its noise to its latents, the rest follows.
        last_noise: noise at the last step.
    """
    scheduler.set_timesteps(sigmas=np.linspace(1, last_noise, steps).tolist(), device=noise.device)
    x = noise
    for index, timestep in enumerate(scheduler.timesteps):
        check(cancelled)
        time = (timestep / scheduler.config["num_train_timesteps"]).to(x.dtype)
        if guidance_scale != 1 and float(time) > GUIDED_UNTIL:
            both = velocity(torch.cat([x, x]), time.expand(2 * len(x)), torch.cat([tokens, negative]))
            positive, without = both.chunk(2)
            v = without + guidance_scale * (positive - without)
        else:
            v = velocity(x, time.expand(len(x)), tokens)
        if known is not None:
            v = torch.lerp(v, noise - known.latents, known.mask)
        if on_step is not None:
            on_step(index + 1, steps, x - time * v)
        x = scheduler.step(v, timestep, x).prev_sample
    return x
