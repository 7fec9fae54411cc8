"""A texture atlas by projection: each chart is the surface seen along one axis, so it is flat without any solver.

Charts follow the six axes, most of them front and back, which is also where the pictures of a person come from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.sparse import csr_matrix

from rigging.mesh_graph import components

from .normals import face_areas, face_normals
from .overlap import contested, plane_fragments
from .packing import pack
from .topology import adjacent_faces

DIRECTIONS = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], dtype=np.float64)
"""Front, back, left, right (the person's), top, bottom: towards the viewer of each chart."""

_RIGHT = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, -1], [0, 0, 1], [1, 0, 0], [1, 0, 0]], dtype=np.float64)
_UP = np.cross(DIRECTIONS, _RIGHT)
_PREFERENCE = np.array([1.15, 1.15, 1.0, 1.0, 0.9, 0.9])
_STEEPEST = 0.3  # cosine below which a face does not choose a direction by its neighbours' wish
_FLATTEST = 0.1  # cosine that every face of a small chart must reach to join a neighbour
_EDGE_ON = 0.02  # the same for single faces of crumbs
_SMALL, _CRUMB = 0.002, 0.0002  # shares of the whole area
_LARGE = 0.02  # share of the atlas from which a chart may be cut to fit better
_WORTH_A_CUT = 0.75  # by how much the pieces' boxes must be smaller
_SEAM = 0.15  # what a cut as long as the chart's side costs, in shares of its box
_ROUNDS = 4
_CELLS = 256  # along the atlas, for packing


class Atlas(NamedTuple):
    """A mesh cut along its chart borders."""

    uvs: np.ndarray  # (V', 2) float32 in [0, 1], origin lower left
    faces: np.ndarray  # (F, 3) int64 into V', in the mesh's order
    source_vertex: np.ndarray  # (V',) int64, the mesh's vertex that each came from
    charts: np.ndarray  # (F,) int64, the chart of each face, 0..


def unwrap(
    vertices: np.ndarray,
    faces: np.ndarray,
    texture_size: int = 1024,
    padding: int = 4,
    favoured: np.ndarray | None = None,
    favour: float = 1.5,
) -> Atlas:
    """Cut a closed mesh into charts and pack them without overlap.

    Args:
        vertices: (V, 3), Y up, facing +Z.
        faces: (F, 3) integer, counter-clockwise from outside.
        texture_size: side of the texture in pixels, which gives ``padding`` its meaning.
        padding: least distance in pixels between two charts.
        favoured: (V,) bool, vertices (the head, say) that get charts of their own, larger by ``favour``.
        favour: how much longer a favoured edge is in the atlas.
    """
    vertices = np.asarray(vertices, dtype=np.float64)
    faces = np.asarray(faces, dtype=np.int64)
    region = np.zeros(len(faces), dtype=np.int64) if favoured is None else favoured[faces].sum(axis=1) // 2
    pairs, _ = adjacent_faces(faces)

    area = face_areas(vertices, faces)
    cosines = face_normals(vertices, faces) @ DIRECTIONS.T / np.maximum(2 * area, 1e-20)[:, None]
    labels = _smooth_labels(cosines, pairs)
    for _ in range(_ROUNDS):
        labels = _absorb_small(labels, region, cosines, area, pairs, _SMALL)
    labels = _dissolve_crumbs(labels, region, cosines, area, pairs, _CRUMB)

    scale = np.where(region > 0, favour, 1.0)
    corners = np.stack([np.einsum("fcd,fd->fc", vertices[faces], axes[labels]) for axes in (_RIGHT, _UP)], axis=2)
    corners *= scale[:, None, None]
    depth = np.einsum("fcd,fd->fc", vertices[faces], DIRECTIONS[labels])
    charts = _split_overlaps(labels * 2 + region, corners, depth, pairs, min(max(2 * texture_size, 512), 1024))
    charts = _cut_sprawling(charts, corners, pairs)
    placed = _place(corners, charts, texture_size, padding)

    keys = charts[:, None] * len(vertices) + faces
    keys, corner, split = np.unique(keys, return_index=True, return_inverse=True)
    uvs = placed.reshape(-1, 2)[corner].astype(np.float32)
    return Atlas(uvs, split.reshape(-1, 3).astype(np.int64), keys % len(vertices), charts)


