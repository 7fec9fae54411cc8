"""Losses by which a picture looks right, beside being right on average: classifier features and a discriminator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from ..evaluation.distribution import load_efficientnet

_BLOCKS = (0, 2, 4)
"""Blocks of efficientnet-lite0 whose features are compared, at a half, a quarter and an eighth of the pixels."""


class PerceptualLoss(nn.Module):
    """Distance of unit-length features, as LPIPS without learnt weights (Zhang et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        network: Any = load_efficientnet()
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = nn.ModuleList(list(network._blocks)[: _BLOCKS[-1] + 1])
        self.eval().requires_grad_(False)

    def features(self, rgba: Tensor) -> list[Tensor]:
        """Features of premultiplied pictures (B, 4, H, W), each scaled to length 1 at every place."""
        h = self.stem(rgba[:, :3])
        found = []
        for index, block in enumerate(self.blocks):
            h = block(h)
            if index in _BLOCKS:
                found.append(functional.normalize(h, dim=1))
        return found

    def forward(self, made: Tensor, target: Tensor) -> Tensor:
        """A scalar, 0 for equal pictures (B, 4, H, W)."""
        with torch.no_grad():
            wanted = self.features(target)
        distances = [(a - b).square().sum(1).mean() for a, b in zip(self.features(made), wanted, strict=True)]
        return torch.stack(distances).mean()


class PatchDiscriminator(nn.Module):
    """Says of each patch of some 50 pixels whether it is a true picture's (Isola et al. 2017), given the body there."""

    def __init__(self, in_channels: int, width: int = 20) -> None:
        super().__init__()
        sizes = (in_channels, width, 2 * width, 3 * width)
        layers: list[nn.Module] = []
        for before, after in zip(sizes, sizes[1:], strict=False):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1)))

    def forward(self, picture: Tensor, maps: Tensor) -> Tensor:
        """Scores (B, 1, H / 8, W / 8) of pictures (B, 4, H, W) with body maps (B, 8, H / 4, W / 4)."""
        spread = functional.interpolate(maps, scale_factor=4, mode="nearest")
        return self.layers(torch.cat([picture, spread], dim=1))

    def loss(self, real: Tensor, made: Tensor, maps: Tensor) -> Tensor:
        """The hinge loss by which it learns."""
        return functional.relu(1 - self(real, maps)).mean() + functional.relu(1 + self(made.detach(), maps)).mean()
