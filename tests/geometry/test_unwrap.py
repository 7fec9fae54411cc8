"""The atlas: every face once, nothing on top of anything else, even density, and room between charts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from backend.geometry.extract import extract_surface
from backend.geometry.normals import face_areas
from backend.geometry.packing import pack
from backend.geometry.topology import adjacent_faces
from backend.geometry.unwrap import Atlas, unwrap
from rigging.mesh_graph import components

Mesh = tuple[np.ndarray, np.ndarray]
SIZE = 512


@pytest.fixture(scope="module")
def atlas(person_mesh: Mesh) -> Atlas:
    return unwrap(*person_mesh, texture_size=SIZE)


def texels(corners: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(face, row * size + column) of every texel centre strictly inside a triangle (F, 3, 2), by its whole box."""
    corners = corners * size - 0.5
    low = np.ceil(corners.min(axis=1)).astype(np.int64)
    width, height = np.maximum(np.floor(corners.max(axis=1)).astype(np.int64) - low + 1, 0).T
    face = np.repeat(np.arange(len(corners)), width * height)
    nth = np.arange(len(face)) - np.repeat(np.cumsum(width * height) - width * height, width * height)
    row, column = np.divmod(nth, np.maximum(width[face], 1))
    point = np.stack([column, row], axis=1) + low[face]
    inside = np.ones(len(face), dtype=bool)
    for i in range(3):
        start, along = corners[face, i], corners[face, (i + 1) % 3] - corners[face, i]
        offset = point - start
        inside &= along[:, 0] * offset[:, 1] - along[:, 1] * offset[:, 0] > 1e-3
    return face[inside], (point[:, 1] * size + point[:, 0])[inside]


def signed_areas(corners: np.ndarray) -> np.ndarray:
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return (ax * by - ay * bx) / 2


def test_cuts_but_keeps_the_mesh(person_mesh: Mesh, atlas: Atlas) -> None:
    _, faces = person_mesh
    assert np.array_equal(atlas.source_vertex[atlas.faces], faces)
    assert len(atlas.uvs) == len(atlas.source_vertex) == atlas.faces.max() + 1
    assert atlas.uvs.min() > 0 and atlas.uvs.max() < 1


def test_charts_are_connected_and_few(atlas: Atlas) -> None:
    pairs, _ = adjacent_faces(atlas.faces)
    assert len(np.unique(components(pairs, len(atlas.faces)))) == atlas.charts.max() + 1 <= 60


def test_nothing_overlaps_or_is_mirrored(atlas: Atlas) -> None:
    corners = atlas.uvs[atlas.faces].astype(np.float64)
    assert (signed_areas(corners) > 0).all()
    for size in (SIZE, 700):
        _, places = texels(corners, size)
        assert len(places) - len(np.unique(places)) <= 1e-5 * size**2
        assert len(places) > 0.4 * size**2


def test_charts_keep_their_distance(atlas: Atlas) -> None:
    face, place = texels(atlas.uvs[atlas.faces].astype(np.float64), SIZE)
    image = np.full(SIZE * SIZE, -1)
    image[place] = atlas.charts[face]
    image = image.reshape(SIZE, SIZE)
    for chart in np.unique(image[image >= 0]):
        distance = distance_transform_edt(image != chart)
        assert distance[(image >= 0) & (image != chart)].min() >= 4


def test_density_is_even(person_mesh: Mesh, atlas: Atlas) -> None:
    area = face_areas(*person_mesh)
    density = np.sqrt(signed_areas(atlas.uvs[atlas.faces].astype(np.float64)) / area)
    median = np.median(density)
    assert area[(density < median / 2) | (density > median * 2)].sum() < 0.005 * area.sum()


def test_favoured_part_is_larger(person_mesh: Mesh) -> None:
    vertices, faces = person_mesh
    head = vertices[:, 1] > 0.58
    atlas = unwrap(vertices, faces, texture_size=SIZE, favoured=head, favour=1.5)
    density = np.sqrt(signed_areas(atlas.uvs[atlas.faces].astype(np.float64)) / face_areas(vertices, faces))
    of_head = head[faces].all(axis=1)
    assert np.median(density[of_head]) == pytest.approx(1.5 * np.median(density[~of_head]), rel=0.1)


def test_folded_sheet_is_split() -> None:
    """A spiral gutter: from above, both of its turns face up and lie on top of each other."""

    def field(points):
        x, y, z = points.unbind(1)
        angle = z.atan2(x)
        pitch = (y - angle * 0.1 + 0.314).remainder(0.628) - 0.314
        radial = ((x * x + z * z).sqrt() - 0.5).abs() - 0.25
        slab = (pitch.abs() - 0.08).maximum(radial)
        return slab.maximum(y.abs() - 0.7)

    vertices, faces = extract_surface(field, 48, coarse=24)
    atlas = unwrap(vertices, faces, texture_size=256)
    _, places = texels(atlas.uvs[atlas.faces].astype(np.float64), 256)
    assert len(places) - len(np.unique(places)) <= 2e-5 * 256**2


def test_packing_uses_holes_and_turns() -> None:
    ring = np.ones((20, 20), dtype=bool)
    ring[4:16, 4:16] = False
    bar = np.ones((12, 4), dtype=bool)
    placements, side = pack([bar, ring, bar.T, bar])
    assert side <= 23  # three bars fit into the ring, or almost
    canvas = np.zeros((side, side), dtype=int)
    for mask, placed in zip([bar, ring, bar.T, bar], placements, strict=True):
        turned = np.rot90(mask, placed.turns)
        rows, columns = turned.shape
        canvas[placed.row : placed.row + rows, placed.column : placed.column + columns] += turned
    assert canvas.max() == 1 and canvas.sum() == ring.sum() + 3 * bar.sum()


@pytest.mark.parametrize("seed", range(3))
def test_packing_random_shapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = [rng.random((rng.integers(1, 30), rng.integers(1, 30))) < 0.7 for _ in range(30)]
    masks = [mask | (np.arange(mask.size).reshape(mask.shape) == 0) for mask in masks]
    placements, side = pack(masks)
    canvas = np.zeros((side, side), dtype=int)
    for mask, placed in zip(masks, placements, strict=True):
        rows, columns = np.argwhere(np.rot90(mask, placed.turns)).T
        np.add.at(canvas, (rows + placed.row, columns + placed.column), 1)
    assert canvas.max() == 1
