"""Close-up: the heads of all views painted again at four times the detail, and pasted into pictures of 1024 pixels."""

from __future__ import annotations

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from torch.nn import functional

from ..geometry.body_maps import body_maps
from ..geometry.close_up import CLOSE_UP_SIZE, PICTURE, CloseUp
from ..models.autoencoder import Autoencoder, premultiply, resize, unpremultiply
from ..models.close_up import CLOSE_UP_LATENTS, CLOSE_UP_MAPS, CloseUpDenoiser
from ..models.denoiser import velocity_of
from .back_view import share_silhouette
from .body import PosedSubject
from .flow import Cancelled, Step, sample_flow
from .front_view import PICTURE_SIZE, clean_alpha

COLOUR_REACH = 8.0
"""Standard deviation in close-up pixels of what counts as colour; an eye is smaller, and detail."""
COLOUR_SHARE = 0.8
"""How much of a close-up's colour gives way to the whole picture's."""
LAST_NOISE = 0.001
"""As diffusers ends: what is overdrawn here are eyes and mouths, for the good; colours are the whole picture's."""


class CloseUpPipeline:
    """Front and back views to the same views with a face."""

    def __init__(
        self, denoiser: CloseUpDenoiser, autoencoder: Autoencoder, scheduler: FlowMatchEulerDiscreteScheduler
    ) -> None:
        self.denoiser, self.autoencoder, self.scheduler = denoiser, autoencoder, scheduler

    @torch.no_grad()
    def __call__(
        self,
        subject: PosedSubject,
        front: Tensor,
        back: Tensor,
        tokens: Tensor,
        negative: Tensor,
        generators: list[torch.Generator],
        steps: int = 8,
        guidance_scale: float = 2.5,
        on_step: Step | None = None,
        cancelled: Cancelled | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Views of 1024 pixels: the front (1, 4, 1024, 1024), the backs (K, 4, 1024, 1024) with the front's alpha.

        Args:
            subject: the posed body.
            front: [1, 4, S, S] straight RGBA in [0, 1].
            back: [K, 4, S, S], as seen through the body.
            tokens, negative: [1, 15, D] of the prompt and of what to avoid.
            generators: 1 + K, on the CPU.
        """
        views = torch.cat([front, back])
        count = len(views)
        close = CloseUp.of_head(subject.frame, subject.posed.vertices, subject.model.weights)
        seen = torch.from_numpy(close.frame(subject.frame).to_view(subject.posed.vertices)).float().to(subject.device)
        sides = body_maps(seen, subject.faces, subject.template, CLOSE_UP_MAPS)
        maps = torch.cat([sides[:1], sides[1:].expand(count - 1, -1, -1, -1)])
        coarse = premultiply(close.crop(resize(views, PICTURE)))
        shape = (1, self.autoencoder.config["latent_channels"], CLOSE_UP_LATENTS, CLOSE_UP_LATENTS)
        noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators]).to(maps)

        def velocity(x: Tensor, time: Tensor, context: Tensor) -> Tensor:
            times = len(x) // count  # twice as many when guided
            clean = self.denoiser(x, time, context, maps.repeat(times, 1, 1, 1), coarse.repeat(times, 1, 1, 1))
            return velocity_of(x, clean, time)

        latents = sample_flow(
            velocity,
            self.scheduler,
            noise,
            tokens.expand(count, -1, -1),
            negative.expand(count, -1, -1),
            steps,
            guidance_scale,
            on_step,
            cancelled,
            last_noise=LAST_NOISE,
        )
        detail = clean_alpha(unpremultiply(self.autoencoder.decode(latents)))
        return _paste(close, views, with_colours_of(detail, resize(unpremultiply(coarse), CLOSE_UP_SIZE)))


def with_colours_of(detail: Tensor, coarse: Tensor) -> Tensor:
    """Straight RGBA (B, 4, S, S) with the low frequencies of ``coarse``'s colours.

    A sampler's colours drift, the more so the fewer its steps; what it is conditioned on holds them (the wavelet colour
    correction of Wang et al. 2024, "Exploiting Diffusion Prior for Real-World Image Super-Resolution").
    """
    shift = COLOUR_SHARE * (_colour(coarse) - _colour(detail))
    return torch.cat([(detail[:, :3] + shift).clamp(0, 1), detail[:, 3:]], dim=1)


def _colour(rgba: Tensor) -> Tensor:
    """The mean colour (B, 3, S, S) about each pixel, weighted by alpha."""
    reach = int(3 * COLOUR_REACH)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=rgba.device) / COLOUR_REACH) ** 2)
    kernel = (kernel / kernel.sum()).expand(4, 1, -1)
    joined = functional.pad(torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], dim=1), [reach] * 4, mode="replicate")
    rows = functional.conv2d(joined, kernel.unsqueeze(3), groups=4)
    blurred = functional.conv2d(rows, kernel.unsqueeze(2), groups=4)
    return blurred[:, :3] / blurred[:, 3:].clamp_min(0.02)


def _paste(close: CloseUp, views: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
    whole = close.paste(premultiply(resize(views, PICTURE_SIZE)), premultiply(detail))
    pasted = unpremultiply(whole)
    return pasted[:1], share_silhouette(pasted[1:], pasted[:1])
