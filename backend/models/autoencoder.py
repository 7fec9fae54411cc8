"""RGBA autoencoder: 512x512 pictures to 32x32 latents.

Space-to-depth takes the place of the large early feature maps, as in DC-AE (Chen et al. 2025): all convolutions run
at 128x128 and below, so that a CPU encodes and decodes in well under a second. Alpha is coded with the colours: a
picture and its cut-out are one thing here.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

DOWNSCALE = 16


class ResidualBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x))))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        return x + self.conv2(functional.silu(self.norm2(h)))


class Autoencoder(ModelMixin, ConfigMixin):
    """Deterministic autoencoder of RGBA pictures.

    Args:
        latent_channels: channels of the 32x32 latents.
        widths: channels at 1/4, 1/8 and 1/16 of the picture's size.
        depths: residual blocks of the decoder at 1/4, 1/8 and 1/16; the encoder has those of 1/8 and 1/16.
        latent_mean, latent_std: statistics a channel over the training set; ``encode`` returns standardised latents.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 12,
        widths: tuple[int, int, int] = (32, 80, 160),
        depths: tuple[int, int, int] = (1, 1, 3),
        latent_mean: list[float] | None = None,
        latent_std: list[float] | None = None,
    ) -> None:
        super().__init__()
        quarter, eighth, sixteenth = widths
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(8),
            nn.Conv2d(4 * 64, eighth, 1),
            *(ResidualBlock(eighth) for _ in range(depths[1])),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * eighth, sixteenth, 1),
            *(ResidualBlock(sixteenth) for _ in range(depths[2] - 1)),
            nn.GroupNorm(8, sixteenth),
            nn.SiLU(),
            nn.Conv2d(sixteenth, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, sixteenth, 3, padding=1),
            *(ResidualBlock(sixteenth) for _ in range(depths[2])),
            nn.Conv2d(sixteenth, 4 * eighth, 1),
            nn.PixelShuffle(2),
            *(ResidualBlock(eighth) for _ in range(depths[1])),
            nn.Conv2d(eighth, 4 * quarter, 1),
            nn.PixelShuffle(2),
            *(ResidualBlock(quarter) for _ in range(depths[0])),
            nn.GroupNorm(8, quarter),
            nn.SiLU(),
            nn.Conv2d(quarter, 4 * 16, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def _statistics(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        channels = self.config["latent_channels"]
        mean = latents.new_tensor(self.config["latent_mean"] or [0.0] * channels)
        std = latents.new_tensor(self.config["latent_std"] or [1.0] * channels)
        return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)

    def encode(self, rgba: Tensor) -> Tensor:
        """RGBA in [-1, 1], colours premultiplied over mid-grey, (B, 4, H, W) -> latents (B, C, H/16, W/16)."""
        latents = self.encoder(rgba)
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def decode(self, latents: Tensor) -> Tensor:
        """Standardised latents (B, C, h, w) -> RGBA in about [-1, 1] (B, 4, 16 h, 16 w)."""
        mean, std = self._statistics(latents)
        return self.decoder(latents * std + mean)


def premultiply(rgba: Tensor) -> Tensor:
    """RGBA in [0, 1] (..., 4, H, W) to the autoencoder's [-1, 1] with colours over mid-grey, so that the background is 0."""
    alpha = rgba[..., 3:, :, :]
    return torch.cat([(rgba[..., :3, :, :] * 2 - 1) * alpha, alpha * 2 - 1], dim=-3)


def unpremultiply(decoded: Tensor) -> Tensor:
    """The inverse of :func:`premultiply`, clipped to [0, 1]."""
    alpha = ((decoded[..., 3:, :, :] + 1) / 2).clamp(0, 1)
    colour = decoded[..., :3, :, :] / alpha.clamp_min(0.2)
    return torch.cat([((colour + 1) / 2).clamp(0, 1), alpha], dim=-3)
