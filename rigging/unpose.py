"""From the posed surface back to the rest pose: inverse linear blend skinning and the mending of fused limbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bridges import MAX_STRETCH, SHORT_EDGE
from .lbs import Influences, blend_transforms
from .mesh_graph import components, dilate, distance_from, edge_lengths, neighbour_mean, unique_edges
from .weight_inpainting import inpaint_weights, limit_influences

SMALLEST_SCALE = 0.3
"""A blend of rotations far apart shrinks space; below this factor its inverse would throw vertices away."""
RELAX_RADII = (0.015, 0.03, 0.05, 0.08, 0.12)  # metres of surface over which a bridge is spread, one try after another
SMOOTHING_PASSES = 30
SMOOTHING_RINGS = 3


def unpose(
    vertices: NDArray[np.floating], weights: NDArray[np.floating], transforms: NDArray[np.floating]
) -> NDArray[np.float64]:
    """The rest positions that linear blend skinning takes to ``vertices``.

    Args:
        vertices: (V, 3) posed positions, metres.
        weights: (V, J) rows sum to one.
        transforms: (J, 4, 4) rest to posed, as used by the skinning.

    Returns:
        (V, 3) in the frame of the rest pose. Skinning them gives ``vertices`` again wherever the blended matrix
        shrinks no direction below `SMALLEST_SCALE`; elsewhere that direction is inverted as if it were this large.
    """
    vertices = np.asarray(vertices, np.float64)
    blended = blend_transforms(Influences.of(np.asarray(weights, np.float64)), np.asarray(transforms, np.float64))
    linear, offset = blended[:, :, :3], vertices - blended[:, :, 3]
    weak = np.linalg.det(linear) < 0.75  # no direction grows beyond 1, so a healthy determinant means healthy scales
    result = np.empty_like(vertices)
    result[~weak] = np.linalg.solve(linear[~weak], offset[~weak][:, :, None])[:, :, 0]
    if weak.any():
        left, scales, right = np.linalg.svd(linear[weak])
        mirrored = np.linalg.det(left) * np.linalg.det(right) < 0.0
        left[mirrored, :, 2] *= -1.0  # a blend that turned space inside out: its nearest proper motion
        scales = np.maximum(scales, SMALLEST_SCALE)
        local = np.einsum("vba,vb->va", left, offset[weak]) / scales
        result[weak] = np.einsum("vba,vb->va", right, local)
    return result


@dataclass(frozen=True)
class UnposedMesh:
    """A mesh in the rest pose, the weights that take it back, and what had to be mended."""

    vertices: NDArray[np.float64]  # (V, 3) rest
    weights: NDArray[np.float64]  # (V, J), changed only around bridges
    bridges: int  # edges stretched beyond the limit by plain inverse skinning
    remaining: int  # the same after mending
    worst_stretch: float  # largest ratio of rest to posed edge length, after mending


def unpose_mesh(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    weights: NDArray[np.floating],
    transforms: NDArray[np.floating],
    max_stretch: float = MAX_STRETCH,
) -> UnposedMesh:
    """Unpose a welded mesh and mend the bridges between limbs that touched in the pose.

    Where an arm rests on the trunk, the extracted surface runs from one to the other, and spreading the limbs
    stretches the triangles between. Such edges cannot be told from skin, so nothing is cut: the mesh stays closed.
    The weights around a bridge are relaxed over a growing radius, so that the stretch is shared by more triangles,
    and what is still stretched then is smoothed in the rest pose.

    Args:
        vertices: (V, 3) posed, without split seams; faces: (F, 3); weights: (V, J); transforms: (J, 4, 4).
        max_stretch: ratio of rest to posed edge length that still counts as skin.
    """
    skin: NDArray[np.float64] = np.asarray(weights, np.float64)
    edges = unique_edges(faces)
    lengths = np.maximum(edge_lengths(vertices, edges), SHORT_EDGE)

    rest = unpose(vertices, skin, transforms)
    ratio = edge_lengths(rest, edges) / lengths
    bridges = int((ratio > max_stretch).sum())
    if bridges == 0:
        return UnposedMesh(rest, skin, 0, 0, float(ratio.max(initial=0.0)))

    best = (_excess(ratio, max_stretch), rest, skin)
    piece = components(edges, len(vertices))
    zone = np.zeros(len(vertices), bool)
    for radius in RELAX_RADII:
        core = np.zeros(len(vertices), bool)
        core[edges[ratio > max_stretch]] = True  # those mended by now need no wider zone
        zone |= distance_from(core, edges, lengths, radius) <= radius
        zone &= (np.bincount(piece, ~zone) > 0)[piece]  # a piece needs some weights to be filled from
        relaxed = limit_influences(inpaint_weights(vertices, faces, skin, ~zone))
        rest = unpose(vertices, relaxed, transforms)
        ratio = edge_lengths(rest, edges) / lengths
        excess = _excess(ratio, max_stretch)
        if excess < best[0]:
            best = (excess, rest, relaxed)
        if excess == 0.0:
            break
    excess, rest, skin = best
    if excess > 0.0:
        rest = _smoothed(rest, edges, lengths, max_stretch)
    ratio = edge_lengths(rest, edges) / lengths
    return UnposedMesh(rest, skin, bridges, int((ratio > max_stretch).sum()), float(ratio.max()))


def _excess(ratio: NDArray[np.float64], limit: float) -> float:
    """By how much edges exceed the limit, summed."""
    return float(np.maximum(ratio - limit, 0.0).sum())


def _smoothed(
    rest: NDArray[np.float64], edges: NDArray[np.int64], lengths: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    """Draw the vertices around edges that are still too long together; the better of before and after."""
    core = np.zeros(len(rest), bool)
    before = edge_lengths(rest, edges) / lengths
    core[edges[before > limit]] = True
    rows = np.flatnonzero(dilate(core, edges, SMOOTHING_RINGS))
    mean = neighbour_mean(edges, len(rest))[rows]
    smooth = rest.copy()
    for _ in range(SMOOTHING_PASSES):
        smooth[rows] += 0.5 * (mean @ smooth - smooth[rows])
    after = edge_lengths(smooth, edges) / lengths
    return smooth if _excess(after, limit) < _excess(before, limit) else rest