def _smooth_labels(cosines: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The direction (F,) of each face: what it and its neighbourhood face most, so that borders are short."""
    count = len(cosines)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    mean = csr_matrix((np.full(len(both), 1 / 3, dtype=np.float32), (both[:, 0], both[:, 1])), shape=(count, count))
    score = (cosines * _PREFERENCE).astype(np.float32)
    for _ in range(12):
        score = 0.5 * score + 0.5 * (mean @ score)
    best = cosines >= np.minimum(_STEEPEST, cosines.max(axis=1, keepdims=True))
    return np.where(best, score, -np.inf).argmax(axis=1)


def _absorb_small(
    labels: np.ndarray, region: np.ndarray, cosines: np.ndarray, area: np.ndarray, pairs: np.ndarray, share: float
) -> np.ndarray:
    """Give each chart below ``share`` of the area the direction of the larger neighbour that fits best, if one does."""
    chart = _components(labels * 2 + region, pairs)
    chart_area = np.bincount(chart, area)
    lowest = np.full((len(chart_area), len(DIRECTIONS)), np.inf)
    np.minimum.at(lowest, chart, cosines)
    total = np.stack([np.bincount(chart, area * cosine) for cosine in cosines.T], axis=1)

    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[region[both[:, 0]] == region[both[:, 1]]]
    one, other = chart[both].T
    joins = (chart_area[one] < share * area.sum()) & (chart_area[other] > chart_area[one])
    offered = np.zeros(lowest.shape, dtype=bool)
    offered[one[joins], labels[both[joins, 1]]] = True
    offered &= lowest > _FLATTEST
    best = np.where(offered, total, -np.inf).argmax(axis=1)
    return np.where(np.any(offered, axis=1)[chart], best[chart], labels)


def _dissolve_crumbs(
    labels: np.ndarray, region: np.ndarray, cosines: np.ndarray, area: np.ndarray, pairs: np.ndarray, share: float
) -> np.ndarray:
    """Let charts grow face by face into neighbours below ``share`` of the area; what faces no neighbour stays."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[region[both[:, 0]] == region[both[:, 1]]]
    chart = _components(labels * 2 + region, pairs)
    crumb = (np.bincount(chart, area) < share * area.sum())[chart]
    labels = labels.copy()
    while True:
        face, neighbour = both[crumb[both[:, 0]] & ~crumb[both[:, 1]]].T
        offer = cosines[face, labels[neighbour]]
        face, neighbour, offer = (values[offer > _EDGE_ON] for values in (face, neighbour, offer))
        if not len(face):
            return labels
        order = np.argsort(offer)  # of several offers to one face, the last, best one stays
        labels[face[order]] = labels[neighbour[order]]
        crumb[face] = False


def _components(keys: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Labels (F,) of the connected pieces in which neighbours have the same key."""
    return components(pairs[keys[pairs[:, 0]] == keys[pairs[:, 1]]], len(keys))


def _split_overlaps(
    keys: np.ndarray, corners: np.ndarray, depth: np.ndarray, pairs: np.ndarray, size: int
) -> np.ndarray:
    """Charts (F,) that never cover themselves: what lies behind another part of its chart gets a chart of its own."""
    charts = _components(keys, pairs)
    unsure = np.ones(len(charts), dtype=bool)
    for _ in range(_ROUNDS):
        hidden = np.zeros(len(charts), dtype=bool)
        hidden[unsure] = _hidden_in_chart(charts[unsure], corners[unsure], depth[unsure], size)
        if not hidden.any():
            break
        unsure = np.isin(charts, charts[hidden])
        # one ring more, since faces too small to be sampled lie along the rim
        inner = pairs[charts[pairs[:, 0]] == charts[pairs[:, 1]]]
        hidden[inner[hidden[inner].any(axis=1)]] = True
        charts = _components(charts * 2 + hidden, pairs)
    return charts


def _hidden_in_chart(charts: np.ndarray, corners: np.ndarray, depth: np.ndarray, size: int) -> np.ndarray:
    """Which faces (F,) lie behind another face of the same chart, by ``size`` samples along the whole."""
    low = corners.reshape(-1, 2).min(axis=0)
    pixels = (corners - low) * ((size - 1) / (corners.reshape(-1, 2).max(axis=0) - low).max())
    fragments = plane_fragments(pixels, size, depth)
    chosen, place = contested(fragments, pixels, charts)
    order = np.lexsort((-fragments.depth.numpy()[chosen], place))
    behind = chosen[order[np.diff(place[order], prepend=-1) == 0]]
    hidden = np.zeros(len(charts), dtype=bool)
    hidden[fragments.face.numpy()[behind]] = True
    return hidden


def _cut_sprawling(charts: np.ndarray, corners: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cut charts that leave most of their box empty (outstretched arms, say) where the pieces' boxes are smallest."""
    one, two = (corners[:, 1:] - corners[:, :1]).transpose(1, 2, 0)
    area = np.abs(one[0] * two[1] - one[1] * two[0]) / 2
    x, y = corners.mean(axis=1).T
    moments = np.stack([area, area * x, area * y, area * x * x, area * x * y, area * y * y])
    for _ in range(_ROUNDS):
        beyond = np.zeros(len(charts), dtype=bool)
        for chart in np.flatnonzero(np.bincount(charts, area) > _LARGE * area.sum()):
            chosen = np.flatnonzero(charts == chart)
            beyond[chosen] = _beyond_best_cut(np.stack([x, y])[:, chosen], moments[:, chosen])
        if not beyond.any():
            break
        charts = _components(charts * 2 + beyond, pairs)
    return charts


def _beyond_best_cut(middles: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Which faces (N,) of one chart lie beyond the line that parts it best; none if it is compact already.

    ``middles`` (2, N); ``moments`` (6, N): area, and its products with x, y, xx, xy, yy.
    """
    bins = 32
    whole = float(_box_area(moments.sum(axis=1)))
    best, beyond = _WORTH_A_CUT * whole, np.zeros(middles.shape[1], dtype=bool)
    for along in middles:
        place = np.clip((along - along.min()) / np.ptp(along) * bins, 0, bins - 1).astype(np.int64)
        of_bin = np.array([np.bincount(place, moment, minlength=bins) for moment in moments])
        below = np.cumsum(of_bin, axis=1)[:, :-1]
        seam = (of_bin[0, 1:] + of_bin[0, :-1]) / 2 * bins / np.ptp(along)
        cost = _box_area(below) + _box_area(moments.sum(axis=1)[:, None] - below) + _SEAM * np.sqrt(whole) * seam
        if cost.min() < best:
            best, beyond = float(cost.min()), place > cost.argmin()
    return beyond


def _box_area(moments: np.ndarray) -> np.ndarray:
    """Area (...) of the rectangle, in any orientation, that has the same area moments (6, ...) but for its weight."""
    weight = np.maximum(moments[0], 1e-12)
    x, y, xx, xy, yy = moments[1:] / weight
    return 12 * np.sqrt(np.maximum((xx - x * x) * (yy - y * y) - (xy - x * y) ** 2, 0))


def _place(corners: np.ndarray, charts: np.ndarray, texture_size: int, padding: int) -> np.ndarray:
    """Pack the charts' triangles (F, 3, 2); returns their corners in [0, 1]."""
    local = _turned_upright(corners, charts)
    one, two = (local[:, 1:] - local[:, :1]).transpose(1, 2, 0)
    area = np.abs(one[0] * two[1] - one[1] * two[0]).sum() / 2
    cells = min(_CELLS, texture_size // 2)
    cell = float(np.sqrt(area / 0.65)) / cells
    margin = int(np.ceil(padding / 2 * cells / texture_size * 1.1 + 0.25))
    local = local / cell + margin
    masks = _masks(local, charts, margin)
    placements, side = pack(masks)

    turns = np.array([p.turns for p in placements])[charts]
    origin = np.array([(p.column, p.row) for p in placements], dtype=np.float64)[charts]
    shape = np.array([(mask.shape[1], mask.shape[0]) for mask in masks], dtype=np.float64)[charts]
    x, y = local[..., 0], local[..., 1]
    width, height = shape[:, 0, None], shape[:, 1, None]
    # numpy.rot90 takes (row, column) to (width - column, row)
    turned_x = np.choose(turns[:, None], [x, y, width - x, height - y])
    turned_y = np.choose(turns[:, None], [y, width - x, height - y, x])
    return (np.stack([turned_x, turned_y], axis=2) + origin[:, None]) / side


def _turned_upright(corners: np.ndarray, charts: np.ndarray) -> np.ndarray:
    """Charts (F, 3, 2) moved to the origin, those turned that then have a clearly smaller box."""
    order = np.argsort(charts, kind="stable")
    starts = np.flatnonzero(np.diff(charts[order], prepend=-1))
    middles = corners[order].mean(axis=1)
    turns = np.stack([_rotation(angle) for angle in np.radians([0.0, *range(-42, 48, 6)])])
    areas = []
    for turn in turns:
        turned = middles @ turn
        extent = np.maximum.reduceat(turned, starts) - np.minimum.reduceat(turned, starts)
        areas.append(extent.prod(axis=1))
    areas[0] = areas[0] * 0.85
    local = np.einsum("fci,fij->fcj", corners, turns[np.argmin(areas, axis=0)][charts])
    low = np.minimum.reduceat(local[order].min(axis=1), starts)
    return local - low[charts][:, None]


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _masks(local: np.ndarray, charts: np.ndarray, margin: int) -> list[np.ndarray]:
    """The cells that each chart takes, grown by ``margin``; ``local`` (F, 3, 2) in cells from the mask's corner."""
    extent = np.zeros((int(charts.max()) + 1, 2))
    np.maximum.at(extent, charts, local.max(axis=1))
    shapes = np.floor(extent).astype(np.int64) + 1 + margin
    fine = 2 * int(shapes.max())
    fragments = plane_fragments(local * 2, fine)
    face, (row, column) = fragments.face.numpy(), np.divmod(fragments.pixel.numpy(), fine)
    rim = np.concatenate([local, (local + np.roll(local, 1, axis=1)) / 2], axis=1).astype(np.int64)
    chart = np.concatenate([charts[face], np.repeat(charts, 6)])
    row = np.concatenate([row // 2, rim[..., 1].ravel()])
    column = np.concatenate([column // 2, rim[..., 0].ravel()])

    size = shapes[:, 0] * shapes[:, 1]
    start = np.cumsum(size) - size
    taken = np.zeros(int(size.sum()), dtype=bool)
    taken[start[chart] + row * shapes[chart, 0] + column] = True
    grow = np.ones((3, 3), dtype=bool)
    masks = [taken[s : s + w * h].reshape(h, w) for s, (w, h) in zip(start, shapes, strict=True)]
    return [binary_dilation(mask, grow, iterations=margin) for mask in masks]
