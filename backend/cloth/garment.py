"""Which pixels of a view show a garment: by where on the body they lie, and by their colour.

A painted view has no labels, and a garment may end anywhere. Its colour is that of the trunk, or of the thighs; other
colours that it could be taken for (skin, hair, other clothes) are read where they must be, and each pixel belongs to
the nearest. Where two cannot be told apart, the place decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_closing, binary_dilation, binary_opening, gaussian_filter, label
from torch import Tensor

from rigging.parts import PART_INDEX

from ..geometry.color import srgb_to_lab
from .places import PixelPlaces

LIGHTNESS_SHARE = 0.6
"""How much a difference in lightness counts against one in colour: folds shade the cloth, they do not tint it."""
REACH = 42.0
"""Distance from the garment's colour up to which a pixel can be of it."""
ALIKE = 11.0
"""Colours nearer to each other cannot be told apart."""
WHOLE = ("dress", "bodysuit", "swimsuit", "coat", "tunic")
"""Kinds that go on below the hips."""
SLEEVELESS = ("tank top", "top", "dress", "swimsuit")
"""Kinds that are taken to end at the shoulder where cloth and skin are alike."""
HEM = 0.06
"""Metres below the pelvis where a garment is taken to end that has the colour of what the legs wear."""
WAIST = 0.16
"""Metres above the pelvis up to which what the legs wear can reach."""
SHORT = ("shorts", "miniskirt")
"""Kinds that are taken to end on the thigh where cloth and skin are alike."""
_FEWEST = 20  # pixels of which a colour is read
_UPPER_ARMS = ("left_upper_arm", "right_upper_arm")
_FOREARMS = ("left_lower_arm", "right_lower_arm")
_THIGHS, _SHINS = ("left_upper_leg", "right_upper_leg"), ("left_lower_leg", "right_lower_leg")
_NEVER = ("left_hand", "right_hand", "left_foot", "right_foot", "head", "left_eye", "right_eye", "tongue", "mouth")


@dataclass(frozen=True)
class Garment:
    """A garment in one view."""

    amount: Tensor  # [H, W] in [0, 1]
    lab: Tensor  # [3] its colour


def upper_garment(view: Tensor, where: PixelPlaces, kind: str, front: Garment | None = None) -> Garment | None:
    """Find it, or None where nothing of the trunk is seen.

    Args:
        view: [4, H, W] straight RGBA in [0, 1], on the CPU.
        where: places of its pixels.
        kind: a choice of the slot ``upper_kind``.
        front: what the front was found to wear, when the view is of the back.
    """
    seen = _Seen(view, where)
    torso = seen.within("torso") & seen.body
    if int(torso.sum()) < _FEWEST:
        return None
    # Long hair covers a back's upper half.
    trunk = torso & seen.between(torso, *((0.25, 0.8) if front is None else (0.05, 0.45)))
    if not seen.colour(trunk):
        return None
    (cloth,) = seen.colour(trunk)
    away = distance_to(seen.lab, [cloth] if front is None else [cloth, front.lab])
    legs = seen.colour(seen.within(*_SHINS)) + ([] if kind in WHOLE else seen.colour(seen.within(*_THIGHS)))
    allowed = seen.solid & ~seen.within(*_NEVER) & (away < REACH)
    if not _alike(cloth, seen.hair):
        allowed &= away < distance_to(seen.lab, seen.hair)
    if _alike(cloth, seen.skin):
        allowed &= ~seen.within("neck", *_FOREARMS, *_THIGHS, *_SHINS)
        if kind in SLEEVELESS:
            allowed &= ~seen.within(*_UPPER_ARMS)
    else:
        allowed &= away < distance_to(seen.lab, seen.skin)
    if not _alike(cloth, legs):
        allowed &= away < distance_to(seen.lab, legs)
    elif kind not in WHOLE:
        allowed &= where.hung[..., 1] > where.pelvis - HEM  # a straight hem
    allowed &= ~seen.within(*_UPPER_ARMS, *_FOREARMS) | _as_in(front)  # sleeves are as long behind
    return _garment(allowed, trunk, cloth)


