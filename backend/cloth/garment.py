"""Which pixels of a view show the upper garment: by where on the body they lie, and by their colour.

A painted view has no labels, and a garment may end anywhere. Its colour is that of the trunk; the other colours that
it could be taken for (skin, hair, what the legs wear) are read where they must be, and each pixel belongs to the
nearest. Where two cannot be told apart, the place decides.
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
_FEWEST = 20  # pixels of which a colour is read
_UPPER_ARMS = ("left_upper_arm", "right_upper_arm")
_FOREARMS = ("left_lower_arm", "right_lower_arm")
_THIGHS, _SHINS = ("left_upper_leg", "right_upper_leg"), ("left_lower_leg", "right_lower_leg")
_NEVER = ("left_hand", "right_hand", "left_foot", "right_foot", "head", "left_eye", "right_eye", "tongue", "mouth")


@dataclass(frozen=True)
class Garment:
    """The upper garment in one view."""

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
    lab, solid = srgb_to_lab(view[:3].permute(1, 2, 0)), view[3] > 0.5
    seen, rest = solid & where.on_body, where.rest

    def within(*names: str) -> Tensor:
        return torch.isin(where.part, torch.tensor([PART_INDEX[name] for name in names]))

    def colour(mask: Tensor) -> list[Tensor]:
        return [lab[mask].median(0).values] if int(mask.sum()) >= _FEWEST else []

    torso = seen & within("torso")
    if int(torso.sum()) < _FEWEST:
        return None
    # Long hair covers a back's upper half.
    low, high = torch.quantile(rest[..., 1][torso], torch.tensor([0.25, 0.8] if front is None else [0.05, 0.45]))
    trunk = torso & (rest[..., 0].abs() < 0.1) & (rest[..., 1] > low) & (rest[..., 1] < high)
    if not colour(trunk):
        return None
    (cloth,) = colour(trunk)
    away = distance_to(lab, [cloth] if front is None else [cloth, front.lab])

    head = seen & within("head")
    brow = rest[..., 1][head].mean() if bool(head.any()) else torch.tensor(0.0)
    skin = colour(head & (rest[..., 1] < brow)) + colour(seen & within("left_hand", "right_hand"))
    hair = colour(head & (rest[..., 1] > brow))
    legs = colour(seen & within(*_SHINS))
    if kind not in WHOLE:
        legs += colour(seen & within(*_THIGHS))
    allowed = solid & ~within(*_NEVER) & (away < REACH)
    if not _alike(cloth, hair):
        allowed &= away < distance_to(lab, hair)
    if _alike(cloth, skin):
        allowed &= ~within("neck", *_FOREARMS, *_THIGHS, *_SHINS)
        if kind in SLEEVELESS:
            allowed &= ~within(*_UPPER_ARMS)
    else:
        allowed &= away < distance_to(lab, skin)
    if not _alike(cloth, legs):
        allowed &= away < distance_to(lab, legs)
    elif kind not in WHOLE:
        allowed &= where.hung[..., 1] > where.pelvis - HEM
    if front is not None:  # sleeves are as long behind
        arms = within(*_UPPER_ARMS, *_FOREARMS).numpy()
        allowed &= torch.from_numpy(~arms | binary_dilation(front.amount.numpy() > 0.5, iterations=2))
    mask = _connected(allowed.numpy(), trunk.numpy())
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
