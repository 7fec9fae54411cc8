"""What a body and a prompt leave no doubt about, before a picture is painted within its labels.

Hands are bare, and so are forearms below short sleeves, even where latents lost an arm before the trunk. A shirt that
covers the chest covers the back. A narrow strip of skin between a top and what the legs wear is a hem that was lost,
not a short top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rigging.parts import PART_INDEX

from ..geometry.close_up import PICTURE
from ..geometry.rasterize import rasterize
from ..models.labels import Label
from .body import PosedSubject
from .edit import part_ids

CLOSED = ("t-shirt", "shirt", "sweater", "tunic", "suit jacket", "jacket", "coat", "sportswear")
"""Choices of the slot ``upper_kind`` whose back leaves no skin bare where the front has cloth."""
SHORT_SLEEVED = ("t-shirt", "tank top", "top", "dress", "swimsuit")
"""Those whose sleeves end above the elbow."""
CROTCH = -0.1
"""Height in the body maps' template above which a closed garment covers: before bare legs a sleeve may be held."""
GAP = 0.11
"""Metres of bare skin above the waistband from which on a top is meant to be short."""
_TRUNK = ("torso", "hips")
_HANDS = ("left_hand", "right_hand")
_FOREARMS = ("left_lower_arm", "right_lower_arm")


@dataclass(frozen=True)
class Layout:
    """What labels must say of a body in its pose."""

    bare: Tensor  # [2, 256, 256] bool, where front and back show bare skin
    trunk: Tensor  # [2, 256, 256] bool, where front and back show it
    pixel: float  # metres
    closed: bool  # what is worn above leaves no skin bare behind where it has cloth before

    @classmethod
    def of(cls, subject: PosedSubject, words: Mapping[str, str]) -> Layout:
        """Of a posed body and what a prompt says, by slot."""
        kind = words.get("upper_kind")
        names = _HANDS + _FOREARMS if kind in SHORT_SLEEVED else _HANDS
        layers = rasterize(subject.vertices, subject.faces, PICTURE)

        def shown(names: tuple[str, ...]) -> Tensor:
            chosen = np.isin(part_ids(subject), [PART_INDEX[name] for name in names])
            of_part = torch.from_numpy(chosen).to(subject.device)
            return torch.stack([of_part[subject.faces[at.face.clamp_min(0)]].all(-1) & at.mask for at in layers])

        return cls(shown(names), shown(_TRUNK), 2 / PICTURE / subject.frame.scale, kind in CLOSED)

    def of_front(self, labels: Tensor) -> Tensor:
        """Labels (B, 256, 256) of fronts as they must be."""
        return _bared(self._hemmed(labels, 0, None), self.bare[0])

    def of_back(self, labels: Tensor, front: Tensor | None, heights: Tensor) -> Tensor:
        """Labels (B, 256, 256) of backs as they must be.

        ``front`` (1, 256, 256) is the front's, if known; ``heights`` (1, H, W) are the template's, from the back's body
        maps.
        """
        if self.closed and front is not None:
            heights = functional.interpolate(heights[:, None], labels.shape[-2:], mode="nearest")[:, 0]
            cloth = ((front == Label.UPPER) | (front == Label.LOWER)) & (heights > CROTCH)
            labels = torch.where((labels == Label.SKIN) & cloth, front.to(labels.dtype), labels)
        return _bared(self._hemmed(labels, 1, front), self.bare[1])

    def _hemmed(self, labels: Tensor, side: int, front: Tensor | None) -> Tensor:
        """Labels with upper garments that reach the waistband where little is missing, or the front's do."""
        row = torch.arange(labels.shape[1], device=labels.device).view(1, -1, 1).expand_as(labels)
        skin = labels == Label.SKIN
        above = torch.where(skin, -1, row).cummax(1).values
        below = torch.where(skin, len(row[0]), row).flip(1).cummin(1).values.flip(1)
        inside = (above >= 0) & (below < len(row[0]))
        over, under = (labels.gather(1, at.clamp(0, len(row[0]) - 1)) for at in (above, below))
        cloth = (under == Label.LOWER) | (under == Label.UPPER)
        gap = skin & inside & (over == Label.UPPER) & cloth & self.trunk[side]
        width = (below - above - 1) * self.pixel
        usual = [each[at].median() if at.any() else each.sum() for each, at in zip(width, gap, strict=True)]
        narrow = torch.stack(usual) < GAP
        lost = narrow.view(-1, 1, 1).expand_as(gap)
        if front is not None:
            lost = lost | (front == Label.UPPER)
        return torch.where(gap & lost, torch.full_like(labels, int(Label.UPPER)), labels)


def _bared(labels: Tensor, bare: Tensor) -> Tensor:
    cloth = (labels == Label.UPPER) | (labels == Label.LOWER) | (labels == Label.TRIM)
    return torch.where(cloth & bare, torch.full_like(labels, int(Label.SKIN)), labels)
