"""Back view: p(back | front, text, body), the front's network with a small adapter; several samples = hypotheses."""

from __future__ import annotations

from functools import partial

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from ..cloth.dye import dyes_of, evenly_dyed
from ..geometry.texels import nearest_known
from ..models.denoiser import BODY_MAP_SIZE, BackAdapter, ViewDenoiser, velocity_of
from ..models.picture_decoder import PictureDecoder
from .body import PosedSubject
from .flow import Cancelled, Known, Step, sample_flow
from .front_view import ViewResult, decode
from .layout import Layout


class BackViewPipeline:
    """Front view, text and body to back views, stored as seen through the body."""

    def __init__(
        self,
        denoiser: ViewDenoiser,
        adapter: BackAdapter,
        decoder: PictureDecoder,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        self.denoiser, self.adapter, self.decoder, self.scheduler = denoiser, adapter, decoder, scheduler

    @torch.no_grad()
    def __call__(
        self,
        subject: PosedSubject,
        front: ViewResult,
        tokens: Tensor,
        negative: Tensor,
        generators: list[torch.Generator],
        steps: int = 8,
        guidance_scale: float = 1.5,
        on_step: Step | None = None,
        cancelled: Cancelled | None = None,
        known: Known | None = None,
        layout: Layout | None = None,
    ) -> ViewResult:
        """One back view for each of the K ``generators``, all of the same front (its first).

        Alpha is cut to the front's silhouette, since both sides of an orthographic ray share it. ``layout`` is what
        labels must say.
        """
        count = len(generators)
        window = front.window
        maps = window.crop(subject.maps(BODY_MAP_SIZE)[1:], BODY_MAP_SIZE // window.size)
        noise = torch.cat([torch.randn(front.latents[:1].shape, generator=g) for g in generators]).to(maps)

        def velocity(x: Tensor, time: Tensor, context: Tensor) -> Tensor:
            with self.adapter.attached(self.denoiser.unet, front.latents[:1].expand(len(x), -1, -1, -1)):
                clean = self.denoiser(x, time, context, maps.expand(len(x), -1, -1, -1))
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
            known,
        )
        amended = None
        if layout is not None:
            before = None if front.labels is None else front.labels[:1].to(latents.device)
            amended = partial(layout.of_back, front=before, heights=subject.maps(BODY_MAP_SIZE)[1:, 5])
        rgba, labels = decode(self.decoder, latents, maps, tokens, window, amended)
        dyes = None if front.labels is None else dyes_of(front.rgba[0].float().cpu(), front.labels[0].cpu())
        rgba = torch.stack([evenly_dyed(view, own, dyes) for view, own in zip(rgba, labels, strict=True)])
        return ViewResult(share_silhouette(rgba, front.rgba[:1]), labels, latents, window)


def share_silhouette(back: Tensor, front: Tensor) -> Tensor:
    """Back views (K, 4, H, W) with the front's alpha (1, 4, H, W); a colour missing under it is the nearest one."""
    colour = [nearest_known(view[:3].movedim(0, -1), view[3] > 0.6).movedim(-1, 0) for view in back.cpu()]
    return torch.cat([torch.stack(colour).to(front), front[:, 3:].expand(len(back), -1, -1, -1)], dim=1)
