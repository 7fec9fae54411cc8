"""Front view: p(front | text, body), latent diffusion conditioned on the body's maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from torch.nn import functional

from ..cloth.dye import evenly_dyed
from ..geometry.close_up import DETAIL, PICTURE
from ..models.autoencoder import Autoencoder, resize, unpremultiply
from ..models.denoiser import BODY_MAP_SIZE, ViewDenoiser, velocity_of
from ..models.picture_decoder import PictureDecoder
from .body import PosedSubject
from .edit import Edit, changed_pixels, earlier_latents, known_latents
from .flow import Cancelled, Known, Step, sample_flow
from .layout import Layout
from .window import Window

PICTURE_SIZE = PICTURE * DETAIL


@dataclass(frozen=True)
class ViewResult:
    """Generated views of one side."""

    rgba: Tensor  # [B, 4, 1024, 1024] straight alpha in [0, 1]
    labels: Tensor | None  # [B, 256, 256] uint8 Label; None of a whole photo
    latents: Tensor  # [B, C, 32, columns] within the window
    window: Window


class FrontViewPipeline:
    """Text and body to the front view."""

    def __init__(
        self,
        denoiser: ViewDenoiser,
        autoencoder: Autoencoder,
        decoder: PictureDecoder,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        self.denoiser, self.autoencoder, self.decoder, self.scheduler = denoiser, autoencoder, decoder, scheduler

    @torch.no_grad()
    def __call__(
        self,
        subject: PosedSubject,
        tokens: Tensor,
        negative: Tensor,
        generator: torch.Generator,
        steps: int = 8,
        guidance_scale: float = 1.5,
        on_step: Step | None = None,
        cancelled: Cancelled | None = None,
        known: Known | None = None,
        layout: Layout | None = None,
    ) -> ViewResult:
        """One front view.

        Args:
            subject: the posed body.
            tokens, negative: [1, 15, D] of the prompt and of what to avoid.
            generator: on the CPU, so that a seed means the same noise on every device.
            known: latents that are given, within the window.
            layout: what labels must say.
        """
        maps = subject.maps(BODY_MAP_SIZE)[:1]
        window = Window.of_body(maps)
        maps = window.crop(maps, BODY_MAP_SIZE // window.size)
        shape = (1, self.autoencoder.config["latent_channels"], window.size, window.columns)
        noise = torch.randn(shape, generator=generator).to(maps)

        def velocity(x: Tensor, time: Tensor, context: Tensor) -> Tensor:
            clean = self.denoiser(x, time, context, maps.expand(len(x), -1, -1, -1))
            return velocity_of(x, clean, time)

        latents = sample_flow(
            velocity, self.scheduler, noise, tokens, negative, steps, guidance_scale, on_step, cancelled, known
        )
        amended = None if layout is None else layout.of_front
        rgba, labels = decode(self.decoder, latents, maps, tokens, window, amended)
        return ViewResult(evenly_dyed(rgba[0], labels[0])[None], labels, latents, window)

    @torch.no_grad()
    def known(self, edit: Edit, subject: PosedSubject, tokens: Tensor) -> tuple[Tensor, tuple[Known, Known]]:
        """What an edit changes, 1 in (2, 1, 256, 256), and what it leaves of the front and of the back, within the
        window that the body needs. ``tokens`` (1, 15, D) of no prompt at all: pictures alone tell what was worn.
        """
        maps = subject.maps(BODY_MAP_SIZE)
        window = Window.of_body(maps[:1])
        latents = earlier_latents(edit, subject, self.autoencoder, window)
        cropped = window.crop(maps, BODY_MAP_SIZE // window.size)
        labels = self.decoder(latents, cropped, tokens.expand(2, -1, -1)).labels
        labels = window.paste(labels, self.decoder.LABELS_PER_CELL)
        changed = changed_pixels(edit, subject, labels)
        return changed, known_latents(latents, changed, window)


def decode(
    decoder: PictureDecoder,
    latents: Tensor,
    maps: Tensor,
    tokens: Tensor,
    window: Window,
    amended: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Latents within a window to whole RGBA pictures (B, 4, 1024, 1024) in [0, 1], transparent outside the window, and
    labels (B, 256, 256) uint8.

    ``maps`` (1, 8, 128, 4 columns) are the body maps of the side within the window, ``tokens`` (1, 15, D) the prompt's.
    ``amended`` may give other labels (B, 256, 256) for the decoder's own, to be painted within.
    """
    count = len(latents)
    given = latents, maps.expand(count, -1, -1, -1), tokens.expand(count, -1, -1)
    decoded = decoder(*given)
    labels = window.paste(decoded.labels, decoder.LABELS_PER_CELL)
    if amended is not None and not torch.equal(changed := amended(labels), labels):
        decoded, labels = decoder(*given, window.crop(changed, decoder.LABELS_PER_CELL)), changed
    rgba = window.paste(clean_alpha(unpremultiply(decoded.picture)), decoder.PIXELS_PER_CELL)
    return resize(rgba, PICTURE_SIZE), labels.to(torch.uint8)


def clean_alpha(rgba: Tensor, low: float = 0.08, high: float = 0.92) -> Tensor:
    """Stretch alpha so that near nothing is nothing and near solid is solid.

    Averaged over 3 x 3 pixels before: outlines are painted in steps, as the renders they were learnt from have them.
    """
    smooth = functional.avg_pool2d(rgba[:, 3:], 3, 1, 1, count_include_pad=False)
    alpha = ((smooth - low) / (high - low)).clamp(0, 1)
    return torch.cat([rgba[:, :3] * (alpha > 0), alpha], dim=1)
