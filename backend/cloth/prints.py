"""Prints on the chest: a motif or word in one colour, placed on the unposed body so that any garment can carry one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage.color import rgb2lab
from torch import Tensor
from torch.nn import functional

from ..models.slots import COLOURS

_PIXELS = 256
_WORDS = ("OSLO", "7", "23", "RUN", "SURF", "A", "88", "CLUB", "NOVA", "X")
MOTIFS = ("disc", "ring", "star", "heart", "diamond", "band", "lines", *_WORDS)
PRINT_CONTRAST = 30.0
"""Least distance in Lab of a print from its cloth."""
_FRONT = 0.03
"""Depth (metres) of the trunk's middle; a print ends there."""


@dataclass(frozen=True)
class Print:
    """A motif, how large it is and where.

    Args:
        motif: one of MOTIFS, or a text.
        height: of its middle, as a share of the body's height.
        radius: half its side, metres.
        lab: its colour.
    """

    motif: str
    height: float
    radius: float
    lab: tuple[float, float, float]

    @classmethod
    def draw(
        cls, rng: np.random.Generator, cloth: np.ndarray, motif: str | None = None, contrast: float = PRINT_CONTRAST
    ) -> Print:
        """One at random, in a named colour that stands out from the cloth's Lab (3,).

        Args:
            rng: decides on all but what is given.
            cloth: [3] Lab.
            motif: what is printed; any other text than MOTIFS is written.
            contrast: least distance of the two colours.
        """
        colours = rgb2lab(np.array(list(COLOURS.values())) / 255)
        clear = colours[np.linalg.norm(colours - cloth, axis=1) > contrast]
        lightness, a, b = clear[int(rng.integers(len(clear)))]
        drawn = MOTIFS[int(rng.integers(len(MOTIFS)))]
        height, radius = float(rng.uniform(0.715, 0.755)), float(rng.uniform(0.06, 0.125))
        return cls(motif or drawn, height, radius, (float(lightness), float(a), float(b)))

    def on(self, lab: Tensor, rest: Tensor, soles: float, crown: float) -> Tensor:
        """Cloth colours (N, 3) in Lab with the print over them.

        Args:
            lab: [N, 3] of the cloth.
            rest: [N, 3] unposed places on the body, metres.
            soles, crown: heights between which the unposed body stands, metres.
        """
        middle = soles + self.height * (crown - soles)
        place = torch.stack([rest[:, 0] / self.radius, (middle - rest[:, 1]) / self.radius], dim=1)
        drawn = functional.grid_sample(_stencil(self.motif)[None, None], place.view(1, 1, -1, 2), align_corners=False)
        amount = (drawn.view(-1, 1) * (rest[:, 2:] > _FRONT)).to(lab.dtype)
        return lab + (lab.new_tensor(self.lab) - lab) * amount


@lru_cache(maxsize=64)
def _stencil(motif: str) -> Tensor:
    """The motif (256, 256), 1 where it is printed, row 0 above."""
    image = Image.new("L", (_PIXELS, _PIXELS))
    pen, full = ImageDraw.Draw(image), _PIXELS - 12

    def polygon(*points: tuple[float, float]) -> None:
        pen.polygon([(_PIXELS / 2 + x * full / 2, _PIXELS / 2 - y * full / 2) for x, y in points], fill=255)

    if motif == "disc":
        pen.ellipse((6, 6, full, full), fill=255)
    elif motif == "ring":
        pen.ellipse((6, 6, full, full), outline=255, width=22)
        polygon((0, 0.6), (0.2, -0.5), (-0.2, -0.5))
        polygon((-0.5, 0.25), (0.5, 0.25), (0, 0.05))
    elif motif == "star":
        corners = [(1.0 if k % 2 == 0 else 0.42, math.pi * (0.5 + k / 5)) for k in range(10)]
        polygon(*((r * math.cos(a), r * math.sin(a)) for r, a in corners))
    elif motif == "heart":
        turns = [math.tau * k / 60 for k in range(60)]
        polygon(
            *(
                (
                    math.sin(t) ** 3,
                    (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
                )
                for t in turns
            )
        )
    elif motif == "diamond":
        polygon((0, 1), (0.75, 0), (0, -1), (-0.75, 0))
        pen.ellipse((90, 90, _PIXELS - 90, _PIXELS - 90), fill=0)
    elif motif == "band":
        pen.rectangle((6, 90, full, _PIXELS - 90), fill=255)
    elif motif == "lines":
        for row, length in enumerate((1.0, 0.7, 0.9, 0.5)):
            pen.rectangle((6, 30 + 54 * row, full * length, 58 + 54 * row), fill=255)
    else:
        font = ImageFont.load_default(size=_PIXELS)
        left, top, right, bottom = pen.textbbox((0, 0), motif, font=font, stroke_width=6)
        fitting = int(_PIXELS * full / max(right - left, bottom - top, 1))
        font = ImageFont.load_default(size=fitting)
        pen.text((_PIXELS / 2, _PIXELS / 2), motif, fill=255, font=font, anchor="mm", stroke_width=fitting // 24)
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)
