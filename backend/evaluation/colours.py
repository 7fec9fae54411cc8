"""The colours of a picture, read at known places, against the colours that were asked for.

Pictures are lit, so a shirt never has exactly the colour that it was dyed: a colour counts as right when the nearest
named colour is of the same family as the one asked for, or when it is no farther than :data:`TOLERANCE` from it. What
the same reading finds in true pictures is the ceiling.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.color import deltaE_ciede2000
from torch import Tensor

from ..geometry.color import srgb_to_lab
from ..models.slots import COLOURS, HAIR_COLOURS

COLOUR_SLOTS = ("skin_tone", "hair_colour", "upper_colour", "lower_colour", "shoes_colour")
TOLERANCE = 12.0
"""CIEDE2000; two neighbours among the named colours of clothes lie about as far apart (red to dark red: 17)."""
FEWEST_PIXELS = 12
_SOLID = 0.7

FAMILIES: tuple[tuple[str, ...], ...] = (
    ("black", "dark grey"),
    ("grey", "dark grey"),
    ("grey", "light grey"),
    ("white", "light grey"),
    ("white", "cream"),
    ("beige", "cream"),
    ("red", "dark red"),
    ("orange",),
    ("yellow", "gold"),
    ("green", "dark green", "light green"),
    ("green", "dark green", "olive"),
    ("teal", "turquoise"),
    ("blue", "navy"),
    ("blue", "light blue"),
    ("purple", "lilac"),
    ("pink", "magenta"),
    ("brown",),
)
"""Named colours of clothes that differ in little but lightness, which the light decides, too; families overlap."""
HAIR_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("black", "dark brown"),
    ("dark brown", "brown"),
    ("brown", "light brown"),
    ("blond",),
    ("red",),
    ("grey", "white"),
)
SKIN_LAB: dict[str, tuple[float, float, float]] = {
    "light": (68.6, 13.2, 19.6),
    "tan": (67.0, 18.3, 25.5),
    "dark": (26.5, 17.5, 18.8),
}
"""Skin tones as :func:`read_colour` finds them on cheeks: medians over 70 lit pictures of the training split."""


def read_colour(pictures: Tensor, where: Tensor) -> tuple[float, float, float] | None:
    """The median Lab of RGBA (2, 4, H, W) in [0, 1] over ``where`` (2, H, W) bool; None where too little is solid."""
    seen = where & (pictures[:, 3] > _SOLID)
    if int(seen.sum()) < FEWEST_PIXELS:
        return None
    lightness, a, b = srgb_to_lab(pictures.permute(0, 2, 3, 1)[seen][:, :3]).median(0).values.tolist()
    return lightness, a, b


def named_lab(name: str, hair: bool = False) -> tuple[float, float, float]:
    """Lab of a named colour of clothes or of hair."""
    rgb = (HAIR_COLOURS if hair else COLOURS)[name]
    lightness, a, b = srgb_to_lab(torch.tensor(rgb) / 255).tolist()
    return lightness, a, b


def distance(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """CIEDE2000 of two Lab colours."""
    return float(deltaE_ciede2000(np.asarray(one), np.asarray(other)))


def nearest(lab: tuple[float, float, float], palette: dict[str, tuple[float, float, float]]) -> str:
    """The name in a palette of Lab colours that is nearest by CIEDE2000."""
    return min(palette, key=lambda name: distance(lab, palette[name]))


CLOTH_PALETTE = {name: named_lab(name) for name in COLOURS}
HAIR_PALETTE = {name: named_lab(name, hair=True) for name in HAIR_COLOURS}


def is_colour(slot: str, found: tuple[float, float, float] | None, asked: str) -> bool:
    """Whether a Lab colour that was read for a colour slot passes for the one of a name. Nothing read never does."""
    if found is None:
        return False
    if slot == "skin_tone":
        return nearest(found, SKIN_LAB) == asked
    hair = slot == "hair_colour"
    palette, families = (HAIR_PALETTE, HAIR_FAMILIES) if hair else (CLOTH_PALETTE, FAMILIES)
    if distance(found, palette[asked]) <= TOLERANCE:
        return True
    name = nearest(found, palette)
    return name == asked or any(name in family and asked in family for family in families)
