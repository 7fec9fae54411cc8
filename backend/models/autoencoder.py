"""RGBA autoencoder: pictures of 256 (or 512) pixels to 32x32 latents.

Space-to-depth takes the place of the large early feature maps, as in DC-AE (Chen et al. 2025): all convolutions run
at 64x64 and below, so that a CPU encodes and decodes in a fraction of a second. Alpha is coded with the colours: a
picture and its cut-out are one thing here.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

LATENT_SIZE = 32


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
        downscale: pixels a latent cell, 8 for pictures of 256, 16 for 512.
        latent_channels: channels of the 32x32 latents.
        widths: channels at 64x64 and at 32x32.
        depths: residual blocks of the decoder at 64x64 and 32x32; the encoder has one less at 32x32.
        latent_mean, latent_std: statistics a channel over the training set; ``encode`` returns standardised latents.
    """

    @register_to_config
    def __init__(
        self,
        downscale: int = 8,
        latent_channels: int = 16,
        widths: tuple[int, int] = (48, 112),
        depths: tuple[int, int] = (2, 3),
        latent_mean: list[float] | None = None,
        latent_std: list[float] | None = None,
    ) -> None:
        super().__init__()
        outer, inner = widths
        fold = downscale // 2
        # The linear part starts as the principal components of patches, the networks as zero: training begins from a
        # working code and spends itself on what a linear one cannot do.
        self.linear_encoder = nn.Conv2d(4, latent_channels, downscale, stride=downscale)
        self.linear_decoder = nn.ConvTranspose2d(latent_channels, 4, downscale, stride=downscale)
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(fold),
            nn.Conv2d(4 * fold**2, outer, 1),
            *(ResidualBlock(outer) for _ in range(depths[0])),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * outer, inner, 1),
            *(ResidualBlock(inner) for _ in range(depths[1] - 1)),
            nn.GroupNorm(8, inner),
            nn.SiLU(),
            nn.Conv2d(inner, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, inner, 3, padding=1),
            *(ResidualBlock(inner) for _ in range(depths[1])),
            nn.Conv2d(inner, 4 * outer, 1),
            nn.PixelShuffle(2),
            *(ResidualBlock(outer) for _ in range(depths[0])),
            nn.GroupNorm(8, outer),
            nn.SiLU(),
            nn.Conv2d(outer, 4 * fold**2, 3, padding=1),
            nn.PixelShuffle(fold),
        )
        for last in (self.encoder[-1], self.decoder[-2]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    @property
    def image_size(self) -> int:
        """Side of the pictures in pixels."""
        return LATENT_SIZE * self.config["downscale"]

    @torch.no_grad()
    def initialise_linear(self, patches: Tensor) -> None:
        """Set the linear part to the whitened principal components of patches (N, 4, downscale, downscale)."""
        flat = patches.reshape(len(patches), -1)
        mean = flat.mean(0)
        _, values, vectors = torch.linalg.svd(flat - mean, full_matrices=False)
        channels = self.config["latent_channels"]
        std = values[:channels] / len(patches) ** 0.5
        basis = vectors[:channels]
        self.linear_encoder.weight.copy_((basis / std.unsqueeze(1)).view_as(self.linear_encoder.weight))
        assert self.linear_encoder.bias is not None and self.linear_decoder.bias is not None
        self.linear_encoder.bias.copy_(-(basis @ mean) / std)
        self.linear_decoder.weight.copy_((basis * std.unsqueeze(1)).view_as(self.linear_decoder.weight))
        # One bias a channel is all that a transposed convolution has; the mean patch is nearly flat.
        self.linear_decoder.bias.copy_(mean.view(4, -1).mean(1))

    def code(self, rgba: Tensor) -> Tensor:
        """Raw latents of RGBA as :meth:`encode` takes it."""
        return self.linear_encoder(rgba) + self.encoder(rgba)

    def uncode(self, latents: Tensor) -> Tensor:
        """RGBA of raw latents."""
        return self.linear_decoder(latents) + self.decoder(latents)

    def _statistics(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        channels = self.config["latent_channels"]
        mean = latents.new_tensor(self.config["latent_mean"] or [0.0] * channels)
        std = latents.new_tensor(self.config["latent_std"] or [1.0] * channels)
        return mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)

    def encode(self, rgba: Tensor) -> Tensor:
        """RGBA as :func:`premultiply` gives it (B, 4, H, W) -> latents (B, C, H / downscale, W / downscale)."""
        latents = self.code(rgba)
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def decode(self, latents: Tensor) -> Tensor:
        """Standardised latents (B, C, h, w) -> RGBA in about [-1, 1] (B, 4, downscale h, downscale w)."""
        mean, std = self._statistics(latents)
        return self.uncode(latents * std + mean)


def premultiply(rgba: Tensor) -> Tensor:
    """RGBA in [0, 1] (..., 4, H, W) to [-1, 1] with colours over mid-grey, so that the background is 0."""
    alpha = rgba[..., 3:, :, :]
    return torch.cat([(rgba[..., :3, :, :] * 2 - 1) * alpha, alpha * 2 - 1], dim=-3)


def unpremultiply(decoded: Tensor) -> Tensor:
    """The inverse of :func:`premultiply`, clipped to [0, 1]."""
    alpha = ((decoded[..., 3:, :, :] + 1) / 2).clamp(0, 1)
    colour = decoded[..., :3, :, :] / alpha.clamp_min(0.2)
    return torch.cat([((colour + 1) / 2).clamp(0, 1), alpha], dim=-3)


def resize(rgba: Tensor, size: int) -> Tensor:
    """Straight RGBA (B, 4, H, W) in [0, 1] to ``size`` by area, weighting colours by alpha."""
    if rgba.shape[-1] == size:
        return rgba
    alpha = rgba[:, 3:]
    joined = torch.cat([rgba[:, :3] * alpha, alpha], dim=1)
    if rgba.shape[-1] > size:
        small = functional.interpolate(joined, size=(size, size), mode="area")
    else:
        small = functional.interpolate(joined, size=(size, size), mode="bicubic", align_corners=False).clamp(0, 1)
    return torch.cat([(small[:, :3] / small[:, 3:].clamp_min(1e-3)).clamp(0, 1), small[:, 3:]], dim=1)