def lower_garment(view: Tensor, where: PixelPlaces, kind: str, front: Garment | None = None) -> Garment | None:
    """Find what the legs wear, or None where no thigh is seen; as :func:`upper_garment`."""
    seen = _Seen(view, where)
    thighs = seen.within(*_THIGHS) & seen.body
    if int(thighs.sum()) < _FEWEST:
        return None
    upper_half = thighs & seen.between(thighs, 0.55, 0.95)  # shorts and miniskirts end below
    if not seen.colour(upper_half):
        return None
    (cloth,) = seen.colour(upper_half)
    away = distance_to(seen.lab, [cloth] if front is None else [cloth, front.lab])
    torso = seen.within("torso")
    above = seen.colour(torso & seen.body & seen.between(torso & seen.body, 0.25, 0.8))
    arms = seen.within("neck", *_UPPER_ARMS, *_FOREARMS)
    allowed = seen.solid & ~arms & ~seen.within(*_NEVER) & (away < REACH)
    allowed &= where.hung[..., 1] < where.pelvis + WAIST
    if not _alike(cloth, seen.skin):
        allowed &= away < distance_to(seen.lab, seen.skin)
    elif kind in SHORT:
        allowed &= upper_half | ~seen.within(*_THIGHS, *_SHINS)
    if _alike(cloth, above):
        allowed &= where.hung[..., 1] < where.pelvis - HEM
    else:
        allowed &= away < distance_to(seen.lab, above)
    allowed &= ~seen.within(*_THIGHS, *_SHINS) | _as_in(front)
    return _garment(allowed, upper_half, cloth)


class _Seen:
    """A view's pixels, and the colours of what is no garment."""

    def __init__(self, view: Tensor, where: PixelPlaces) -> None:
        self.where = where
        self.lab, self.solid = srgb_to_lab(view[:3].permute(1, 2, 0)), view[3] > 0.5
        self.body = self.solid & where.on_body
        head = self.body & self.within("head")
        height = where.rest[..., 1]
        brow = height[head].mean() if bool(head.any()) else torch.tensor(0.0)
        self.skin = self.colour(head & (height < brow)) + self.colour(self.within("left_hand", "right_hand"))
        self.hair = self.colour(head & (height > brow))

    def within(self, *names: str) -> Tensor:
        """Pixels (H, W) of parts of the body, or beside them."""
        return torch.isin(self.where.part, torch.tensor([PART_INDEX[name] for name in names]))

    def colour(self, mask: Tensor) -> list[Tensor]:
        """The median Lab (3,) of the body's pixels in a mask; nothing where there are too few."""
        chosen = mask & self.body
        return [self.lab[chosen].median(0).values] if int(chosen.sum()) >= _FEWEST else []

    def between(self, mask: Tensor, low: float, high: float) -> Tensor:
        """Pixels (H, W) as high in the T-pose as those between two quantiles of a mask's."""
        height = self.where.rest[..., 1]
        least, most = torch.quantile(height[mask], torch.tensor([low, high]))
        return (height > least) & (height < most)


def _as_in(front: Garment | None) -> Tensor:
    """Pixels (H, W) where the front shows the garment, or everywhere for a front itself."""
    if front is None:
        return torch.tensor(True)
    return torch.from_numpy(binary_dilation(front.amount.numpy() > 0.5, iterations=2))


def _garment(allowed: Tensor, seed: Tensor, cloth: Tensor) -> Garment:
    mask = _connected(allowed.numpy(), seed.numpy())
    return Garment(torch.from_numpy(gaussian_filter(mask.astype(np.float32), 0.6)), cloth)


def distance_to(lab: Tensor, colours: list[Tensor]) -> Tensor:
    """Distance (...) of Lab colours (..., 3) to the nearest of others; far where there are none."""
    apart = [lab.new_full(lab.shape[:-1], 1e3)]
    for colour in colours:
        difference = lab - colour
        tint = torch.hypot(difference[..., 1], difference[..., 2])
        apart.append(torch.hypot(LIGHTNESS_SHARE * difference[..., 0], tint))
    return torch.stack(apart).amin(0)


def _alike(cloth: Tensor, others: list[Tensor]) -> bool:
    return float(distance_to(cloth, others)) < ALIKE


def _connected(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The pieces of a mask that touch the seed, without specks and pinholes."""
    whole = binary_closing(mask, iterations=2)
    tidy = binary_opening(whole, iterations=1)
    pieces, _ = label(tidy)
    kept = np.unique(pieces[seed & tidy])
    return np.isin(pieces, kept[kept > 0])
