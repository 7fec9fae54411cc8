"""Latents of a whole person to a picture of 512 pixels: the autoencoder's decoder made sharper than its input.

The autoencoder codes pictures of 256 pixels, and a denoiser of these sizes leaves its latents soft. This decoder starts
as the autoencoder's own, knows from the body maps where on the body each pixel lies, and is taught on latents that the
denoiser itself foresaw, with features of a picture classifier and a judge on them: the asymmetric decoder of
latent diffusion (Zhu et al. 2023, "Designing a Better Asymmetric VQGAN") and the super-resolving stage of a cascade in
one pass.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.body_maps import CHANNELS
from .autoencoder import Autoencoder, ResidualBlock
from .denoiser import body_positions


class PictureDecoder(ModelMixin, ConfigMixin):
    """Standardised latents and body maps to RGBA, 16 pixels along a latent cell.

    Args:
        latent_channels: of the autoencoder, whose pictures have 8 pixels along a cell.
        widths: channels at 1, 2 and 4 places along a cell; the first two are the autoencoder's.
        depths: residual blocks there; the first two are the autoencoder's.
        octaves: of the sinusoids of places on the body.
    """

    PIXELS_PER_CELL = 16

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, int, int] = (112, 48, 32),
        depths: tuple[int, int, int] = (3, 2, 2),
        octaves: int = 5,
    ) -> None:
        super().__init__()
        inner, middle, outer = widths
        self.from_latents = nn.Conv2d(latent_channels, inner, 3, padding=1)
        self.from_positions = nn.Conv2d(6 * octaves, inner, 1, bias=False)
        self.inner = nn.Sequential(*(ResidualBlock(inner) for _ in range(depths[0])), nn.Conv2d(inner, 4 * middle, 1))
        self.middle = nn.Sequential(*(ResidualBlock(middle) for _ in range(depths[1])))
        self.to_coarse = nn.Sequential(
            nn.GroupNorm(8, middle), nn.SiLU(), nn.Conv2d(middle, 4 * 4**2, 3, padding=1), nn.PixelShuffle(4)
        )
        self.linear = nn.ConvTranspose2d(latent_channels, 4, 8, stride=8)
        self.widen = nn.Conv2d(middle, 4 * outer, 1)
        self.from_maps = nn.Conv2d(CHANNELS, outer, 3, padding=1)
        self.outer = nn.Sequential(*(ResidualBlock(outer) for _ in range(depths[2])))
        self.to_detail = nn.Sequential(
            nn.GroupNorm(8, outer), nn.SiLU(), nn.Conv2d(outer, 4 * 4**2, 3, padding=1), nn.PixelShuffle(4)
        )
        nn.init.zeros_(self.from_positions.weight)
        nn.init.zeros_(self.to_detail[2].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.to_detail[2].bias)  # type: ignore[arg-type]

    @classmethod
    @torch.no_grad()
    def of(cls, autoencoder: Autoencoder) -> PictureDecoder:
        """A fresh one, which enlarges what the autoencoder of 256-pixel pictures decodes."""
        config = autoencoder.config
        widths, depths = config["widths"], config["depths"]
        made = cls(config["latent_channels"], (*widths[::-1], 32), (*depths[::-1], 2))
        first, *rest = autoencoder.decoder
        made.from_latents.load_state_dict(first.state_dict())
        made.inner.load_state_dict(nn.Sequential(*rest[: depths[1] + 1]).state_dict())
        made.middle.load_state_dict(nn.Sequential(*rest[depths[1] + 2 : depths[1] + 2 + depths[0]]).state_dict())
        made.to_coarse.load_state_dict(nn.Sequential(*rest[depths[1] + 2 + depths[0] :]).state_dict())
        made.linear.load_state_dict(autoencoder.linear_decoder.state_dict())
        # Standardised latents come in; the autoencoder's own layers take raw ones.
        mean, std = (torch.tensor(config[name]) for name in ("latent_mean", "latent_std"))
        assert made.from_latents.bias is not None and made.linear.bias is not None
        made.from_latents.bias += torch.einsum("oikl,i->o", made.from_latents.weight, mean)
        made.from_latents.weight *= std.view(1, -1, 1, 1)
        # Of a transposed convolution only the mean over a cell fits into the bias.
        made.linear.bias += torch.einsum("iokl,i->o", made.linear.weight, mean) / 64
        made.linear.weight *= std.view(-1, 1, 1, 1)
        return made

    def forward(self, latents: Tensor, maps: Tensor) -> Tensor:
        """Latents (B, C, h, w) and body maps (B, 8, 4 h, 4 w) of their side to RGBA (B, 4, 16 h, 16 w).

        Values are as :func:`~backend.models.autoencoder.premultiply` gives them, about [-1, 1].
        """
        h = self.from_latents(latents) + self.from_positions(body_positions(maps, self.config["octaves"]))
        h = self.middle(functional.pixel_shuffle(self.inner(h), 2))
        coarse = self.linear(latents) + self.to_coarse(h)
        h = self.outer(functional.pixel_shuffle(self.widen(h), 2) + self.from_maps(maps))
        return functional.interpolate(coarse, scale_factor=2, mode="bilinear") + self.to_detail(h)
