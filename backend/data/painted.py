"""Textures that are computed: cloth, hair, skin with a face on it, eyes and brows.

Places are metres on the mean body in T-pose, as in :mod:`backend.data.shell`. Each picture is the same at each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..geometry.rasterize import rasterize
from .hm08 import load_hm08
from .mhclo import Float

CLOTH_WIDTH, CLOTH_HEIGHT = 2.0, 1.8
"""Metres that the front, in the left half of a cloth texture, and the back, in its right half, show."""
BROWS = (-0.064, 0.064, 1.596, 1.636)
"""x from, x to, y from, y to of the brow texture."""
EYE_RADIUS = 0.0157
MOUTH = 1.5195
"""y where the lips meet."""

_CLOTH, _HAIR, _SKIN, _EYE = 1024, 512, 1024, 128
_EYE_CENTRE = np.array([0.0297, 1.5912, 0.1537])
_TONES = {"african": (0.36, 0.22, 0.15), "asian": (0.82, 0.62, 0.47), "caucasian": (0.9, 0.71, 0.61)}
_IRIS = {"blue": (0.3, 0.47, 0.66), "brown": (0.3, 0.18, 0.1), "green": (0.33, 0.45, 0.28), "grey": (0.45, 0.5, 0.54)}
EYE_COLOURS = tuple(_IRIS)

Stitch = tuple[float, float, float, float]
"""A dark line from x, y to x, y in metres."""


@cache
def cloth(stitches: tuple[Stitch, ...] = (), front: tuple[Stitch, ...] = (), fold: float = 1.0) -> Image.Image:
    """Grey cloth with folds. ``stitches`` are seen on both sides, ``front`` on that only; ``fold`` scales the folds."""
    size = _CLOTH
    folds = _noise(1, size, (50, 14)) + 0.7 * _noise(2, size, (70, 36)) + 0.5 * _noise(3, size, (24, 50))
    weave = np.random.default_rng(4).normal(0, 0.012, (size, size))
    image = Image.fromarray(_bytes(0.62 + 0.018 * fold * folds + weave))
    for side, lines in ((0.0, (*stitches, *front)), (0.5, stitches)):
        for x0, y0, x1, y1 in lines:
            ends = [
                ((x / CLOTH_WIDTH / 2 + 0.25 + side) * size, (1 - y / CLOTH_HEIGHT) * size)
                for x, y in ((x0, y0), (x1, y1))
            ]
            ImageDraw.Draw(image).line(ends, fill=105, width=3)
    return image.convert("RGB")


@cache
def hair() -> Image.Image:
    """Grey strands along v."""
    strands = _noise(5, _HAIR, (220, 3)) + 0.8 * _noise(6, _HAIR, (60, 4)) + 0.4 * _noise(7, _HAIR, (12, 3))
    return Image.fromarray(_bytes(0.5 + 0.045 * strands)).convert("RGB")


@cache
def brows(thickness: float) -> Image.Image:
    """Dark brows, transparent beside them; thickness in metres, at the thickest."""
    x0, x1, y0, y1 = BROWS
    y, x = np.meshgrid(np.linspace(y1, y0, 160), np.linspace(x0, x1, 512), indexing="ij")
    along = np.clip((np.abs(x) - 0.012) / 0.042, 0, 1)  # from the nose to the temple
    middle = 1.6105 + 0.0065 * np.sin(along * 2.4) - 0.002 * along
    half = thickness / 2 * np.sqrt(np.clip(1 - along**3, 0, 1)) * np.clip((np.abs(x) - 0.010) / 0.004, 0, 1)
    hairs = 0.75 + 0.25 * np.sin((x * np.sign(x) * 0.8 + y) * 4200)
    alpha = np.clip((half - np.abs(y - middle)) / 0.0015 + 0.4, 0, 1) * (half > 0) * hairs
    rgb = np.full((*alpha.shape, 3), 0.22)
    return Image.fromarray(_bytes(np.concatenate([rgb, alpha[..., None]], axis=-1)), "RGBA")


@cache
def eye(colour: str) -> Image.Image:
    """An eyeball from the front, as wide as its ball."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, _EYE)] * 2, indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    rgb = np.broadcast_to([0.93, 0.91, 0.89], (_EYE, _EYE, 3)).copy()
    iris = np.asarray(_IRIS[colour]) * (1 + 0.2 * np.sin(angle * 23) + 0.7 * np.clip(radius - 0.25, 0, 0.2))[..., None]
    rgb = _over(rgb, iris * np.where(radius > 0.4, 0.55, 1.0)[..., None], _step(radius, 0.46, 0.42))
    rgb = _over(rgb, np.array([0.03, 0.03, 0.03]), _step(radius, 0.2, 0.17))
    return Image.fromarray(
        _bytes(_over(rgb, np.array([1.0, 1.0, 1.0]), _step(np.hypot(x - 0.14, y + 0.16), 0.09, 0.05)))
    )


