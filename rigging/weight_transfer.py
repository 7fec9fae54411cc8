"""Skin weights for a clothed mesh from the body inside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .closest_point import closest_points
from .joints import NUM_JOINTS
from .limbs import HEAD, HEAD_JOINT, LEFT_LEG, LIMB_NAMES, RIGHT_LEG, limb_labels
from .mesh_graph import components, dilate, distance_from, edge_lengths, neighbour_mean, unique_edges
from .normals import vertex_normals
from .weight_inpainting import inpaint_weights, limit_influences
from .weld import weld

MAX_DISTANCE = 0.05
MAX_ANGLE = np.radians(30.0)  # 25 to 37 measured best on surfaces 0.5 to 3 cm off the body, with noise
MAX_INFLUENCES = 8

BLEND_RADIUS = 0.02  # metres of surface over which limbs that the mesh fuses pass into each other
LEG_BLEND_RADIUS = 0.10  # the same between the legs: a skirt swings with both
SHORTCUT_RATIO = 1.5  # a path over the mesh is a shortcut if the body's own is longer than ratio * path + slack
SHORTCUT_SLACK = 0.03
SMALLEST_ISLAND = 1e-3  # square metres
HAIR_DISTANCE = 0.02  # unmatched surface further than this from the skull moves with it
SKIRT_DISTANCE = 0.4  # unmatched surface nearer than this to a leg is drawn along, or legs would step through skirts

SMOOTHING_PASSES = 10
SMOOTHING_STEP = 0.2
SMOOTHING_RINGS = 2


@dataclass(frozen=True)
class BodyMatch:
    """The body's weights at each vertex's closest body point, and which of them can be trusted."""

    weights: NDArray[np.float64]  # (V, 55) interpolated on the body
    distances: NDArray[np.float64]  # (V,) metres
    angles: NDArray[np.float64]  # (V,) radians between the normals
    limbs: NDArray[np.int64]  # (V,) of rigging.limbs
    accepted: NDArray[np.bool_]  # (V,)


def transfer_weights(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    body_vertices: NDArray[np.floating],
    body_faces: NDArray[np.integer],
    body_weights: NDArray[np.floating],
    max_distance: float = MAX_DISTANCE,
    max_angle: float = MAX_ANGLE,
) -> NDArray[np.float64]:
    """Skin weights of a mesh that wraps a posed body.

    Where the surface follows the body (near it and facing the same way) it takes the body's weights; the rest is
    inpainted over the surface. Limbs that merely touch do not exchange weights, hair off the skull moves with the
    head, cloth between the legs blends from one to the other, and pieces that never touch the body move rigidly.

    Args:
        vertices: (V, 3) metres, in the body's pose; copies along texture seams are treated as one vertex.
        faces: (F, 3) counter-clockwise outward.
        body_vertices: (B, 3) posed body; body_faces: (G, 3); body_weights: (B, 55) in SMPL-X order.
        max_distance: metres between a vertex and the body that can still be trusted.
        max_angle: radians between the two normals that can still be trusted.

    Returns:
        (V, 55) nonnegative, rows sum to one, at most 8 influences a vertex.

    Raises:
        ValueError: shapes do not fit, values are not finite, or a mesh is empty.

    Source: Abdrashitov et al. 2023 (see `weight_inpainting`); the tests between limbs are this library's.
    """
    points, triangles = checked_mesh("mesh", vertices, faces)
    body_points, body_triangles = checked_mesh("body", body_vertices, body_faces)
    skin: NDArray[np.float64] = np.asarray(body_weights, np.float64)
    if skin.shape != (len(body_points), NUM_JOINTS) or not np.isfinite(skin).all():
        raise ValueError(f"the body needs finite weights ({len(body_points)}, {NUM_JOINTS}); got {skin.shape}")
    welded = weld(points, triangles)
    edges = unique_edges(welded.faces)
    match = match_body(welded.vertices, welded.faces, body_points, body_triangles, skin, max_distance, max_angle, edges)
    return weights_of(match, welded.vertices, welded.faces, edges)[welded.of_original]


def weights_of(
    match: BodyMatch,
    vertices: NDArray[np.float64],
    faces: NDArray[np.integer],
    edges: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """The weights (V, 55) of a welded mesh that was matched to a body; the second half of `transfer_weights`."""
    edges = unique_edges(faces) if edges is None else edges
    weights, known = match.weights.copy(), match.accepted.copy()

    hair = ~known & (match.limbs == HEAD) & (match.distances > HAIR_DISTANCE)
    hair &= match.weights.argmax(axis=1) == HEAD_JOINT
    weights[hair] = np.eye(NUM_JOINTS)[HEAD_JOINT]
    known |= hair
    _anchor_loose_pieces(weights, known, match, components(edges, len(known)))

    skirt = ~known & np.isin(match.limbs, [LEFT_LEG, RIGHT_LEG]) & (match.distances <= SKIRT_DISTANCE)
    weights = inpaint_weights(vertices, faces, weights, known, guess=skirt)
    orphans = weights.sum(axis=1) <= 1e-6
    weights[orphans] = match.weights[orphans]
    if not known.all():
        weights = _smooth(weights, edges, dilate(~known, edges, SMOOTHING_RINGS))
    return limit_influences(weights, MAX_INFLUENCES)


def match_body(
    vertices: NDArray[np.float64],
    faces: NDArray[np.integer],
    body_vertices: NDArray[np.float64],
    body_faces: NDArray[np.integer],
    body_weights: NDArray[np.float64],
    max_distance: float,
    max_angle: float,
    edges: NDArray[np.int64] | None = None,
) -> BodyMatch:
    """Match a welded mesh (V, 3) to the body and judge each vertex; arguments as of `transfer_weights`."""
    edges = unique_edges(faces) if edges is None else edges
    found = closest_points(vertices, body_vertices, body_faces, exact_within=max_distance)
    weights = found.interpolate(body_faces, body_weights)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    body_normals = found.interpolate(body_faces, vertex_normals(body_vertices, body_faces))
    body_normals /= np.maximum(np.linalg.norm(body_normals, axis=1, keepdims=True), 1e-12)
    cosines = np.einsum("ij,ij->i", vertex_normals(vertices, faces), body_normals)
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    limbs = limb_labels(weights)
    accepted = (found.distances <= max_distance) & (angles <= max_angle)

    body_edges = unique_edges(body_faces)
    body_limbs = limb_labels(body_weights)
    body_lengths = edge_lengths(body_vertices, body_edges)
    lengths = edge_lengths(vertices, edges)
    shortcut = np.zeros(len(vertices), bool)
    for limb in range(len(LIMB_NAMES)):
        for radius, askers in _neighbours(limb):
            asking = accepted & np.isin(limbs, askers)
            if not asking.any():
                continue
            here = distance_from(accepted & (limbs == limb), edges, lengths, radius)
            reach = SHORTCUT_RATIO * radius + SHORTCUT_SLACK
            on_body = distance_from(body_limbs == limb, body_edges, body_lengths, reach)
            there = found.interpolate(body_faces, np.minimum(on_body, 2.0 * reach))
            shortcut |= asking & (here <= radius) & (there > SHORTCUT_RATIO * here + SHORTCUT_SLACK)
    accepted &= ~shortcut
    accepted &= ~_small_islands(accepted, limbs, vertices, faces, edges)
    return BodyMatch(weights, found.distances, angles, limbs, accepted)


def _neighbours(limb: int) -> list[tuple[float, list[int]]]:
    """For one limb, which others are tested against it within which radius."""
    opposite = {LEFT_LEG: RIGHT_LEG, RIGHT_LEG: LEFT_LEG}.get(limb)
    others = [other for other in range(len(LIMB_NAMES)) if other not in (limb, opposite)]
    tests = [(BLEND_RADIUS, others)]
    return tests if opposite is None else [*tests, (LEG_BLEND_RADIUS, [opposite])]


def _small_islands(
    accepted: NDArray[np.bool_],
    limbs: NDArray[np.int64],
    vertices: NDArray[np.float64],
    faces: NDArray[np.integer],
    edges: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Accepted vertices (V,) in patches of one limb that are tiny and not that limb's largest."""
    same = accepted[edges].all(axis=1) & (limbs[edges[:, 0]] == limbs[edges[:, 1]])
    patch = components(edges[same], len(accepted))
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2.0
    vertex_area = np.bincount(faces.ravel(), np.repeat(area / 3.0, 3), minlength=len(vertices))
    patch_area = np.bincount(patch[accepted], vertex_area[accepted], minlength=int(patch.max()) + 1)
    small = patch_area < SMALLEST_ISLAND
    for limb in np.unique(limbs[accepted]):
        own = np.unique(patch[accepted & (limbs == limb)])
        small[own[patch_area[own].argmax()]] = False
    return accepted & small[patch]


