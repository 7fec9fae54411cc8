"""A surface on the body's own vertices: each moves along its normal until it lies on the surface.

The mesh keeps the body's quads, UVs, skin weights and facial shapes. What the body does better than any lifted surface
stays as it is (hands, face, eyes); what cannot be reached along a normal without coming nearer to another limb (between
the legs under a skirt, armpits) follows its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rigging.mesh_graph import dilate, neighbour_mean, unique_edges
from rigging.normals import vertex_normals

from .inpaint import spread
from .normals import face_normals

INWARD, OUTWARD = 0.03, 0.22
"""Metres within which the surface is looked for: it lies outside the body but for small misfits."""
_FAR = np.unique(np.round(np.concatenate([np.arange(-INWARD, 0.04, 0.005), np.arange(0.04, OUTWARD + 0.01, 0.015)]), 4))
_NEAR = np.round(np.arange(-0.03, 0.0301, 0.005), 4)
_OWN = 0.7  # a step of length t that stays this share of t away from all of the body has not come near another limb
_SLACK = 0.012
_BLUR = 0.003  # metres
_ROUNDS = 4
_NORMAL_PASSES = 6
_RELAX_PASSES = 6

Field = Callable[[Tensor], Tensor]


def wrap(
    body: np.ndarray, faces: np.ndarray, kept: np.ndarray, pliant: np.ndarray, sdf: Field, distance_to_body: Field
) -> np.ndarray:
    """Move a body's vertices onto a surface: far along the body's normals first, then, smoothed, a little way along
    those of what came out, so that cloth spans what the body has folds in.

    Args:
        body: (V, 3) posed vertices, metres.
        faces: (F, 3) integer.
        kept: (V,) in [0, 1], 1 where the body stays as it is.
        pliant: (V,) in [0, 1], 0 where the mesh may not be smoothed in between.
        sdf: maps [N, 3] points in metres to [N] signed distances in any unit, negative inside.
        distance_to_body: maps [N, 3] points in metres to [N] distances to the nearest vertex of the body, metres.

    Returns:
        (V, 3) float64.
    """
    body = np.asarray(body, np.float64)
    edges = unique_edges(faces)
    moved = _moved(body, faces, edges, kept, _FAR, sdf, distance_to_body)
    mean = neighbour_mean(edges, len(body))
    step = 0.5 * (pliant * (1 - kept))[:, None]
    for _ in range(_RELAX_PASSES):
        moved = moved + step * (mean @ moved - moved)
    return _moved(moved, faces, edges, kept, _NEAR, sdf, None)


def _moved(
    base: np.ndarray,
    faces: np.ndarray,
    edges: np.ndarray,
    kept: np.ndarray,
    steps: np.ndarray,
    sdf: Field,
    distance_to_body: Field | None,
) -> np.ndarray:
    """Vertices (V, 3) moved along their normals onto the surface where it is found, and as their neighbours elsewhere,
    short of other limbs; where faces turn over, too, which costs them their say."""
    normals = _smooth_normals(base, faces, edges)
    free = np.flatnonzero(kept < 1)
    offset, found, room = _offsets(base[free], normals[free], steps, sdf, distance_to_body)
    wanted, trust = np.zeros(len(base)), kept.copy()
    wanted[free] = np.where(found, offset, 0.0) * (1 - kept[free])
    trust[free] = np.where(found, 1.0, kept[free])
    most = np.zeros(len(base))
    most[free] = room
    before = face_normals(base, faces)
    for _ in range(_ROUNDS):
        moved = base + normals * np.minimum(spread(wanted[:, None], trust, base, faces, _BLUR), most[:, None])
        folded = np.zeros(len(base), bool)
        folded[faces[np.einsum("ij,ij->i", face_normals(moved, faces), before) < 0]] = True
        folded &= kept < 1
        if not folded.any():
            break
        folded = dilate(folded, edges, 1)
        trust[folded] = kept[folded]
    return moved


def _smooth_normals(vertices: np.ndarray, faces: np.ndarray, edges: np.ndarray) -> np.ndarray:
    mean = neighbour_mean(edges, len(vertices))
    normals = vertex_normals(vertices, faces)
    for _ in range(_NORMAL_PASSES):
        normals = 0.5 * normals + 0.5 * (mean @ normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _offsets(
    points: np.ndarray,
    normals: np.ndarray,
    steps: np.ndarray,
    sdf: Field,
    distance_to_body: Field | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far (N,) the surface lies along each normal, whether it was found (N,), and how far there is room (N,)."""
    along = points[:, None] + normals[:, None] * steps[None, :, None]
    flat = torch.from_numpy(along.reshape(-1, 3)).float()
    values = sdf(flat).cpu().numpy().reshape(len(points), -1).astype(np.float64)
    start = int(np.searchsorted(steps, 0.0))
    leaves = (values[:, :-1] < 0) & (values[:, 1:] >= 0)
    room = np.zeros(len(points))
    if distance_to_body is not None:
        near = distance_to_body(flat).cpu().numpy().reshape(values.shape)
        own = near >= _OWN * np.abs(steps) - _SLACK
        open_way = np.logical_and.accumulate(own[:, start:], axis=1)
        leaves[:, start:] &= open_way[:, 1:]
        room = steps[start + np.maximum(open_way.sum(axis=1) - 1, 0)] * _OWN
    # From inside the first way out; from outside the nearest one inward.
    inside = values[:, start] < 0
    ahead = np.where(leaves[:, start:].any(1), leaves[:, start:].argmax(1) + start, -1)
    behind = np.where(leaves[:, :start].any(1), start - 1 - leaves[:, :start][:, ::-1].argmax(1), -1)
    step = np.where(inside, ahead, behind)
    found, row = step >= 0, np.arange(len(points))
    low, high = values[row, step], values[row, np.minimum(step + 1, len(steps) - 1)]
    share = np.where(found, low / np.where(found, low - high, 1.0), 0.0)
    width = steps[np.minimum(step + 1, len(steps) - 1)] - steps[step]
    offset = np.where(found, steps[step] + share * width, 0.0)
    return offset, found, np.where(found, np.inf, room)
