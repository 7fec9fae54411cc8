"""What an engine would complain about: holes, crossings, slivers, doubly used texels."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from rigging.weld import weld

from .normals import face_areas
from .overlap import contested, plane_fragments
from .topology import component_labels, half_edges, signed_volumes, undirected_edges, vertex_fans

_SLIVER = 1e-7  # area of a degenerate face, in shares of the mean face's


@dataclass(frozen=True)
class MeshReport:
    """Counts and measures of a triangle mesh; see :func:`mesh_report`."""

    vertices: int
    faces: int
    components: int
    boundary_edges: int
    """Edges with one face."""
    non_manifold_edges: int
    """Edges with more than two faces."""
    misoriented_edges: int
    """Edges whose two faces disagree about which side is out."""
    non_manifold_vertices: int
    """Vertices at which surfaces merely touch."""
    degenerate_faces: int
    euler: int
    volume: float
    area: float
    self_intersecting_faces: int | None = None
    uv_coverage: float | None = None
    """Share of the texture that the charts cover."""
    uv_overlap: float | None = None
    """Share of the covered texels that more than one face uses."""

    @property
    def closed(self) -> bool:
        return self.boundary_edges == 0

    @property
    def manifold(self) -> bool:
        return not (self.non_manifold_edges or self.misoriented_edges or self.non_manifold_vertices)

    def to_dict(self) -> dict[str, int | float | bool]:
        """JSON-able, without what was not measured."""
        measured = {name: value for name, value in asdict(self).items() if value is not None}
        return {"closed": self.closed, "manifold": self.manifold, **measured}


def mesh_report(
    vertices: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray | None = None,
    self_intersections: bool = False,
    texture_size: int = 1024,
) -> MeshReport:
    """Examine a mesh.

    Args:
        vertices: (V, 3).
        faces: (F, 3) integer, F >= 1.
        uvs: (V, 2); if given, vertices are taken to be split along charts, so those at one place count as one.
        self_intersections: also count faces that cut through another; two seconds at 40,000 faces. Faces that share a
            vertex, or lie in one plane, are not held against each other.
        texture_size: at which the texture's use is measured.
    """
    vertices, faces = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    coverage = overlap = None
    if uvs is not None:
        coverage, overlap = _uv_use(np.asarray(uvs, dtype=np.float64)[faces], texture_size)
        welded = weld(vertices, faces)
        vertices, faces = welded.vertices, welded.faces.astype(np.int64)

    edges, of_half_edge, counts = undirected_edges(faces)
    directed = half_edges(faces)
    balance = np.bincount(of_half_edge, weights=np.where(directed[:, 0] < directed[:, 1], 1.0, -1.0))
    used = len(np.unique(faces))
    areas = face_areas(vertices, faces)
    repeats = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
    crowded = np.unique(edges[counts > 2])
    fans = np.unique(np.stack([faces.ravel(), vertex_fans(faces).ravel()], axis=1), axis=0)[:, 0]
    pinched = np.setdiff1d(fans[1:][fans[1:] == fans[:-1]], crowded)
    return MeshReport(
        vertices=used,
        faces=len(faces),
        components=int(component_labels(faces, len(vertices)).max()) + 1,
        boundary_edges=int((counts == 1).sum()),
        non_manifold_edges=int((counts > 2).sum()),
        misoriented_edges=int(((counts == 2) & (balance != 0)).sum()),
        non_manifold_vertices=len(pinched),
        degenerate_faces=int((repeats | (areas <= _SLIVER * areas.mean())).sum()),
        euler=used - len(edges) + len(faces),
        volume=float(signed_volumes(vertices, faces).sum()),
        area=float(areas.sum()),
        self_intersecting_faces=len(self_intersecting_faces(vertices, faces)) if self_intersections else None,
        uv_coverage=coverage,
        uv_overlap=overlap,
    )


def _uv_use(corners: np.ndarray, size: int) -> tuple[float, float]:
    """(share of texels covered, share of those used twice) by triangles (F, 3, 2) in [0, 1]."""
    corners = corners * size
    fragments = plane_fragments(corners, size)
    covered = max(len(np.unique(fragments.pixel.numpy())), 1)
    _, place = contested(fragments, corners)
    return covered / size**2, len(np.unique(place)) / covered


def self_intersecting_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Indices of the faces (F, 3) that cut through a face with which they share no vertex."""
    corners = np.asarray(vertices, dtype=np.float64)[faces]
    pairs = _near_pairs(corners)
    shared = (faces[pairs[:, 0], :, None] == faces[pairs[:, 1], None, :]).any(axis=(1, 2))
    pairs = pairs[~shared]
    one, other = corners[pairs[:, 0]], corners[pairs[:, 1]]
    apart = (one.min(axis=1) > other.max(axis=1)) | (other.min(axis=1) > one.max(axis=1))
    close = ~apart.any(axis=1)
    pairs, one, other = pairs[close], one[close], other[close]
    cuts = _edges_pierce(one, other) | _edges_pierce(other, one)
    return np.unique(pairs[cuts])


def _near_pairs(corners: np.ndarray) -> np.ndarray:
    """Pairs (P, 2) of triangles (F, 3, 3) whose boxes meet a common cell of a grid as coarse as most triangles."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    cell = max(float(np.percentile((high - low).max(axis=1), 90)), 1e-12)
    first = np.floor((low - low.min(axis=0)) / cell).astype(np.int64)
    count = np.floor((high - low.min(axis=0)) / cell).astype(np.int64) - first + 1
    total = count.prod(axis=1)
    face = np.repeat(np.arange(len(corners)), total)
    nth = np.arange(len(face)) - np.repeat(np.cumsum(total) - total, total)
    rest, z = np.divmod(nth, count[face, 2])
    x, y = np.divmod(rest, count[face, 1])
    place = first[face] + np.stack([x, y, z], axis=1)
    side = place.max(axis=0) + 1
    key = (place[:, 0] * side[1] + place[:, 1]) * side[2] + place[:, 2]

    order = np.argsort(key, kind="stable")
    face, key = face[order], key[order]
    pairs = []
    for step in range(1, len(face)):
        same = np.flatnonzero(key[step:] == key[:-step])
        if not len(same):
            break
        pairs.append(np.sort(np.stack([face[same], face[same + step]], axis=1), axis=1))
    if not pairs:
        return np.zeros((0, 2), dtype=np.int64)
    codes = np.unique(np.concatenate(pairs) @ np.array([len(corners), 1]))
    return np.stack(np.divmod(codes, len(corners)), axis=1)


def _edges_pierce(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether an edge of triangle ``one`` (P, 3, 3) passes through the inside of ``other`` (P, 3, 3)."""
    a, b, c = other.transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    height = np.einsum("pij,pj->pi", one - a[:, None], normal)
    pierced = np.zeros(len(one), dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        crosses = height[:, i] * height[:, j] < 0
        t = height[crosses, i] / (height[crosses, i] - height[crosses, j])
        point = one[crosses, i] + t[:, None] * (one[crosses, j] - one[crosses, i])
        inside = np.ones(len(point), dtype=bool)
        for p, q in ((a, b), (b, c), (c, a)):
            edge = q[crosses] - p[crosses]
            inside &= np.einsum("ij,ij->i", np.cross(edge, point - p[crosses]), normal[crosses]) > 0
        pierced[crosses] |= inside
    return pierced