@cache
def skin(tone: str, age: str, woman: bool) -> Image.Image:
    """Skin in the layout of hm08: lips, flushed cheeks, lids, furrows of age and a man's shaven beard."""
    places = _places()
    x, y, z = np.abs(places[..., 0]), places[..., 1], places[..., 2]
    base = np.asarray(_TONES[tone])
    mottled = 0.012 * np.sin(90 * y + 5 * np.sin(70 * x)) * np.sin(110 * z + 60 * x) + 0.008 * _noise(
        8, _SKIN, (90, 90)
    )
    rgb = base * (1 + mottled[..., None])

    cheeks = np.exp(-((x - 0.045) ** 2 + (y - 1.556) ** 2) / 0.018**2) * (z > 0.1)
    rgb = _over(rgb, base * (1.0, 0.8, 0.78), 0.45 * cheeks)
    if not woman:
        beard = _step(y, 1.545, 1.525) * _step(y, 1.465, 1.48) * _step(z, 0.08, 0.12) * (x < 0.07)
        rgb = _over(rgb, base * (0.86, 0.85, 0.87), 0.7 * beard)
    ball = np.linalg.norm(np.stack([x, y, z], axis=-1) - _EYE_CENTRE, axis=-1)
    rgb = _over(rgb, base * (0.85, 0.76, 0.74), 0.6 * _step(ball, 0.026, 0.017))
    rgb = _over(rgb, base * (0.3, 0.25, 0.25), _step(ball, 0.0182, 0.0170))  # the lashes' line

    across = np.clip(1 - (x / 0.0245) ** 2, 0, 1)
    top = MOUTH + 0.0098 * across**0.8 * (1 - 0.22 * np.exp(-((x / 0.004) ** 2)))
    lips = _step(y, top + 0.0008, top - 0.0008) * _step(y, MOUTH - 0.0115 * across - 0.0008, MOUTH - 0.0115 * across)
    red = (0.86, 0.56, 0.56) if woman else (0.88, 0.7, 0.68)
    rgb = _over(rgb, base * red, 0.9 * lips * (x < 0.0245) * (z > 0.15))
    rgb = _over(rgb, base * 0.35, 0.8 * _step(np.abs(y - MOUTH), 0.0012, 0.0006) * (x < 0.024) * (z > 0.15))

    furrows = {"young": 0.0, "middle": 0.05, "old": 0.1}[age]
    forehead = np.clip(np.sin((y - 0.6 * x**2 * 8) * 2 * np.pi / 0.011), 0, 1) ** 6 * (z > 0.13) * (x < 0.045)
    rgb = rgb * (1 - furrows * forehead * _step(y, 1.625, 1.632) * _step(y, 1.668, 1.66))[..., None]
    fold = np.exp(-(((x - 0.021 - (1.552 - y) * 0.42) / 0.0016) ** 2)) * _step(y, 1.513, 1.52) * _step(y, 1.556, 1.55)
    return Image.fromarray(_bytes(rgb * (1 - 1.4 * furrows * fold * (z > 0.13))[..., None]))


@cache
def _places() -> Float:
    """(S, S, 3) where on the body each texel of hm08's layout lies; zeros where there is no skin."""
    base = load_hm08()
    position = np.zeros((len(base.uvs), 3))
    position[base.uv_quads] = base.v_template[base.quads]
    flat = torch.from_numpy(np.column_stack([base.uvs * 2 - 1, np.zeros(len(base.uvs))])).float()
    faces = torch.from_numpy(np.concatenate([base.uv_quads[:, [0, 1, 2]], base.uv_quads[:, [0, 2, 3]]]))
    layer, _ = rasterize(flat, faces, _SKIN)
    return layer.interpolate(faces, torch.from_numpy(position)).numpy()


def _noise(seed: int, size: int, cells: Sequence[int]) -> Float:
    """(size, size) smooth noise of about unit spread, with so many cells across and down."""
    across, down = cells
    coarse = np.random.default_rng(seed).normal(size=(down, across)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64) * 1.6


def _step(values: Float, start: float | Float, end: float | Float) -> Float:
    """0 up to ``start``, 1 from ``end`` on, smooth between; ``end`` may lie below."""
    t = np.clip((values - start) / (np.asarray(end) - start), 0, 1)
    return t * t * (3 - 2 * t)


def _over(under: Float, colour: Float | NDArray[np.floating], amount: Float) -> Float:
    return under + (colour - under) * amount[..., None]


def _bytes(values: Float) -> NDArray[np.uint8]:
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
