"""Clothes and hair made from the body alone: its own skin drawn outwards and cut off, and walls of rings around it.

Everything is measured on the mean body in T-pose (:func:`backend.data.hm08.load_hm08`): metres, Y up, facing +Z, arms
along x, so that a sleeve ends at an x and a hem at a y. A field over the body's vertices says with its sign what a
piece covers and, in metres, how far it is to the hem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import ConvexHull, cKDTree

from rigging.normals import vertex_normals

from .hm08 import BODY_VERTICES, HM08_VERTICES, load_hm08
from .mhclo import Float, Int

HEM = 0.02
"""Metres between a hem and the first skin that is left out below it."""


@dataclass(frozen=True)
class Patch:
    """A surface bound to hm08. N vertices, F triangles."""

    points: Float  # (N, 3) on the mean body in T-pose
    vertex_ids: Int  # (N, 3) hm08 vertices
    weights: Float  # (N, 3) sum to 1
    faces: Int  # (F, 3)
    hides: NDArray[np.bool_]  # (19158,) body vertices that lie under it


def join(patches: Sequence[Patch]) -> Patch:
    """Several surfaces as one."""
    starts = np.cumsum([0, *(len(p.points) for p in patches)])
    return Patch(
        np.concatenate([p.points for p in patches]),
        np.concatenate([p.vertex_ids for p in patches]),
        np.concatenate([p.weights for p in patches]),
        np.concatenate([p.faces + start for p, start in zip(patches, starts, strict=False)]).astype(np.int32),
        np.logical_or.reduce([p.hides for p in patches]),
    )


def body() -> Float:
    """(13380, 3) the skin of the mean body."""
    return load_hm08().v_template[:BODY_VERTICES]


def shell(field: Float, thickness: Float | float, rounds: int = 12) -> Patch:
    """The skin where a field is positive, at least ``thickness`` outwards, hollows bridged.

    Args:
        field: (13380,) positive where the piece is; its zero line is the hem.
        thickness: metres, one or (13380,).
        rounds: of smoothing, each followed by pushing out what came too near; more bridge wider hollows.
    """
    skin, normals, mean = body(), *_surface()
    points = skin + normals * np.reshape(thickness, (-1, 1))
    for _ in range(rounds):
        points = mean @ points
        height = np.einsum("nk,nk->n", points - skin, normals)
        points += normals * np.maximum(thickness - height, 0.0)[:, None]
    hides = np.zeros(HM08_VERTICES, bool)
    hides[:BODY_VERTICES] = field > HEM
    return clipped(_whole(points, _triangles(), hides), field)


def eyeballs() -> Patch:
    """Both eyes as they are."""
    base = load_hm08()
    first, last = base.groups["helper-l-eye"][0], base.groups["helper-r-eye"][1]
    quads = base.quads[((base.quads >= first) & (base.quads < last)).all(1)]
    used, faces = np.unique(_halves(quads), return_inverse=True)
    ids = np.repeat(used[:, None], 3, axis=1).astype(np.int32)
    return Patch(base.v_template[used], ids, _alone(len(used)), _int(faces.reshape(-1, 3)), _nothing())


def wall(rings: Float, anchors: NDArray[np.integer], hides: NDArray[np.bool_] | None = None) -> Patch:
    """Closed rings (R, K, 3) joined to each other, in order outwards or downwards, K counted from +Z towards +X.

    Every point hangs on the three nearest of the ``anchors`` (hm08 vertices). ``hides``: (19158,), default none.
    """
    count, around = rings.shape[:2]
    here = np.arange(count * around).reshape(count, around)
    beside = np.roll(here, -1, axis=1)
    quads = np.stack([here[:-1], here[1:], beside[1:], beside[:-1]], axis=-1).reshape(-1, 4)
    points = rings.reshape(-1, 3)
    distance, nearest = cKDTree(load_hm08().v_template[anchors]).query(points, k=3)
    weights = 1.0 / (distance + 1e-4)
    weights /= weights.sum(axis=1, keepdims=True)
    return Patch(points, _int(anchors[nearest]), weights, _int(_halves(quads)), _nothing() if hides is None else hides)


def clipped(patch: Patch, field: Float) -> Patch:
    """What of a patch has a positive field (N,); triangles are cut where it is zero."""
    corners = field[patch.faces] > 0
    inside = corners.sum(1)
    whole = patch.faces[inside == 3]
    edges: list[NDArray[np.integer]] = []  # end points of the edges that are cut
    pieces: list[list[NDArray[np.integer] | int]] = []  # a corner, or the number of an edge list
    for kept in (1, 2):
        some = inside == kept
        faces, flags = patch.faces[some], corners[some] == (kept == 1)
        odd = flags.argmax(1)[:, None]  # the corner that differs from the other two comes first
        a, b, c = np.take_along_axis(faces, (odd + np.arange(3)) % 3, axis=1).T
        first, second = len(edges), len(edges) + 1
        edges += [np.stack([a, b], 1), np.stack([a, c], 1)]
        pieces += [[a, first, second]] if kept == 1 else [[first, b, c], [first, c, second]]
    lengths = np.cumsum([0, *map(len, edges)])
    ends, number = np.unique(np.sort(np.concatenate(edges), axis=1), axis=0, return_inverse=True)
    number = number.reshape(-1) + len(field)
    cut = [
        np.stack([number[lengths[k] : lengths[k + 1]] if isinstance(k, int) else k for k in piece], axis=1)
        for piece in pieces
    ]
    share = field[ends[:, 0]] / (field[ends[:, 0]] - field[ends[:, 1]])  # of the second end

    def blend(values: Float) -> Float:
        return np.concatenate([values, values[ends[:, 0]] + (values[ends[:, 1]] - values[ends[:, 0]]) * share[:, None]])

    # A new vertex hangs on the anchors of both its ends, of which the three heaviest are kept.
    ids = np.concatenate([patch.vertex_ids[ends[:, 0]], patch.vertex_ids[ends[:, 1]]], axis=1)
    heavy = np.concatenate(
        [patch.weights[ends[:, 0]] * (1 - share[:, None]), patch.weights[ends[:, 1]] * share[:, None]], axis=1
    )
    order = np.argsort(-heavy, axis=1)[:, :3]
    heavy = np.take_along_axis(heavy, order, axis=1)
    used, faces = np.unique(np.concatenate([whole, *cut]), return_inverse=True)
    return Patch(
        blend(patch.points)[used],
        _int(np.concatenate([patch.vertex_ids, np.take_along_axis(ids, order, axis=1)])[used]),
        np.concatenate([patch.weights, heavy / heavy.sum(axis=1, keepdims=True)])[used],
        _int(faces.reshape(-1, 3)),
        patch.hides,
    )


def outline(points: Float, centre: tuple[float, float], around: int) -> Float:
    """(K, 2) x and z of the convex outline of points (N, 3) seen from above, at K equal angles about a centre within.

    The first lies towards +Z, the next ones towards +X.
    """
    angles = np.arange(around) / around * 2 * np.pi
    rays = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    planes = ConvexHull(points[:, [0, 2]] - centre).equations  # n x + b <= 0 inside
    facing = rays @ planes[:, :2].T
    with np.errstate(divide="ignore"):
        reach = np.where(facing > 1e-9, -planes[:, 2] / facing, np.inf).min(axis=1)
    return rays * reach[:, None] + centre


def _whole(points: Float, faces: Int, hides: NDArray[np.bool_]) -> Patch:
    ids = np.repeat(np.arange(len(points))[:, None], 3, axis=1)
    return Patch(points, _int(ids), _alone(len(points)), faces, hides)


def _alone(count: int) -> Float:
    return np.repeat([[1.0, 0.0, 0.0]], count, axis=0)


def _nothing() -> NDArray[np.bool_]:
    return np.zeros(HM08_VERTICES, bool)


def _int(values: NDArray[np.integer]) -> Int:
    return values.astype(np.int32)


def _halves(quads: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


@cache
def _triangles() -> Int:
    quads = load_hm08().quads
    return _int(_halves(quads[(quads < BODY_VERTICES).all(1)]))


@cache
def _surface() -> tuple[Float, csr_matrix]:
    """Unit normals (13380, 3), and the matrix that takes the mean of a vertex's neighbours."""
    faces = _triangles()
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    links = csr_matrix((np.ones(len(both)), both.T), shape=(BODY_VERTICES, BODY_VERTICES))
    links.data[:] = 1.0
    mean = csr_matrix(links.multiply(1.0 / np.maximum(links.sum(axis=1), 1)))
    return vertex_normals(body(), faces), mean
