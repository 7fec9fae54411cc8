"""The denoiser of close-ups: what the whole picture has no pixels for, above all the face.

A cascade (Ho et al. 2022, "Cascaded Diffusion Models"): the window of the coarse picture stands at the input, blurred
and soiled in training so that the network takes colours and outline from it and paints the rest itself, from the prompt
and from maps of the body in the window's own frame.
"""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.close_up import CLOSE_UP_SIZE
from .denoiser import BodyEncoder, make_unet

CLOSE_UP_LATENTS = CLOSE_UP_SIZE // 8
CLOSE_UP_MAPS = 4 * CLOSE_UP_LATENTS
_COARSE_CHANNELS = 16  # RGBA of the 2x2 coarse pixels of a latent cell
_OCTAVES = 7


def make_close_up_networks(
    latent_channels: int, token_width: int, widths: tuple[int, ...] = (48, 96, 160)
) -> tuple[UNet2DConditionModel, BodyEncoder]:
    """Fresh networks of a :class:`CloseUpDenoiser`."""
    unet = make_unet(latent_channels, widths, token_width, _COARSE_CHANNELS, CLOSE_UP_LATENTS)
    return unet, BodyEncoder(token_width=token_width, octaves=_OCTAVES, latent_channels=latent_channels)


class CloseUpDenoiser(nn.Module):
    """UNet and body encoder of close-ups."""

    def __init__(self, unet: UNet2DConditionModel, body_encoder: BodyEncoder) -> None:
        super().__init__()
        self.unet, self.body_encoder = unet, body_encoder

    def forward(self, noisy: Tensor, time: Tensor, tokens: Tensor, maps: Tensor, coarse: Tensor) -> Tensor:
        """The clean latents (B, C, 24, 24) as foreseen.

        Args:
            noisy: [B, C, 24, 24] (1 - time) * data + time * noise.
            time: [B] in [0, 1].
            tokens: [B, 15, D] attribute tokens.
            maps: [B, 8, 96, 96] body maps in the close-up's frame.
            coarse: [B, 4, 48, 48] the window of the whole picture, as :func:`premultiply` gives it.
        """
        inputs = self.inputs(noisy, tokens, maps, coarse)
        given = inputs[:, :-_COARSE_CHANNELS]
        return self.unet(inputs, time * 1000, tokens).sample + self.body_encoder.past_the_unet(given, time)

    def inputs(self, noisy: Tensor, tokens: Tensor, maps: Tensor, coarse: Tensor) -> Tensor:
        """What the UNet is given beside tokens and time, (B, C + 48, 24, 24)."""
        return torch.cat([noisy, self.body_encoder(maps, tokens), functional.pixel_unshuffle(coarse, 2)], dim=1)
