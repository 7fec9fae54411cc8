"""Whether a mesh stands where the posed body does, before it is rigged to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .closest_point import closest_points

NEAR = 0.05  # metres; cloth and hair further out than this are led by what is nearer
_LARGEST_RATIO = 1.6  # between the heights of mesh and body
_LEAST_NEAR = 0.25  # share of the mesh that must be near the body


class BodyFitError(ValueError):
    """A mesh is not where its body is; the message is one line for the user."""


@dataclass(frozen=True)
class BodyFit:
    """How a mesh lies around a body."""

    near: float  # share of its vertices within `NEAR` of the body
    median: float  # metres, distance of its vertices from the body


def check_fit(
    vertices: NDArray[np.floating], body_vertices: NDArray[np.floating], body_faces: NDArray[np.integer]
) -> BodyFit:
    """Compare a mesh (V, 3) with the posed body that it is said to wear, in metres.

    Raises:
        BodyFitError: another unit, another axis up, another place or another pose.
    """
    mesh_size, body_size = np.ptp(vertices, axis=0), np.ptp(body_vertices, axis=0)
    ratio = float(mesh_size.max() / body_size.max())
    if not 1.0 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO:
        raise BodyFitError(
            f"The mesh measures {mesh_size.max():.4g} m, its body {body_size.max():.3g} m; "
            f"scale it by {_round_factor(1.0 / ratio):.3g}, or give the body that it was made around."
        )
    if int(mesh_size.argmax()) == 2 and int(body_size.argmax()) == 1:
        raise BodyFitError("The mesh lies on its back: its longest side is Z; export it with Y up.")
    distances = closest_points(vertices, body_vertices, body_faces, exact_within=NEAR).distances
    fit = BodyFit(near=float((distances <= NEAR).mean()), median=float(np.median(distances)))
    if fit.near < _LEAST_NEAR:
        shift = (np.asarray(body_vertices).mean(axis=0) - np.asarray(vertices).mean(axis=0)).round(2)
        raise BodyFitError(
            f"Only {fit.near:.0%} of the mesh is within {100 * NEAR:.0f} cm of the body, half of it further than "
            f"{fit.median:.2g} m; give the pose that it is in, or move it by about {shift.tolist()}."
        )
    return fit


def _round_factor(factor: float) -> float:
    """The power of ten near a factor, as units differ by; the factor itself where there is none."""
    exponent = round(math.log10(factor))
    return 10.0**exponent if abs(math.log10(factor) - exponent) < 0.1 else factor
