"""Clothes over clothes: what is worn under another layer is brought in so that it does not poke through."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .mhclo import Float, Int

_NEIGHBOURS = 6
_LOWEST = 0.001  # metres above the skin


def tuck_under(
    inner: Float,
    outer: Float,
    outer_faces: Int,
    body: Float,
    margin: float = 0.004,
    reach: float = 0.02,
    depth: float = 0.12,
) -> Float:
    """Inner vertices (N, 3), drawn towards the body wherever they would stand out of the outer layer.

    Seen from the nearest body point, each inner vertex has a height above the skin; so has the outer layer over
    the same spot (the lowest of its samples within `reach` of that line). Vertices higher than that minus
    `margin` are lowered to it. Nothing moves where there is no outer layer, nor below 1 mm above the body.

    Args:
        inner: (N, 3) the layer that gives way.
        outer: (M, 3), outer_faces: (F, 3) the layer that stays.
        body: (B, 3) vertices of the visible body, hidden ones included, in the same pose.
        margin: gap that is kept between the layers, metres.
        reach: how far to the side an outer sample counts, metres; about the outer mesh's edge length.
        depth: how high above the body an outer sample may be, metres: the other arm is not a layer over this one.
    """
    distance, nearest = cKDTree(body).query(inner)
    foot = body[nearest]
    up = (inner - foot) / np.maximum(distance, 1e-9)[:, None]
    samples = np.concatenate([outer[np.unique(outer_faces)], outer[outer_faces].mean(axis=1)])
    tree = cKDTree(samples)
    # Outer samples near the line from the skin outwards: the nearest ones to a few points on it.
    heights = np.arange(0.0, depth, reach)
    ids = np.concatenate(
        [tree.query(foot + up * h, k=_NEIGHBOURS, distance_upper_bound=1.2 * reach)[1] for h in heights], axis=1
    )  # (N, heights * neighbours); len(samples) where there is none
    offset = np.append(samples, np.full((1, 3), np.inf), axis=0)[ids] - foot[:, None]
    with np.errstate(invalid="ignore"):
        along = np.einsum("nsk,nk->ns", offset, up)
        aside = np.linalg.norm(offset - along[..., None] * up[:, None], axis=2)
        over = (aside < reach) & (along > -0.005) & (along < depth)
    ceiling = np.where(over, along, np.inf).min(axis=1)
    return foot + up * np.minimum(distance, np.maximum(ceiling - margin, _LOWEST))[:, None]
