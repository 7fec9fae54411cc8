"""Distance of pictures by a classifier's features: it tells sharp from blurred where the mean of pixels does not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..evaluation.distribution import load_efficientnet

_BLOCKS = (0, 2, 4)
"""Blocks of efficientnet-lite0 that are read, at a half, a quarter and an eighth of the pixels."""
CHANNELS = (16, 24, 40)
"""Features of these blocks."""


class ClassifierFeatures(nn.Module):
    """The first blocks of efficientnet-lite0, frozen."""

    def __init__(self) -> None:
        super().__init__()
        network: Any = load_efficientnet()
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = nn.ModuleList(list(network._blocks)[: _BLOCKS[-1] + 1])
        self.eval().requires_grad_(False)

    def forward(self, rgba: Tensor) -> list[Tensor]:
        """Features (B, C, H', W') of premultiplied pictures (B, 4, H, W), each scaled to length 1 at every place."""
        h = self.stem(rgba[:, :3])
        found = []
        for index, block in enumerate(self.blocks):
            h = block(h)
            if index in _BLOCKS:
                found.append(functional.normalize(h, dim=1))
        return found


def perceptual_distance(made: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Distance of features, as LPIPS without learnt weights (Zhang et al. 2018): a scalar, 0 for equal pictures."""
    return torch.stack([(a - b).square().sum(1).mean() for a, b in zip(made, wanted, strict=True)]).mean()