def _anchor_loose_pieces(
    weights: NDArray[np.float64], known: NDArray[np.bool_], match: BodyMatch, piece: NDArray[np.int64]
) -> None:
    """Give pieces without any known vertex one rigid set of weights, in place: that of their part nearest the body."""
    anchored = np.bincount(piece, known) > 0
    for loose in np.flatnonzero(~anchored):
        members = np.flatnonzero(piece == loose)
        nearest = members[np.argsort(match.distances[members], kind="stable")[: max(1, len(members) // 4)]]
        rigid = match.weights[nearest].mean(axis=0)
        afloat = match.distances[nearest[0]] > HAIR_DISTANCE
        if limb_labels(rigid[None])[0] == HEAD and (afloat or rigid[HEAD_JOINT] > 0.5):
            rigid = np.eye(len(rigid))[HEAD_JOINT]
        weights[members] = rigid
        known[members] = True


def _smooth(weights: NDArray[np.float64], edges: NDArray[np.int64], zone: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Diffuse weights (V, J) inside ``zone`` (V,); convex steps, so they stay nonnegative and normalised."""
    rows = np.flatnonzero(zone)
    mean = neighbour_mean(edges, len(weights))[rows]
    joints = np.flatnonzero(weights.any(axis=0))
    values = weights[:, joints]
    for _ in range(SMOOTHING_PASSES):
        values[rows] += SMOOTHING_STEP * (mean @ values - values[rows])
    result = np.zeros_like(weights)
    result[:, joints] = values
    return result


def checked_mesh(
    name: str, vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and faces (F, 3) as numbers that can be worked with.

    Raises:
        ValueError: shapes do not fit, values are not finite, or the mesh is empty.
    """
    points: NDArray[np.float64] = np.asarray(vertices, np.float64)
    triangles: NDArray[np.int64] = np.asarray(faces, np.int64)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3 or not len(triangles):
        raise ValueError(f"the {name} needs vertices (V, 3) and faces (F, 3); got {points.shape} and {triangles.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"the {name} has vertices that are not finite")
    if triangles.min() < 0 or triangles.max() >= len(points):
        raise ValueError(f"faces of the {name} refer to vertices outside 0..{len(points) - 1}")
    return points, triangles
