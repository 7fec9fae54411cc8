"""Latents of a whole person to a picture of 512 pixels: the autoencoder's decoder made sharper than its input.

The autoencoder codes pictures of 256 pixels, and a denoiser of these sizes leaves its latents soft. This decoder knows
where on the body each pixel lies, from the body maps, and is taught on latents that the denoiser itself foresaw, with
features of a picture classifier and a patch discriminator: the asymmetric decoders of latent diffusion (Zhu et al.
2023, "Designing a Better Asymmetric VQGAN") and the super-resolving stage of a cascade in one pass.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.body_maps import CHANNELS
from .autoencoder import ResidualBlock
from .denoiser import body_positions


class PictureDecoder(ModelMixin, ConfigMixin):
    """Standardised latents and body maps to RGBA, 16 pixels along a latent cell.

    Args:
        latent_channels: of the autoencoder.
        widths: channels at 1, 2 and 4 places along a cell.
        depths: residual blocks there.
        octaves: of the sinusoids of places on the body.
    """

    PIXELS_PER_CELL = 16

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, int, int] = (104, 56, 32),
        depths: tuple[int, int, int] = (3, 3, 2),
        octaves: int = 5,
    ) -> None:
        super().__init__()
        inner, middle, outer = widths
        self.from_latents = nn.Conv2d(latent_channels + 6 * octaves, inner, 3, padding=1)
        self.inner = nn.Sequential(*(ResidualBlock(inner) for _ in range(depths[0])), nn.Conv2d(inner, 4 * middle, 1))
        self.middle_maps = nn.Conv2d(CHANNELS, middle, 3, padding=1)
        self.middle = nn.Sequential(*(ResidualBlock(middle) for _ in range(depths[1])), nn.Conv2d(middle, 4 * outer, 1))
        self.outer_maps = nn.Conv2d(CHANNELS, outer, 3, padding=1)
        self.outer = nn.Sequential(
            *(ResidualBlock(outer) for _ in range(depths[2])),
            nn.GroupNorm(8, outer),
            nn.SiLU(),
            nn.Conv2d(outer, 4 * 4**2, 3, padding=1),
            nn.PixelShuffle(4),
        )
        # Group norms lose the absolute colour, which a linear map of the latents keeps.
        self.linear = nn.ConvTranspose2d(latent_channels, 4, self.PIXELS_PER_CELL, stride=self.PIXELS_PER_CELL)

    def forward(self, latents: Tensor, maps: Tensor) -> Tensor:
        """Latents (B, C, h, w) and body maps (B, 8, 4 h, 4 w) of their side to RGBA (B, 4, 16 h, 16 w).

        Values are as :func:`~backend.models.autoencoder.premultiply` gives them, about [-1, 1].
        """
        h = self.from_latents(torch.cat([latents, body_positions(maps, self.config["octaves"])], dim=1))
        h = functional.pixel_shuffle(self.inner(h), 2) + self.middle_maps(functional.avg_pool2d(maps, 2))
        h = functional.pixel_shuffle(self.middle(h), 2) + self.outer_maps(maps)
        return self.linear(latents) + self.outer(h)
