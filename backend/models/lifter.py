"""Lifting: front and back pictures with the posed body to a signed distance and albedo field.

A U-Net reads both sides together with the body maps and gives each pixel a feature vector and two depths, where the
front's and the back's surface lie along its ray. A small network then answers for any 3D point from what its ray says
(features, colours, how far it lies behind either surface) and from what the body says (signed distance, direction and
template coordinate of the closest body point; SiTH, Ho et al. 2024, section 3.3). The field starts from the slab
between the two depths, and the network learns what to change: sides, limbs in front of each other, round edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.body_maps import CHANNELS
from .autoencoder import ResidualBlock

IMAGE_SIZE = 256
BODY_FEATURES = 7  # signed distance 1, direction to the body 3, template coordinate 3
TRUNCATION = 0.1
"""View units; distances beyond are not told apart."""


@dataclass(frozen=True)
class Planes:
    """What the U-Net knows of each pixel."""

    features: Tensor  # [B, F, 256, 256] interpolated smoothly, since kinks between cells would show as ripples
    depth: Tensor  # [B, 2, 256, 256] z of the front's and the back's surface, view space
    pictures: Tensor  # [B, 8, 256, 256] premultiplied RGBA of front and back, [-1, 1]
    colours: Tensor  # [B, 6, 256, 256] sRGB in [0, 1] of front and back, continued beyond the silhouettes


class _Down(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1), ResidualBlock(out_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _Up(nn.Module):
    def __init__(self, in_channels: int, skip: int, out_channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(in_channels + skip, out_channels, 1)
        self.block = ResidualBlock(out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return self.block(self.mix(torch.cat([x, skip], dim=1)))


class Lifter(ModelMixin, ConfigMixin):
    """Pixel-aligned, body-aware implicit field."""

    @register_to_config
    def __init__(
        self, patch: int = 4, widths: tuple[int, ...] = (64, 96, 128), features: int = 24, hidden: int = 96
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(patch), nn.Conv2d(patch**2 * (8 + 2 * CHANNELS), widths[0], 3, padding=1)
        )
        self.downs = nn.ModuleList(_Down(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.ups = nn.ModuleList(_Up(b, a, a) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.norm = nn.Sequential(nn.GroupNorm(8, widths[0]), nn.SiLU())
        self.to_features = nn.Conv2d(widths[0], features, 3, padding=1)
        self.to_depth = nn.Sequential(nn.Conv2d(widths[0], 2 * patch**2, 3, padding=1), nn.PixelShuffle(patch))
        point = features + 8 + 2 + 1 + 2 + BODY_FEATURES + 1
        self.trunk = nn.Sequential(
            nn.Linear(point, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.to_sdf = nn.Linear(hidden, 2)
        self.to_albedo = nn.Linear(hidden, 6)

    def encode(self, pictures: Tensor, maps: Tensor) -> Planes:
        """Read the pictures.

        Args:
            pictures: [B, 8, 256, 256] premultiplied RGBA in [-1, 1] of front and back.
            maps: [B, 16, 256, 256] body maps of front and back.
        """
        x = self.stem(torch.cat([pictures, maps], dim=1))
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        for up in reversed(self.ups):  # type: ignore[call-overload]
            x = up(x, skips.pop())
        x = self.norm(x)
        # Depths are told relative to the body's, which is spread beyond its silhouette to carry cloth and hair.
        body_depth = torch.stack([maps[:, 3], maps[:, CHANNELS + 3]], dim=1)
        body_depth = spread(body_depth, maps[:, CHANNELS - 1 : CHANNELS])
        colours = torch.cat([solid_colours(pictures[:, :4]), solid_colours(pictures[:, 4:])], dim=1)
        features = functional.interpolate(
            self.to_features(x), size=pictures.shape[-2:], mode="bicubic", align_corners=False
        )
        return Planes(features, body_depth + 0.2 * without_grain(self.to_depth(x)), pictures, colours)

    def query(self, planes: Planes, points: Tensor, body: Tensor) -> tuple[Tensor, Tensor]:
        """Signed distance (B, N) in view units, negative inside, within +-0.1, and albedo (B, N, 3) sRGB in [0, 1].

        Args:
            planes: of :meth:`encode`.
            points: [B, N, 3] in view space.
            body: [B, N, 7] features of :func:`backend.geometry.body_features.body_features`.
        """
        grid = torch.stack([points[..., 0], -points[..., 1]], dim=-1).unsqueeze(1)

        def at(plane: Tensor) -> Tensor:
            return functional.grid_sample(plane, grid, align_corners=False, padding_mode="border")[:, :, 0].transpose(
                1, 2
            )

        depth, pictures, features = at(planes.depth), at(planes.pictures), at(planes.features)
        z = points[..., 2]
        in_front, behind = z - depth[..., 0], depth[..., 1] - z
        coverage = torch.minimum(pictures[..., 3], pictures[..., 7])
        slab = torch.maximum(torch.maximum(in_front, behind), -0.05 * coverage)
        near = torch.stack([in_front, behind], dim=-1).clamp(-0.3, 0.3) * 5
        h = torch.cat(
            [features, pictures, depth, z.unsqueeze(-1), near, body, slab.clamp(-0.3, 0.3).unsqueeze(-1) * 5], dim=-1
        )
        h = self.trunk(h)
        change, share = self.to_sdf(h).unbind(-1)
        share = share.sigmoid()
        body_sdf = (body[..., 0] / 5).clamp(-TRUNCATION, TRUNCATION)
        sdf = share * slab.clamp(-TRUNCATION, TRUNCATION) + (1 - share) * body_sdf + 0.1 * change
        # Albedo blends the two pictures' colours and a colour of its own.
        front, back = at(planes.colours).split(3, dim=-1)
        out = self.to_albedo(h)
        sides = out[..., :2].softmax(-1)
        mixed = front * sides[..., :1] + back * sides[..., 1:]
        gate = out[..., 2:3].sigmoid()
        own = out[..., 3:6].sigmoid()
        return sdf, (mixed * (1 - gate) + own * gate).clamp(0, 1)


def without_grain(planes: Tensor) -> Tensor:
    """Blur (B, C, H, W) by boxes of 4 and 2 pixels: takes out the pattern that pixel shuffling by 4 leaves behind."""
    kernel = planes.new_tensor([1, 2, 2, 2, 1]) / 8
    channels = planes.shape[1]
    padded = functional.pad(planes, (2, 2, 2, 2), mode="replicate")
    columns = functional.conv2d(padded, kernel.view(1, 1, 1, 5).expand(channels, 1, 1, 5), groups=channels)
    return functional.conv2d(columns, kernel.view(1, 1, 5, 1).expand(channels, 1, 5, 1), groups=channels)


def solid_colours(premultiplied: Tensor) -> Tensor:
    """sRGB in [0, 1] (B, 3, H, W) of premultiplied RGBA in [-1, 1]; the silhouette's colours go on beyond it."""
    alpha = (premultiplied[:, 3:] + 1) / 2
    colours = ((premultiplied[:, :3] / alpha.clamp_min(0.2) + 1) / 2).clamp(0, 1)
    return spread(colours, (alpha > 0.9).to(colours.dtype))


def spread(values: Tensor, mask: Tensor) -> Tensor:
    """Values (B, C, H, W) known where ``mask`` (B, 1, H, W) is 1, continued smoothly everywhere else (pull-push)."""
    filled, known = values * mask, mask
    pyramid = []
    while filled.shape[-1] > 1:
        pyramid.append((filled, known))
        weight = functional.avg_pool2d(known, 2)
        filled = functional.avg_pool2d(filled * known, 2) / weight.clamp_min(1e-6)
        known = (weight > 0).to(values.dtype)
    for finer, known in reversed(pyramid):
        coarse = functional.interpolate(filled, scale_factor=2, mode="bilinear", align_corners=False)
        filled = finer * known + coarse * (1 - known)
    return filled
