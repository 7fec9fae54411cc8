"""Latents of a whole person to a picture of 512 pixels and its labels: the autoencoder's decoder made sharp.

The autoencoder codes pictures of 256 pixels, and a denoiser of these sizes leaves its latents soft: a hem fades into
the skin below it. This decoder starts as the autoencoder's own, knows from the body maps where on the body each pixel
lies and from the prompt's tokens what is worn there. It first decides what every pixel shows (:mod:`.labels`), which is
always one thing or the other, then paints within those outlines: layout before appearance, as in semantic image
synthesis (Park et al. 2019, "SPADE"; Sushko et al. 2021, "OASIS").

It is taught on latents that the denoiser itself foresaw, with features of a picture classifier and a judge on them: the
asymmetric decoder of latent diffusion (Zhu et al. 2023, "Designing a Better Asymmetric VQGAN") and the super-resolving
stage of a cascade in one pass.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.body_maps import CHANNELS
from .autoencoder import Autoencoder, ResidualBlock
from .denoiser import body_positions
from .labels import Label, decided, one_hot


class Decoded(NamedTuple):
    """What :class:`PictureDecoder` makes of latents (B, C, h, w)."""

    picture: Tensor  # [B, 4, 16 h, 16 w], about [-1, 1], as backend.models.autoencoder.premultiply gives it
    labels: Tensor  # [B, 8 h, 8 w] Label, within whose outlines it is painted
    logits: Tensor  # [B, 9, 8 h, 8 w] of its own labels


class PictureDecoder(ModelMixin, ConfigMixin):
    """Standardised latents, body maps and tokens to RGBA, 16 pixels along a latent cell, and labels, 8 along it.

    Args:
        latent_channels: of the autoencoder, whose pictures have 8 pixels along a cell.
        widths: channels at 1, 2, 4 and 8 places along a cell; the first two are the autoencoder's.
        depths: residual blocks there; the first two are the autoencoder's.
        octaves: of the sinusoids of places on the body.
        token_width: of the prompt's tokens.
        token_channels: with which places ask the tokens.
    """

    PIXELS_PER_CELL = 16
    LABELS_PER_CELL = 8

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, int, int, int] = (112, 48, 32, 16),
        depths: tuple[int, int, int, int] = (3, 2, 2, 2),
        octaves: int = 5,
        token_width: int = 128,
        token_channels: int = 48,
    ) -> None:
        super().__init__()
        inner, middle, outer, fine = widths
        kinds = len(Label)
        self.from_latents = nn.Conv2d(latent_channels, inner, 3, padding=1)
        self.from_positions = nn.Conv2d(6 * octaves, inner, 1, bias=False)
        self.from_tokens = _TokenAttention(inner, token_width, token_channels)
        self.inner = nn.Sequential(*(ResidualBlock(inner) for _ in range(depths[0])), nn.Conv2d(inner, 4 * middle, 1))
        self.middle = nn.Sequential(*(ResidualBlock(middle) for _ in range(depths[1])))

        self.widen_layout = nn.Conv2d(middle, 4 * outer, 1)
        self.maps_to_layout = nn.Conv2d(CHANNELS, outer, 3, padding=1)
        self.layout = nn.Sequential(*(ResidualBlock(outer) for _ in range(2)))
        self.to_labels = nn.Sequential(
            nn.GroupNorm(8, outer), nn.SiLU(), nn.Conv2d(outer, 4 * kinds, 3, padding=1), nn.PixelShuffle(2)
        )

        self.labels_to_middle = nn.Conv2d(kinds, middle, 3, padding=1, bias=False)
        self.style_to_middle = nn.Conv2d(middle, middle, 1, bias=False)
        self.refine = nn.Sequential(*(ResidualBlock(middle) for _ in range(depths[1])))
        self.to_coarse = nn.Sequential(
            nn.GroupNorm(8, middle), nn.SiLU(), nn.Conv2d(middle, 4 * 4**2, 3, padding=1), nn.PixelShuffle(4)
        )
        self.linear = nn.ConvTranspose2d(latent_channels, 4, 8, stride=8)
        self.widen = nn.Conv2d(middle, 4 * outer, 1)
        self.from_maps = nn.Conv2d(CHANNELS, outer, 3, padding=1)
        self.labels_to_outer = nn.Conv2d(4 * kinds, outer, 3, padding=1, bias=False)
        self.outer = nn.Sequential(*(ResidualBlock(outer) for _ in range(depths[2])))
        self.to_detail = nn.Sequential(
            nn.GroupNorm(8, outer), nn.SiLU(), nn.Conv2d(outer, 4 * 4**2, 3, padding=1), nn.PixelShuffle(4)
        )
        self.widen_fine = nn.Conv2d(outer, 4 * fine, 1)
        self.labels_to_fine = nn.Conv2d(kinds + 2 * 4, fine, 3, padding=1)
        self.fine = nn.Sequential(*(ResidualBlock(fine) for _ in range(depths[3])))
        self.to_fine_detail = nn.Sequential(
            nn.GroupNorm(8, fine), nn.SiLU(), nn.Conv2d(fine, 4 * 2**2, 3, padding=1), nn.PixelShuffle(2)
        )
        # What is new beside the autoencoder's decoder changes nothing at first.
        for new in (self.from_positions, self.labels_to_middle, self.style_to_middle, self.labels_to_outer):
            nn.init.zeros_(new.weight)
        for last in (self.to_detail[2], self.to_fine_detail[2]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    @classmethod
    @torch.no_grad()
    def of(cls, autoencoder: Autoencoder, token_width: int = 128) -> PictureDecoder:
        """A fresh one, which enlarges what the autoencoder of 256-pixel pictures decodes."""
        config = autoencoder.config
        (middle, inner), (middle_depth, inner_depth) = config["widths"], config["depths"]
        made = cls(
            config["latent_channels"],
            (inner, middle, 32, 16),
            (inner_depth, middle_depth, 2, 2),
            token_width=token_width,
        )
        first, *rest = autoencoder.decoder
        made.from_latents.load_state_dict(first.state_dict())
        made.inner.load_state_dict(nn.Sequential(*rest[: inner_depth + 1]).state_dict())
        made.middle.load_state_dict(nn.Sequential(*rest[inner_depth + 2 : inner_depth + 2 + middle_depth]).state_dict())
        made.to_coarse.load_state_dict(nn.Sequential(*rest[inner_depth + 2 + middle_depth :]).state_dict())
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

    def forward(self, latents: Tensor, maps: Tensor, tokens: Tensor, labels: Tensor | None = None) -> Decoded:
        """Paint latents (B, C, h, w) by body maps (B, 8, 4 h, 4 w) of their side and the prompt's tokens (B, 15, D).

        ``labels`` (B, 8 h, 8 w), where given, take the place of its own.
        """
        h = self.from_latents(latents) + self.from_positions(body_positions(maps, self.config["octaves"]))
        h = self.middle(functional.pixel_shuffle(self.inner(self.from_tokens(h, tokens)), 2))
        layout = self.layout(functional.pixel_shuffle(self.widen_layout(h), 2) + self.maps_to_layout(maps))
        logits = self.to_labels(layout)

        labels = decided(logits) if labels is None else labels
        kinds = one_hot(labels).to(h.dtype)
        shares = functional.avg_pool2d(kinds, 4)
        h = self.refine(h + self.labels_to_middle(shares) + self.style_to_middle(_style(h, shares)))
        coarse = self.linear(latents) + self.to_coarse(h)
        outline = self.labels_to_outer(functional.pixel_unshuffle(kinds, 2))
        h = self.outer(functional.pixel_shuffle(self.widen(h), 2) + self.from_maps(maps) + outline)
        detail = self.to_detail(h)
        outline = self.labels_to_fine(torch.cat([kinds, coarse, _style(coarse, kinds)], dim=1))
        fine = functional.pixel_shuffle(self.widen_fine(h), 2) + outline
        detail = detail + self.to_fine_detail(self.fine(fine))
        return Decoded(functional.interpolate(coarse, scale_factor=2, mode="bilinear") + detail, labels, logits)


def _style(x: Tensor, shares: Tensor) -> Tensor:
    """What is usual for x (B, C, h, w) where a pixel has the same label: its mean over the label's inside.

    A garment has one colour up to its hem, whatever a soft picture says there: the style of a region (Zhu et al. 2020,
    "SEAN"). ``shares`` (B, 9, h, w) of the labels.
    """
    inside = functional.avg_pool2d(shares, 5, 1, 2).pow(4).flatten(2)
    mean = torch.einsum("bkn,bcn->bkc", inside, x.flatten(2)) / inside.sum(2, keepdim=True).clamp_min(1e-3)
    return torch.einsum("bkhw,bkc->bchw", shares, mean)


class _TokenAttention(nn.Module):
    """Places ask the prompt's tokens what concerns them, and add the answer to what they hold."""

    def __init__(self, channels: int, token_width: int, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.query = nn.Conv2d(channels, width, 1)
        self.key = nn.Linear(token_width, width)
        self.value = nn.Linear(token_width, width)
        self.out = nn.Conv2d(width, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """x (B, C, h, w) and tokens (B, 15, D) to (B, C, h, w)."""
        query = self.query(self.norm(x)).flatten(2).transpose(1, 2)
        every = (query, self.key(tokens), self.value(tokens))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in every)
        answer = functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(answer.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(2, x.shape[-2:]))
