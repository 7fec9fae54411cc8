"""Turned squares of a photograph, as the networks take them, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Square:
    """A square of a picture, in pixels from its upper left corner; ``angle`` turns it clockwise as seen, radians."""

    x: float  # centre
    y: float
    side: float
    angle: float = 0.0

    @property
    def axes(self) -> Float:
        """(2, 2) columns: how far one step along the square's own x and y leads in the picture."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def scaled(self, factor: float) -> Square:
        """The same square in the picture enlarged by ``factor``."""
        return Square(self.x * factor, self.y * factor, self.side * factor, self.angle)

    def to_picture(self, points: Float) -> Float:
        """Points (..., 2) in [0, 1]^2 of the square to pixels of the picture."""
        return (np.asarray(points) - 0.5) * self.side @ self.axes.T + (self.x, self.y)

    def cut(self, picture: Image.Image, size: int) -> NDArray[np.float32]:
        """The square as (size, size, C) in [0, 1]; black outside the picture."""
        step = self.side / size
        shrink = max(1, int(step))  # average first: the transform below samples
        if shrink > 1:
            picture = picture.reduce(shrink)
        (a, b), (c, d) = self.axes * (step / shrink)
        corner = self.to_picture(np.zeros(2)) / shrink
        coefficients = (a, b, corner[0], c, d, corner[1])
        part = picture.transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
        return np.asarray(part, np.float32) / np.float32(255)

    def paste(self, values: NDArray[np.floating], height: int, width: int) -> NDArray[np.float32]:
        """A map (s, s) over the square as a map (height, width) over the picture; 0 outside the square."""
        size = len(values)
        (a, b), (c, d) = self.axes.T * (size / self.side)
        origin = self.axes.T @ (-np.array([self.x, self.y])) * (size / self.side) + size / 2
        part = Image.fromarray(np.asarray(values, np.float32), "F").transform(
            (width, height), Image.Transform.AFFINE, (a, b, origin[0], c, d, origin[1]), Image.Resampling.BILINEAR
        )
        return np.asarray(part, np.float32)
